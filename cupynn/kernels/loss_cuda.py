"""Losses on firing counts on a GPU: twins of those in `cupynn/losses`."""

from typing import Any

import numpy as np

from cupynn.kernels.cuda import CudaSource, blocks
from cupynn.kernels.events_cuda import Bits

_LOSS = CudaSource.of("cupynn.kernels", "loss")
_BLOCK = 256


def spike_count(counts: Any, labels: Any, weights: Any, desired: int, undesired: int, margin: int) -> tuple[Any, Any]:
    """Return losses float64 (B,) and errors float32 (B, classes).

    counts int32 (B, classes), labels int32 (B,), weights float32 (B,), all on the device
    """
    return _losses("spike_count", counts, labels, weights, desired, undesired, margin)


def softmax_count(counts: Any, labels: Any, weights: Any) -> tuple[Any, Any]:
    """Return the same for the softmax of the counts."""
    return _losses("softmax_count", counts, labels, weights)


def _losses(name, counts, labels, weights, *constants):
    import cupy

    batch, classes = counts.shape
    losses, delta = cupy.empty(batch, np.float64), cupy.empty((batch, classes), np.float32)
    _LOSS.launch(name, (blocks(batch, _BLOCK),), _BLOCK, counts, labels, weights, batch, classes, *constants, losses, delta)
    return losses, delta


def count_distance(counts: Any, targets: Any, weights: Any, margin: float) -> tuple[Any, Any]:
    """Return the same for the squared distance from targets, float32 (B, outputs)."""
    return _losses("count_distance", counts, targets, weights, float(margin))


def fill_silent_labels(bits: Bits, labels: Any, sums: Any, spacing: int, population: int) -> Bits:
    """Return a copy in which all neurons of silent classes of labels, int32 (B,), fire at each multiple of `spacing`.

    sums: counts of the classes int32 (B, classes), of which each has `population` neurons
    """
    batch, steps, words = bits.words.shape
    filled = _copy(bits, (steps - 1) // spacing)
    sizes = (batch, sums.shape[1], population, steps, words)
    _fill("fill_silent_labels", batch, labels, sums, *sizes, spacing, filled.words, filled.counts)
    return filled


def fill_silent(bits: Bits, wanted: Any, steps: int) -> Bits:
    """Return a copy in which neurons fire at each multiple of floor(T / wanted), where wanted, int32 (B, N), is not zero."""
    batch, _, words = bits.words.shape
    filled = _copy(bits, steps - 1)
    _fill("fill_silent", batch, wanted, batch, wanted.shape[1], steps, words, filled.words, filled.counts)
    return filled


def _copy(bits: Bits, most: int) -> Bits:
    return Bits(bits.words.copy(), bits.counts.copy(), max(bits.most, most))


def _fill(name: str, batch: int, *arguments: Any) -> None:
    _LOSS.launch(name, (blocks(batch, _BLOCK),), _BLOCK, *arguments)
