"""The common look of all figures: settings, colours, axes and titles."""

from collections.abc import Iterable
from functools import partial

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

FEW = 20  # up to this number, neurons get a row, a number and a bar each, and epochs a dot each
VECTORS = 50_000  # marks in a panel that a PDF stores as vectors; more are rasterized

GREY = "#7f7f7f"
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # of Okabe and Ito: colour-blind safe
PALE, MUTED = 0.45, 0.65  # opacity of secondary marks and of secondary text

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
    "text.parse_math": False,  # a layer's name may contain a dollar sign
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}

SMALL = {  # besides, in a figure as narrow as the column of a paper
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 7,
    "figure.titlesize": 9,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
}


def titles(axes: Axes, name: str, remark: str = "", colour: str | None = None) -> None:
    """Write the name of a panel at its left, and a remark at its right."""
    axes.set_title(name, loc="left", color=colour or rcParams["text.color"], fontweight="bold")
    axes.set_title(remark, loc="right", alpha=MUTED)


def membrane(
    axes: Axes, values: np.ndarray, fired: np.ndarray, refractory: int, label: str | None, unit: float, **look
) -> None:
    """Plot a membrane that falls to zero where it fires, and shade the steps at which the neuron rests afterwards.

    unit: length of a step on the time axis
    """
    steps = np.insert(np.arange(values.size), fired + 1, fired)
    axes.plot(steps * unit, np.insert(values, fired + 1, 0), label=label, **look)
    spans = [((step + 0.5) * unit, refractory * unit) for step in fired] if refractory else []
    shade = {"color": GREY, "alpha": 0.25, "linewidth": 0, "label": "refractory"}
    axes.broken_barh(spans, (0, 1), transform=axes.get_xaxis_transform(), **shade)


def whole(ticks: int) -> MaxNLocator:
    """Return ticks at round whole numbers, a single one if there is only one number."""
    return MaxNLocator(ticks, integer=True, steps=(1, 2, 5, 10), min_n_ticks=1)


def layer_colours(names: Iterable[str]) -> dict[str, str]:
    """Return the colour of each layer: grey for the input, the palette in turn for all layers after it."""
    layers = [name for name in names if name != "input"]
    return {"input": GREY} | {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(layers)}


def _ground(axes: Axes | None):
    """Return the colour of the background of axes, or of new ones."""
    return rcParams["axes.facecolor"] if axes is None else axes.get_facecolor()


def shades(axes: Axes | None) -> LinearSegmentedColormap:
    """Return a map from the background through blue to the text colour, with monotonic lightness."""
    return LinearSegmentedColormap.from_list("activity", [_ground(axes), PALETTE[0], rcParams["text.color"]])


def signed(axes: Axes | None) -> LinearSegmentedColormap:
    """Return a map with blue below zero, the background at zero and orange above, which is safe for the colour-blind."""
    ink = np.array(to_rgb(rcParams["text.color"]))
    ends = [0.5 * (ink + to_rgb(colour)) for colour in PALETTE[:2]]
    colours = [ends[0], PALETTE[0], _ground(axes), PALETTE[1], ends[1]]
    return LinearSegmentedColormap.from_list("signed", colours)


def number(count: int, noun: str) -> str:
    """Return a count with its noun: "1 step", "1,200 spikes"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


class _Numbered(MaxNLocator):
    """Ticks at round numbers of neurons, of which those at places 0, 1, ... have the given, increasing numbers."""

    def __init__(self, neurons: np.ndarray, ticks: int) -> None:
        super().__init__(ticks, integer=True, steps=(1, 2, 5, 10), min_n_ticks=1)
        self.neurons, self.places = neurons, np.arange(neurons.size)

    def tick_values(self, vmin: float, vmax: float) -> np.ndarray:
        low, high = np.interp((vmin, vmax), self.places, self.neurons)
        numbers = super().tick_values(low, high)
        inside = numbers[(numbers >= self.neurons[0]) & (numbers <= self.neurons[-1])]
        return np.interp(inside, self.neurons, self.places)


def numbered(axis: Axis, neurons: np.ndarray, ticks: int) -> None:
    """Label an axis of places 0, 1, ... by the numbers of the neurons there: each of few, and round ones of many."""
    places = np.arange(neurons.size)
    if neurons.size <= FEW or (np.diff(neurons) <= 0).any():
        axis.set_major_locator(MultipleLocator(1) if neurons.size <= FEW else whole(ticks))
    else:
        axis.set_major_locator(_Numbered(neurons, ticks))
    axis.set_major_formatter(FuncFormatter(partial(_number_at, places, neurons)))


def _number_at(places: np.ndarray, neurons: np.ndarray, place: float, _: int | None = None) -> str:
    """Return the label of a tick: the number of its neuron, or nothing outside and between two neurons."""
    if not places.size or not places[0] <= place <= places[-1]:
        return ""
    found = float(np.interp(place, places, neurons))
    return f"{found:,.0f}" if abs(found - round(found)) < 1e-6 else ""
