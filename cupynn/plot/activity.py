"""What a network does on a sample: spikes of all layers, membranes of a few neurons."""

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cupynn import checks
from cupynn.checks import InputError
from cupynn.plot.style import (
    FEW,
    GREY,
    MUTED,
    PALE,
    ROW,
    STYLE,
    TALLEST,
    VECTORS,
    WIDTH,
    NotebookFigure,
    layer_colours,
    listed,
    number,
    only,
    sample_index,
    step_axis,
    whole,
)
from cupynn.results import Recording
from cupynn.spikes import SpikeTrains


def raster(recording: Recording | SpikeTrains, sample: int = 0, layers: str | Sequence[str] | None = None) -> Figure:
    """Spikes of one sample, a panel a layer, with the firing count of each neuron beside it.

    In the last layer the neuron that fires most, the class that is predicted, stands out.

    Parameters
    ----------
    recording : Recording or SpikeTrains
        What `Sequential.record` returned, or trains, which make a single panel.
    sample : int
        Of the batch.
    layers : str or sequence of str, optional
        Names of layers, from top to bottom; by default "input" and all layers.

    Raises
    ------
    InputError
        If there is no such sample or layer.
    """
    if isinstance(recording, SpikeTrains):
        recording = recording.to_host()
        trains = {"spikes": recording}
    else:
        trains = only("recording", recording, Recording, "what net.record(x) returned, or SpikeTrains").spikes
    names = [checks.choice("layers", name, trains) for name in listed("layers", trains if layers is None else layers)]
    sample = sample_index(sample, trains[names[0]])
    shown = [trains[name][sample] for name in names]
    heights = [min(0.3 + ROW * spikes.size, TALLEST) for spikes in shown]
    colours, output = layer_colours(trains), list(trains)[-1]
    with rc_context(STYLE):
        figure = NotebookFigure(figsize=(WIDTH, 0.7 + sum(heights) + 0.3 * len(shown)), layout="constrained")
        panels = figure.subplots(len(shown), 2, squeeze=False, sharey="row", height_ratios=heights, width_ratios=(6, 1))
        for (left, right), name, spikes, height in zip(panels, names, shown, heights, strict=True):
            winner = int(spikes.counts.argmax()) if name == output and spikes.neurons.size else None
            _trains(left, spikes, height, colours[name], winner)
            _counts(right, spikes, colours[name], winner)
            left.set_title(name, loc="left", color=colours[name], fontweight="bold")
            words = f"{number(spikes.size, 'neuron')}, {number(spikes.neurons.size, 'spike')}"
            words += "" if winner is None else f", most by neuron {winner}"
            left.set_title(words, loc="right", alpha=MUTED)
            left.tick_params(labelbottom=left is panels[-1, 0])
        for left in panels[1:, 0]:
            left.sharex(panels[0, 0])
        panels[-1, 0].set_xlabel("step")
        panels[0, 1].set_title("spikes a neuron", loc="left", alpha=MUTED)
        figure.align_ylabels(panels[:, 0])
        total = sum(spikes.neurons.size for spikes in shown)
        heading = f"Sample {sample}: {number(shown[0].steps, 'step')}, {number(total, 'spike')}"
        figure.suptitle(heading, x=0.01, ha="left")
    return figure


def membranes(recording: Recording, layer: str, sample: int = 0, neurons: int | Sequence[int] | None = None) -> Figure:
    """Membrane, threshold, spikes and synaptic current of a few neurons.

    The current is scaled, in all panels alike, to reach as far from zero as the threshold.

    Parameters
    ----------
    recording : Recording
        What `Sequential.record` returned.
    layer : str
        Name of the layer.
    sample : int
        Of the batch.
    neurons : int or sequence of int, optional
        Flat indices of neurons, from top to bottom; by default the six that fire most.

    Raises
    ------
    InputError
        If there is no such layer, sample or neuron.
    """
    only("recording", recording, Recording, "what net.record(x) returned")
    if layer == "input" and layer in recording.spikes:
        raise InputError(f"layer='input': it has spikes, no membranes; pass one of {', '.join(recording.membranes)}")
    checks.choice("layer", layer, recording.membranes)
    sample = sample_index(sample, recording.spikes[layer])
    spikes = recording.spikes[layer][sample]
    if neurons is None:
        neurons = np.argsort(-spikes.counts.ravel(), kind="stable")[:6]
    neurons = [checks.integer("neurons", neuron, maximum=spikes.size - 1) for neuron in listed("neurons", neurons)]
    membrane, current = (
        traces[layer][sample].reshape(spikes.steps, -1)[:, neurons] for traces in (recording.membranes, recording.currents)
    )
    threshold = recording.thresholds[layer]
    current = current * (threshold / (np.abs(current).max() or 1))
    times, offsets = spikes.by_neuron()
    colour = layer_colours(recording.spikes)[layer]
    dot = "." if spikes.steps == 1 else None  # a single step makes no line
    thin = {"color": GREY, "alpha": MUTED, "linewidth": 0.8}
    with rc_context(STYLE):
        figure = NotebookFigure(figsize=(WIDTH, 0.8 + 0.95 * len(neurons)), layout="constrained")
        panels = figure.subplots(len(neurons), sharex=True, sharey=True, squeeze=False)[:, 0]
        for index, (axes, neuron) in enumerate(zip(panels, neurons, strict=True)):
            fired = times[offsets[neuron] : offsets[neuron + 1]]
            top = {"transform": axes.get_xaxis_transform(), "clip_on": False, "in_layout": False}
            axes.plot(membrane[:, index], marker=dot, color=colour, zorder=3, label="membrane")
            axes.plot(fired, np.ones(fired.size), "|", color=colour, markersize=6, label="spike", **top)
            axes.axhline(threshold, linestyle="--", label="threshold", **thin)
            axes.plot(current[:, index], marker=dot, label="synaptic current, scaled", **thin)
            axes.set_title(f"neuron {neuron}", loc="left", fontweight="bold")
            axes.set_title(number(fired.size, "spike"), loc="right", alpha=MUTED)
            axes.set_yticks([0, threshold], ["0", f"{threshold:g}"])
            step_axis(axes, spikes.steps)
        panels[-1].set_xlabel("step")
        figure.suptitle(f"{layer}, sample {sample}", x=0.01, ha="left")
        figure.legend(handles=panels[0].get_legend_handles_labels()[0], loc="outside upper right", ncols=4)
    return figure


def _trains(axes: Axes, spikes: SpikeTrains, height: float, colour: str, winner: int | None) -> None:
    """Draw a mark for each spike, smaller and fainter where they crowd; of a few neurons, all but the winner are pale."""
    _, steps, neurons = spikes.events()
    length, height = 54 * WIDTH, 72 * height  # of the panel, points
    room = length * height / max(1, neurons.size)  # of a spike
    shrink = min(1, max(0.35, (room / 1.8) ** 0.5))
    wide = shrink * np.clip(0.6 * length / spikes.steps, 0.9, 1.8)
    tall = np.clip(0.65 * height / spikes.size, 2 * shrink, 9)
    opacity = min(1, room / (wide * tall))
    marks = {"color": colour, "markersize": tall, "markeredgewidth": wide, "rasterized": neurons.size > VECTORS}
    front = np.full(neurons.size, True) if winner is None or spikes.size > FEW else neurons == winner
    axes.plot(steps[~front], neurons[~front], "|", alpha=PALE * opacity, **marks)
    axes.plot(steps[front], neurons[front], "|", alpha=opacity, **marks)
    axes.set(ylim=(-0.5, spikes.size - 0.5), ylabel="neuron")
    step_axis(axes, spikes.steps)
    if spikes.size > FEW:
        axes.yaxis.set_major_locator(whole(4))
        return
    axes.hlines(range(spikes.size), -0.5, spikes.steps - 0.5, color=GREY, alpha=0.25, linewidth=0.5, zorder=0)
    axes.set_yticks(range(spikes.size))
    axes.tick_params(axis="y", length=0)
    if winner is not None:
        axes.get_yticklabels()[winner].set_fontweight("bold")


def _counts(axes: Axes, spikes: SpikeTrains, colour: str, winner: int | None) -> None:
    """Draw the firing counts: a bar with its figure for each of a few neurons, an outline for many."""
    counts = spikes.counts.ravel()
    axes.tick_params(labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, 1.05 * max(1, counts.max()))
    if spikes.size > FEW:
        edges = np.arange(spikes.size + 1) - 0.5
        axes.stairs(counts, edges, orientation="horizontal", fill=True, facecolor=colour, edgecolor=colour, linewidth=0.6)
        axes.xaxis.set_major_locator(whole(2))
        return
    shades = [(colour, 1.0 if winner in (None, neuron) else PALE) for neuron in range(spikes.size)]
    bars = axes.barh(range(spikes.size), counts, height=0.65, color=shades)
    words = axes.bar_label(bars, [f"{count:,}" if count else "" for count in counts], padding=2, fontsize=8)
    axes.set_xticks([])
    axes.spines.bottom.set_visible(False)
    if winner is not None:
        words[winner].set_fontweight("bold")
