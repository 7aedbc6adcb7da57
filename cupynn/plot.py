"""Figures of what a network does: its spikes, its membranes, how it learned.

Each function returns a matplotlib `Figure`: a notebook shows it where it ends a cell, a script writes it with ``savefig``.
A layer has one colour in all of them; fonts and ground are those of your own matplotlib settings.
"""

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cupynn import checks
from cupynn.checks import InputError
from cupynn.results import Recording
from cupynn.spikes import SpikeTrains
from cupynn.training import History

__all__ = ["curves", "membranes", "raster"]

WIDTH = 9.0  # of a figure, inches
FEW = 20  # neurons that get a row, a number and a bar each; epochs that get a dot each
ROW, TALLEST = 0.17, 2.1  # height of such a row, and of the panel of a large layer, inches
VECTORS = 50_000  # spikes of a panel that a PDF holds one by one; more become a picture

GREY = "#7f7f7f"
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # of Okabe and Ito: colour-blind safe
PALE, MUTED = 0.45, 0.65  # opacity of marks, and of words, that stand back

STYLE = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "figure.titlesize": 11,
    "figure.titleweight": "bold",
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "text.parse_math": False,  # the name of a layer is no formula
}


class _Figure(Figure):
    """A figure that a notebook shows without the help of pyplot.

    IPython shows a plain `Figure` only once pyplot has loaded the inline backend. To make it with pyplot and close it there
    would do too, but opens a window wherever there is a screen and leaves widget backends with a dead widget. Where the
    inline backend is loaded, its own settings of format and resolution come first.
    """

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """PNG at twice the resolution, and the size to show it at."""
        file = BytesIO()
        self.savefig(file, format="png", dpi=2 * self.dpi, facecolor=self.get_facecolor())
        width, height = (round(side * self.dpi) for side in self.get_size_inches())
        return file.getvalue(), {"width": width, "height": height}


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
        trains = {"spikes": recording}
    else:
        trains = _only("recording", recording, Recording, "what net.record(x) returned, or SpikeTrains").spikes
    names = [checks.choice("layers", name, trains) for name in _listed("layers", trains if layers is None else layers)]
    sample = _sample(sample, trains[names[0]])
    shown = [trains[name][sample] for name in names]
    heights = [min(0.3 + ROW * spikes.size, TALLEST) for spikes in shown]
    colours, output = _colours(trains), list(trains)[-1]
    with rc_context(STYLE):
        figure = _Figure(figsize=(WIDTH, 0.7 + sum(heights) + 0.3 * len(shown)), layout="constrained")
        panels = figure.subplots(len(shown), 2, squeeze=False, sharey="row", height_ratios=heights, width_ratios=(6, 1))
        for (left, right), name, spikes, height in zip(panels, names, shown, heights, strict=True):
            winner = int(spikes.counts.argmax()) if name == output and spikes.neurons.size else None
            _trains(left, spikes, height, colours[name], winner)
            _counts(right, spikes, colours[name], winner)
            left.set_title(name, loc="left", color=colours[name], fontweight="bold")
            words = f"{_number(spikes.size, 'neuron')}, {_number(spikes.neurons.size, 'spike')}"
            words += "" if winner is None else f", most by neuron {winner}"
            left.set_title(words, loc="right", alpha=MUTED)
            left.tick_params(labelbottom=left is panels[-1, 0])
        for left in panels[1:, 0]:
            left.sharex(panels[0, 0])
        panels[-1, 0].set_xlabel("step")
        panels[0, 1].set_title("spikes a neuron", loc="left", alpha=MUTED)
        figure.align_ylabels(panels[:, 0])
        total = sum(spikes.neurons.size for spikes in shown)
        heading = f"Sample {sample}: {_number(shown[0].steps, 'step')}, {_number(total, 'spike')}"
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
    _only("recording", recording, Recording, "what net.record(x) returned")
    checks.choice("layer", layer, recording.membranes)
    sample = _sample(sample, recording.spikes[layer])
    spikes = recording.spikes[layer][sample]
    if neurons is None:
        neurons = np.argsort(-spikes.counts.ravel(), kind="stable")[:6]
    neurons = [checks.integer("neurons", neuron, maximum=spikes.size - 1) for neuron in _listed("neurons", neurons)]
    membrane, current = (
        traces[layer][sample].reshape(spikes.steps, -1)[:, neurons] for traces in (recording.membranes, recording.currents)
    )
    threshold = recording.thresholds[layer]
    current = current * (threshold / (np.abs(current).max() or 1))
    times, offsets = spikes.by_neuron()
    colour = _colours(recording.spikes)[layer]
    dot = "." if spikes.steps == 1 else None  # a single step makes no line
    thin = {"color": GREY, "alpha": MUTED, "linewidth": 0.8}
    with rc_context(STYLE):
        figure = _Figure(figsize=(WIDTH, 0.8 + 0.95 * len(neurons)), layout="constrained")
        panels = figure.subplots(len(neurons), sharex=True, sharey=True, squeeze=False)[:, 0]
        for index, (axes, neuron) in enumerate(zip(panels, neurons, strict=True)):
            fired = times[offsets[neuron] : offsets[neuron + 1]]
            top = {"transform": axes.get_xaxis_transform(), "clip_on": False, "in_layout": False}
            axes.plot(membrane[:, index], marker=dot, color=colour, zorder=3, label="membrane")
            axes.plot(fired, np.ones(fired.size), "|", color=colour, markersize=6, label="spike", **top)
            axes.axhline(threshold, linestyle="--", label="threshold", **thin)
            axes.plot(current[:, index], marker=dot, label="synaptic current, scaled", **thin)
            axes.set_title(f"neuron {neuron}", loc="left", fontweight="bold")
            axes.set_title(_number(fired.size, "spike"), loc="right", alpha=MUTED)
            axes.set_yticks([0, threshold], ["0", f"{threshold:g}"])
            _steps(axes, spikes.steps)
        panels[-1].set_xlabel("step")
        figure.suptitle(f"{layer}, sample {sample}", x=0.01, ha="left")
        figure.legend(handles=panels[0].get_legend_handles_labels()[0], loc="outside upper right", ncols=4)
    return figure


def curves(history: History) -> Figure:
    """Loss, accuracy and activity by epoch; a ring marks the best validation accuracy, where it was first reached.

    Parameters
    ----------
    history : History
        What `Sequential.fit` returned.

    Raises
    ------
    InputError
        If it holds no epochs.
    """
    if not len(_only("history", history, History, "what net.fit(...) returned")):
        raise InputError("history holds no epochs: pass what net.fit(...) returned")
    epochs, validated = history["number"], history["validation_accuracy"][-1] is not None
    with rc_context(STYLE | {"lines.marker": "o" if len(epochs) <= FEW else "None", "lines.markersize": 3}):
        figure = _Figure(figsize=(WIDTH, 2.9), layout="constrained")
        loss, accuracy, activity = figure.subplots(1, 3)
        ink = rcParams["text.color"]
        for axes, name in ((loss, "loss"), (accuracy, "accuracy")):
            axes.plot(epochs, history[name], color=GREY, label="training")
            if validated:
                axes.plot(epochs, history[f"validation_{name}"], color=ink, label="validation")
        if validated:
            best = max(history.epochs, key=lambda epoch: epoch.validation_accuracy)
            accuracy.plot(best.number, best.validation_accuracy, "o", color=ink, markersize=8, fillstyle="none")
            accuracy.set_title(f"best {best.validation_accuracy:.2%}, epoch {best.number}", loc="right")
        for name, colour in _colours(history.epochs[0].spikes).items():
            activity.plot(epochs, [spikes[name] for spikes in history["spikes"]], color=colour, label=name)
        for axes, title in ((loss, "loss"), (accuracy, "accuracy"), (activity, "spikes a neuron")):
            axes.set_title(title, loc="left", fontweight="bold")
            axes.set(xlabel="epoch", xlim=(epochs[0] - 0.5, epochs[-1] + 0.5))
            axes.xaxis.set_major_locator(_whole(6))
            axes.yaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))
            axes.tick_params(labelsize=8)
        accuracy.yaxis.set_major_formatter(PercentFormatter(1))
        loss.set_ylim(bottom=0)
        loss.legend()
        activity.set_ylim(bottom=0)
        activity.legend(loc="upper left", bbox_to_anchor=(1, 1))
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
    _steps(axes, spikes.steps)
    if spikes.size > FEW:
        axes.yaxis.set_major_locator(_whole(4))
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
        axes.xaxis.set_major_locator(_whole(2))
        return
    shades = [(colour, 1.0 if winner in (None, neuron) else PALE) for neuron in range(spikes.size)]
    bars = axes.barh(range(spikes.size), counts, height=0.65, color=shades)
    words = axes.bar_label(bars, [f"{count:,}" if count else "" for count in counts], padding=2, fontsize=8)
    axes.set_xticks([])
    axes.spines.bottom.set_visible(False)
    if winner is not None:
        words[winner].set_fontweight("bold")


def _steps(axes: Axes, steps: int) -> None:
    axes.set_xlim(-0.5, steps - 0.5)
    axes.xaxis.set_major_locator(_whole(9))
    axes.tick_params(labelsize=8)


def _whole(ticks: int) -> MaxNLocator:
    """Ticks at round whole numbers, a single one if there is but one number."""
    return MaxNLocator(ticks, integer=True, steps=(1, 2, 5, 10), min_n_ticks=1)


def _colours(names: Iterable[str]) -> dict[str, str]:
    """Colour of each layer: grey for the input, the palette in turn for the others."""
    others = [name for name in names if name != "input"]
    return {"input": GREY} | {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(others)}


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _only(name: str, value: Any, kind: type, remedy: str) -> Any:
    if not isinstance(value, kind):
        raise InputError(f"{name} is a {type(value).__name__}: pass {remedy}")
    return value


def _listed(name: str, value: Any) -> list:
    """Return `value`, one item or several, as a list that is not empty."""
    items = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    if not items:
        raise InputError(f"{name} is empty: pass at least one")
    return items


def _sample(sample: int, spikes: SpikeTrains) -> int:
    if not len(spikes):
        raise InputError("there are no samples: pass at least one")
    return checks.integer("sample", sample, maximum=len(spikes) - 1)
