"""The figure that all functions return: shown once in a notebook, in a window where there are windows, never kept."""

import sys
import warnings
from io import BytesIO
from types import ModuleType

from matplotlib import get_backend
from matplotlib.figure import Figure

WIDTH = 9.0  # inches
KEPT = 20  # figures that pyplot holds before the oldest of ours go: as many as it holds without a warning


class NotebookFigure(Figure):
    """A figure for notebooks and scripts.

    A notebook shows it where it ends a cell, once. A program that uses pyplot with windows finds it among pyplot's figures,
    and `matplotlib.pyplot.show` shows it with the others; elsewhere pyplot does not know it, and it goes when nobody holds
    it any more. `show` works everywhere.
    """

    def _repr_png_(self) -> tuple[bytes, dict[str, int]] | None:
        """PNG at twice the resolution, and the size to show it at; nothing for a figure that has a window.

        IPython shows a plain `Figure` only once pyplot has loaded the inline backend. Where that is loaded, its own
        settings of format and resolution come first.
        """
        if self._has_window():
            return None
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
        import matplotlib.pyplot as plt

        if _opens_windows(plt):
            if not self._has_window():
                _open(plt, self)
            plt.show(block=block)
        elif _in_ipython():
            from IPython.display import display

            display(self)
        elif warn:
            warnings.warn(
                f"the backend {get_backend()} opens no windows: use figure.savefig(path), or matplotlib.use(...) another",
                stacklevel=2,
            )

    def _has_window(self) -> bool:
        plt, manager = sys.modules.get("matplotlib.pyplot"), self.canvas.manager
        return plt is not None and manager is not None and plt.fignum_exists(manager.num)


def new_figure(height: float) -> NotebookFigure:
    """Return an empty figure of this height in inches; pyplot knows it if the program uses pyplot, with windows."""
    figure = NotebookFigure(figsize=(WIDTH, height), layout="constrained")
    plt = sys.modules.get("matplotlib.pyplot")
    if plt is not None and _opens_windows(plt):
        _open(plt, figure)
    return figure


def _opens_windows(plt: ModuleType) -> bool:
    """Whether pyplot's backend belongs to a GUI: those of notebooks and of files do not."""
    return plt._get_backend_mod().FigureCanvas.required_interactive_framework is not None


def _open(plt: ModuleType, figure: NotebookFigure) -> None:
    """Hand a figure to pyplot, which makes its window; drop the oldest of ours, so that a long loop fills no memory."""
    from matplotlib._pylab_helpers import Gcf

    ours = [m.canvas.figure for m in Gcf.figs.values() if isinstance(m.canvas.figure, NotebookFigure)]
    for old in ours[: max(0, len(Gcf.figs) + 1 - KEPT)]:
        plt.close(old)
    plt.figure(FigureClass=lambda **_: figure)  # unlike plt.figure(figure), it is there before matplotlib 3.11


def _in_ipython() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None
