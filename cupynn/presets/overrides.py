"""Values of an experiment under dotted keys: ``training.epochs``, ``network.layers.hidden.units``."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from cupynn.checks import InputError
from cupynn.config import nearest
from cupynn.toml import DEEPEST


def override(tables: Mapping[str, Any], values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a copy of the tables with other values; the last part of a key need not be there yet.

    Parameters
    ----------
    tables : mapping
        Of the experiment.
    values : mapping of str to value
        By dotted key. An item of a list is named by its number, from 0 on, or, a layer, by its name.
    where : str
        Begins the messages.

    Raises
    ------
    InputError
        If there is no such table on the way.
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
            raise InputError(f"{where}: {key}: {'.'.join(path)} is {place!r}, no table: set {'.'.join(path)} itself")
        place[last] = value
    return tables


def _step(place: Any, part: str, where: str, above: str) -> Any:
    """Return what lies below one part of a dotted key."""
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
