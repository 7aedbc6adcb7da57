"""Trains that depend on a value's level only, looked up in a table: the cost is per spike, not per step."""

import numpy as np

from cupynn.checks import read_only
from cupynn.kernels import kernel
from cupynn.kernels.events import event_rows, pack, sort_by_step
from cupynn.kernels.threads import each, parallel


@kernel
def _from_levels(turns, levels, times, starts, steps, rows, row_offsets):
    event_steps, event_neurons = np.empty(rows.shape[1], np.int32), np.empty(rows.shape[1], np.int32)
    for b in each(turns):
        n = 0
        for j in range(levels.shape[1]):
            level = levels[b, j]
            for spike in range(starts[level], starts[level + 1]):
                event_steps[n], event_neurons[n] = times[spike], j
                n += 1
        sort_by_step(event_steps[:n], event_neurons[:n], steps, rows[b], row_offsets[b])


def spike_times(trains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Convert a table of trains to the spike times of each level.

    trains (256, T) bool -> times (spikes,) int32, starts (257,) int64, read-only; level l: times[starts[l] : starts[l + 1]]
    """
    levels, times = np.nonzero(trains)
    return read_only(times.astype(np.int32)), read_only(np.searchsorted(levels, np.arange(len(trains) + 1)))


def from_levels(levels: np.ndarray, table: tuple[np.ndarray, np.ndarray], steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Encode each value as the train of its level.

    levels (B, N) uint8, table from `spike_times` -> events, see `cupynn.kernels.events`
    """
    times, starts = table
    spikes = np.diff(starts)[levels].sum(1)
    rows = event_rows(len(levels), spikes.max(initial=0), steps)
    parallel(_from_levels, len(levels), levels, times, starts, steps, *rows)
    return pack(*rows)
