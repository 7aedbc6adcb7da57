"""Experiments as TOML files: presets are read by name, your own files by path.

Import `names`, `read`, `for_folder` and `Experiment` from here.
"""

import inspect
from collections.abc import Mapping
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

from cupynn import checks, toml
from cupynn.checks import InputError
from cupynn.config import Faults, check_keys
from cupynn.presets import data as data_table
from cupynn.presets.experiment import Experiment, defaults
from cupynn.presets.initial import for_folder
from cupynn.presets.overrides import override

__all__ = ["Experiment", "for_folder", "names", "read"]


def names() -> list[str]:
    """Return the names of the presets.

    Examples
    --------
    >>> "digits" in names()
    True
    """
    return sorted(path.name.removesuffix(".toml") for path in files(__name__).iterdir() if path.name.endswith(".toml"))


def read(name: str | PathLike, values: Mapping[str, Any] | None = None) -> Experiment:
    """Read a preset by name, or a file by path, and check all of it.

    Parameters
    ----------
    name : str or path
        Name of a preset, or path of a .toml file.
    values : mapping of str to value, optional
        Values to change or to add, by dotted key as in `Experiment.replace`.

    Raises
    ------
    InputError
        If the preset or file does not exist or is not TOML, or keys are unknown or missing, or values are invalid. The error
        lists all of them.
    """
    path = checks.path("name", name)
    if values is not None:
        checks.only("values", values, Mapping, 'a dict of values by dotted key, such as {"training.epochs": 3}')
    if str(name) in names():
        text = (files(__name__) / f"{name}.toml").read_text(encoding="utf-8")
    elif path.suffix == ".toml" and path.is_file():
        text = path.read_text(encoding="utf-8", errors="replace")
    elif (path / "definition.toml").is_file():
        raise InputError(f"{name} is the folder of a run: to train it again, pass {path / 'definition.toml'}")
    else:
        hint = checks.nearest(str(name), names())
        raise InputError(f"{str(name)!r}: no such preset or .toml file{hint}; presets are {', '.join(names())}")
    try:
        tables = toml.loads(text)
    except ValueError as error:
        raise InputError(f"{name}: not a TOML file: {error}") from None
    title = tables.pop("name", path.stem)
    if not isinstance(title, str) or not title or "\0" in title or Path(title).name != title:
        raise InputError(f"{name}: name={title!r}: pass a name that can be part of a file name")
    if "data" in tables:
        tables["data"] = data_table.absolute(tables["data"], path.parent)
    tables = override(
        tables | {name: table for name, table in defaults().items() if name not in tables}, values or {}, str(name)
    )
    known, faults = {**inspect.signature(Experiment).parameters}, Faults()
    known = {table: known[table] for table in known if table not in ("name", "source")}
    faults.collect(lambda: check_keys(tables, known, str(name)))
    if not {"data", "network"} <= tables.keys():
        faults.report()
    tables = {table: content for table, content in tables.items() if table in known}
    tables["data"] = data_table.absolute(tables["data"], Path.cwd())  # paths in `values`
    experiment = faults.collect(lambda: Experiment(title, **tables, source=str(name)))
    faults.report()
    return experiment
