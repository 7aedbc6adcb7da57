"""When to end a training."""

from typing import TYPE_CHECKING

import numpy as np

from cupynn import checks
from cupynn.progress import History

if TYPE_CHECKING:
    from cupynn.network import Sequential


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

    def __call__(self, network: "Sequential", history: History) -> bool:
        """Return whether to stop."""
        accuracies = history["validation_accuracy"]
        return len(accuracies) - 1 - int(np.argmax(accuracies)) >= self.patience
