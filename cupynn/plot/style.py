"""What all figures share: their look, their colours, their words."""

from collections.abc import Iterable

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.ticker import MaxNLocator

FEW = 20  # neurons that get a row, a number and a bar each; epochs that get a dot each
VECTORS = 50_000  # marks of a panel that a PDF holds one by one; more become a picture

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
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}


def heading(figure, words: str) -> None:
    """Write the title of a figure, at its left."""
    figure.suptitle(words, x=0.01, ha="left")


def titles(axes: Axes, name: str, remark: str = "", colour: str | None = None) -> None:
    """Write the name of a panel at its left, and a remark at its right."""
    axes.set_title(name, loc="left", color=colour or rcParams["text.color"], fontweight="bold")
    axes.set_title(remark, loc="right", alpha=MUTED)


def step_axis(axes: Axes, steps: int) -> None:
    """Let the horizontal axis show all steps, with round numbers."""
    axes.set_xlim(-0.5, steps - 0.5)
    axes.xaxis.set_major_locator(whole(9))


def whole(ticks: int) -> MaxNLocator:
    """Ticks at round whole numbers, a single one if there is but one number."""
    return MaxNLocator(ticks, integer=True, steps=(1, 2, 5, 10), min_n_ticks=1)


def layer_colours(names: Iterable[str]) -> dict[str, str]:
    """Colour of each layer: grey for the input, the palette in turn for the others."""
    others = [name for name in names if name != "input"]
    return {"input": GREY} | {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(others)}


def shades(axes: Axes) -> LinearSegmentedColormap:
    """From the ground, through blue, to ink: lightness falls, or on a dark ground rises, all the way."""
    return LinearSegmentedColormap.from_list("activity", [axes.get_facecolor(), PALETTE[0], rcParams["text.color"]])


def signed(axes: Axes) -> LinearSegmentedColormap:
    """Blue below zero, the ground at zero, orange above: distinct to every eye, the further from zero the nearer to ink."""
    ink = np.array(to_rgb(rcParams["text.color"]))
    ends = [0.5 * (ink + to_rgb(colour)) for colour in PALETTE[:2]]
    colours = [ends[0], PALETTE[0], axes.get_facecolor(), PALETTE[1], ends[1]]
    return LinearSegmentedColormap.from_list("signed", colours)


def number(count: int, noun: str) -> str:
    """Return a count with its noun: "1 step", "1,200 spikes"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
