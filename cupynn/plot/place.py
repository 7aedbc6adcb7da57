"""Where a figure is drawn: in a figure of its own, or in axes, a subfigure or a figure of the user."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase, SubFigure

from cupynn import checks
from cupynn.checks import InputError, described
from cupynn.plot import fit
from cupynn.plot.figures import WIDTH, NotebookFigure, show_if_interactive
from cupynn.plot.style import SMALL, STYLE

NARROW = 6.0  # inches: below it, panels are placed in fewer columns and fonts are smaller
SIZES = 1.5, 100.0  # smallest and largest side of a figure, inches
AXES = "Axes, a SubFigure or a Figure, such as `fig, ax = plt.subplots()` makes"


class Place:
    """Where a function draws, from its arguments `ax`, `figsize` and `title`.

    Parameters
    ----------
    ax : Axes, SubFigure, Figure or None
        None makes a new figure.
    figsize : float, (float, float) or None
        Width, or width and height, of the new figure in inches.
    title : str or None
        Replaces the title that the function writes.
    panels : int
        Number of panels that the function draws: Axes hold one.

    Attributes
    ----------
    axes : Axes or None
        The user's axes.
    width : float
        Inches, of the figure or of the axes.
    height : float or None
        Inches, of a new figure if the user chose it, or of the part of a figure.
    """

    def __init__(self, ax: Any, figsize: Any, title: str | None, panels: int = 1) -> None:
        self.axes, self._parent, self._size = None, None, (WIDTH, None)
        self._own, self._handles, self._above = False, [], True
        if title is not None:
            checks.only("title", title, str, "text, or '' for a figure without a title")
        self._title = title
        if ax is not None:
            self._use(ax, panels)
            if figsize is not None:
                raise InputError(f"figsize={figsize!r} with ax: {described(ax)} has its size already: leave figsize out")
        elif figsize is not None:
            self._size = _size(figsize)
        self.width, self.height = self._size
        if ax is not None:
            self.width, self.height = (float(side / ax.figure.dpi) for side in (ax.bbox.width, ax.bbox.height))

    def _use(self, ax: Any, panels: int) -> None:
        if isinstance(ax, Axes):
            if panels > 1:
                remedy = "a SubFigure, such as fig.subfigures(1, 2)[0], or an empty Figure"
                raise InputError(f"ax is one panel, but this figure has {panels}: pass {remedy}")
            if ax.name != "rectilinear":
                raise InputError(f"ax is a {ax.name} plot: pass {AXES}")
            self.axes = ax
            return
        self._parent = checks.only("ax", ax, FigureBase, AXES)
        if ax.axes:
            raise InputError(f"ax is {described(ax)} with {len(ax.axes)} axes: pass an empty one, or one of its axes")

    @property
    def narrow(self) -> bool:
        """True if there is room for about one panel beside its labels."""
        return self.width < NARROW

    def style(self) -> AbstractContextManager:
        """Return the context of settings in which to draw."""
        return rc_context(STYLE | SMALL if self.narrow else STYLE)

    def figure(self, height: float, layout: str = "constrained") -> FigureBase:
        """Return the figure in which to make panels; a new one has this height in inches unless the user chose one."""
        if self._parent is None:
            width, chosen = self._size
            engine = fit.FittedLayout(compress=layout == "compressed")
            self._parent, self._own = NotebookFigure(figsize=(width, chosen or height), layout=engine), True
        elif self._parent.figure.get_layout_engine() is None:
            self._parent.figure.set_layout_engine(layout)  # without one, the panels would cover each other's labels
        return self._parent

    def legend(self, handles: Sequence[Artist], above: bool = True) -> None:
        """Choose what `done` writes into a legend: beside the title if it fits there, or below the panels."""
        self._handles, self._above = list(handles), above

    def done(self, words: str | None = None, show: bool = True) -> Figure | SubFigure | Axes:
        """Write title and legend, fit all text into its room, and return what the function returns.

        show: whether a new figure gets a window now if pyplot's own figures do
        """
        words = words if self._title is None else self._title
        if self.axes is not None:
            if words is not None:
                fit.left_title(self.axes).set_text(words)
            fit.axes([self.axes])
            fit.titles([self.axes])
            return self.axes
        fit.heading(self._parent, words or "", self._handles, self._above)
        if not self._own:
            fit.lay_out(self._parent)
            fit.text(self._parent)
        elif show:
            show_if_interactive(self._parent)
        return self._parent


def _size(value: Any) -> tuple[float, float | None]:
    """Return width and height, or the width and None, or raise InputError."""
    low, high = SIZES
    both = value if isinstance(value, tuple | list) else (value,)
    try:
        sides = [checks.number("figsize", side, minimum=low, maximum=high) for side in both]
    except InputError:
        sides = []
    if len(sides) not in (1, 2):
        raise InputError(f"figsize={value!r}: pass a width, or (width, height), of {low:g} to {high:g} inches")
    return sides[0], sides[1] if len(sides) == 2 else None
