"""Losses on firing counts on a GPU: twins of what `losses.py` does on the host."""

from typing import Any

import numpy as np

from cupynn.kernels.cuda import CudaSource, blocks
from cupynn.kernels.events_cuda import Bits

_LOSS = CudaSource.of("cupynn.kernels", "loss")
_BLOCK = 256


def spike_count(counts: Any, labels: Any, weights: Any, desired: int, undesired: int, margin: int) -> tuple[Any, Any]:
    """Losses float64 (B,) and errors float32 (B, classes).

    counts int32 (B, classes), labels int32 (B,), weights float32 (B,), all on the device
    """
    return _losses("spike_count", counts, labels, weights, desired, undesired, margin)


def softmax_count(counts: Any, labels: Any, weights: Any) -> tuple[Any, Any]:
    """The same for the softmax of the counts."""
    return _losses("softmax_count", counts, labels, weights)


def _losses(name, counts, labels, weights, *constants):
    import cupy

    batch, classes = counts.shape
    losses, delta = cupy.empty(batch, np.float64), cupy.empty((batch, classes), np.float32)
    grid = (blocks(batch, _BLOCK),)
    _LOSS.launch(name, grid, _BLOCK, counts, labels, weights, batch, classes, *constants, losses, delta)
    return losses, delta


def fill_silent_labels(bits: Bits, labels: Any, spacing: int) -> Bits:
    """Give the silent ones among the labels' neurons, int32 (B,), a spike at each multiple of `spacing`, in a copy."""
    batch, steps, words = bits.words.shape
    most = max(bits.most, (steps - 1) // spacing)
    filled = Bits(bits.words.copy(), bits.counts.copy(), most)
    sizes = (batch, bits.counts.shape[1], steps, words)
    grid = (blocks(batch, _BLOCK),)
    _LOSS.launch("fill_silent_labels", grid, _BLOCK, labels, *sizes, spacing, filled.words, filled.counts)
    return filled
