"""The [data] table of an experiment: a data set of cupynn's by its name, or files of your own by their kind.

Of cupynn's own the table has the name and that data set's options; of files of your own it has

- ``kind`` and ``path``: which of `KINDS` reads it, and what;
- ``test``: what part of the samples to test on, a number or a fraction, or the path of more such files;
- the options of the reader, such as ``size`` of an image folder.

Either has ``validation``, the number or fraction of training samples held out to choose the best epoch.
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
    "sound-folder": datasets.from_sound_folder,
    "npz": datasets.from_npz,
}
PATHS = ("path", "test")  # keys that may hold a path


def check(table: Mapping[str, Any], where: str) -> None:
    """Refuse unknown and missing keys, and values that are known to be unusable before a file is read."""
    if "kind" in table:
        kind = checks.choice(f"{where}: kind", table["kind"], KINDS)
        own = {key: value for key, value in inspect.signature(KINDS[kind]).parameters.items() if key not in ("path", "name")}
        check_keys(table, inspect.signature(_check_own).parameters | own, f"{where} ({kind})")
        parts = {key: table[key] for key in inspect.signature(_check_own).parameters}
        _within(where, _check_own, **parts)
    elif "name" not in table:
        raise InputError(
            f"{where}: key 'name' is missing: pass name = one of {', '.join(datasets.DATASETS)}, "
            f"or kind = one of {', '.join(KINDS)} and path, for files of your own"
        )
    else:
        check_keys(table, inspect.signature(_check_named).parameters, where)
        _within(where, _check_named, **table)


def load(table: Mapping[str, Any], seed: int) -> tuple[Dataset, Dataset | None, Dataset]:
    """Training, validation and test data; no validation data where none is held out."""
    options = dict(table)
    held_out = options.pop("validation")
    train, test = _own(options) if "kind" in options else datasets.load(options.pop("name"), **options)
    if held_out == 0:
        return train, None, test
    train, validation = _split(train, "validation", held_out, seed)
    return train, validation, test


def absolute(table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the table with its paths, which are seen from a folder, made absolute."""
    if not isinstance(table, Mapping) or "kind" not in table:
        return table
    return {
        key: _absolute(key, value, folder) if key in PATHS and isinstance(value, str) else value
        for key, value in table.items()
    }


def _absolute(key: str, path: str, folder: Path) -> str:
    try:
        return str((folder / Path(path).expanduser()).resolve())
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: there is no such home
        raise InputError(f"data: {key}={path!r} is no path here ({error}): pass another") from None


def _own(options: dict[str, Any]) -> tuple[Dataset, Dataset]:
    read, path, test = KINDS[options.pop("kind")], options.pop("path"), options.pop("test")
    whole = read(path, **options)
    if not isinstance(test, str):
        return _split(whole, "test", test, seed=0)  # whatever the network's seed: the test data must stay the same
    other = read(test, **options)
    if other.classes != whole.classes:
        raise InputError(f"test={test!r} has the classes {other.classes}, {path} {whole.classes}: name them alike")
    return whole, other


def _split(whole: Dataset, key: str, part: int | float, seed: int) -> tuple[Dataset, Dataset]:
    try:
        return whole.split(part, seed)
    except InputError as error:
        raise InputError(str(error).replace("held_out", key, 1)) from None


def _check_own(kind: Any, path: Any, test: Any, validation: Any) -> None:
    """Check the values of keys that every kind has."""
    checks.only("path", path, str)
    if not isinstance(test, str):
        _check_part("test", test)
        if test == 0:
            raise InputError("test=0: pass the number or fraction of samples to test on, or the path of others")
    _check_part("validation", validation)


def _check_named(name: Any, validation: Any, **options: Any) -> None:
    """Check the values of a table with the name of a data set, and that data set's options."""
    checks.choice("name", name, datasets.DATASETS)
    _check_part("validation", validation)
    datasets.check_options(name, options)


def _check_part(name: str, value: Any) -> None:
    """Refuse what is neither a number of samples nor a fraction of them."""
    checks.number(name, value, minimum=0)
    if isinstance(value, float) and value >= 1:
        raise InputError(f"{name}={value!r}: pass a whole number of samples, or a fraction of them below 1, such as 0.1")


def _within(where: str, check: Callable[..., None], **values: Any) -> None:
    try:
        check(**values)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
