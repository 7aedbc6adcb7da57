"""Trains that follow from a value's level alone, looked up in a table: the cost is per spike, not per step."""

import numpy as np
from numba import prange

from cupynn.kernels import kernel
from cupynn.kernels.events import pack, sort_by_step


@kernel
def _from_levels(levels, times, starts, steps):
    batch, size = levels.shape
    capacity = np.empty(batch, np.int64)
    for b in prange(batch):
        spikes = 0
        for level in levels[b]:
            spikes += starts[level + 1] - starts[level]
        capacity[b] = spikes
    rows = np.empty((batch, capacity.max() if batch else 0), np.int32)
    row_offsets = np.empty((batch, steps + 1), np.int64)
    for b in prange(batch):
        event_steps = np.empty(capacity[b], np.int32)
        event_neurons = np.empty(capacity[b], np.int32)
        n = 0
        for j in range(size):
            level = levels[b, j]
            for spike in range(starts[level], starts[level + 1]):
                event_steps[n], event_neurons[n] = times[spike], j
                n += 1
        sort_by_step(event_steps, event_neurons, steps, rows[b], row_offsets[b])
    return rows, row_offsets


def spike_times(trains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn a table of trains into the times of each level's spikes.

    trains (256, T) bool -> times (spikes,) int32, starts (257,) int64: level l fires at `times[starts[l] : starts[l + 1]]`.
    """
    levels, times = np.nonzero(trains)
    return times.astype(np.int32), np.searchsorted(levels, np.arange(len(trains) + 1))


def from_levels(levels: np.ndarray, table: tuple[np.ndarray, np.ndarray], steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Give each value the train of its level.

    levels (B, N) uint8, table from `spike_times` -> events as `cupynn.kernels.events` has them.
    """
    times, starts = table
    return pack(*_from_levels(levels, times, starts, steps))
