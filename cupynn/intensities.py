"""Check intensities, such as the pixels of images: datasets hold them, encoders turn them into spikes."""

import numpy as np

from cupynn.checks import InputError

EIGHT_BITS = 128  # data from here up to 255 were probably stored in 8 bits, whose largest value may not occur


def check(name: str, x: np.ndarray, hint: str = "") -> None:
    """Raise InputError unless an array is uint8 or floats in [0, 1]; the error says how to scale it.

    Parameters
    ----------
    name : str
        Name of the array in the message.
    x : ndarray
    hint : str
        Further remedy for values outside [0, 1].

    Examples
    --------
    >>> try:
    ...     check("data", np.array([0.0, 5.0, 16.0]))
    ... except InputError as error:
    ...     print(error)
    data ranges over 0..16: pass finite floats in [0, 1]; divide them by 16, the largest value of the training data
    """
    if x.dtype == np.uint8:
        return
    if x.dtype.kind != "f":
        raise InputError(f"{name} has dtype {x.dtype}: pass uint8 0..255, or floats in [0, 1]{_conversion(x)}")
    if x.size and not (np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1):
        low, high = x.min(), x.max()
        raise InputError(f"{name} ranges over {low:g}..{high:g}: pass finite floats in [0, 1]{scaling(low, high)}{hint}")


def scaling(low: float, high: float) -> str:
    """Return how to scale data of this range to [0, 1]."""
    if not np.isfinite((low, high)).all():
        return "; replace values that are not finite"
    if low < 0:
        return "; pass np.clip((x - low) / (high - low), 0, 1), with low and high of the training data"
    if EIGHT_BITS <= high <= 255:
        return "; divide them by 255"
    exact = f"{high:g}" if float(f"{high:g}") == high else repr(float(high))  # the quotient must not exceed 1
    return f"; divide them by {exact}, the largest value of the training data"


def _conversion(x: np.ndarray) -> str:
    """Return how to convert an array of another type."""
    if x.dtype.kind == "b" or (x.dtype.kind == "V" and "float" in x.dtype.name):  # bfloat16 of JAX
        return " (pass np.asarray(x, np.float32))"
    if x.dtype.kind not in "iu" or not x.size:
        return ""
    low, high = x.min(), x.max()
    if low >= 0 and high <= 1:
        return " (pass np.asarray(x, np.float32))"
    if low >= 0 and EIGHT_BITS <= high <= 255:
        return " (pass np.asarray(x, np.uint8))"
    return scaling(low, high)
