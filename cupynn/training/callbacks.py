"""Callbacks: called after each epoch with the network and the history."""

from os import PathLike

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.config import explained
from cupynn.elsewhere import advice
from cupynn.network import epochs
from cupynn.network.network import Network
from cupynn.results.history import History
from cupynn.training.bar import in_notebook


class EarlyStopping:
    """Callback that ends training when the validation accuracy, or `validation_r2`, has not improved for `patience` epochs.

    Parameters
    ----------
    patience : int
        Number of epochs, at least 1.

    Raises
    ------
    InputError
        If `patience` is not a whole number of at least 1.

    Examples
    --------
    >>> callbacks = [EarlyStopping(patience=3)]  # net.fit(..., validation=held_out, callbacks=callbacks)
    """

    needs_validation = True

    @explained("pass patience", advice(["patience"]))
    def __init__(self, patience: int = 5) -> None:
        self.patience = checks.integer("patience", patience, minimum=1)

    def __call__(self, network: Network, history: History) -> bool:
        """Return whether to stop."""
        scores = [epoch.validation_score for epoch in history]
        return len(scores) - 1 - int(np.argmax(scores)) >= self.patience


class KeepEpochs:
    """Callback that writes the network after each epoch to a folder, with its accuracy and firing rates.

    `plot.explore` then has a slider over the epochs. Each file ``epoch-001.npz``, ``epoch-002.npz``, ... is a network for
    `Sequential.load`.

    Parameters
    ----------
    folder : path
        Folder for the files; it is made if it does not exist.
    resume : bool
        Whether the folder may hold epochs of this training already, as with ``fit(resume=True)``; they are written again.

    Raises
    ------
    InputError
        If the folder cannot be made, or holds epochs without ``resume=True``.

    Examples
    --------
    >>> net.fit(data, epochs=5, callbacks=[KeepEpochs("epochs")])  # doctest: +SKIP
    >>> plot.explore(net, test, epochs="epochs").save("explore.html")  # doctest: +SKIP
    >>> Sequential.load("epochs/epoch-003.npz").evaluate(test)  # doctest: +SKIP
    """

    @explained("pass folder and resume", dict.fromkeys(("dirpath", "filepath", "path"), "pass folder"))
    def __init__(self, folder: str | PathLike, resume: bool = False) -> None:
        self.folder, resume = checks.path("folder", folder), checks.flag("resume", resume)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make the folder {self.folder} ({error.strerror}): choose another") from error
        if not resume and epochs.numbers(self.folder):
            raise InputError(
                f"{self.folder} holds the epochs of a training: pass resume=True to continue it, or a new folder"
            )

    def __call__(self, network: Network, history: History) -> None:
        """Write the last epoch."""
        epochs.save(network, self.folder, history.epochs[-1])


class LiveCurves:
    """Callback that draws `plot.curves` below the cell of a notebook and updates it after each epoch."""

    def __init__(self) -> None:
        if not in_notebook():
            raise InputError("live=True works in notebooks only: omit it and use plot.curves(history)")
        from IPython.display import display

        self._handle = display({"text/plain": ""}, raw=True, display_id=True)  # a place above the lines of the epochs

    def __call__(self, network: Network, history: History) -> None:
        """Update the curves."""
        from cupynn.plot import curves  # matplotlib takes 0.8 s to load
        from cupynn.plot.figures import without_windows

        with without_windows():
            figure = curves(history)
            figure.fixed = True  # the next one replaces it
            self._handle.update(figure)
