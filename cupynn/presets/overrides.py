"""Changed values of an experiment by dotted key: ``training.epochs``, ``network.layers.hidden.units``."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from cupynn.checks import InputError, nearest
from cupynn.toml import DEEPEST


def override(tables: Mapping[str, Any], values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a copy of the tables with other values; the last part of a key may be new.

    Parameters
    ----------
    tables : mapping
        Tables of the experiment.
    values : mapping of str to value
        Values by dotted key. A part that selects an item of a list is its index; a layer can also be selected by name.
    where : str
        Beginning of the error messages.

    Raises
    ------
    InputError
        If a table in a key does not exist.
    """
    tables = deepcopy(dict(tables))
    for key, value in values.items():
        *path, last = key.split(".")
        if not path:
            raise InputError(f"{where}: {key}: pass a dotted key, such as training.epochs")
        place: Any = tables
        if len(path) >= DEEPEST:
            raise InputError(f"{where}: {key[:40]}...: pass a key of at most {DEEPEST} parts, found {len(path) + 1:,}")
        for depth, part in enumerate(path):
            place = _step(place, part, f"{where}: {key}", ".".join(path[:depth]))
        if not isinstance(place, dict):
            raise InputError(f"{where}: {key}: {'.'.join(path)} is {place!r}, not a table: set {'.'.join(path)} itself")
        place[last] = value
    return tables


def _step(place: Any, part: str, where: str, above: str) -> Any:
    """Return the value of one part of a dotted key."""
    if isinstance(place, list):
        known = {str(index): item for index, item in enumerate(place)}
        known |= {item["name"]: item for item in place if isinstance(item, dict) and isinstance(item.get("name"), str)}
    else:
        known = place if isinstance(place, dict) else {}
    if part not in known:
        raise InputError(
            f"{where}: there is no {part!r}{f' in {above}' if above else ''}{nearest(part, known)}: "
            f"known are {', '.join(known) or 'none'}"
        )
    return known[part]
