"""The S-PSP, from which HM2-BP takes its gradients: the matrix of a layer, and how one of its entries comes about."""

from functools import partial

import numpy as np
from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from cupynn import checks
from cupynn.checks import InputError
from cupynn.kernels.psp import spsp_matrix
from cupynn.plot import arguments, potentials
from cupynn.plot.figures import new_figure
from cupynn.plot.style import (
    FEW,
    GREY,
    MUTED,
    STYLE,
    heading,
    layer_colours,
    number,
    shades,
    step_axis,
    titles,
    whole,
)
from cupynn.results.recording import Recording
from cupynn.spikes.trains import SpikeTrains


def psp(recording: Recording, layer: str, sample: int = 0, *, ax: Axes | None = None) -> Figure | Axes:
    """Spike-train level post-synaptic potentials (S-PSP) of a dense layer in one sample, with firing counts beside them.

    Entry e_ij is what the train of pre-synaptic neuron j, with unit weight, contributed to the membrane of neuron i at the
    steps where i fired. It multiplies the error in the gradient of the weight w_ij. Silent neurons of a layer with more than
    twenty are left out: all that they have is zeros.

    Parameters
    ----------
    recording : Recording
        What `Sequential.record` returned.
    layer : str
        Name of a dense or recurrent layer, the post-synaptic one.
    sample : int
        Of the batch.
    ax : Axes, optional
        Where to draw the matrix alone.

    Returns
    -------
    Figure, or `ax` if that was given

    Raises
    ------
    InputError
        If there is no such layer or sample, or the layer is not dense.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import Sequential, encoders, layers, plot
    >>> net = Sequential([layers.SpikingDense(5, v_th=1.0)], (4,), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> plot.psp(net.record(np.ones((1, 4), np.float32)), "dense_1").get_suptitle()
    'S-PSP of dense_1, sample 0'
    """
    below, above, name = _pair(recording, layer, sample)
    if ax is not None:
        arguments.axes("ax", ax)
    matrix = spsp_matrix(below, above, recording.potentials[layer], recording.refractory[layer])[0]
    active = [_shown(spikes) for spikes in (above, below)]
    matrix = matrix[np.ix_(*active)]
    colours = layer_colours(recording.spikes)
    if ax is not None:
        with rc_context(STYLE):
            _matrix(ax, matrix, active, below, above, (name, layer))
            titles(ax, f"S-PSP of {layer}, sample {sample}")
        return ax
    with rc_context(STYLE):
        height = 4.2 if len(matrix) > FEW else 0.6 + 0.2 * len(matrix)
        figure = new_figure(1.9 + height)
        grid = figure.add_gridspec(2, 3, height_ratios=(0.7, height), width_ratios=(8, 1.2, 0.25))
        axes = figure.add_subplot(grid[1, 0])
        top, right = figure.add_subplot(grid[0, 0], sharex=axes), figure.add_subplot(grid[1, 1], sharey=axes)
        image = _matrix(axes, matrix, active, below, above, (name, layer))
        figure.colorbar(image, cax=figure.add_subplot(grid[1, 2]), label="S-PSP")
        for panel, counts, neurons, layer_name in (
            (top, below.counts, active[1], name),
            (right, above.counts, active[0], layer),
        ):
            edges, beside = np.arange(neurons.size + 1) - 0.5, panel is right
            bars = {"orientation": "horizontal" if beside else "vertical", "fill": True, "color": colours[layer_name]}
            panel.stairs(counts.ravel()[neurons], edges, **bars)
            titles(panel, layer_name, colour=colours[layer_name])
            panel.tick_params(labelbottom=beside, labelleft=not beside)
            (panel.xaxis if beside else panel.yaxis).set_major_locator(whole(2))
        top.set_ylabel("spikes")
        right.set_xlabel("spikes")
        heading(figure, f"S-PSP of {layer}, sample {sample}")
    return figure


def psp_build_up(
    recording: Recording, layer: str, sample: int = 0, pre: int | None = None, post: int | None = None
) -> Figure:
    """How one entry e_ij of the S-PSP matrix comes about: spikes in, their trace, its value at the firings, their sum.

    Parameters
    ----------
    recording : Recording
        What `Sequential.record` returned.
    layer : str
        Name of a dense or recurrent layer, the post-synaptic one.
    sample : int
        Of the batch.
    pre, post : int, optional
        Flat index of the pre-synaptic neuron, in the layer below, and of the post-synaptic one; by default those of the
        largest entry.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there is no such layer, sample or neuron, or the layer is not dense.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import Sequential, encoders, layers, plot
    >>> net = Sequential([layers.SpikingDense(5, v_th=1.0)], (4,), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> figure = plot.psp_build_up(net.record(np.ones((1, 4), np.float32)), "dense_1", pre=1, post=2)
    >>> [axes.get_title("left") for axes in figure.axes]
    ['1. input 1 fires', '2. trace', '3. read at the firings', '4. running sum']
    """
    below, above, name = _pair(recording, layer, sample)
    potential, refractory = recording.potentials[layer], recording.refractory[layer]
    matrix = spsp_matrix(below, above, potential, refractory)[0]
    post = post if post is None else checks.integer("post", post, maximum=above.size - 1)
    pre = pre if pre is None else checks.integer("pre", pre, maximum=below.size - 1)
    rows, columns = slice(post, post if post is None else post + 1), slice(pre, pre if pre is None else pre + 1)
    best = np.unravel_index(matrix[rows, columns].argmax(), matrix[rows, columns].shape)
    post, pre = int(best[0]) + (post or 0), int(best[1]) + (pre or 0)
    fired, spiked = _times(above, post), _times(below, pre)
    trace = potentials.traces(below, potential)[:, pre]
    held = potentials.felt(trace, fired, potential, refractory)
    return _draw(recording, (name, pre, spiked), (layer, post, fired), (trace, held), refractory, sample)


def _draw(recording, source, target, traces, refractory, sample) -> Figure:
    """Draw the four stages of an entry, one above the other."""
    (name, pre, spiked), (layer, post, fired), (trace, held) = source, target, traces
    colours, steps, ink = layer_colours(recording.spikes), trace.size, rcParams["text.color"]
    read = held[fired]
    sums = np.cumsum(read)
    with rc_context(STYLE):
        figure = new_figure(6.4)
        spikes, potential, memory, total = panels = figure.subplots(4, sharex=True, height_ratios=(0.35, 1.1, 1.8, 1.3))
        spikes.vlines(spiked, 0, 1, color=colours[name], linewidth=1)
        spikes.set(ylim=(0, 1), yticks=[])
        spikes.spines.left.set_visible(False)
        potential.plot(trace, color=colours[name])
        memory.plot(np.insert(np.arange(steps), fired + 1, fired), np.insert(held, fired + 1, 0), color=ink, linewidth=1)
        spans = [(step + 0.5, refractory) for step in fired] if refractory else []
        memory.broken_barh(spans, (0, 1), transform=memory.get_xaxis_transform(), color=GREY, alpha=0.25, linewidth=0)
        memory.plot(fired, read, "o", color=colours[layer], markersize=4)
        edges = np.concatenate([[-0.5], fired, [steps - 0.5]])
        total.stairs(np.concatenate([[0], sums]), edges, baseline=None, color=colours[layer], linewidth=1.3)
        total.plot(fired, sums, "o", color=colours[layer], markersize=4)
        titles(spikes, f"1. {name} {pre} fires", number(spiked.size, "spike"), colours[name])
        titles(
            potential, "2. trace", "membrane that these spikes alone would make, by unit weight, never reset", colours[name]
        )
        words = f"what {layer} {post} holds of it: each of its {number(fired.size, 'spike')} resets, and reads, it"
        titles(memory, "3. read at the firings", words, colours[layer])
        titles(total, "4. running sum", f"e = {read.sum():.3f}", colours[layer])
        for axes, values in ((potential, trace), (memory, held), (total, sums)):
            axes.set_ylim(0, 1.1 * values.max(initial=0) or 1)
        for axes in panels:
            axes.tick_params(labelbottom=axes is total)
        step_axis(total, steps)
        total.set_xlabel("step")
        heading(figure, f"S-PSP of {name} {pre} on {layer} {post}, sample {sample}")
    return figure


def _pair(recording: Recording, layer: str, sample: int) -> tuple[SpikeTrains, SpikeTrains, str]:
    """Return one sample's trains of the layer below and of a dense layer, and the former's name."""
    arguments.recording(recording)
    checks.choice("layer", layer, recording.potentials)
    dense = [name for name in recording.potentials if len(recording.spikes[name].neuron_shape) == 1]
    if layer not in dense:
        shape = recording.spikes[layer].neuron_shape
        remedy = f"pass one of {', '.join(map(repr, dense))}" if dense else "this recording has none"
        raise InputError(
            f"layer={layer!r} has shape {shape}: the S-PSP is drawn for dense and recurrent layers alone, {remedy}"
        )
    sample = arguments.sample_index(sample, recording.spikes[layer])
    names = list(recording.spikes)
    below = names[names.index(layer) - 1]
    return recording.spikes[below][sample], recording.spikes[layer][sample], below


def _shown(spikes: SpikeTrains) -> np.ndarray:
    """Return the neurons of a small layer, those that fire of a large one."""
    return np.arange(spikes.size) if spikes.size <= FEW else np.flatnonzero(spikes.counts)


def _times(spikes: SpikeTrains, neuron: int) -> np.ndarray:
    """Return the steps at which a neuron of a single sample fires."""
    times, offsets = spikes.by_neuron()
    return times[offsets[neuron] : offsets[neuron + 1]]


def _matrix(axes: Axes, matrix: np.ndarray, shown: list[np.ndarray], below: SpikeTrains, above: SpikeTrains, names):
    """Draw the matrix, its axes labelled with the numbers of the neurons that fire."""
    drawn = matrix if matrix.size else np.zeros((1, 1))
    scale = {"cmap": shades(axes), "vmin": 0, "vmax": drawn.max() or 1}
    image = axes.imshow(drawn, aspect="auto", origin="lower", interpolation="none", **scale)
    for axis, neurons, spikes, words in (
        (axes.yaxis, shown[0], above, f"post-synaptic: {names[1]}"),
        (axes.xaxis, shown[1], below, f"pre-synaptic: {names[0]}"),
    ):
        if neurons.size < spikes.size:
            words += f" ({neurons.size:,} of {spikes.size:,} fire)"
        axis.set_major_locator(MultipleLocator(1) if neurons.size <= FEW else whole(8))
        axis.set_major_formatter(FuncFormatter(partial(_neuron_at, neurons)))
        axis.set_label_text(words)
    if not matrix.size:
        axes.text(0.5, 0.5, "no neuron fires", transform=axes.transAxes, ha="center", alpha=MUTED)
    return image


def _neuron_at(neurons: np.ndarray, place: float, _: int | None = None) -> str:
    """Return the number of the neuron at a place of the axis, or nothing beside it."""
    return str(neurons[int(place)]) if 0 <= place < neurons.size and place == int(place) else ""
