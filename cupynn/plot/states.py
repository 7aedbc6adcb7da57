"""The state of a few neurons: membrane, threshold, resets, refractory periods, synaptic current."""

from collections.abc import Sequence

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from cupynn import checks
from cupynn.layers.constants import shown
from cupynn.plot import arguments
from cupynn.plot.place import Place
from cupynn.plot.style import GREY, MUTED, layer_colours, membrane, number, titles, whole
from cupynn.plot.window import Window
from cupynn.results.recording import Recording

SHOWN = 4  # neurons by default


def membranes(
    recording: Recording,
    layer: str,
    sample: int = 0,
    neurons: int | Sequence[int] | None = None,
    *,
    steps: tuple[int, int] | None = None,
    dt: float | None = None,
    ax: Axes | SubFigure | Figure | None = None,
    figsize: float | tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure | SubFigure | Axes:
    """Draw membrane and synaptic current of a few neurons, with threshold, spikes, resets and refractory periods.

    The membrane rises to its value at the firing step and falls to zero at the same step. A mark at the top shows the spike,
    and grey shading the refractory period. All neurons share the same scales.

    Parameters
    ----------
    recording : Recording
        Returned by `Sequential.record`.
    layer : str
        Name of the layer.
    sample : int
        Index in the batch.
    neurons : int or sequence of int, optional
        Flat indices of neurons, from top to bottom; by default the four that fire most.
    steps : (int, int), optional
        First step to show, and the step after the last; by default all steps.
    dt : float, optional
        Length of a step in milliseconds, for an axis of time instead of steps.
    ax : Axes, SubFigure or Figure, optional
        Axes on which to draw the membrane of a single neuron; or an empty part of a figure, for all panels.
    figsize : float or (float, float), optional
        Width, or width and height, of the figure in inches; one column of a paper is about 3.5 wide.
    title : str, optional
        Title instead of the layer, sample and threshold; "" for a figure without a title.

    Returns
    -------
    Figure, or `ax` if it was given

    Raises
    ------
    InputError
        If the layer, the sample, a neuron or a step does not exist, or `ax` is Axes and there are several neurons.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import Sequential, encoders, layers, plot
    >>> net = Sequential([layers.SpikingDense(5, v_th=1.0)], (4,), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> figure = plot.membranes(net.record(np.ones((1, 4), np.float32)), "dense_1", neurons=[0, 3], steps=(0, 40))
    >>> figure.get_suptitle()
    'dense_1, sample 0, threshold 1'
    """
    arguments.recording(recording)
    checks.choice("layer", layer, recording.membranes)
    sample = arguments.sample_index(sample, recording.spikes[layer])
    spikes = recording.spikes[layer][sample]
    if neurons is None:
        neurons = np.argsort(-spikes.counts.ravel(), kind="stable")[: 1 if isinstance(ax, Axes) else SHOWN]
    neurons = arguments.neuron_indices("neurons", neurons, spikes.size)
    window = Window.of(steps, dt, spikes.steps)
    place = Place(ax, figsize, title, len(neurons))
    potentials, currents = (
        traces[layer][sample].reshape(spikes.steps, -1)[:, neurons] for traces in (recording.membranes, recording.currents)
    )
    thresholds = np.broadcast_to(recording.thresholds[layer], spikes.neuron_shape).ravel()[neurons]
    colour = layer_colours(recording.spikes)[layer]
    times, offsets = spikes.by_neuron()
    with place.style():
        if place.axes is not None:
            uppers, lowers = [place.axes], []
        else:
            figure = place.figure(0.8 + 1.55 * len(neurons))
            panels = figure.subplots(2 * len(neurons), sharex=True, height_ratios=[5, 3] * len(neurons))
            uppers, lowers = panels[::2], panels[1::2]
        for index, (neuron, upper) in enumerate(zip(neurons, uppers, strict=True)):
            fired = times[offsets[neuron] : offsets[neuron + 1]]
            _membrane(
                upper, potentials[:, index], fired, float(thresholds[index]), recording.refractory[layer], colour, window
            )
            seen = int(((fired >= window.first) & (fired < window.end)).sum())
            titles(upper, f"neuron {neuron}", f"{number(seen, 'spike')} in {number(window.length, 'step')}")
        for index, lower in enumerate(lowers):
            at = window.at(np.arange(spikes.steps))
            lower.fill_between(at, currents[:, index], color=GREY, linewidth=0, alpha=MUTED)
            lower.axhline(0, color=GREY, linewidth=0.6)
            lower.yaxis.set_major_locator(whole(2))
        _share_scale(uppers, "membrane", potentials, thresholds.max(initial=0))
        if place.axes is not None:
            place.axes.set_xlabel(window.label)
            window.axis(place.axes)
            return place.done()
        for upper in uppers:
            upper.tick_params(axis="x", length=0)
            upper.spines.bottom.set_visible(False)
        _share_scale(lowers, "current", currents, 0)
        figure.align_ylabels(panels)
        panels[-1].set_xlabel(window.label)
        window.axis(panels[-1])
        place.legend(panels[0].get_legend_handles_labels()[0])
        return place.done(f"{layer}, sample {sample}, threshold {shown(recording.thresholds[layer])}")


def _membrane(
    axes: Axes, values: np.ndarray, fired: np.ndarray, threshold: float, refractory: int, colour: str, window: Window
) -> None:
    """Draw a membrane with its resets, the threshold, and a mark at the top for each spike."""
    top = {"transform": axes.get_xaxis_transform(), "clip_on": True, "in_layout": False}
    dot = "." if values.size == 1 else None  # a single step makes no line
    axes.axhline(threshold, color=rcParams["text.color"], linestyle="--", linewidth=0.8, alpha=MUTED, label="threshold")
    look = {"marker": dot, "color": colour, "linewidth": 1.1, "zorder": 3}
    membrane(axes, values, fired, refractory, "membrane, reset where it fires", window.at(1), **look)
    axes.plot(window.at(fired), np.full(fired.size, 0.97), "|", color=colour, markersize=6, label="spike", **top)
    axes.set_yticks([0, threshold], ["0", f"{threshold:g}"])


def _share_scale(panels: Sequence[Axes], name: str, values: np.ndarray, top: float) -> None:
    """Label the panels of one state, and show all its values, zero and `top` in each."""
    low, high = float(values.min(initial=0)), float(values.max(initial=top))
    for axes in panels:
        axes.set(ylabel=name, ylim=(low - 0.08 * (high - low), high + 0.08 * (high - low) or 1))
