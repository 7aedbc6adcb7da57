"""Traces of trains on a GPU, at every step: twin of `psp.py`."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from cupynn.kernels.cuda import CudaSource, blocks
from cupynn.kernels.each import is_array
from cupynn.kernels.events_cuda import Bits
from cupynn.kernels.psp import Psp

_PSP = CudaSource.of("cupynn.kernels", "psp")
_BLOCK = 256


class Tables(NamedTuple):
    """Changes of a trace in n steps, float32 (T + 1,) each, or (groups, T + 1) for arrays of constants, on the device."""

    decays: Any  # decay_m^n
    decays_s: Any  # decay_s^n
    rises: Any  # what a current of 1 adds to the trace


def tables(psp: Psp, steps: int) -> Tables:
    """Return the tables of a trace's constants, on the current device."""
    import cupy

    return _tables(psp, steps) if is_array(psp.gain) else _cached_tables(psp, steps, cupy.cuda.Device().id)


@lru_cache(maxsize=32)
def _cached_tables(psp: Psp, steps: int, device: int) -> Tables:
    return _tables(psp, steps)


def _tables(psp: Psp, steps: int) -> Tables:
    import cupy

    decay_m, decay_s, gain = (np.float64(x)[..., None] for x in psp[:3])
    n = np.arange(steps + 1)
    powers, rises = decay_s**n, np.zeros((*np.shape(psp.gain), steps + 1))
    for k in range(steps):
        rises[..., k + 1] = rises[..., k] * decay_m[..., 0] + gain[..., 0] * powers[..., k + 1]
    return Tables(*(cupy.asarray(x.astype(np.float32)) for x in (decay_m**n, powers, rises)))


def constant_trace(psp: Psp, steps: int) -> Any:
    """Return the trace of a train that fires at every step, float32 (T,), on the current device."""
    import cupy

    return _constant_trace(psp, steps, cupy.cuda.Device().id)


@lru_cache(maxsize=32)
def _constant_trace(psp: Psp, steps: int, device: int) -> Any:
    import cupy

    decay_m, decay_s, gain, delay = psp
    trace, current, value = np.zeros(steps, np.float32), np.float32(0), np.float32(0)
    for t in range(steps):
        current = current * decay_s + np.float32(t > delay)
        value = value * decay_m + gain * current
        trace[t] = value
    return cupy.asarray(trace)


def make_traces(bits: Bits, psp: Psp, channels: int = 1) -> Any:
    """Return the traces float32 (B, T, N) of trains; `channels` transposes neurons (channels, places) to channel last."""
    import cupy

    batch, steps, words = bits.words.shape
    size = bits.counts.shape[1]
    traces = cupy.empty((batch, steps, size), np.float32)
    grid = (blocks(batch * size, _BLOCK),)
    _PSP.launch("traces", grid, _BLOCK, bits.words, batch, size, channels, steps, words, *psp, traces)
    return traces
