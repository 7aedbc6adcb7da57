"""Experiments as TOML files. The presets beside this file are read by name, your own files by path.

Import `names`, `read` and `Experiment` from here.
"""

import inspect
from collections.abc import Mapping
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

from cupynn import checks, toml
from cupynn.checks import InputError
from cupynn.config import check_keys
from cupynn.presets import data as data_table
from cupynn.presets.experiment import Experiment
from cupynn.presets.overrides import override

__all__ = ["Experiment", "names", "read"]


def names() -> list[str]:
    """Names of the presets.

    Examples
    --------
    >>> "digits" in names()
    True
    """
    return sorted(path.name.removesuffix(".toml") for path in files(__name__).iterdir() if path.name.endswith(".toml"))


def read(name: str | PathLike, values: Mapping[str, Any] | None = None) -> Experiment:
    """Read a preset by name, or a file by path, and check it whole.

    Parameters
    ----------
    name : str or path
    values : mapping of str to value, optional
        Other values, or such as the file lacks, under dotted keys as `Experiment.replace` has them.

    Raises
    ------
    InputError
        If there is no such preset or file, the file is no TOML, or a key is unknown, missing or has an unusable value.
    """
    path = checks.path("name", name)
    if str(name) in names():
        text = (files(__name__) / f"{name}.toml").read_text(encoding="utf-8")
    elif path.suffix == ".toml" and path.is_file():
        text = path.read_text(encoding="utf-8", errors="replace")
    elif (path / "definition.toml").is_file():
        raise InputError(f"{name} is the folder of a run: to train the same again, pass {path / 'definition.toml'}")
    else:
        raise InputError(f"{str(name)!r}: no such preset or .toml file; presets are {', '.join(names())}")
    try:
        tables = toml.loads(text)
    except ValueError as error:
        raise InputError(f"{name}: not a TOML file: {error}") from None
    title = tables.pop("name", path.stem)
    if not isinstance(title, str) or not title or "\0" in title or Path(title).name != title:
        raise InputError(f"{name}: name={title!r}: pass a name that can be part of a folder's")
    if "data" in tables:
        tables["data"] = data_table.absolute(tables["data"], path.parent)
    tables = override(tables, values or {}, str(name))
    fields = inspect.signature(Experiment).parameters
    check_keys(tables, {field: fields[field] for field in fields if field not in ("name", "source")}, str(name))
    tables["data"] = data_table.absolute(tables["data"], Path.cwd())  # paths among the values
    return Experiment(title, **tables, source=str(name))
