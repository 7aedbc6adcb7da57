"""Which neurons fire when: the spikes of all layers on one sample."""

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cupynn import checks
from cupynn.checks import InputError
from cupynn.plot import arguments
from cupynn.plot.figures import WIDTH, new_figure
from cupynn.plot.style import (
    FEW,
    GREY,
    MUTED,
    PALE,
    STYLE,
    VECTORS,
    heading,
    layer_colours,
    number,
    step_axis,
    titles,
    whole,
)
from cupynn.results.recording import Recording
from cupynn.spikes.trains import SpikeTrains

ROW, TALLEST = 0.17, 2.1  # height of a row of a few neurons, and of the panel of a large layer, inches


def raster(
    recording: Recording | SpikeTrains,
    sample: int = 0,
    layers: str | Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    *,
    ax: Axes | None = None,
) -> Figure | Axes:
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
    classes : sequence of str, optional
        Names of the last layer's neurons where that is drawn, such as ``test.classes``; by default their numbers.
    ax : Axes, optional
        Where to draw a single layer, without its firing counts.

    Returns
    -------
    Figure, or `ax` if that was given

    Raises
    ------
    InputError
        If there is no such sample or layer, as many classes as neurons are not named, or several layers for one `ax`.

    Examples
    --------
    >>> from cupynn import SpikeTrains, plot
    >>> spikes = SpikeTrains.from_events([0, 0, 0], [2, 5, 9], [1, 0, 1], shape=(1, 20, 3))
    >>> plot.raster(spikes).get_suptitle()
    'Sample 0: 20 steps, 3 spikes'
    """
    trains = arguments.spikes_by_layer(recording)
    wanted = arguments.listed("layers", trains if layers is None else layers)
    names = [checks.choice("layers", name, trains) for name in wanted]
    sample = arguments.sample_index(sample, trains[names[0]])
    shown = [trains[name][sample] for name in names]
    winners = [_winner(spikes) if name == list(trains)[-1] else None for name, spikes in zip(names, shown, strict=True)]
    last = list(trains)[-1]
    labels = None if classes is None else arguments.class_names(classes, trains[last].size)
    named = [labels if name == last else None for name in names]
    colours = layer_colours(trains)
    if ax is not None:
        arguments.axes("ax", ax)
        if len(names) > 1:
            raise InputError(f"ax is one panel, layers are {len(names)}: pass one of them, such as layers={names[-1]!r}")
        with rc_context(STYLE):
            _panel(ax, names[0], shown[0], TALLEST, colours[names[0]], winners[0], named[0])
            ax.set_xlabel("step")
        return ax
    heights = [min(0.3 + ROW * spikes.size, TALLEST) for spikes in shown]
    with rc_context(STYLE):
        figure = new_figure(0.7 + sum(heights) + 0.3 * len(shown))
        panels = figure.subplots(len(shown), 2, squeeze=False, sharey="row", height_ratios=heights, width_ratios=(6, 1))
        for row, name, spikes, height, winner, labels in zip(panels, names, shown, heights, winners, named, strict=True):
            _panel(row[0], name, spikes, height, colours[name], winner, labels)
            _counts(row[1], spikes, colours[name], winner)
            row[0].tick_params(labelbottom=row[0] is panels[-1, 0])
        for left in panels[1:, 0]:
            left.sharex(panels[0, 0])
        panels[-1, 0].set_xlabel("step")
        panels[0, 1].set_title("spikes a neuron", loc="left", alpha=MUTED)
        figure.align_ylabels(panels[:, 0])
        total = sum(spikes.total for spikes in shown)
        heading(figure, f"Sample {sample}: {number(shown[0].steps, 'step')}, {number(total, 'spike')}")
    return figure


def _winner(spikes: SpikeTrains) -> int | None:
    """Return the neuron that fires most, the first on a tie, or None if none fires."""
    return int(spikes.counts.argmax()) if spikes.total else None


def _panel(
    axes: Axes,
    name: str,
    spikes: SpikeTrains,
    height: float,
    colour: str,
    winner: int | None,
    labels: list[str] | None,
) -> None:
    """Draw the trains of a layer, with their number as a title."""
    _trains(axes, spikes, height, colour, winner)
    if labels is not None:
        axes.set_ylabel("class")
        if spikes.size <= FEW:
            axes.set_yticks(range(spikes.size), labels)
    if winner is not None and spikes.size <= FEW:
        axes.get_yticklabels()[winner].set_fontweight("bold")
    words = f"{number(spikes.size, 'neuron')}, {number(spikes.total, 'spike')}"
    if winner is not None:
        words += f", most by {f'neuron {winner}' if labels is None else labels[winner]}"
    titles(axes, name, words, colour)


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


def _counts(axes: Axes, spikes: SpikeTrains, colour: str, winner: int | None) -> None:
    """Draw the firing counts: a bar with its figure for each of a few neurons, an outline for many."""
    counts = spikes.counts.ravel()
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
