"""Which of NumPy's functions CuPy has, and with which parameters: cupy_names.txt, written by `describe` from a real CuPy."""

import inspect
import re
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

UFUNC = ("ufunc",)
_UFUNC_OPTIONS = {"out", "casting", "dtype"}

# The size of the result depends on values: the host waits for them.
WAITING = """
    argwhere bincount compress extract flatnonzero histogram intersect1d nonzero setdiff1d setxor1d trim_zeros union1d unique
"""
WAITING = frozenset(WAITING.split())

# NumPy answers with a bool, CuPy with an array of one.
VERDICTS = frozenset(["allclose", "array_equal", "array_equiv"])


def describe(cupy: ModuleType) -> str:
    """A line for each function and each method of arrays that NumPy and `cupy` share: its name and its parameters."""
    lines = [f"{name} {' '.join(_parameters(getattr(cupy, name), cupy))}" for name in sorted(dir(np)) if _shared(name, cupy)]
    methods = [name for name in dir(cupy.ndarray) if callable(getattr(np.ndarray, name, None)) and not name.startswith("_")]
    lines += [f"ndarray.{name} {' '.join(_parameters(getattr(cupy.ndarray, name), cupy))}" for name in methods]
    return "".join(f"{line.strip()}\n" for line in lines)


def _shared(name: str, cupy: ModuleType) -> bool:
    value = getattr(np, name)
    return not name.startswith("_") and callable(value) and not isinstance(value, type) and hasattr(cupy, name)


def _parameters(function, cupy: ModuleType) -> tuple[str, ...]:
    if isinstance(function, cupy.ufunc):
        return UFUNC
    try:
        words = [str(parameter) for parameter in inspect.signature(function).parameters.values()]
    except ValueError:  # compiled: the first line of its documentation tells
        words = re.match(r"[\w.]+\((.*?)\)(?: ->|\n|$)", function.__doc__)[1].split(", ")
    names = (re.split("[:=]", word)[0].split()[-1] for word in words)
    return tuple(name for name in names if name not in ("self", "*"))


@cache
def recorded() -> dict[str, tuple[str, ...]]:
    """Name -> parameters; those that CuPy 13.6 and 14.2 share."""
    lines = (Path(__file__).parent / "cupy_names.txt").read_text(encoding="utf-8").splitlines()
    return {name: tuple(parameters) for name, *parameters in map(str.split, lines)}


def check(name: str, args: tuple, options: dict) -> None:
    """Refuse a call that NumPy would take and CuPy would not.

    Raises
    ------
    TypeError
        If CuPy's function of this name has fewer parameters, or lacks one of the options.
    """
    parameters = recorded()[name]
    known = _UFUNC_OPTIONS if parameters == UFUNC else set(parameters)
    strange = [] if any(word.startswith("**") for word in known) else sorted(set(options) - known)
    if strange:
        raise TypeError(f"{name}() got an unexpected keyword argument {strange[0]!r}")
    if parameters != UFUNC and not any(word.startswith("*") for word in known) and len(args) > len(parameters):
        raise TypeError(f"{name}() takes {len(parameters)} arguments but {len(args)} were given")
