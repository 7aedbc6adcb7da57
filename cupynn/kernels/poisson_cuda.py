"""Poisson trains drawn on a GPU: twin of `poisson.py`, bit for bit."""

from functools import lru_cache
from typing import Any

import numpy as np

from cupynn.kernels.cuda import CudaSource, blocks
from cupynn.kernels.events_cuda import Bits, silent
from cupynn.kernels.philox import key_of
from cupynn.kernels.poisson import GUIDE_BITS, gap_tables

_POISSON = CudaSource.of("cupynn.kernels", "poisson")
_BLOCK = 256


@lru_cache(maxsize=4)
def _tables(max_rate: float, steps: int, device: int) -> tuple[Any, Any]:
    import cupy

    survival, guide = gap_tables(max_rate, steps)
    return cupy.asarray(survival), cupy.asarray(guide)


def poisson(levels: Any, max_rate: float, seed: int, draw: int, samples: Any, steps: int) -> Bits:
    """Encode a batch: levels uint8 (B, N) on the device, seed < 2^64, draw < 2^32, samples (B,) < 2^32."""
    import cupy

    batch, size = levels.shape
    survival, guide = _tables(max_rate, steps, cupy.cuda.Device().id)
    bits = silent(batch, steps, size, steps - 1)
    drawn = (*key_of(seed), np.uint32(draw), cupy.asarray(samples).astype(np.uint32))
    inputs, sizes = (levels, survival, guide, GUIDE_BITS), (batch, size, steps, bits.words.shape[2])
    grid = (blocks(batch * size, _BLOCK),)
    _POISSON.launch("poisson", grid, _BLOCK, *inputs, *drawn, *sizes, bits.words, bits.counts)
    return bits
