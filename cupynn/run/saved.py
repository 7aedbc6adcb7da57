"""A run that was left in a folder, opened again: definition, history, result, networks, data."""

import json
from os import PathLike
from pathlib import Path
from typing import Any

from cupynn import checks, presets
from cupynn.cached import cached
from cupynn.checks import InputError
from cupynn.console import command
from cupynn.datasets import Dataset
from cupynn.results import metrics
from cupynn.results.history import History
from cupynn.run.folder import BEST, DEFINITION, LAST, RESULT
from cupynn.sequential import Sequential


def open_run(path: str | PathLike) -> "SavedRun":
    """Open the folder that `cupynn train`, or `cupynn.run.train`, left.

    Parameters
    ----------
    path : path
        The folder, such as "runs/digits-20260102-030405".

    Returns
    -------
    SavedRun
        Its parts are read when they are first asked for.

    Raises
    ------
    InputError
        If there is no such folder, or it holds no run.

    Examples
    --------
    Which digits does a trained network take for others, and what did its neurons do on the first of them?

    >>> import cupynn
    >>> run = cupynn.open_run("runs/digits-20260102-030405")          # doctest: +SKIP
    >>> run                                                            # doctest: +SKIP
    SavedRun runs/digits-20260102-030405: 20 epochs, the best 17, test accuracy 98.89%
    >>> train, validation, test = run.data()                           # doctest: +SKIP
    >>> net = run.network()                                            # doctest: +SKIP
    >>> wrong = test[net.predict(test.x) != test.y]                    # doctest: +SKIP
    >>> cupynn.plot.raster(net.record(wrong.x[:1]))                    # doctest: +SKIP
    >>> cupynn.plot.curves(run.history)                                # doctest: +SKIP
    """
    folder = checks.path("path", path)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: pass the folder of a run, such as `cupynn train` leaves in runs/")
    if not (folder / DEFINITION).is_file():
        raise InputError(f"{folder} has no {DEFINITION}, so it is no run: pass a folder that `cupynn train` left")
    return SavedRun(folder)


class SavedRun:
    """A run in a folder; made by `open_run`.

    Attributes
    ----------
    folder : Path
        Where it lies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached
    def definition(self) -> presets.Experiment:
        """What was trained, and how: data, network, loss, optimizer and training."""
        return presets.read(self.folder / DEFINITION)

    @cached
    def history(self) -> History:
        """Figures of each epoch that was finished, also of a run that was interrupted."""
        return metrics.read(self.folder)

    @cached
    def result(self) -> dict[str, Any]:
        """Figures on the test data, epoch by epoch, and of the machine, as `result.json` has them."""
        path = self.folder / RESULT
        if not path.is_file():
            raise InputError(f"{path} is missing, as the run was not finished: {self._again}")
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            float(result["test"]["accuracy"]), int(result["best_epoch"])
        except (OSError, KeyError, TypeError, ValueError) as error:
            again = command("cupynn", "train", "--resume", self.folder)
            raise InputError(f"{path} is damaged ({error}): write it again with `{again}`") from None
        return result

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; their numbers, where the run was not finished."""
        named = (self.folder / RESULT).is_file() and self.result.get("classes")
        return tuple(named or map(str, range(self.definition.build("cpu")[0].output_shape[-1])))

    def network(self, best: bool = True, device: str = "auto") -> Sequential:
        """Load the network of the best epoch by validation accuracy, or that of the last.

        Parameters
        ----------
        best : bool
            Which of the two.
        device : str
            As in `Sequential`.

        Raises
        ------
        InputError
            If the run ended before its first epoch did.
        """
        path = self.folder / (BEST if best else LAST)
        if not path.is_file():
            raise InputError(f"{path} is missing, as the run ended before its first epoch did: {self._again}")
        return Sequential.load(path, device)

    def data(self) -> tuple[Dataset, Dataset | None, Dataset]:
        """Training, validation and test data of the run, split as they were; None where nothing was held out."""
        return self.definition.load_data()

    @property
    def _again(self) -> str:
        return f"train it again with `{command('cupynn', 'train', self.folder / DEFINITION)}`"

    def __repr__(self) -> str:
        heading = f"SavedRun {self.folder}"
        if (self.folder / RESULT).is_file():
            result = self.result
            epochs = f"{len(self.history)} epoch{'s' if len(self.history) > 1 else ''}, the best {result['best_epoch']}"
            return f"{heading}: {epochs}, test accuracy {result['test']['accuracy']:.2%}"
        done = len(self.history) if (self.folder / metrics.FILE).is_file() else 0
        return f"{heading}: not finished, {done} of {self.definition.options().epochs} epochs"
