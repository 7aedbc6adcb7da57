"""Trains on a GPU: their bits, and lists of their events. Twin of `events.py`.

Neuron i of sample b fires at step t if bit i % 32 of ``bits[b, t, i // 32]`` is set. Lists are allocated for the worst case,
so that the host does not wait for their lengths.
"""

from typing import Any, NamedTuple

import numpy as np

from cupynn.kernels.cuda import CudaSource, blocks

_EVENTS = CudaSource.of("cupynn.kernels", "events")
_BLOCK = 256


class Bits(NamedTuple):
    """A batch of trains on a GPU."""

    words: Any  # uint32 (B, T, W), W a multiple of 4, to read rows 16 bytes at a time
    counts: Any  # int32 (B, N)
    most: int  # upper bound of the counts


def word_count(neurons: int) -> int:
    """Return the words per row."""
    return 4 * blocks(neurons, 128)


def silent(batch: int, steps: int, neurons: int, most: int) -> Bits:
    """Return trains without spikes for a kernel to fill, with uninitialised counts."""
    import cupy

    words = cupy.zeros((batch, steps, word_count(neurons)), np.uint32)
    return Bits(words, cupy.empty((batch, neurons), np.int32), most)


def pack_bits(rows: np.ndarray, neurons: np.ndarray, batch: int, steps: int, size: int) -> np.ndarray:
    """Return the words (B, T, W), on the host, of events at rows b * T + t."""
    words = np.zeros((batch * steps, word_count(size)), np.uint32)
    np.bitwise_or.at(words, (rows, neurons >> 5), np.uint32(1) << (neurons & 31).astype(np.uint32))
    return words.reshape(batch, steps, word_count(size))


def unpack_bits(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the events of words (B, T, W) on the host: neurons and offsets, as in `events.py`."""
    rows = np.ascontiguousarray(words, "<u4").reshape(-1, words.shape[-1])
    dense = np.unpackbits(rows.view(np.uint8), axis=1, bitorder="little")
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(dense.sum(1, dtype=np.int64), out=offsets[1:])
    return np.nonzero(dense)[1].astype(np.int32), offsets


def list_by_step(bits: Bits) -> tuple[Any, Any]:
    """Return the neurons of each step: offsets int32 (B, T + 1) and neurons int32 (B, capacity), ascending in a step."""
    import cupy

    batch, steps, words = bits.words.shape
    capacity = bits.counts.shape[1] * bits.most
    offsets, neurons = cupy.empty((batch, steps + 1), np.int32), cupy.empty((batch, max(1, capacity)), np.int32)
    _EVENTS.launch("list_by_step", (batch,), _BLOCK, bits.words, steps, words, neurons.shape[1], offsets, neurons)
    return offsets, neurons


def list_groups(bits: Bits, groups: int) -> tuple[Any, Any]:
    """Return the same for equal groups of adjacent neurons, counted from the first of each.

    offsets int32 (groups, B, T + 1), neurons int32 (groups, B, capacity)
    """
    if groups == 1:
        offsets, neurons = list_by_step(bits)
        return offsets[None], neurons[None]
    import cupy

    batch, steps, words = bits.words.shape
    size = bits.counts.shape[1] // groups
    offsets = cupy.empty((groups, batch, steps + 1), np.int32)
    neurons = cupy.empty((groups, batch, max(1, size * bits.most)), np.int32)
    sizes = (size, steps, words, neurons.shape[2])
    _EVENTS.launch("list_groups", (batch, groups), _BLOCK, bits.words, *sizes, offsets, neurons)
    return offsets, neurons


def list_by_neuron(bits: Bits) -> Any:
    """Return the firing times of each neuron, int32 (B, N, most), the first `bits.counts` of each row."""
    import cupy

    batch, steps, words = bits.words.shape
    size, most = bits.counts.shape[1], max(1, bits.most)
    times = cupy.empty((batch, size, most), np.int32)
    _EVENTS.launch(
        "list_by_neuron", (blocks(batch * size, _BLOCK),), _BLOCK, bits.words, batch, size, steps, words, most, times
    )
    return times


def list_active(bits: Bits) -> tuple[Any, Any]:
    """Return the neurons that fire, int32 (B, N), ascending, and their number, int32 (B,)."""
    import cupy

    batch, size = bits.counts.shape
    active, active_counts = cupy.empty((batch, size), np.int32), cupy.empty(batch, np.int32)
    _EVENTS.launch("list_active", (batch,), _BLOCK, bits.counts, size, active, active_counts)
    return active, active_counts
