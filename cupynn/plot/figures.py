"""The figure class that all functions return."""

import sys
import warnings
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib import get_backend, is_interactive, rc_context, rcParams
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from cupynn.checks import InputError
from cupynn.files import writing

WIDTH = 9.0  # inches
WITHOUT_WINDOWS = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template", "inline", "nbagg", "notebook", "widget", "ipympl")

WIDGETS = ("widget", "ipympl")  # names of the backend whose canvases are shown in notebooks


class NotebookFigure(Figure):
    """A figure for notebooks and scripts.

    A notebook shows it once, where it ends a cell: as a picture, or with the tools of ``%matplotlib widget``. Pyplot does
    not know the figure before it is shown, so its memory is freed with its last reference.

    Attributes
    ----------
    fixed : bool
        If True, a notebook always shows a picture, which a later picture can replace.
    """

    fixed = False

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """Return the canvas with its tools if pyplot's backend draws such canvases in notebooks; otherwise nothing."""
        if self.fixed or "matplotlib.pyplot" not in sys.modules or not any(name in get_backend() for name in WIDGETS):
            return None
        import matplotlib.pyplot as plt

        with plt.ioff():  # an interactive backend would show the new canvas a second time, below the cell
            self._manage(plt)
        return self.canvas._repr_mimebundle_(include=include, exclude=exclude)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]] | None:
        """Return a PNG at twice the resolution, and the size to show it at; nothing for a figure in an open window.

        IPython shows a plain `Figure` only after pyplot has loaded the inline backend. If that is loaded, its settings of
        format and resolution take precedence.
        """
        if not self.fixed and is_interactive() and _opens_windows() and self._is_managed(sys.modules["matplotlib.pyplot"]):
            return None
        file = BytesIO()
        self.savefig(file, format="png", dpi=2 * self.dpi, facecolor=self.get_facecolor())
        width, height = (round(side * self.dpi) for side in self.get_size_inches())
        return file.getvalue(), {"width": width, "height": height}

    def show(self, warn: bool = True, *, block: bool | None = None) -> None:
        """Show the figure below the cell of a notebook; elsewhere in a window, with all figures that pyplot holds.

        Parameters
        ----------
        warn : bool
            Whether to warn if the backend opens no windows.
        block : bool, optional
            Whether to wait until all windows are closed; by default as `matplotlib.pyplot.show`, which waits in a script.
            ``block=False`` opens several figures before the last one waits.
        """
        if _opens_windows():
            self._open_window(block)
        elif _in_ipython():
            from IPython.display import display

            display(self)
        elif warn:
            warnings.warn(
                f"the backend {get_backend()} opens no windows: use figure.savefig(path), or matplotlib.use(another)",
                stacklevel=2,
            )

    def _open_window(self, block: bool | None) -> None:
        import matplotlib.pyplot as plt

        self._manage(plt)
        plt.show(block=block)

    def _manage(self, plt: Any) -> None:
        """Hand the figure to pyplot, which gives it a canvas of its backend."""
        if not self._is_managed(plt):
            plt.figure(FigureClass=lambda **_: self)  # plt.figure(self) needs matplotlib 3.11

    def _is_managed(self, plt: Any) -> bool:
        manager = self.canvas.manager
        return manager is not None and plt.fignum_exists(manager.num) and plt.figure(manager.num) is self


def new_figure(height: float) -> NotebookFigure:
    """Return an empty figure of this height in inches."""
    return NotebookFigure(figsize=(WIDTH, height), layout="constrained")


def without_windows() -> AbstractContextManager:
    """Return a context in which figures open no windows: they are for files or for a notebook."""
    return rc_context({"interactive": False})


def show_if_interactive(figure: NotebookFigure) -> None:
    """Open the window of a figure at once if pyplot does so with its own, after ``plt.ion()`` or ``%matplotlib qt``."""
    if "matplotlib.pyplot" in sys.modules and is_interactive() and _opens_windows():
        figure.show(block=False)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure whole or not at all, in the format of the file extension, or raise InputError."""
    kind = path.suffix[1:].lower() or rcParams["savefig.format"]
    formats = FigureCanvasBase.get_supported_filetypes()
    if kind not in formats:
        raise InputError(f"cannot write {path}: pass a name that ends in one of {', '.join(sorted(formats))}")
    with writing(path if path.suffix else path.with_name(f"{path.name}.{kind}")) as file:
        figure.savefig(file.name, format=kind, dpi=150)  # by name: some formats are text


def _opens_windows() -> bool:
    """Return whether pyplot's backend belongs to a GUI, not to notebooks or files."""
    name = get_backend().lower().rpartition("backend_")[2]  # also of module://matplotlib_inline.backend_inline
    return name not in WITHOUT_WINDOWS


def _in_ipython() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None
