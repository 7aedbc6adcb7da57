"""The [data] table of an experiment: the name of a built-in data set, or the kind and path of your own files.

The table of a built-in data set contains its name and its options. The table of your own files contains

- ``kind`` and ``path``: the reader, one of `KINDS`, and the file or folder to read;
- ``test``: the number or fraction of samples to test on, or the path of separate test files;
- the options of the reader, such as ``size`` of an image folder.

Both have ``validation``, the number or fraction of training samples held out to choose the best epoch.
"""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cupynn import checks, datasets
from cupynn.checks import InputError
from cupynn.config import check_keys
from cupynn.datasets import Dataset

KINDS: dict[str, Callable[..., Dataset]] = {
    "image-folder": datasets.from_image_folder,
    "event-folder": datasets.from_event_folder,
    "event-tables": datasets.from_event_tables,
    "sound-folder": datasets.from_sound_folder,
    "npz": datasets.from_npz,
    "shd": datasets.from_shd,
    "signals": datasets.from_signals,
}
PATHS = ("path", "test", "limits")  # keys that may hold a path


def check(table: Mapping[str, Any], where: str) -> None:
    """Raise InputError for unknown and missing keys, and for invalid values, before a file is read."""
    if "kind" in table:
        kind = checks.choice(f"{where}: kind", table["kind"], KINDS)
        own = {key: value for key, value in inspect.signature(KINDS[kind]).parameters.items() if key not in ("path", "name")}
        check_keys(table, inspect.signature(_check_own).parameters | own, f"{where} ({kind})")
        parts = {key: table[key] for key in inspect.signature(_check_own).parameters}
        _within(where, _check_own, **parts)
    elif "name" not in table:
        raise InputError(
            f"{where}: key 'name' is missing: pass name = one of {', '.join(datasets.DATASETS)}, "
            f"or kind = one of {', '.join(KINDS)} and path for your own files"
        )
    else:
        check_keys(table, inspect.signature(_check_named).parameters, where)
        _within(where, _check_named, **table)


def load(table: Mapping[str, Any], seed: int) -> tuple[Dataset, Dataset | None, Dataset]:
    """Return training, validation (or None) and test data."""
    options = dict(table)
    held_out = options.pop("validation")
    train, test = _own(options) if "kind" in options else datasets.load(options.pop("name"), **options)
    if held_out == 0:
        return train, None, test
    train, validation = _split(train, "validation", held_out, seed)
    return train, validation, test


def absolute(table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the table with its paths, which are relative to a folder, made absolute."""
    if not isinstance(table, Mapping) or "kind" not in table:
        return table
    table = dict(table)
    for key in PATHS:
        if isinstance(path := table.get(key), str):
            try:
                table[key] = str((folder / Path(path).expanduser()).resolve())
            except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: no such home directory
                raise InputError(f"data: {key}={path!r} is not a valid path ({error}): pass another") from None
    return table


def _own(options: dict[str, Any]) -> tuple[Dataset, Dataset]:
    kind, path, test = (options.pop(key) for key in ("kind", "path", "test"))
    read = KINDS[kind]
    whole = read(path, **options)
    if not isinstance(test, str):
        return _split(whole, "test", test, seed=0)  # not the network's seed: the test data must stay the same
    other = read(test, **for_other_files(kind, path, options))
    if other.classes != whole.classes:
        raise InputError(f"test={test!r} has the classes {other.classes}, {path} has {whole.classes}: use the same names")
    return whole, other


def for_other_files(kind: str, path: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options to read other files than those at `path`, to train on, in the same way."""
    limits = {"limits": path} if kind == "signals" and options.get("normalise") != "none" else {}
    return limits | dict(options)


def _split(whole: Dataset, key: str, part: int | float, seed: int) -> tuple[Dataset, Dataset]:
    try:
        return whole.split(part, seed)
    except InputError as error:
        raise InputError(str(error).replace("held_out", key, 1)) from None


def _check_own(kind: Any, path: Any, test: Any, validation: Any) -> None:
    """Check the keys that all kinds have."""
    checks.only("path", path, str)
    if not isinstance(test, str):
        _check_part("test", test)
        if test == 0:
            raise InputError("test=0: pass the number or fraction of samples to test on, or the path of test files")
    _check_part("validation", validation)


def _check_named(name: Any, validation: Any, **options: Any) -> None:
    """Check the name and the options of a built-in data set."""
    checks.choice("name", name, datasets.DATASETS)
    _check_part("validation", validation)
    datasets.check_options(name, options)


def _check_part(name: str, value: Any) -> None:
    """Raise InputError unless a value is a number or a fraction of samples."""
    checks.number(name, value, minimum=0)
    if isinstance(value, float) and value >= 1:
        raise InputError(f"{name}={value!r}: pass a whole number of samples, or a fraction of them below 1, such as 0.1")


def _within(where: str, check: Callable[..., None], **values: Any) -> None:
    try:
        check(**values)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
