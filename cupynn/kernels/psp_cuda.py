"""Traces of trains on a GPU, at every step: twin of `psp.py`."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from cupynn.kernels.cuda import CudaSource, blocks
from cupynn.kernels.events_cuda import Bits
from cupynn.kernels.psp import Psp

_PSP = CudaSource.of("cupynn.kernels", "psp")
_BLOCK = 256


class Tables(NamedTuple):
    """What a trace does in n steps, float32 (T + 1,) each, on the device."""

    decays: Any  # decay_m^n
    decays_s: Any  # decay_s^n
    rises: Any  # what a current of 1 adds to the trace


def tables(psp: Psp, steps: int) -> Tables:
    """Powers of a trace's constants, on the current device."""
    import cupy

    return _tables(psp, steps, cupy.cuda.Device().id)


@lru_cache(maxsize=32)
def _tables(psp: Psp, steps: int, device: int) -> Tables:
    import cupy

    decay_m, decay_s, gain = (float(x) for x in psp[:3])
    n = np.arange(steps + 1)
    rises = np.zeros(steps + 1)
    for k in range(steps):
        rises[k + 1] = rises[k] * decay_m + gain * decay_s ** (k + 1)
    return Tables(*(cupy.asarray(x.astype(np.float32)) for x in (decay_m**n, decay_s**n, rises)))


def make_traces(bits: Bits, psp: Psp, channels: int = 1) -> Any:
    """Traces float32 (B, T, N) of trains; with channels, neurons (channels, places) come as (places, channels)."""
    import cupy

    batch, steps, words = bits.words.shape
    size = bits.counts.shape[1]
    traces = cupy.empty((batch, steps, size), np.float32)
    constants = (psp.decay_m, psp.decay_s, psp.gain, psp.delay)
    grid = (blocks(batch * size, _BLOCK),)
    _PSP.launch("traces", grid, _BLOCK, bits.words, batch, size, channels, steps, words, *constants, traces)
    return traces
