"""The runs in a folder: when each began, how far it is, and how well it does."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from os import PathLike
from pathlib import Path

from cupynn import checks
from cupynn.checks import InputError
from cupynn.run.folder import DEFINITION, in_use
from cupynn.run.saved import SavedRun, score


@dataclass(frozen=True)
class Listed:
    """A run as `list_runs` finds it.

    Attributes
    ----------
    folder : Path
    started : datetime
        When the definition was written, in local time.
    state : str
        "finished", "training", "interrupted" or "damaged".
    epochs, of : int or None
        Number of finished epochs, and of all; None if the run is damaged.
    validation, test : float or None
        Best validation accuracy so far, and test accuracy of a finished run; R squared in a regression.
    problem : str or None
        Description of the damage.
    measure : str
        "accuracy", or "R2" in a regression.
    """

    folder: Path
    started: datetime
    state: str
    epochs: int | None = None
    of: int | None = None
    validation: float | None = None
    test: float | None = None
    problem: str | None = None
    measure: str = "accuracy"


def list_runs(folder: str | PathLike = "runs") -> list[Listed]:
    """List the runs in a folder, the latest last.

    Parameters
    ----------
    folder : path
        A folder with a sub-folder per run, such as `cupynn train` makes, or with folders of runs, such as runs/reproduce.

    Raises
    ------
    InputError
        If the folder is missing or cannot be read.

    Examples
    --------
    >>> from cupynn.run import list_runs
    >>> [run.folder.name for run in list_runs("runs") if run.state == "interrupted"]     # doctest: +SKIP
    ['digits-20260102-030405']
    """
    place = checks.path("folder", folder)
    if not place.is_dir():
        raise InputError(f"{place} is not a folder: pass one that contains runs; `cupynn train` makes them in runs/")
    try:
        return sorted(map(_listed, _runs(place)), key=lambda run: (run.started, run.folder))
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}): make it readable") from None


def _runs(place: Path, nested: bool = True) -> Iterator[Path]:
    """Return the runs in a folder, and in those of its sub-folders that are not runs, as runs/reproduce is."""
    for path in place.iterdir():
        if (path / DEFINITION).is_file():
            yield path
        elif nested and path.is_dir():
            yield from _runs(path, nested=False)


def _listed(folder: Path) -> Listed:
    run = SavedRun(folder)
    started = datetime.fromtimestamp((folder / DEFINITION).stat().st_mtime)
    try:
        epochs, of = run.finished_epochs, run.definition.options().epochs
        best = run.history.best.validation_score if epochs else None
        measure = run.history.best.measure if epochs else "accuracy"
        if run.has_result:
            return Listed(folder, started, "finished", epochs, of, best, score(run.result), measure=measure)
    except InputError as error:
        return Listed(folder, started, "damaged", problem=str(error))
    state = "training" if in_use(folder) else "interrupted"
    return Listed(folder, started, state, epochs, of, best, measure=measure)
