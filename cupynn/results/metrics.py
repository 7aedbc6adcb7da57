"""`metrics.csv`, the history in the folder of a run, with a row for each epoch."""

import csv
from dataclasses import fields
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import Any

from cupynn import checks
from cupynn.checks import InputError
from cupynn.console import command
from cupynn.files import write_text
from cupynn.results.history import NEW_FIGURES, Epoch, History

FILE = "metrics.csv"
_SPIKES = "spikes_"  # prefix of the name of a layer in the header
_WHOLE = ("number", "silent")
_TERM = "term_"  # prefix of the name of a layer with a term of the loss
_OPTIONAL = ("accuracy", "validation_loss", "validation_accuracy", "r2", "validation_r2")  # that may be empty


def write(folder: Path, history: History) -> None:
    """Write the file to the folder of a run, whole or not at all."""
    write_file(folder / FILE, history)


def write_file(path: Path, history: History) -> None:
    """Write a file with a row per epoch, whole or not at all."""
    rows = [_row(epoch) for epoch in history.epochs]
    text = StringIO(newline="")
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read(path: str | PathLike) -> History:
    """Read the file, or the one in the folder of a run.

    Raises
    ------
    InputError
        If it is missing or damaged.
    """
    path = checks.path("path", path)
    path = path / FILE if path.is_dir() else path
    try:
        text = path.read_bytes().decode()
        if not text.endswith("\n"):
            raise ValueError("its last line is incomplete")
        return History([_epoch(row) for row in csv.DictReader(text.splitlines(), strict=True)])
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror}): pass the folder that cupynn train wrote") from None
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        again = command("cupynn", "train", path.parent / "definition.toml")
        remedy = f"pass another file, or train again with `{again}`"
        raise InputError(f"{path} is not the metrics of a run, or is damaged ({error}): {remedy}") from None


def _row(epoch: Epoch) -> dict[str, Any]:
    row = epoch.figures()
    spikes, terms = row.pop("spikes"), row.pop("terms", {})
    row |= {f"{_SPIKES}{name}": count for name, count in spikes.items()}
    return row | {f"{_TERM}{name}": value for name, value in terms.items()}


def _epoch(row: dict[str, str]) -> Epoch:
    values: dict[str, Any] = {"spikes": {}, "terms": {}}
    for name, text in row.items():
        if name is None or text is None:
            raise ValueError("a row has too many or too few values")
        if name.startswith(_SPIKES):
            values["spikes"][name.removeprefix(_SPIKES)] = float(text)
        elif name.startswith(_TERM):
            values["terms"][name.removeprefix(_TERM)] = float(text)
        elif text or name not in _OPTIONAL:
            values[name] = int(text) if name in _WHOLE else float(text)
        else:
            values[name] = None
    names = [field.name for field in fields(Epoch)]
    return Epoch(**{name: values[name] for name in names if name in values or name not in NEW_FIGURES})
