"""Samples of a dataset as a grid of pictures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from cupynn import checks
from cupynn.checks import InputError
from cupynn.datasets import Dataset, looks
from cupynn.datasets.as_html import caption, in_turn
from cupynn.plot import arguments, grid
from cupynn.plot.place import Place
from cupynn.plot.style import number, shades, signed
from cupynn.ragged import Ragged
from cupynn.spikes import picture
from cupynn.spikes.trains import SpikeTrains

SHOWN = 20  # samples by default
DATA = "a Dataset, a pair (x, y), an array (samples, *shape), recordings, or SpikeTrains"


def samples(
    data: Dataset | tuple[Any, Any] | np.ndarray | Ragged | SpikeTrains,
    samples: int | Sequence[int] | None = None,
    classes: Sequence[str] | None = None,
    *,
    ax: Axes | SubFigure | Figure | None = None,
    figsize: float | tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure | SubFigure | Axes:
    """Draw samples with their labels: images, recordings of events, signals, vectors or spike trains.

    Images are drawn from black to white or in their colours. Of recordings of events, the events of each pixel are counted;
    those of two polarities count with opposite signs, blue and orange. Signals of up to six channels and vectors are lines,
    with more channels a picture with time to the right. Each picture of events or signals has its own scale.

    Parameters
    ----------
    data : Dataset, pair (x, y), ndarray, Ragged or SpikeTrains
        The samples; labels are written if they are given.
    samples : int or sequence of int, optional
        Indices of the samples; by default twenty, of each class in turn.
    classes : sequence of str, optional
        Names of the classes; by default those of the dataset, or their numbers.
    ax : Axes, SubFigure or Figure, optional
        Axes on which to draw a single sample; or an empty part of a figure, for all samples.
    figsize : float or (float, float), optional
        Width, or width and height, of the figure in inches; one column of a paper is about 3.5 wide.
    title : str, optional
        Title instead of the number of samples; "" for a figure without a title.

    Returns
    -------
    Figure, or `ax` if it was given

    Raises
    ------
    InputError
        If `data` is something else, is empty or has no sample of an index, or labels and names of classes do not match.

    Examples
    --------
    >>> from cupynn import datasets, plot
    >>> train, test = datasets.load("digits")
    >>> plot.samples(test).get_suptitle()
    'digits: 20 of 359 samples'
    """
    x, y, names, what = _parts(data, classes)
    if not len(x):
        raise InputError(f"data has no samples: pass {DATA} with at least one")
    chosen = _first(y, len(x)) if samples is None else arguments.neuron_indices("samples", samples, len(x))
    if isinstance(x, SpikeTrains):
        pictures = [_trains(x[index]) for index in chosen]
    else:
        pictures = [looks.picture(x, index) for index in chosen]
    labels = [str(index) if y is None else caption(y[index], names) for index in chosen]
    place = Place(ax, figsize, title, len(chosen))
    with place.style():
        return grid.draw(
            place,
            [picture.values for picture in pictures],
            labels,
            f"{what}{len(chosen):,} of {number(len(x), 'sample')}",
            _look(pictures[0], place),
        )


def _parts(data: Any, classes: Sequence[str] | None) -> tuple[Any, np.ndarray | None, list[str], str]:
    """Return samples, labels, names of the classes and the beginning of the title, or raise InputError."""
    if isinstance(data, Dataset):
        names = list(data.classes) if classes is None else arguments.class_names(classes, len(data.classes))
        return data.x, data.y, names, f"{data.name}: "
    x, y = data if isinstance(data, tuple) and len(data) == 2 else (data, None)
    if isinstance(x, SpikeTrains):
        x = x.to_host()
    if isinstance(x, np.ndarray) and (x.ndim < 2 or x.dtype.kind not in "biuf" or not np.isfinite(x).all()):
        raise InputError(f"data is {checks.described(x)}, {x.dtype}: pass {DATA}")
    checks.only("data", x, (np.ndarray, Ragged, SpikeTrains), DATA)
    if y is None:
        return x, None, [], ""
    if classes is None:
        y, count = checks.class_numbers("labels", y, len(x))
    else:
        count = len(arguments.listed("classes", classes))
    return x, checks.labels("labels", y, count, len(x)), arguments.class_names(classes, count), ""


def _first(y: np.ndarray | None, count: int) -> list[int]:
    return list(range(min(count, SHOWN))) if y is None else in_turn(y, SHOWN)


def _trains(spikes: SpikeTrains) -> looks.Picture:
    """Return one sample's trains: counts of neurons with rows and columns, or spikes over time."""
    counts = spikes.counts[0].astype(np.float32)
    if (counts.ndim == 3 and len(counts) == 2) or (counts.ndim == 2 and min(counts.shape) > 1):
        values = counts[1] - counts[0] if counts.ndim == 3 else counts
        return looks.Picture("signed" if counts.ndim == 3 else "counts", values / (np.abs(values).max() or 1))
    shown = picture.raster(spikes.neurons, spikes.offsets, spikes.size)
    return looks.Picture("counts", shown / np.float32(2 * 255), True)  # blue, in the middle of the scale


def _look(first: looks.Picture, place: Place) -> grid.Look:
    """Return how pictures of this kind are drawn."""
    if first.kind == "lines":
        return grid.Look(axes=("frame" if first.over_time else "input", "value"))
    image = {
        "grey": {"cmap": "gray", "vmin": 0, "vmax": 1},
        "colour": {},
        "counts": {"cmap": shades(place.axes), "vmin": 0, "vmax": 1},
        "signed": {"cmap": signed(place.axes), "vmin": -1, "vmax": 1},
    }[first.kind]
    return grid.Look(image, stretched=first.over_time)
