"""What a notebook shows below a cell while a training lasts: its progress, its curves."""

import sys
from io import StringIO
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from cupynn.checks import InputError

if TYPE_CHECKING:
    from cupynn.network import Sequential
    from cupynn.progress import History


def in_notebook() -> bool:
    """Whether a notebook runs this."""
    ipython = sys.modules.get("IPython")  # loaded, if it does
    return hasattr(ipython and ipython.get_ipython(), "kernel")


class NotebookBar(tqdm):
    """A progress bar in one place below the cell, of which nothing is left in the end.

    tqdm's own bar for notebooks needs ipywidgets, and stays in the saved file as a widget that cannot be shown any more;
    its bar for terminals fills the file with every state that it ever had.
    """

    def __init__(self, **options: Any) -> None:
        self._handle: Any = None
        super().__init__(file=StringIO(), ncols=100, **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Draw the bar anew, or another text in its place."""
        from IPython.display import display

        words = {"text/plain": str(self) if msg is None else msg}
        if self._handle is None:
            self._handle = display(words, raw=True, display_id=True)
        else:
            self._handle.update(words, raw=True)


class LiveCurves:
    """Callback that draws `plot.curves` below the cell, and after each epoch draws it anew in the same place.

    Raises
    ------
    InputError
        If this is no notebook.
    """

    def __init__(self) -> None:
        if not in_notebook():
            raise InputError("live=True draws in a notebook, and this is none: leave it out, and see plot.curves(history)")
        from IPython.display import display

        self._handle = display({"text/plain": ""}, raw=True, display_id=True)  # a place above the lines of the epochs

    def __call__(self, network: "Sequential", history: "History") -> None:
        """Draw."""
        from cupynn import plot

        self._handle.update(plot.curves(history))
