"""`metrics.csv`, the history that a run folder keeps: a line an epoch, written and read here."""

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
from cupynn.results.history import Epoch, History

FILE = "metrics.csv"
_SPIKES = "spikes_"  # before the name of a layer, in the header
_WHOLE = ("number", "silent")
_OPTIONAL = ("validation_loss", "validation_accuracy")  # empty where nothing was held out


def write(folder: Path, history: History) -> None:
    """Write the file of a run folder, whole or not at all."""
    rows = [_row(epoch) for epoch in history.epochs]
    text = StringIO(newline="")
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / FILE, text.getvalue())


def read(path: str | PathLike) -> History:
    """Read the file, or that of a run folder.

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
            raise ValueError("its last line is cut short")
        return History([_epoch(row) for row in csv.DictReader(text.splitlines(), strict=True)])
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror}): pass the folder that cupynn train left") from None
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        again = command("cupynn", "train", path.parent / "definition.toml")
        remedy = f"pass another, or train again with `{again}`"
        raise InputError(f"{path} is no metrics of a run, or is damaged ({error}): {remedy}") from None


def _row(epoch: Epoch) -> dict[str, Any]:
    row = {field.name: getattr(epoch, field.name) for field in fields(epoch) if field.name != "spikes"}
    return row | {f"{_SPIKES}{name}": count for name, count in epoch.spikes.items()}


def _epoch(row: dict[str, str]) -> Epoch:
    values: dict[str, Any] = {"spikes": {}}
    for name, text in row.items():
        if name is None or text is None:
            raise ValueError("a line has too many or too few values")
        if name.startswith(_SPIKES):
            values["spikes"][name.removeprefix(_SPIKES)] = float(text)
        elif text or name not in _OPTIONAL:
            values[name] = int(text) if name in _WHOLE else float(text)
        else:
            values[name] = None
    return Epoch(**{field.name: values[field.name] for field in fields(Epoch)})
