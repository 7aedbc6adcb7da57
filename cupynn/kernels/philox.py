"""Counter-based random numbers: Philox-4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).

They do not depend on earlier draws, the batch, the thread or the device. `common.cuh` has the same rounds for GPUs.
"""

import numpy as np
from numba import uint32, uint64

from cupynn.kernels import inline


@inline
def philox(c0, c1, c2, c3, k0, k1):
    """Return four random words from a counter of four words and a key of two."""
    low = uint64(0xFFFFFFFF)
    for _ in range(10):
        p0 = uint64(0xD2511F53) * uint64(c0)
        p1 = uint64(0xCD9E8D57) * uint64(c2)
        c0 = uint32(uint32(p1 >> uint64(32)) ^ c1 ^ k0)
        c1 = uint32(p1 & low)
        c2 = uint32(uint32(p0 >> uint64(32)) ^ c3 ^ k1)
        c3 = uint32(p0 & low)
        k0 = uint32(k0 + uint32(0x9E3779B9))
        k1 = uint32(k1 + uint32(0xBB67AE85))
    return c0, c1, c2, c3


def key_of(seed: int) -> tuple[np.uint32, np.uint32]:
    """Return the key of a seed below 2^64, low word first."""
    return np.uint32(seed & 0xFFFFFFFF), np.uint32(seed >> 32)
