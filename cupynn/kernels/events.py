"""Event lists, and their conversion from one order to another.

A batch of trains is a list of neurons sorted by (sample, step, neuron), with `offsets` (B * T + 1,): the events of sample
b at step t are `neurons[offsets[b * T + t] : offsets[b * T + t + 1]]`. Kernels write the events of each sample to a separate
row, as wide as the worst case (untouched memory costs nothing), and `pack` closes the gaps.
"""

import mmap
from typing import Protocol

import numpy as np

from cupynn.kernels import clear, inline, kernel
from cupynn.kernels.simd import count_bits, lowest
from cupynn.kernels.threads import each, parallel

SPARE = 4  # places of a row that `list_bits` may write to after the last event


class Trains(Protocol):
    """The part of `SpikeTrains` that kernels read."""

    batch: int
    steps: int
    size: int
    neurons: np.ndarray
    offsets: np.ndarray
    counts: np.ndarray

    def by_neuron(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the times of each neuron's spikes, and their offsets."""


@inline
def sort_by_step(event_steps, event_neurons, steps, row, row_offsets):
    """Sort events, ascending in neuron within each step, into `row` by step: a stable counting sort.

    event_steps, event_neurons (n,) int32 -> row (>= n,) int32, row_offsets (T + 1,) int64
    """
    clear(row_offsets)
    for step in event_steps:
        row_offsets[step + 1] += 1
    for t in range(steps):
        row_offsets[t + 1] += row_offsets[t]
    cursor = row_offsets[:-1].copy()
    for event in range(event_steps.size):
        step = event_steps[event]
        row[cursor[step]] = event_neurons[event]
        cursor[step] += 1


@inline
def sort_by_neuron(event_steps, event_neurons, size):
    """Sort events by neuron in place, before `sort_by_step`: a stable counting sort."""
    steps, neurons = event_steps.copy(), event_neurons.copy()
    cursor = np.zeros(size + 1, np.int64)
    for neuron in neurons:
        cursor[neuron + 1] += 1
    for i in range(size):
        cursor[i + 1] += cursor[i]
    for event in range(neurons.size):
        position = cursor[neurons[event]]
        event_steps[position], event_neurons[position] = steps[event], neurons[event]
        cursor[neurons[event]] += 1


@inline
def list_bits(words, first, count, row, n):
    """Append the positions of the set bits of words[first : first + count] to a row of length n; return its new length.

    Four places are written for each word, even if fewer bits are set, and the row must have SPARE places more: with a loop
    over the bits of each word, the processor guesses wrong where most loops end.
    """
    for k in range(count):
        word = words[first + k]
        end = n + count_bits(word)
        for i in range(SPARE):
            row[n + i] = k * 64 + lowest(word)
            word &= word - 1
        n += SPARE
        while word:
            row[n] = k * 64 + lowest(word)
            word &= word - 1
            n += 1
        n = end
    return n


@inline
def list_named(words, first, count, names, marks, row, n):
    """Append names of the positions of the set bits, as `list_bits` does, but in ascending order.

    names (N,) int32: of the positions; marks (ceil(N / 64),) int64: a bit per name, all 0 before and after
    """
    end = list_bits(words, first, count, row, n)
    for event in range(n, end):
        name = np.uint64(names[row[event]])
        marks[name >> np.uint64(6)] |= np.int64(1) << np.int64(name & np.uint64(63))
    list_bits(marks, 0, marks.size, row, n)
    clear(marks)
    return end


def event_rows(batch: int, most: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return uninitialised rows for at most `most` events per sample and SPARE places more, and their offsets by step.

    They use small pages, most of which are never touched. With the huge pages of NumPy, touching a little of each row would
    clear all of it (62 MB for a batch of 50 encoded images, which takes twice as long as encoding them).
    """
    most += SPARE
    size = max(1, 4 * batch * most)
    try:
        memory = mmap.mmap(-1, size)
    except OSError as error:  # the error that NumPy raises
        raise MemoryError(f"{size:,} bytes for the events of {batch} samples: {error.strerror}") from None
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    rows = np.frombuffer(memory, np.int32, batch * most)
    return rows.reshape(batch, most), np.empty((batch, steps + 1), np.int64)


def pack(rows: np.ndarray, row_offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Close the gaps between the samples' rows.

    rows (B, capacity) int32, row_offsets (B, T + 1) int64 -> neurons (events,) int32, offsets (B * T + 1,) int64
    """
    counts = row_offsets[:, -1]
    starts = counts.cumsum() - counts
    offsets = np.append(row_offsets[:, :-1] + starts[:, None], counts.sum())
    neurons = [row[:count] for row, count in zip(rows, counts.tolist(), strict=True)]
    return np.concatenate(neurons) if neurons else np.empty(0, np.int32), offsets


@kernel
def _by_neuron(turns, neurons, offsets, steps, size, times, neuron_offsets):
    cursor = np.empty(size, np.int64)
    for b in each(turns):
        first, last = offsets[b * steps], offsets[(b + 1) * steps]
        clear(cursor)
        for event in range(first, last):
            cursor[neurons[event]] += 1
        position = first
        for i in range(size):
            count = cursor[i]
            cursor[i] = position
            neuron_offsets[b * size + i] = position
            position += count
        for t in range(steps):
            for event in range(offsets[b * steps + t], offsets[b * steps + t + 1]):
                i = neurons[event]
                times[cursor[i]] = t
                cursor[i] += 1


def by_neuron(neurons: np.ndarray, offsets: np.ndarray, steps: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Convert the neurons of each step to the firing times of each neuron.

    neurons (events,) int32, offsets (B * T + 1,) int64 -> times (events,) int32, neuron_offsets (B * N + 1,) int64: neuron
    i of sample b fires at `times[neuron_offsets[b * N + i] : neuron_offsets[b * N + i + 1]]`, ascending.
    """
    batch = (offsets.size - 1) // steps
    times = np.empty(neurons.size, np.int32)
    neuron_offsets = np.empty(batch * size + 1, np.int64)
    neuron_offsets[-1] = neurons.size
    parallel(_by_neuron, batch, neurons, offsets, steps, size, times, neuron_offsets)
    return times, neuron_offsets
