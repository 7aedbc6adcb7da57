"""The S-PSP, from which HM2-BP computes its gradients: the matrix of a layer, and the build-up of one entry."""

from collections.abc import Sequence

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from scipy.signal import lfilter

from cupynn import checks
from cupynn.checks import InputError
from cupynn.kernels.psp import Psp, spsp_matrix
from cupynn.plot import arguments
from cupynn.plot.place import Place
from cupynn.plot.style import FEW, MUTED, layer_colours, membrane, number, numbered, shades, titles, whole
from cupynn.plot.window import Window
from cupynn.results.recording import Recording
from cupynn.spikes.trains import SpikeTrains


def psp(
    recording: Recording,
    layer: str,
    sample: int = 0,
    neurons: int | Sequence[int] | None = None,
    *,
    ax: Axes | SubFigure | Figure | None = None,
    figsize: float | tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure | SubFigure | Axes:
    """Draw the spike-train level post-synaptic potentials (S-PSP) of a dense layer on one sample, with firing counts.

    Entry e_ij is the contribution of pre-synaptic neuron j, with unit weight, to the membrane of neuron i at the steps where
    i fired. It multiplies the error in the gradient of the weight w_ij. Silent neurons of a layer with more than twenty
    neurons are left out: their entries are zero.

    Parameters
    ----------
    recording : Recording
        Returned by `Sequential.record`.
    layer : str
        Name of a dense or recurrent layer, the post-synaptic one.
    sample : int
        Index in the batch.
    neurons : int or sequence of int, optional
        Flat indices of post-synaptic neurons, the rows from bottom to top.
    ax : Axes, SubFigure or Figure, optional
        Axes on which to draw the matrix alone; or an empty part of a figure, for all panels.
    figsize : float or (float, float), optional
        Width, or width and height, of the figure in inches; one column of a paper is about 3.5 wide.
    title : str, optional
        Title instead of the layer and sample; "" for a figure without a title.

    Returns
    -------
    Figure, or `ax` if it was given

    Raises
    ------
    InputError
        If the layer or the sample does not exist, or the layer is not dense.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import Sequential, encoders, layers, plot
    >>> net = Sequential([layers.SpikingDense(5, v_th=1.0)], (4,), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> plot.psp(net.record(np.ones((1, 4), np.float32)), "dense_1").get_suptitle()
    'S-PSP of dense_1, sample 0'
    """
    below, above, name = _pair(recording, layer, sample)
    place = Place(ax, figsize, title)
    active = [_shown(spikes) for spikes in (above, below)]
    if neurons is not None:
        active[0] = np.array(arguments.neuron_indices("neurons", neurons, above.size))
    matrix = spsp_matrix(below, above, recording.potentials[layer], recording.refractory[layer])[0][np.ix_(*active)]
    colours = layer_colours(recording.spikes)
    words = f"S-PSP of {layer}, sample {sample}"
    with place.style():
        if place.axes is not None:
            _matrix(place.axes, matrix, active, below, above, (name, layer))
            titles(place.axes, words)
            return place.done()
        height = 0.6 + 0.2 * len(matrix) if len(matrix) <= FEW else 2.6 if place.narrow else 4.2
        figure = place.figure(1.9 + height)
        grid = figure.add_gridspec(2, 3, height_ratios=(0.7, height), width_ratios=(8, 1.2, 0.25))
        axes = figure.add_subplot(grid[1, 0])
        top, right = figure.add_subplot(grid[0, 0], sharex=axes), figure.add_subplot(grid[1, 1], sharey=axes)
        image = _matrix(axes, matrix, active, below, above, (name, layer))
        figure.colorbar(image, cax=figure.add_subplot(grid[1, 2]), label="S-PSP")
        for panel, spikes, shown, own in ((top, below, active[1], name), (right, above, active[0], layer)):
            edges, beside = np.arange(shown.size + 1) - 0.5, panel is right
            bars = {"orientation": "horizontal" if beside else "vertical", "fill": True, "color": colours[own]}
            panel.stairs(spikes.counts.ravel()[shown], edges, **bars)
            titles(panel, own, colour=colours[own])
            panel.tick_params(labelbottom=beside, labelleft=not beside)
            (panel.xaxis if beside else panel.yaxis).set_major_locator(whole(2))
        top.set_ylabel("spikes")
        right.set_xlabel("spikes")
        return place.done(words)


def psp_build_up(
    recording: Recording,
    layer: str,
    sample: int = 0,
    pre: int | None = None,
    post: int | None = None,
    *,
    steps: tuple[int, int] | None = None,
    dt: float | None = None,
    ax: SubFigure | Figure | None = None,
    figsize: float | tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure | SubFigure:
    """Draw the build-up of one entry e_ij of the S-PSP matrix: input spikes, their trace, its value at the firings, the sum.

    Parameters
    ----------
    recording : Recording
        Returned by `Sequential.record`.
    layer : str
        Name of a dense or recurrent layer, the post-synaptic one.
    sample : int
        Index in the batch.
    pre, post : int, optional
        Flat indices of the pre-synaptic neuron, in the layer below, and of the post-synaptic neuron; by default those of
        the largest entry.
    steps : (int, int), optional
        First step to show, and the step after the last; by default all steps. The sums are those of all steps.
    dt : float, optional
        Length of a step in milliseconds, for an axis of time instead of steps.
    ax : SubFigure or Figure, optional
        Empty part of a figure in which to draw the four panels.
    figsize : float or (float, float), optional
        Width, or width and height, of the figure in inches; one column of a paper is about 3.5 wide.
    title : str, optional
        Title instead of the neurons and sample; "" for a figure without a title.

    Returns
    -------
    Figure, or `ax` if it was given

    Raises
    ------
    InputError
        If the layer, the sample, a neuron or a step does not exist, or the layer is not dense.

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
    window = Window.of(steps, dt, below.steps)
    place = Place(ax, figsize, title, 4)
    potential, refractory = recording.potentials[layer], recording.refractory[layer]
    matrix = spsp_matrix(below, above, potential, refractory)[0]
    rows = range(above.size) if post is None else [checks.integer("post", post, maximum=above.size - 1)]
    columns = range(below.size) if pre is None else [checks.integer("pre", pre, maximum=below.size - 1)]
    entries = matrix[np.ix_(rows, columns)]
    row, column = np.unravel_index(entries.argmax(), entries.shape)
    post, pre = rows[row], columns[column]
    potential = Psp(*(value[post] if np.ndim(value) else value for value in potential))
    fired, spiked = _times(above, post), _times(below, pre)
    trace = _trace(spiked, below.steps, potential)
    held = _held(trace, fired, potential, refractory)
    with place.style():
        _draw_stages(place, window, recording, (name, pre, spiked), (layer, post, fired), trace, held)
        return place.done(f"S-PSP of {name} {pre} on {layer} {post}, sample {sample}")


def _trace(spiked: np.ndarray, steps: int, potential: Psp) -> np.ndarray:
    """Return the membrane A_j (T,) that a train alone would produce, with unit weight and no reset."""
    arrived = np.bincount(spiked + 1 + potential.delay, minlength=steps)[:steps].astype(np.float64)
    current = lfilter([1.0], [1.0, -float(potential.decay_s)], arrived)
    return lfilter([float(potential.gain)], [1.0, -float(potential.decay_m)], current)


def _held(trace: np.ndarray, firings: np.ndarray, potential: Psp, refractory: int) -> np.ndarray:
    """Return the part of a trace (T,) that a membrane holds after its resets.

    The neuron rests until the refractory period ends at step L; afterwards it holds A_j(t) - decay^(t - L) A_j(L). The sum
    of these values at the firings is the S-PSP e_ij.
    """
    held = trace.copy()
    for firing in firings:
        release = firing + refractory
        held[firing + 1 : release + 1] = 0
        if release < trace.size:
            ages = np.arange(1, trace.size - release)
            held[release + 1 :] = trace[release + 1 :] - float(potential.decay_m) ** ages * trace[release]
    return held


def _draw_stages(
    place: Place,
    window: Window,
    recording: Recording,
    source: tuple[str, int, np.ndarray],
    target: tuple[str, int, np.ndarray],
    trace: np.ndarray,
    held: np.ndarray,
) -> None:
    """Draw the four stages of an entry, one above the other; source and target: layer, neuron, steps at which it fires."""
    (name, pre, spiked), (layer, post, fired) = source, target
    colours, refractory = layer_colours(recording.spikes), recording.refractory[layer]
    read, at = held[fired], window.at
    sums = np.cumsum(read)
    panels = place.figure(6.4).subplots(4, sharex=True, height_ratios=(0.35, 1.1, 1.8, 1.3))
    spikes, potential, memory, total = panels
    spikes.vlines(at(spiked), 0, 1, color=colours[name], linewidth=1)
    spikes.set(ylim=(0, 1), yticks=[])
    spikes.spines.left.set_visible(False)
    potential.plot(at(np.arange(trace.size)), trace, color=colours[name])
    membrane(memory, held, fired, refractory, None, at(1), color=rcParams["text.color"], linewidth=1)
    memory.plot(at(fired), read, "o", color=colours[layer], markersize=4)
    edges = at(np.concatenate([[-0.5], fired, [trace.size - 0.5]]))
    total.stairs(np.concatenate([[0], sums]), edges, baseline=None, color=colours[layer], linewidth=1.3)
    total.plot(at(fired), sums, "o", color=colours[layer], markersize=4)
    titles(spikes, f"1. {name} {pre} fires", number(spiked.size, "spike"), colours[name])
    words = "without resets" if place.narrow else "membrane from these spikes alone, with unit weight and no reset"
    titles(potential, "2. trace", words, colours[name])
    words = number(fired.size, "spike")
    if not place.narrow:
        words = f"kept by {layer} {post}: each of its {words} reads the value and resets it"
    titles(memory, "3. read at the firings", words, colours[layer])
    titles(total, "4. running sum", f"e = {read.sum():.3f}", colours[layer])
    for axes, values in ((potential, trace), (memory, held), (total, sums)):
        axes.set_ylim(0, 1.1 * values.max(initial=0) or 1)
    for axes in panels:
        axes.tick_params(labelbottom=axes is total)
    window.axis(total)
    total.set_xlabel(window.label)


def _pair(recording: Recording, layer: str, sample: int) -> tuple[SpikeTrains, SpikeTrains, str]:
    """Return one sample's trains of the layer below, as they act, and of a dense layer, and the name of the layer below."""
    arguments.recording(recording)
    checks.choice("layer", layer, recording.potentials)
    dense = [name for name in recording.potentials if len(recording.spikes[name].neuron_shape) == 1]
    if layer not in dense:
        shape = recording.spikes[layer].neuron_shape
        remedy = f"pass one of {', '.join(map(repr, dense))}" if dense else "record a network with such a layer"
        raise InputError(
            f"layer={layer!r} has shape {shape}: the S-PSP can be drawn for dense and recurrent layers: {remedy}"
        )
    sample = arguments.sample_index(sample, recording.spikes[layer])
    names = list(recording.spikes)
    below = names[names.index(layer) - 1]
    acting = recording.acting.get(layer, recording.spikes[below])
    return acting[sample], recording.spikes[layer][sample], below


def _shown(spikes: SpikeTrains) -> np.ndarray:
    """Return all neurons of a small layer, or the neurons that fire of a large one."""
    return np.arange(spikes.size) if spikes.size <= FEW else np.flatnonzero(spikes.counts)


def _times(spikes: SpikeTrains, neuron: int) -> np.ndarray:
    """Return the steps at which a neuron of a single sample fires."""
    times, offsets = spikes.by_neuron()
    return times[offsets[neuron] : offsets[neuron + 1]]


def _matrix(axes: Axes, matrix: np.ndarray, shown: list[np.ndarray], below: SpikeTrains, above: SpikeTrains, names):
    """Draw the matrix, and label its axes with the numbers of the neurons."""
    drawn = matrix if matrix.size else np.zeros((1, 1))
    scale = {"cmap": shades(axes), "vmin": 0, "vmax": drawn.max() or 1}
    image = axes.imshow(drawn, aspect="auto", origin="lower", interpolation="none", **scale)
    for axis, neurons, spikes, words in (
        (axes.yaxis, shown[0], above, f"post-synaptic: {names[1]}"),
        (axes.xaxis, shown[1], below, f"pre-synaptic: {names[0]}"),
    ):
        if neurons.size < spikes.size:
            firing = int(np.count_nonzero(spikes.counts))
            words += f" ({neurons.size:,} of {spikes.size:,}{' fire' if neurons.size == firing else ''})"
        numbered(axis, neurons, ticks=8)
        axis.set_label_text(words)
    if not matrix.size:
        axes.text(0.5, 0.5, "no neuron fires", transform=axes.transAxes, ha="center", alpha=MUTED)
    return image
