"""Draw the state of a few neurons: membrane, threshold, resets, refractory periods, synaptic current."""

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cupynn import checks
from cupynn.checks import InputError
from cupynn.plot import arguments
from cupynn.plot.figures import new_figure
from cupynn.plot.style import GREY, MUTED, STYLE, heading, layer_colours, number, titles, whole
from cupynn.results.recording import Recording

SHOWN = 4  # neurons by default


def membranes(
    recording: Recording,
    layer: str,
    sample: int = 0,
    neurons: int | Sequence[int] | None = None,
    *,
    steps: tuple[int, int] | None = None,
) -> Figure:
    """Membrane and synaptic current of a few neurons, with threshold, spikes, resets and refractory periods.

    The membrane climbs to where it fires and falls to zero at the same step; a mark above stands for the spike, and a shade
    for the steps at which the neuron rests. All neurons have the same scales.

    Parameters
    ----------
    recording : Recording
        What `Sequential.record` returned.
    layer : str
        Name of the layer.
    sample : int
        Of the batch.
    neurons : int or sequence of int, optional
        Flat indices of neurons, from top to bottom; by default the four that fire most.
    steps : (int, int), optional
        First step to show, and the one after the last; by default all.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there is no such layer, sample, neuron or step.

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
        neurons = np.argsort(-spikes.counts.ravel(), kind="stable")[:SHOWN]
    neurons = arguments.neuron_indices("neurons", neurons, spikes.size)
    first, last = (0, spikes.steps) if steps is None else _window(steps, spikes.steps)
    states = {
        name: traces[layer][sample].reshape(spikes.steps, -1)[:, neurons]
        for name, traces in (("membrane", recording.membranes), ("current", recording.currents))
    }
    threshold = recording.thresholds[layer]
    times, offsets = spikes.by_neuron()
    with rc_context(STYLE):
        figure = new_figure(0.8 + 1.45 * len(neurons))
        panels = figure.subplots(2 * len(neurons), sharex=True, height_ratios=[5, 2] * len(neurons))
        for index, neuron in enumerate(neurons):
            upper, lower = panels[2 * index : 2 * index + 2]
            fired = times[offsets[neuron] : offsets[neuron + 1]]
            _membrane(upper, states["membrane"][:, index], fired, threshold, layer_colours(recording.spikes)[layer])
            lower.fill_between(np.arange(spikes.steps), states["current"][:, index], color=GREY, linewidth=0, alpha=MUTED)
            lower.axhline(0, color=GREY, linewidth=0.6)
            _rest(upper, fired, recording.refractory[layer])
            upper.tick_params(axis="x", length=0)
            upper.spines.bottom.set_visible(False)
            titles(upper, f"neuron {neuron}", f"{number(fired.size, 'spike')} in {number(spikes.steps, 'step')}")
        for row, state in enumerate(states.values()):
            low, high = float(state.min(initial=0)), float(state.max(initial=0 if row else threshold))
            for axes in panels[row::2]:
                axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low) or 1)
                axes.set_ylabel(("membrane", "current")[row])
                if row:
                    axes.yaxis.set_major_locator(whole(2))
        figure.align_ylabels(panels)
        panels[-1].set(xlabel="step", xlim=(first - 0.5, last - 0.5))
        panels[-1].xaxis.set_major_locator(whole(9))
        heading(figure, f"{layer}, sample {sample}, threshold {threshold:g}")
        figure.legend(handles=panels[0].get_legend_handles_labels()[0], loc="outside upper right", ncols=4)
    return figure


def _window(steps: tuple[int, int], last: int) -> tuple[int, int]:
    """Return the first step and the one after the last, or raise InputError."""
    if not isinstance(steps, tuple | list) or len(steps) != 2:
        raise InputError(f"steps={steps!r}: pass a pair, the first step and the one after the last, such as (0, {last})")
    end = checks.integer("steps[1]", steps[1], minimum=1, maximum=last)
    return checks.integer("steps[0]", steps[0], maximum=end - 1), end


def _membrane(axes: Axes, membrane: np.ndarray, fired: np.ndarray, threshold: float, colour: str) -> None:
    """Draw a membrane with its resets, the threshold, and a mark above for each spike."""
    steps = np.insert(np.arange(membrane.size), fired + 1, fired)
    values = np.insert(membrane, fired + 1, 0)
    top = {"transform": axes.get_xaxis_transform(), "clip_on": True, "in_layout": False}
    dot = "." if membrane.size == 1 else None  # a single step makes no line
    axes.axhline(threshold, color=rcParams["text.color"], linestyle="--", linewidth=0.8, alpha=MUTED, label="threshold")
    axes.plot(steps, values, marker=dot, color=colour, linewidth=1.1, zorder=3, label="membrane, reset where it fires")
    axes.plot(fired, np.full(fired.size, 0.97), "|", color=colour, markersize=6, label="spike", **top)
    axes.set_yticks([0, threshold], ["0", f"{threshold:g}"])


def _rest(axes: Axes, fired: np.ndarray, refractory: int) -> None:
    """Shade the steps after each firing at which the neuron rests."""
    spans = [(step + 0.5, refractory) for step in fired] if refractory else []
    axes.broken_barh(
        spans, (0, 1), transform=axes.get_xaxis_transform(), color=GREY, alpha=0.25, linewidth=0, label="refractory"
    )
