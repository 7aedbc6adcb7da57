"""Curves of a training, drawn in a notebook while it lasts."""

import sys
from typing import TYPE_CHECKING, Any

from cupynn.checks import InputError

if TYPE_CHECKING:
    from cupynn.network import Sequential
    from cupynn.progress import History


class LiveCurves:
    """Callback that draws `plot.curves` below the cell, and after each epoch draws it anew in the same place.

    Raises
    ------
    InputError
        If this is no notebook.
    """

    def __init__(self) -> None:
        ipython = sys.modules.get("IPython")  # loaded, if a notebook runs this
        if not hasattr(ipython and ipython.get_ipython(), "kernel"):
            raise InputError("live=True draws in a notebook, and this is none: leave it out, and see plot.curves(history)")
        self._handle: Any = None

    def __call__(self, network: "Sequential", history: "History") -> None:
        """Draw."""
        from IPython.display import display

        from cupynn import plot

        if self._handle is None:
            self._handle = display(plot.curves(history), display_id=True)
        else:
            self._handle.update(plot.curves(history))
