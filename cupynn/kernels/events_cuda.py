"""Trains on a GPU: their bits, and the orders in which kernels read them. Twin of `events.py`.

Neuron i of sample b fires at step t if bit i % 32 of ``bits[b, t, i // 32]`` is set. The lists made from the bits have room
for the worst case, so that nothing has to be known on the host while a batch is under way.
"""

from typing import Any, NamedTuple

import numpy as np

from cupynn.kernels.cuda import CudaSource, blocks

_EVENTS = CudaSource.of("cupynn.kernels", "events")
_BLOCK = 256


class Bits(NamedTuple):
    """A batch of trains on a GPU."""

    words: Any  # uint32 (B, T, W), W a multiple of 4, so that a row is read 16 bytes at a time
    counts: Any  # int32 (B, N)
    most: int  # no neuron fires more often


def word_count(neurons: int) -> int:
    """Words of a row."""
    return 4 * blocks(neurons, 128)


def silent(batch: int, steps: int, neurons: int, most: int) -> Bits:
    """Trains without a spike, for a kernel to fill in; the counts are not set."""
    import cupy

    words = cupy.zeros((batch, steps, word_count(neurons)), np.uint32)
    return Bits(words, cupy.empty((batch, neurons), np.int32), most)


def pack_bits(rows: np.ndarray, neurons: np.ndarray, batch: int, steps: int, size: int) -> np.ndarray:
    """Words (B, T, W), on the host, of events at rows b * T + t."""
    words = np.zeros((batch * steps, word_count(size)), np.uint32)
    np.bitwise_or.at(words, (rows, neurons >> 5), np.uint32(1) << (neurons & 31).astype(np.uint32))
    return words.reshape(batch, steps, word_count(size))


def unpack_bits(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Events of words (B, T, W) on the host: neurons and offsets, as in `events.py`."""
    rows = np.ascontiguousarray(words, "<u4").reshape(-1, words.shape[-1])
    dense = np.unpackbits(rows.view(np.uint8), axis=1, bitorder="little")
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(dense.sum(1, dtype=np.int64), out=offsets[1:])
    return np.nonzero(dense)[1].astype(np.int32), offsets


def list_by_step(bits: Bits) -> tuple[Any, Any]:
    """Neurons of each step: offsets int32 (B, T + 1) and neurons int32 (B, capacity), ascending within a step."""
    import cupy

    batch, steps, words = bits.words.shape
    capacity = bits.counts.shape[1] * bits.most
    offsets, neurons = cupy.empty((batch, steps + 1), np.int32), cupy.empty((batch, max(1, capacity)), np.int32)
    _EVENTS.launch("list_by_step", (batch,), _BLOCK, bits.words, steps, words, neurons.shape[1], offsets, neurons)
    return offsets, neurons


def list_by_neuron(bits: Bits) -> Any:
    """Firing times of each neuron, int32 (B, N, most); `bits.counts` says how many there are."""
    import cupy

    batch, steps, words = bits.words.shape
    size, most = bits.counts.shape[1], max(1, bits.most)
    times = cupy.empty((batch, size, most), np.int32)
    grid = (blocks(batch * size, _BLOCK),)
    _EVENTS.launch("list_by_neuron", grid, _BLOCK, bits.words, batch, size, steps, words, most, times)
    return times


def list_active(bits: Bits) -> tuple[Any, Any]:
    """Neurons that fire at all, int32 (B, N), ascending, and their number, int32 (B,)."""
    import cupy

    batch, size = bits.counts.shape
    active, active_counts = cupy.empty((batch, size), np.int32), cupy.empty(batch, np.int32)
    _EVENTS.launch("list_active", (batch,), _BLOCK, bits.counts, size, active, active_counts)
    return active, active_counts
