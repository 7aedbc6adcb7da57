"""What all figures share: their look, and how their arguments are checked."""

from collections.abc import Iterable
from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cupynn import checks
from cupynn.checks import InputError
from cupynn.spikes import SpikeTrains

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


class NotebookFigure(Figure):
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


def step_axis(axes: Axes, steps: int) -> None:
    """Let the horizontal axis show all steps, with round numbers."""
    axes.set_xlim(-0.5, steps - 0.5)
    axes.xaxis.set_major_locator(whole(9))
    axes.tick_params(labelsize=8)


def whole(ticks: int) -> MaxNLocator:
    """Ticks at round whole numbers, a single one if there is but one number."""
    return MaxNLocator(ticks, integer=True, steps=(1, 2, 5, 10), min_n_ticks=1)


def layer_colours(names: Iterable[str]) -> dict[str, str]:
    """Colour of each layer: grey for the input, the palette in turn for the others."""
    others = [name for name in names if name != "input"]
    return {"input": GREY} | {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(others)}


def number(count: int, noun: str) -> str:
    """Return a count with its noun: "1 step", "1,200 spikes"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def only(name: str, value: Any, kind: type, remedy: str) -> Any:
    """Return `value` if it is an instance of `kind`, or raise InputError with the remedy, "pass ..."."""
    if not isinstance(value, kind):
        raise InputError(f"{name} is a {type(value).__name__}: pass {remedy}")
    return value


def listed(name: str, value: Any) -> list:
    """Return `value`, one item or several, as a list that is not empty."""
    items = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    if not items:
        raise InputError(f"{name} is empty: pass at least one")
    return items


def sample_index(sample: int, spikes: SpikeTrains) -> int:
    """Return `sample` if the batch has it, or raise InputError."""
    if not len(spikes):
        raise InputError("there are no samples: pass at least one")
    return checks.integer("sample", sample, maximum=len(spikes) - 1)
