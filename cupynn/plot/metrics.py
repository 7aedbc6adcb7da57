"""Histories, as `fit` returns them or as run folders keep them."""

import csv
from dataclasses import fields
from os import PathLike
from pathlib import Path

from cupynn.checks import InputError
from cupynn.plot import arguments
from cupynn.progress import Epoch, History

HISTORY = "what net.fit(...) returned, or the folder that cupynn train left"
_SPIKES = "spikes_"  # before the name of a layer, in the header
_WHOLE = ("number", "silent")


def history(name: str, value: History | str | PathLike) -> History:
    """Return a history with epochs, read from the folder of a run where `value` is a path.

    Raises
    ------
    InputError
        If it is neither, holds no epochs, or the file of metrics is missing or damaged.
    """
    arguments.only(name, value, (History, str, PathLike), HISTORY)
    told = value if isinstance(value, History) else read(value)
    if not len(told):
        raise InputError(f"{name} holds no epochs: pass {HISTORY}")
    return told


def read(folder: str | PathLike) -> History:
    """Read the `metrics.csv` of a run folder.

    Raises
    ------
    InputError
        If it is missing or damaged.
    """
    path = Path(folder)
    path = path / "metrics.csv" if path.is_dir() else path
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            raise ValueError("its last line is cut")
        return History([_epoch(row) for row in csv.DictReader(lines, strict=True)])
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror}): pass the folder that cupynn train left") from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(f"{path} is no metrics of a run, or is damaged ({error}): pass another folder") from error


def _epoch(row: dict[str, str]) -> Epoch:
    """Return an epoch from a line of the file; an empty field of validation is None."""
    figures = {}
    for name in (field.name for field in fields(Epoch) if field.name != "spikes"):
        absent = row[name] == "" and name.startswith("validation_")
        figures[name] = None if absent else (int if name in _WHOLE else float)(row[name])
    spikes = {name.removeprefix(_SPIKES): float(row[name]) for name in row if name and name.startswith(_SPIKES)}
    return Epoch(spikes=spikes, **figures)
