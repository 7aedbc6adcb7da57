"""Event lists: the order in which kernels read them, and the way from one order to the other.

A batch of trains is a list of neurons sorted by (sample, step, neuron), with `offsets` (B * T + 1,): the events of sample
b at step t are `neurons[offsets[b * T + t] : offsets[b * T + t + 1]]`. A kernel that makes events sorts each sample's into
a row of its own, as wide as the worst case (untouched memory costs nothing), and `pack` closes the gaps.
"""

import numpy as np

from cupynn.kernels import inline, kernel
from cupynn.kernels.threads import each, parallel


@inline
def sort_by_step(event_steps, event_neurons, steps, row, row_offsets):
    """Sort events, ascending in neuron within each step, into `row` by step: a stable counting sort.

    event_steps, event_neurons (n,) int32 -> row (>= n,) int32, row_offsets (T + 1,) int64
    """
    row_offsets[:] = 0
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
    """Sort events by neuron, in place: a stable counting sort, to go before `sort_by_step`."""
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


@kernel
def event_rows(batch, most, steps):
    """Rows for the events of each sample, of which there are at most so many, and their offsets by step, to be filled in.

    Compiled, since NumPy asks for huge pages: touching a little of each row then clears all of it (62 MB in a batch of 50
    encoded images, which takes twice as long as encoding them).
    """
    return np.empty((batch, most), np.int32), np.empty((batch, steps + 1), np.int64)


@kernel
def _pack(turns, rows, row_offsets, starts, neurons, offsets):
    width = row_offsets.shape[1]
    for b in each(turns):
        start = starts[b]
        for event in range(starts[b + 1] - start):
            neurons[start + event] = rows[b, event]
        for t in range(width - 1):
            offsets[b * (width - 1) + t] = start + row_offsets[b, t]


def pack(rows: np.ndarray, row_offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Close the gaps between the samples' rows.

    rows (B, capacity) int32, row_offsets (B, T + 1) int64 -> neurons (events,) int32, offsets (B * T + 1,) int64
    """
    batch, width = row_offsets.shape
    starts = np.zeros(batch + 1, np.int64)
    np.cumsum(row_offsets[:, -1], out=starts[1:])
    neurons = np.empty(starts[-1], np.int32)
    offsets = np.empty(batch * (width - 1) + 1, np.int64)
    offsets[-1] = starts[-1]
    parallel(_pack, batch, rows, row_offsets, starts, neurons, offsets)
    return neurons, offsets


@kernel
def _by_neuron(turns, neurons, offsets, steps, size, times, neuron_offsets):
    cursor = np.empty(size, np.int64)
    for b in each(turns):
        first, last = offsets[b * steps], offsets[(b + 1) * steps]
        cursor[:] = 0
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
    """Turn the event lists around: the firing times of each neuron instead of the neurons of each step.

    neurons (events,) int32, offsets (B * T + 1,) int64 -> times (events,) int32, neuron_offsets (B * N + 1,) int64: neuron
    i of sample b fires at `times[neuron_offsets[b * N + i] : neuron_offsets[b * N + i + 1]]`, ascending.
    """
    batch = (offsets.size - 1) // steps
    times = np.empty(neurons.size, np.int32)
    neuron_offsets = np.empty(batch * size + 1, np.int64)
    neuron_offsets[-1] = neurons.size
    parallel(_by_neuron, batch, neurons, offsets, steps, size, times, neuron_offsets)
    return times, neuron_offsets
