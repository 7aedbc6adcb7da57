"""Arrays aligned to cache lines of 64 bytes: JAX copies all others instead of sharing them."""

from math import prod

import numpy as np

LINE = 64


def zeros(shape: tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
    """Return zeros, aligned."""
    dtype = np.dtype(dtype)
    size = prod(shape) * dtype.itemsize
    memory = np.zeros(size + LINE, np.uint8)
    first = -memory.ctypes.data % LINE
    return memory[first : first + size].view(dtype).reshape(shape)


def as_writable(array: np.ndarray) -> np.ndarray:
    """Return the array, or an aligned copy if it is read-only, as memory maps of joblib are."""
    if not isinstance(array, np.ndarray) or array.flags.writeable:  # arrays on a GPU always are writable
        return array
    copy = zeros(array.shape, array.dtype)
    copy[...] = array
    return copy


def aligned(array: np.ndarray) -> np.ndarray:
    """Return the array if it is aligned and contiguous, else a copy that is."""
    if array.ctypes.data % LINE == 0 and array.flags.c_contiguous:
        return array
    copy = zeros(array.shape, array.dtype)
    copy[...] = array
    return copy
