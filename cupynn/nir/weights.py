"""Weights divided and multiplied by a time constant, such that the one undoes the other bit by bit.

In float32, w / tau * tau is not always w: where the quotient has the larger mantissa, some values are no product.
So the difference goes along, in units of the last place: at most 2 of them, and none at all where tau is a power of two.
"""

import numpy as np

from cupynn.checks import InputError


def divided(name: str | None, weight: np.ndarray, tau: float) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 weights over tau, and what `multiplied` lacks of the weights, int8 of the same shape.

    Raises
    ------
    InputError
        If a weight is not finite, or too small to be divided.
    """
    if not np.isfinite(weight).all():
        raise InputError(f"{name}: a weight is not finite: take the network of an earlier epoch")
    quotient = (weight.astype(np.float64) / tau).astype(np.float32)
    rest = weight.view(np.int32) - multiplied(quotient, tau).view(np.int32)
    if np.abs(rest).max(initial=0) > 8:
        smallest = float(np.abs(weight[np.abs(rest) > 8]).min())
        raise InputError(f"{name}: a weight of {smallest:g} has no float32 over tau_s={tau:g}: set such weights to 0")
    return quotient, rest.astype(np.int8)


def multiplied(weight: np.ndarray, gain: float, rest: np.ndarray | None = None) -> np.ndarray:
    """Return weights times gain, float32; `rest` is what `divided` returned."""
    with np.errstate(over="ignore"):  # whoever reads a file looks whether all is finite
        product = (weight.astype(np.float64) * gain).astype(np.float32)
    return product if rest is None else (product.view(np.int32) + rest.astype(np.int32)).view(np.float32)
