"""Evenly spaced trains made on a GPU: twin of `regular.py`, bit for bit."""

from functools import lru_cache
from typing import Any

import numpy as np

from cupynn.kernels.cuda import CudaSource, blocks
from cupynn.kernels.events_cuda import Bits, silent
from cupynn.kernels.philox import key_of
from cupynn.kernels.regular import level_rates, most_spikes

_REGULAR = CudaSource.of("cupynn.kernels", "regular")
_BLOCK = 256


@lru_cache(maxsize=4)
def _rates(max_rate: float, device: int) -> Any:
    import cupy

    return cupy.asarray(level_rates(max_rate))


def regular(levels: Any, max_rate: float, drawn: bool, seed: int, draw: int, samples: Any, steps: int) -> Bits:
    """Encode a batch: levels uint8 (B, N) on the device, seed < 2^64, draw < 2^32, samples (B,) < 2^32."""
    import cupy

    batch, size = levels.shape
    bits = silent(batch, steps, size, int(most_spikes(level_rates(max_rate), steps)[-1]))
    phases = (drawn, *key_of(seed), np.uint32(draw), cupy.asarray(samples).astype(np.uint32))
    sizes = (batch, size, steps, bits.words.shape[2])
    grid, rates = (blocks(batch * size, _BLOCK),), _rates(max_rate, cupy.cuda.Device().id)
    _REGULAR.launch("regular", grid, _BLOCK, levels, rates, *phases, *sizes, bits.words, bits.counts)
    return bits
