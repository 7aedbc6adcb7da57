"""The state of an optimizer as a flat dict of arrays, which `numpy.savez` stores and `numpy.load` reads."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError

Moments = dict[tuple[str, str], tuple[np.ndarray, ...]]

NEW = "pass the result of state_dict() of an optimizer with the same arguments"


def pack(kind: str, updates: int, epoch: float, moments: Moments) -> dict[str, np.ndarray]:
    """Return the state of an optimizer of class `kind`, with moments in host memory, by names of arrays."""
    arrays = {"kind": np.array(kind), "updates": np.array(updates), "epoch": np.array(epoch)}
    for (layer, name), held in moments.items():
        arrays |= {f"moments/{layer}/{name}/{number}": moment.copy() for number, moment in enumerate(held)}
    return arrays


def unpack(state: Any, kind: str, count: int, squares: Collection[int] = ()) -> tuple[int, float, Moments]:
    """Return updates, epoch and moments of a state for an optimizer of class `kind` with `count` moments per parameter.

    `squares` are the numbers of the moments that are means of squares, so never negative.

    Raises
    ------
    InputError
        If the state is not that of such an optimizer.
    """
    if not isinstance(state, Mapping):
        raise InputError(f"state is {checks.described(state)}: {NEW}")
    arrays = {name: checks.as_array(f"state[{name!r}]", state[name]) for name in state}
    if missing := {"kind", "updates", "epoch"} - arrays.keys():
        raise InputError(f"state has no {', '.join(sorted(missing))}: {NEW}")
    if str(arrays["kind"]) != kind:
        raise InputError(f"state is that of {arrays['kind']}, this optimizer is {kind}: {NEW}")
    for name in ("updates", "epoch"):
        if arrays[name].ndim:
            raise InputError(f"state[{name!r}] has shape {arrays[name].shape}: {NEW}")
    updates = checks.integer("state['updates']", arrays["updates"].item(), maximum=2**53)
    epoch = checks.number("state['epoch']", arrays["epoch"].item(), minimum=0)
    found: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        if name in ("kind", "updates", "epoch"):
            continue
        parts = str(name).split("/")
        if len(parts) != 4 or parts[0] != "moments":
            raise InputError(f"state has an unknown entry {name!r}: {NEW}")
        if array.dtype != np.float32 or array.ndim != 2 or not np.isfinite(array).all():
            raise InputError(f"state[{name!r}] is {array.dtype} {array.shape}, or not finite: {NEW}")
        if negative(str(name), array, squares):
            raise InputError(f"state[{name!r}] is a mean of squares, but holds a negative value: {NEW}")
        found.setdefault((parts[1], parts[2]), {})[parts[3]] = array
    wanted = [str(number) for number in range(count)]
    for key, held in found.items():
        if sorted(held) != wanted or len({array.shape for array in held.values()}) > 1:
            raise InputError(f"state has {len(held)} moments of {'/'.join(key)}, this optimizer keeps {count}: {NEW}")
    if found and not updates:
        raise InputError(f"state has moments, but updates = 0: {NEW}")
    moments = {key: tuple(held[number].copy() for number in wanted) for key, held in found.items()}
    return updates, epoch, moments


def negative(name: str, moment: np.ndarray, squares: Collection[int]) -> bool:
    """Return whether a moment, named as by `pack`, is a mean of squares and holds a negative value."""
    return name.rpartition("/")[2] in map(str, squares) and bool((moment < 0).any())
