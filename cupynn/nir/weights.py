"""Divide weights by a time constant, and multiply them back to the same bits.

In float32, w / tau * tau is not always w: where the quotient has the larger mantissa, some values are not a product.
Therefore the difference is stored too, in units in the last place: at most 2, and 0 where tau is a power of two.
"""

import numpy as np

from cupynn.checks import InputError


def divided(name: str | None, weight: np.ndarray, tau: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 weights over tau, and the int8 difference with which `multiplied` restores them.

    With an array of time constants, each row of weights has its own. Weights that are not finite or too small raise
    InputError.
    """
    tau = np.reshape(tau, (-1, *[1] * (weight.ndim - 1)))
    if not np.isfinite(weight).all():
        raise InputError(f"{name}: a weight is not finite: use the network of an earlier epoch")
    quotient = (weight.astype(np.float64) / tau).astype(np.float32)
    rest = weight.view(np.int32) - multiplied(quotient, tau).view(np.int32)
    if np.abs(rest).max(initial=0) > 8:
        smallest = float(np.abs(weight[np.abs(rest) > 8]).min())
        by = f"tau_s={tau.max():g}"
        raise InputError(f"{name}: a weight of {smallest:g} is too small to divide by {by}: set such weights to 0")
    return quotient, rest.astype(np.int8)


def multiplied(weight: np.ndarray, gain: float | np.ndarray, rest: np.ndarray | None = None) -> np.ndarray:
    """Return weights times gain, float32; `rest` is the difference that `divided` returned."""
    with np.errstate(over="ignore"):  # `layer_of` checks that the weights are finite
        product = (weight.astype(np.float64) * gain).astype(np.float32)
    return product if rest is None else (product.view(np.int32) + rest.astype(np.int32)).view(np.float32)
