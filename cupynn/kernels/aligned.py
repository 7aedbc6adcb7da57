"""Arrays that begin at a multiple of 64 bytes, a line of the cache: JAX shares no others, it copies them."""

from math import prod

import numpy as np

LINE = 64


def zeros(shape: tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
    """Return what `numpy.zeros` does, aligned."""
    dtype = np.dtype(dtype)
    size = prod(shape) * dtype.itemsize
    memory = np.zeros(size + LINE, np.uint8)
    first = -memory.ctypes.data % LINE
    return memory[first : first + size].view(dtype).reshape(shape)


def aligned(array: np.ndarray) -> np.ndarray:
    """Return an array itself if it is aligned and contiguous, or a copy that is."""
    if array.ctypes.data % LINE == 0 and array.flags.c_contiguous:
        return array
    copy = zeros(array.shape, array.dtype)
    copy[...] = array
    return copy
