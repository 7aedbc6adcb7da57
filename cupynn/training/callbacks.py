"""Callbacks of a training: called after each epoch, with the network and the history."""

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.network.network import Network
from cupynn.results.history import History
from cupynn.training.bar import in_notebook


class EarlyStopping:
    """Callback that ends training when the validation accuracy has not risen for some epochs.

    Parameters
    ----------
    patience : int
        Number of these epochs.

    Raises
    ------
    InputError
        If that is no whole number of at least 1.

    Examples
    --------
    >>> callbacks = [EarlyStopping(patience=3)]  # net.fit(..., validation=held_out, callbacks=callbacks)
    """

    needs_validation = True

    def __init__(self, patience: int = 5) -> None:
        self.patience = checks.integer("patience", patience, minimum=1)

    def __call__(self, network: Network, history: History) -> bool:
        """Return whether to stop."""
        accuracies = history["validation_accuracy"]
        return len(accuracies) - 1 - int(np.argmax(accuracies)) >= self.patience


class LiveCurves:
    """Callback that draws `plot.curves` below the cell, and updates it after each epoch.

    Raises
    ------
    InputError
        If this is no notebook.
    """

    def __init__(self) -> None:
        if not in_notebook():
            raise InputError("live=True works in notebooks only: leave it out, and use plot.curves(history)")
        from IPython.display import display

        self._handle = display({"text/plain": ""}, raw=True, display_id=True)  # a place above the lines of the epochs

    def __call__(self, network: Network, history: History) -> None:
        """Draw."""
        from cupynn.plot import curves  # matplotlib takes 0.8 s to load

        self._handle.update(curves(history))
