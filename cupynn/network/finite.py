"""Checks that the numbers of a network are finite: others make neurons silent without a word."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cupynn.checks import InputError
from cupynn.device.device import Device


class Diverged(InputError):
    """Weights, gradients or moments are no longer finite.

    Examples
    --------
    >>> try:                                                             # doctest: +SKIP
    ...     net.fit(train, optimizer=optimizers.Adam(10.0))
    ... except Diverged:
    ...     net = Sequential.load("before.npz")
    """


def check_finite(device: Device, arrays: Mapping[str, Any]) -> None:
    """Raise InputError if an array of a network, by its name, holds a value that is not finite; wait for a GPU."""
    held = all_finite(device, arrays.values())
    for name, finite in zip(arrays, held, strict=True):
        if not finite:
            raise InputError(f"{name} holds a value that is not finite: create a new network, or load one from a file")


def refuse_diverged(device: Device, arrays: Mapping[str, Any], place: str) -> None:
    """Raise Diverged if one of the arrays, by their names, holds a value that is not finite after an update."""
    for name, finite in zip(arrays, all_finite(device, arrays.values()), strict=True):
        if not finite:
            raise Diverged(
                f"training has diverged: {name} is not finite after {place}; lower the optimizer's lr or the sample "
                "weights, and load the network from a file, or create a new one"
            )


def all_finite(device: Device, arrays: Iterable[Any]) -> list[bool]:
    """Return for each array whether all its values are finite; a GPU is waited for once."""
    with device, np.errstate(all="ignore"):
        if not device.on_cuda:
            return [bounded(array) or bool(np.isfinite(array).all()) for array in arrays]
        held = [device.xp.isfinite(array).all() for array in arrays]
        return device.get(device.xp.stack(held)).tolist() if held else []


def bounded(array: np.ndarray) -> bool:
    """Return whether the sum of squares is finite: one pass at memory speed, but False for values above 1e19."""
    return bool(np.isfinite(np.dot(array.reshape(-1), array.reshape(-1))))
