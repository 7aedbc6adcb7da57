"""Axonal delays: an event of input j at step t acts at step t + d_j, and events beyond the last step are dropped.

A train that acts one step later has the trace A_j(t - 1) for A_j(t), so one more step of delay changes the S-PSP e_ij by its
contraction with A_j(t - 1) - A_j(t), exactly: the slope of e_ij in d_j, by which delays are trained.
"""

from collections.abc import Iterator

import numpy as np

from cupynn.kernels import clear, kernel
from cupynn.kernels.events import Trains
from cupynn.kernels.psp import SILENT_SPSP, Psp, Spsp, _effects, decays_of, spsp, trace_step
from cupynn.kernels.simd import FEW, LANES, aligned, fill, load, store
from cupynn.kernels.threads import each, parallel


@kernel
def _count(turns, times, neuron_offsets, delays, steps, counts):
    size = delays.size
    for b in each(turns):
        row = counts[b]
        for i in range(size):
            for event in range(neuron_offsets[b * size + i], neuron_offsets[b * size + i + 1]):
                t = times[event] + delays[i]
                if t < steps:
                    row[t] += 1


@kernel
def _place(turns, times, neuron_offsets, delays, steps, offsets, neurons):
    size = delays.size
    for b in each(turns):
        cursor = offsets[b * steps : (b + 1) * steps].copy()
        for i in range(size):
            for event in range(neuron_offsets[b * size + i], neuron_offsets[b * size + i + 1]):
                t = times[event] + delays[i]
                if t < steps:
                    neurons[cursor[t]] = i
                    cursor[t] += 1


def delay(trains: Trains, delays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the neurons and offsets, as in `events.py`, of trains whose neuron i acts `delays[i]` int32 steps later.

    The events of a step are put there neuron by neuron, so that they are sorted.
    """
    events = trains.by_neuron()
    counts = np.zeros((trains.batch, trains.steps), np.int64)
    parallel(_count, trains.batch, *events, delays, trains.steps, counts)
    offsets = np.concatenate([[0], counts.ravel().cumsum()])
    neurons = np.empty(offsets[-1], np.int32)
    parallel(_place, trains.batch, *events, delays, trains.steps, offsets, neurons)
    return neurons, offsets


@kernel
def _spsp_and_slopes(turns, neurons, offsets, times, neuron_offsets, first, n_in, psp, t_ref, most, found):
    """Compute S-PSPs as `psp._spsp` does, to the same bits, and their slopes in the second half of the values."""
    values, starts, rows, lines, line_counts, widths = found
    n_out, half = rows.shape[1], values.size // 2
    steps = (offsets.size - 1) // ((neuron_offsets.size - 1) // n_out)
    decays = decays_of(psp, steps)
    widest = 0
    for width in widths:
        widest = max(widest, width)
    slots = np.empty(n_in, np.int64)
    needed = np.empty(steps, np.int32)
    firings, releases, forgotten = np.empty(most, np.uint32), np.empty(most, np.uint32), np.empty(most, np.float32)
    bounds = np.empty(n_out + 1, np.int64)
    current, trace, before = aligned(widest), aligned(widest), aligned(widest)
    tables = aligned(2 * (steps + 1) * widest)  # of each step, the trace and its change if it were a step later
    for b in each(turns):
        width, sample = widths[b], first + b
        for k in range(line_counts[b]):
            for lane in range(min(FEW, n_in - lines[b, k] * FEW)):
                slots[lines[b, k] * FEW + lane] = k * FEW + lane
        own = offsets[sample * steps : (sample + 1) * steps + 1]
        silent = starts[b + 1] - width
        for column in range(silent, silent + width):
            values[column] = values[half + column] = 0
        for event in range(own[0], own[steps]):
            values[silent + slots[neurons[event]]] = SILENT_SPSP
        above = neuron_offsets[sample * n_out : (sample + 1) * n_out + 1]
        count = _effects(times, above, rows[b], steps, t_ref, decays, needed, firings, releases, forgotten, bounds)
        if starts[b] == silent:
            continue
        size = 2 * (count + 1) * LANES
        clear(current[:width])
        clear(trace[:width])
        for t in range(steps):
            if needed[t] >= 0:
                before[:width] = trace[:width]
            trace_step(neurons, own, slots, t, psp, current[:width], trace[:width])
            if needed[t] >= 0:
                for column in range(0, width, LANES):
                    at, now = column // LANES * size + 2 * needed[t] * LANES, load(trace, column, LANES)
                    store(tables, at, now)
                    store(tables, at + LANES, load(before, column, LANES) - now)
        for column in range(0, width, LANES):
            at = column // LANES * size + 2 * count * LANES
            store(tables, at, fill(np.float32(0), LANES))
            store(tables, at + LANES, fill(np.float32(0), LANES))
        for column in range(0, width, LANES):
            table, at = column // LANES * size, starts[b] + column
            for row in range((silent - starts[b]) // width):
                summed, slope = fill(np.float32(0), LANES), fill(np.float32(0), LANES)
                for k in range(np.uint64(bounds[row]), np.uint64(bounds[row + 1])):
                    firing = table + 2 * np.int64(firings[k]) * LANES
                    release = table + 2 * np.int64(releases[k]) * LANES
                    summed = summed + (load(tables, firing, LANES) - load(tables, release, LANES) * forgotten[k])
                    later = load(tables, firing + LANES, LANES) - load(tables, release + LANES, LANES) * forgotten[k]
                    slope = slope + later
                store(values, at, summed)
                store(values, half + at, slope)
                at += width


def spsp_and_slopes(
    below: Trains, above: Trains, errors: np.ndarray, constants: Psp, t_ref: int
) -> Iterator[tuple[slice, Spsp, Spsp]]:
    """Yield what `psp.spsp` does, and for each part the slopes of its S-PSPs in the delays of the trains below."""
    for part, found in spsp(below, above, errors, constants, t_ref, _spsp_and_slopes, copies=2):
        half = found.values.size // 2
        yield part, found._replace(values=found.values[:half]), found._replace(values=found.values[half:])
