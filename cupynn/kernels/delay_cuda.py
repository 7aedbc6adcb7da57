"""Axonal delays on a GPU: twin of `delay.py`."""

from typing import Any

import numpy as np

from cupynn.kernels.cuda import CudaSource, blocks
from cupynn.kernels.events_cuda import Bits, silent

_DELAY = CudaSource.of("cupynn.kernels", "delay")
_BLOCK = 128


def delay(bits: Bits, delays: Any) -> Bits:
    """Return trains whose neuron i acts `delays[i]` int32 steps later."""
    batch, steps, words = bits.words.shape
    size = bits.counts.shape[1]
    later = silent(batch, steps, size, bits.most)
    grid = (blocks(size, _BLOCK), batch)
    _DELAY.launch("delay", grid, _BLOCK, bits.words, delays, size, steps, words, later.words, later.counts)
    return later


def delay_slopes(
    traces: Any, trains: tuple[Any, Any, int], errors: Any, weight: Any, decays: Any, t_ref: int, slopes: Any
) -> None:
    """Write sum_i D_i w_ij times the slope of e_ij in the delay of input j to slopes (samples, N_in).

    traces (samples, T, N_in); trains: firing times (samples, N_out, most), counts and `most`; errors: D (samples, N_out)
    """
    samples, steps, n_in = traces.shape
    sizes = (weight.shape[0], n_in, steps, t_ref)
    grid = (blocks(n_in, _BLOCK), samples)
    _DELAY.launch("delay_slopes", grid, _BLOCK, traces, *trains, errors, weight, decays, *sizes, slopes)


def add_samples(slopes: Any, total: np.ndarray) -> None:
    """Add slopes (samples, N_in) to `total` (N_in,), in order."""
    from cupynn.kernels.update_cuda import add_parts

    add_parts(slopes, total)
