"""Access to the folder of a run: definition, history, result, networks, data."""

import json
from os import PathLike
from pathlib import Path
from typing import Any

from cupynn import checks, presets
from cupynn.cached import cached
from cupynn.checks import InputError
from cupynn.console import command
from cupynn.datasets import Dataset
from cupynn.network import epochs
from cupynn.results import metrics
from cupynn.results.history import History
from cupynn.run.folder import BEST, DEFINITION, EPOCHS, LAST, RESULT
from cupynn.sequential import Sequential


def _check_names(classes: Any) -> None:
    if classes is not None and not (isinstance(classes, list) and all(isinstance(name, str) for name in classes)):
        raise ValueError("classes is not a list of names")


def open_run(path: str | PathLike) -> "SavedRun":
    """Open the folder that `cupynn train` or `cupynn.run.train` wrote.

    Parameters
    ----------
    path : path
        The folder, such as "runs/digits-20260102-030405".

    Raises
    ------
    InputError
        If the folder does not exist, or contains no run.

    Examples
    --------
    Find the test digits that a trained network misclassifies, and draw the spikes on the first of them:

    >>> import cupynn
    >>> run = cupynn.open_run("runs/digits-20260102-030405")          # doctest: +SKIP
    >>> run                                                            # doctest: +SKIP
    SavedRun runs/digits-20260102-030405: 20 epochs, best 17, test accuracy 98.89%
    >>> train, validation, test = run.data()                           # doctest: +SKIP
    >>> net = run.network()                                            # doctest: +SKIP
    >>> wrong = test[net.predict(test.x) != test.y]                    # doctest: +SKIP
    >>> cupynn.plot.raster(net.record(wrong.x[:1]))                    # doctest: +SKIP
    >>> cupynn.plot.curves(run.history)                                # doctest: +SKIP
    """
    folder = checks.path("path", path)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: pass the folder of a run, such as `cupynn train` makes in runs/")
    if not (folder / DEFINITION).is_file():
        raise InputError(f"{folder} has no {DEFINITION}, so it is not a run: pass a folder that `cupynn train` wrote")
    return SavedRun(folder)


def score(result: dict[str, Any]) -> float:
    """Return the test accuracy of the content of `result.json`, or R squared of a regression."""
    test = result["test"]
    return checks.number("test score", test["r2"] if test["accuracy"] is None else test["accuracy"], maximum=1)


class SavedRun:
    """A run in a folder, opened by `open_run`; its parts are read on first access.

    Attributes
    ----------
    folder : Path
        Path of the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached
    def definition(self) -> presets.Experiment:
        """The definition of data, network, loss, optimizer and training."""
        return presets.read(self.folder / DEFINITION)

    @cached
    def history(self) -> History:
        """The finished epochs; an interrupted run has them too."""
        return metrics.read(self.folder)

    @cached
    def result(self) -> dict[str, Any]:
        """The content of `result.json`: results on the test data, epochs, device and machine."""
        path = self.folder / RESULT
        if not path.is_file():
            raise InputError(f"{path} is missing, as the run is not finished: {self._again}")
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            score(result), checks.integer("best_epoch", result["best_epoch"])
            _check_names(result.get("classes"))
        except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            again = command("cupynn", "train", "--resume", self.folder)
            raise InputError(f"{path} is damaged ({error}): write it again with `{again}`") from None
        return result

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; their numbers if the run is not finished."""
        named = self.has_result and self.result.get("classes")
        return tuple(named or map(str, range(self.definition.build("cpu")[0].classes)))

    def network(self, best: bool = True, device: str = "auto") -> Sequential:
        """Load the network of the best epoch by validation accuracy, or of the last epoch.

        Parameters
        ----------
        best : bool
            Whether to load the best instead of the last.
        device : str
            Device, as in `Sequential`.

        Raises
        ------
        InputError
            If the run has no finished epoch.
        """
        path = self.folder / (BEST if best else LAST)
        if not path.is_file():
            raise InputError(f"{path} is missing, as the run has no finished epoch: {self._again}")
        return Sequential.load(path, device)

    @property
    def epochs_folder(self) -> Path | None:
        """Folder with the network after each epoch, for `plot.explore`; None if the run keeps none (``--keep-epochs``)."""
        return self.folder / EPOCHS if epochs.numbers(self.folder / EPOCHS) else None

    def data(self) -> tuple[Dataset, Dataset | None, Dataset]:
        """Load training, validation (or None) and test data, with the split of the run."""
        return self.definition.load_data()

    @property
    def _again(self) -> str:
        return f"train it again with `{command('cupynn', 'train', self.folder / DEFINITION)}`"

    @property
    def has_result(self) -> bool:
        """True for a finished run."""
        return (self.folder / RESULT).is_file()

    @property
    def finished_epochs(self) -> int:
        """Number of finished epochs."""
        return len(self.history) if (self.folder / metrics.FILE).is_file() else 0

    def __repr__(self) -> str:
        heading = f"SavedRun {self.folder}"
        if self.has_result:
            result = self.result
            epochs = f"{len(self.history)} epoch{'s' if len(self.history) > 1 else ''}, best {result['best_epoch']}"
            regression = result["test"]["accuracy"] is None
            reached = f"R2 {score(result):.3f}" if regression else f"accuracy {score(result):.2%}"
            return f"{heading}: {epochs}, test {reached}"
        return f"{heading}: not finished, {self.finished_epochs} of {self.definition.options().epochs} epochs"
