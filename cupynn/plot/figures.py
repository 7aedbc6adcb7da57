"""The figure that all functions return: a notebook shows it, `show` opens a window, and nothing keeps it."""

import sys
import warnings
from io import BytesIO

from matplotlib import get_backend
from matplotlib.figure import Figure

WIDTH = 9.0  # inches
WITHOUT_WINDOWS = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template", "inline", "nbagg", "notebook", "widget", "ipympl")


class NotebookFigure(Figure):
    """A figure for notebooks and scripts.

    A notebook shows it where it ends a cell, once. Pyplot does not know it before `show`, so that it goes when nothing holds
    it any more.
    """

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Return a PNG at twice the resolution, and the size to show it at.

        IPython shows a plain `Figure` only once pyplot has loaded the inline backend. Where that is loaded, its own
        settings of format and resolution come first.
        """
        file = BytesIO()
        self.savefig(file, format="png", dpi=2 * self.dpi, facecolor=self.get_facecolor())
        width, height = (round(side * self.dpi) for side in self.get_size_inches())
        return file.getvalue(), {"width": width, "height": height}

    def show(self, warn: bool = True, *, block: bool | None = None) -> None:
        """Show the figure: in a notebook below the cell, elsewhere in a window, with all others that pyplot holds.

        Parameters
        ----------
        warn : bool
            Whether to warn where there are no windows.
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
                f"the backend {get_backend()} opens no windows: use figure.savefig(path), or matplotlib.use(...) another",
                stacklevel=2,
            )

    def _open_window(self, block: bool | None) -> None:
        import matplotlib.pyplot as plt

        manager = self.canvas.manager
        if manager is None or not plt.fignum_exists(manager.num) or plt.figure(manager.num) is not self:
            plt.figure(FigureClass=lambda **_: self)  # unlike plt.figure(self), it is there before matplotlib 3.11
        plt.show(block=block)


def new_figure(height: float) -> NotebookFigure:
    """Return an empty figure of this height in inches."""
    return NotebookFigure(figsize=(WIDTH, height), layout="constrained")


def _opens_windows() -> bool:
    """Return whether pyplot's backend belongs to a GUI: those of notebooks and of files do not."""
    name = get_backend().lower().rpartition("backend_")[2]  # of module://matplotlib_inline.backend_inline as well
    return name not in WITHOUT_WINDOWS


def _in_ipython() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None
