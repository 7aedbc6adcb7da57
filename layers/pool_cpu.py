"""Pooling by spiking neurons on the CPU, event by event. `pool.py` documents the arguments."""

from math import prod

import numpy as np

from cupynn.kernels import clear, inline, kernel
from cupynn.kernels.each import of_neurons, one
from cupynn.kernels.events import event_rows, list_bits, pack
from cupynn.kernels.lif import STATE, Lif, advance, record
from cupynn.kernels.rule import Rule
from cupynn.kernels.simd import LANES, aligned
from cupynn.kernels.sums import BatchSum
from cupynn.kernels.threads import each, parallel
from cupynn.layers.synapses import PoolSynapses
from cupynn.spikes.trains import SpikeTrains


@inline
def add_spikes(neurons, first, last, windows, columns, total):
    """Add 1 to the currents of the windows that see events first..last-1; windows: see `extents`.

    All events in one call: Numba counts references to arrays at each call.
    """
    for event in range(np.uint64(first), np.uint64(last)):
        j = np.uint64(neurons[event])
        window = np.int64(windows[j, 0])
        for row in range(windows[j, 1]):
            for column in range(windows[j, 2]):
                total[window + row * columns + column] += np.float32(1)


@kernel
def _simulate(turns, neurons, offsets, steps, windows, shape, constants, membranes, currents, packed, packed_offsets):
    maps, rows, columns = shape
    blocks = (maps * rows * columns + LANES - 1) // LANES
    total, state = aligned(blocks * LANES), aligned(blocks * STATE)
    before = aligned(blocks * LANES if membranes.size else 0)
    fired, resting = np.empty((min(np.int64(constants.t_ref), steps) + 1) * blocks, np.int64), np.empty(blocks, np.int64)
    for b in each(turns):
        clear(total)
        clear(state)
        clear(fired)
        clear(resting)
        row, n = packed[b], 0
        packed_offsets[b, :2] = 0
        for t in range(1, steps):
            add_spikes(neurons, offsets[b * steps + t - 1], offsets[b * steps + t], windows, columns, total)
            here = advance(total, state, before, constants, t, fired, resting)
            n = list_bits(fired, here, blocks, row, n)
            packed_offsets[b, t + 1] = n
            if membranes.size:
                record(state, before, membranes[b, t], currents[b, t])


def extents(synapses: PoolSynapses) -> np.ndarray:
    """Return for each input its first window and its numbers of rows and columns of windows: int32 (N_in, 3)."""
    size, stride, (channels, *image), (_, rows, columns), _ = synapses
    first, counts = [], []
    for length, window, step in zip(image, size, stride, strict=True):
        place = np.arange(length)
        first.append(np.maximum(0, (place - window + step) // step))
        counts.append(place // step + 1 - first[-1])
    found = np.empty((channels, *image, 3), np.int32)
    plane = first[0][:, None] * columns + first[1]
    found[..., 0] = np.arange(channels)[:, None, None] * rows * columns + plane
    found[..., 1] = counts[0][:, None]
    found[..., 2] = counts[1]
    return found.reshape(-1, 3)


def simulate(
    inputs: SpikeTrains, synapses: PoolSynapses, neuron: Lif, membranes: np.ndarray, currents: np.ndarray
) -> SpikeTrains:
    """Run the layer; fill membranes and currents (B, T, N) unless they are empty."""
    trains, shape = (inputs.neurons, inputs.offsets, inputs.steps), synapses.output_shape
    rows = event_rows(inputs.batch, prod(shape) * neuron.max_count(inputs.steps), inputs.steps)
    constants = of_neurons(neuron, np.arange(prod(shape)) // prod(shape[1:]))
    parallel(_simulate, inputs.batch, *trains, extents(synapses), shape, constants, membranes, currents, *rows)
    return SpikeTrains(*pack(*rows), inputs.steps, shape)


def backward(
    inputs: SpikeTrains,
    outputs: SpikeTrains,
    errors: np.ndarray,
    synapses: PoolSynapses,
    rule: Rule,
    gradient: None,
    below: np.ndarray,
    batch_sum: BatchSum,
) -> None:
    """Write the errors below (B, N_in); there are no weights to learn."""
    geometry = (extents(synapses), synapses.output_shape, prod(synapses.window))
    trains = inputs.by_neuron(), outputs.by_neuron()
    groups = rule.psp.gain.size
    parallel(_input_error, inputs.batch, *trains, errors, inputs.steps, groups, *geometry, rule, below)


@inline
def _tables(psp, steps, groups):
    """Return decay_m^n, decay_s^n and what a current of 1 adds to the trace in n steps, float32 (groups, T + 1) each."""
    decays = np.empty((groups, steps + 1), np.float32)
    decays_s, rises = np.empty_like(decays), np.empty_like(decays)
    for group in range(groups):
        decay_m, decay_s = np.float64(one(psp.decay_m, group)), np.float64(one(psp.decay_s, group))
        power, power_s, rise = 1.0, 1.0, 0.0
        for n in range(steps + 1):
            decays[group, n], decays_s[group, n], rises[group, n] = power, power_s, rise
            power *= decay_m
            power_s *= decay_s
            rise = rise * decay_m + np.float64(one(psp.gain, group)) * power_s
    return decays, decays_s, rises


@inline
def spsp_pair(spikes, firings, tables, own, gain, delay, t_ref):
    """Return the S-PSP of one train on another, moving the trace from event to event of both.

    tables: see `_tables`; own: their row for the neuron
    """
    decays, decays_s, rises = tables
    total = np.float32(0)
    trace, current, now, upcoming = np.float32(0), np.float32(0), 0, 0
    for k in range(firings.size):
        firing = np.int64(firings[k])
        release = np.int64(firings[k - 1]) + t_ref if k else np.int64(0)
        if firing <= release:  # in a filled-in train, the neuron is still refractory
            continue
        at_release = np.float32(0)
        for stop in (release, firing):
            while upcoming < spikes.size and spikes[upcoming] + delay + 1 <= stop:
                arrival = spikes[upcoming] + delay + 1
                trace = decays[own, arrival - now] * trace + rises[own, arrival - now] * current + gain
                current = decays_s[own, arrival - now] * current + np.float32(1)
                now = arrival
                upcoming += 1
            trace = decays[own, stop - now] * trace + rises[own, stop - now] * current
            current = decays_s[own, stop - now] * current
            now = stop
            if stop == release:
                at_release = trace if k else np.float32(0)
        total += trace - decays[own, firing - release] * at_release
    return total


@kernel
def _input_error(turns, trains_below, trains, errors, steps, groups, windows, shape, area, rule, result):
    """Write the error of the trains below: the sum over windows of D_i / area * e_ij / o_j.

    The slope e_ij / o_j is 1 without `effect_ratio`, and `silent_slope` where i or j is silent.

    trains_below, trains: (times, offsets) by neuron; errors: D (B, N_out); groups: number of maps with constants of their
    own, or 1; result (B, N_in) float32
    """
    (below_times, below_offsets), (times, neuron_offsets) = trains_below, trains
    (maps, rows, columns), area = shape, np.float32(area)
    psp, t_ref, _, effect_ratio, silent_slope, _ = rule
    _, _, gain, delay = psp
    silent_slope, tables = np.float32(silent_slope), _tables(psp, steps, groups)
    inputs, outputs = len(windows), maps * rows * columns
    for b in each(turns):
        for j in range(inputs):
            first, down, across = windows[j, 0], windows[j, 1], windows[j, 2]
            spikes = below_times[below_offsets[b * inputs + j] : below_offsets[b * inputs + j + 1]]
            error = np.float32(0)
            for row in range(down):
                for column in range(across):
                    i = first + row * columns + column
                    own = i // (rows * columns) if groups > 1 else 0
                    if errors[b, i] == 0:
                        continue
                    firings = times[neuron_offsets[b * outputs + i] : neuron_offsets[b * outputs + i + 1]]
                    slope = silent_slope
                    if firings.size and spikes.size:
                        slope = np.float32(1)
                        if effect_ratio:
                            spsp = spsp_pair(spikes, firings, tables, own, one(gain, own), delay, t_ref)
                            slope = spsp / np.float32(spikes.size)
                    error += errors[b, i] / area * slope
            result[b, j] = error
