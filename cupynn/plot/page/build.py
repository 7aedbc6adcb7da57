"""`explore`: a page that shows every spike of a network, and the inputs that caused it."""

import webbrowser
from collections.abc import Iterator, Sequence
from html import escape
from os import PathLike
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.files import write_text
from cupynn.network.inputs import as_pair
from cupynn.network.network import DRAW, Network
from cupynn.plot import arguments
from cupynn.plot.page import contents
from cupynn.plot.page.document import document
from cupynn.plot.page.epochs import Stages, folder_of
from cupynn.plot.style import number
from cupynn.ragged import Ragged
from cupynn.spikes.trains import Data, SpikeTrains

BATCH = 16  # samples that are simulated together
WEIGHTS = 0.7  # largest part of the file for weights
SHARED = 0.5  # largest part of the file for all but other epochs
MEGABYTE = 1e6
SLACK = 2_000  # bytes for places of arrays and notes in the page's table
HEIGHT = 860  # of the page in a notebook, in pixels


class Page:
    """A page in one HTML file, as `explore` returns it; a notebook shows it where it ends a cell.

    Attributes
    ----------
    html : str
        The file's text.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import Sequential, encoders, layers, plot
    >>> net = Sequential([layers.SpikingDense(5, v_th=1.0)], (4, 4), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> plot.explore(net, np.ones((2, 4, 4), np.float32))
    Page(2 samples, 1 layer, 0.1 MB)
    """

    def __init__(self, html: str, words: str) -> None:
        self.html, self._words = html, words

    def save(self, path: str | PathLike) -> None:
        """Write the page to a file, which any browser opens."""
        write_text(checks.path("path", path), self.html)

    def show(self) -> None:
        """Write the page to a temporary file, and open it in the browser."""
        path = Path(mkdtemp(prefix="cupynn-")) / "explore.html"
        self.save(path)
        webbrowser.open(path.as_uri())

    def _repr_html_(self) -> str:
        frame = f'width="100%" height="{HEIGHT}" frameborder="0" sandbox="allow-scripts allow-downloads"'
        return f'<iframe title="cupynn explore" {frame} srcdoc="{escape(self.html)}"></iframe>'

    def __repr__(self) -> str:
        return f"Page({self._words}, {len(self.html) / MEGABYTE:.1f} MB)"


def explore(
    network: Network,
    data: Any,
    samples: int = 20,
    *,
    wrong_only: bool = False,
    classes: Sequence[str] | None = None,
    title: str | None = None,
    max_megabytes: float = 20.0,
    epochs: str | PathLike | None = None,
) -> Page:
    """Make a page that shows every spike of some samples, and for each spike the inputs that caused it.

    A click on a spike shows how much each input contributed to the membrane at that step, and the spikes that it drove in
    turn; a click on an input continues there, back to the pixels. The page is one file, and loads nothing from elsewhere.

    Parameters
    ----------
    network : Network
    data : Dataset, pair (x, y), or x alone
        Samples (n, *input_shape), an array, SpikeTrains or Ragged, with labels or without; or a map dataset, as in `fit`.
        The trains are those of `evaluate` and `predict`.
    samples : int
        Maximum number of samples on the page, the first ones.
    wrong_only : bool
        Whether to show only samples that the network misclassifies.
    classes : sequence of str, optional
        Names for the neurons of the last layer; by default those of the data, or their numbers.
    title : str, optional
        Title of the page; by default the name of the data.
    max_megabytes : float
        Largest size of the file. Weights are stored in float32 if they take less than 70 % of it, and otherwise in float16,
        or not at all; samples that do not fit are left out. The page says what is missing.
    epochs : path, optional
        Folder with the network after each epoch, of `training.KeepEpochs` or of a run with ``--keep-epochs``: the page then
        has a slider over the epochs. They take up to half of the file, with weights in float16; some are left out if they do
        not fit.

    Raises
    ------
    InputError
        If the data does not fit the network, the network has several neurons per class, `wrong_only` finds
        nothing, or not even one sample fits the size.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import Sequential, encoders, layers, plot
    >>> net = Sequential([layers.SpikingDense(5, v_th=1.0)], (4, 4), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> page = plot.explore(net, (np.ones((2, 4, 4), np.float32), [0, 1]))
    >>> page.save("explore.html")  # doctest: +SKIP
    """
    arguments.network(network).check_finite()
    if network.neurons_per_class > 1:
        raise InputError("the page shows one output neuron per class: draw a network with neurons_per_class by plot.raster")
    x, y = _checked(network, data)
    samples = checks.integer("samples", samples, minimum=1)
    if checks.flag("wrong_only", wrong_only) and y is None:
        raise InputError("wrong_only=True without labels: pass a Dataset or a pair (x, y)")
    limit = MEGABYTE * checks.number("max_megabytes", max_megabytes, minimum=0.2)
    names = _classes(network, data, classes)
    tables, block = contents.layer_tables(network), contents.Block()
    tables[0]["noun"] = "polarity" if _is_events(x) and network.input_shape[0] == 2 else "channel"
    kept = None if epochs is None else folder_of(epochs)
    heading = "" if title is None else str(title)
    table = {
        "title": checks.printable(heading or str(getattr(data, "name", None) or "network")),
        "steps": network.steps,
        "classes": names,
        "layers": tables,
    }
    taken = len(document(table, b"").encode()) + SLACK
    room = (limit - taken) * (1 if kept is None else SHARED)  # for what the page holds without other epochs
    arrays = [contents.weights_of(network, layer) for layer in contents.shown(network)]
    exact, left_out = contents.put_weights(block, tables, arrays, WEIGHTS * room)
    notes = [] if exact else ["weights are rounded to 16 bits, and membranes with them"]
    notes += [f"the weights of {name} are left out, so its spikes have no causes here" for name in left_out]
    sizes = (limit, taken, contents.full_size(arrays), room)
    chosen, full = _put_samples(network, x, y, samples, wrong_only, block, sizes)
    if full:
        notes.append(f"only {number(len(chosen), 'sample')} fit" + ("s" if len(chosen) == 1 else ""))
    if kept is not None:
        used = block.written + taken + len(chosen) * contents.table_size(len(network.layers) + 1)
        stages = Stages(block, network, tables, kept, limit - used)
        stages.put(x, chosen)
        table["epochs"] = stages.tables
        notes += stages.notes
    if notes:
        notes[-1] += f": the limit is max_megabytes={max_megabytes:g}"
    table |= {"exact": exact, "notes": notes, "samples": chosen}
    words = f"{number(len(chosen), 'sample')}, {number(len(tables) - 1, 'layer')}"
    return Page(document(table, b"".join(block.parts)), words)


def _is_events(x: Data) -> bool:
    """Return whether samples are spikes or events, whose maps are polarities."""
    return isinstance(x, SpikeTrains) or (isinstance(x, Ragged) and x.dtype.names is not None)


def _checked(network: Network, data: Any) -> tuple[Data, np.ndarray | None]:
    """Return checked samples, and their labels if there are any."""
    if isinstance(data, SpikeTrains | Ragged) or hasattr(data, "__array__") or hasattr(data, "__cuda_array_interface__"):
        return network.inputs(data), None
    return network.labelled(as_pair(data, network.input_shape, network.steps))


def _classes(network: Network, data: Any, classes: Sequence[str] | None) -> list[str]:
    outputs = int(np.prod(network.output_shape))
    own = getattr(data, "classes", None)
    if classes is None and isinstance(own, tuple | list) and len(own) == outputs:
        classes = [checks.printable(str(name)) for name in own]
    return arguments.class_names(classes, outputs)


def _put_samples(
    network: Network,
    x: Data,
    y: np.ndarray | None,
    samples: int,
    wrong_only: bool,
    block: contents.Block,
    sizes: tuple[float, int, float, float],
) -> tuple[list[dict[str, Any]], bool]:
    """Store samples until there are enough or the file is full; return their tables, and whether it is full.

    sizes: the largest size of the file, the part of it that the page takes without its contents, the size of exact weights,
    and the room for all weights and samples
    """
    chosen, (limit, taken, exact, room) = [], sizes
    for index, place, part, trains in _simulated(network, x, samples if not wrong_only else len(x)):
        counts = trains[-1].counts[place].ravel()
        prediction = int(counts.argmax())
        label = None if y is None else int(y[index])
        if wrong_only and prediction == label:
            continue
        size = contents.sample_size(trains, place)
        if block.written + len(chosen) * contents.table_size(len(trains)) + size > room:
            if not chosen:
                needed = taken + (exact + size) * (limit - taken) / room
                _refuse(sum(each[place].total for each in trains), limit, needed)
            return chosen, True
        image = contents.put_image(block, part, place)
        own = {"number": index, "label": label, "prediction": prediction, "silent": not counts.any(), "image": image}
        chosen.append(own | {"trains": contents.put_sample(block, trains, place)})
        if len(chosen) == samples:
            break
    if not chosen:
        raise InputError(f"wrong_only=True: all {number(len(x), 'sample')} are classified correctly: leave it out")
    return chosen, False


def _simulated(network: Network, x: Data, most: int) -> Iterator[tuple[int, int, Data, list[SpikeTrains]]]:
    """Yield index, place in its batch, batch of data and trains of each sample, up to `most` samples."""
    for first in range(0, min(most, len(x)), BATCH):
        part = x[first : min(first + BATCH, most)]
        spikes = network.encode_checked(part, np.arange(first, first + len(part)), DRAW)
        trains = contents.own_trains(network, spikes)
        for place in range(len(part)):
            yield first + place, place, part, trains


def _refuse(spikes: int, limit: float, needed: float) -> None:
    least = np.ceil(needed / MEGABYTE * 10) / 10
    raise InputError(
        f"max_megabytes={limit / MEGABYTE:g} does not fit one sample of {number(spikes, 'spike')}: pass at least {least:g}"
    )
