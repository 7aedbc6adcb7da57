"""Pooling by spiking neurons on the CPU, event by event. `pool.py` says what the arguments mean."""

from math import prod

import numpy as np

from cupynn.kernels import clear, inline, kernel
from cupynn.kernels.events import event_rows, pack
from cupynn.kernels.lif import STATE, Lif, advance, record
from cupynn.kernels.psp import decays_of
from cupynn.kernels.rule import Rule
from cupynn.kernels.simd import LANES, aligned
from cupynn.kernels.sums import BatchSum
from cupynn.kernels.threads import each, parallel
from cupynn.layers.synapses import PoolSynapses
from cupynn.spikes.trains import SpikeTrains


@kernel
def _simulate(turns, neurons, offsets, steps, extents, shape, constants, membranes, currents, packed, packed_offsets):
    maps, rows, columns = shape
    blocks = (maps * rows * columns + LANES - 1) // LANES
    total, state = aligned(blocks * LANES), aligned(blocks * STATE)
    before = aligned(blocks * LANES if membranes.size else 0)
    for b in each(turns):
        clear(total)
        clear(state)
        n = 0
        packed_offsets[b, :2] = 0
        for t in range(1, steps):
            for event in range(offsets[b * steps + t - 1], offsets[b * steps + t]):
                first, down, across = extents[neurons[event]]
                for row in range(down):
                    for column in range(across):
                        total[first + row * columns + column] += np.float32(1)
            n = advance(total, state, before, constants, t, packed[b], n)
            packed_offsets[b, t + 1] = n
            if membranes.size:
                record(state, before, membranes[b, t], currents[b, t])


def _extents(synapses: PoolSynapses) -> np.ndarray:
    """The first neuron whose window holds an input, and how many rows and columns of them do: int32 (N_in, 3)."""
    size, stride, (channels, *image), (_, rows, columns), _ = synapses
    first, counts = [], []
    for length, window, step in zip(image, size, stride, strict=True):
        place = np.arange(length)
        first.append(np.maximum(0, (place - window + step) // step))
        counts.append(place // step + 1 - first[-1])
    extents = np.empty((channels, *image, 3), np.int32)
    plane = first[0][:, None] * columns + first[1]
    extents[..., 0] = np.arange(channels)[:, None, None] * rows * columns + plane
    extents[..., 1] = counts[0][:, None]
    extents[..., 2] = counts[1]
    return extents.reshape(-1, 3)


def simulate(
    inputs: SpikeTrains, synapses: PoolSynapses, neuron: Lif, membranes: np.ndarray, currents: np.ndarray
) -> SpikeTrains:
    """Run the layer; fills membranes and currents (B, T, N) unless they are empty."""
    trains, shape = (inputs.neurons, inputs.offsets, inputs.steps), synapses.output_shape
    rows = event_rows(inputs.batch, prod(shape) * neuron.max_count(inputs.steps), inputs.steps)
    parallel(_simulate, inputs.batch, *trains, _extents(synapses), shape, neuron, membranes, currents, *rows)
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
    """Write the errors below (B, N_in); as nothing is learned, there is no gradient to sum."""
    trains = (*inputs.by_neuron(), *outputs.by_neuron())
    geometry = (_extents(synapses), synapses.output_shape, prod(synapses.window))
    parallel(_input_error, inputs.batch, *trains, errors, inputs.steps, *geometry, rule, below)


@inline
def spsp_pair(spikes, firings, decays, decays_s, rises, gain, delay, t_ref):
    """S-PSP of one train on another, by walking along both: the trace moves from event to event.

    decays, decays_s (T + 1,): decay_m^n, decay_s^n; rises (T + 1,): what a current of 1 adds to the trace in n steps
    """
    total = np.float32(0)
    trace, current, now, upcoming = np.float32(0), np.float32(0), 0, 0
    for k in range(firings.size):
        firing = np.int64(firings[k])
        release = np.int64(firings[k - 1]) + t_ref if k else np.int64(0)
        if firing <= release:  # in a filled-in train: the membrane is still at rest
            continue
        at_release = np.float32(0)
        for stop in (release, firing):
            while upcoming < spikes.size and spikes[upcoming] + delay + 1 <= stop:
                arrival = spikes[upcoming] + delay + 1
                trace = decays[arrival - now] * trace + rises[arrival - now] * current + gain
                current = decays_s[arrival - now] * current + np.float32(1)
                now = arrival
                upcoming += 1
            trace = decays[stop - now] * trace + rises[stop - now] * current
            current = decays_s[stop - now] * current
            now = stop
            if stop == release:
                at_release = trace if k else np.float32(0)
        total += trace - decays[firing - release] * at_release
    return total


@kernel
def _input_error(
    turns,
    below_times,
    below_offsets,
    times,
    neuron_offsets,
    errors,
    steps,
    extents,
    shape,
    area,
    rule,
    result,
):
    """Error of the trains below: sum over windows of D_i / area * e_ij / o_j.

    The slope e_ij / o_j is 1 without `effect_ratio`, and `silent_slope` where i or j is silent.

    below_times, below_offsets and times, neuron_offsets: the trains below and above, by neuron; errors: D (B, N_out);
    result (B, N_in) float32
    """
    (maps, rows, columns), area = shape, np.float32(area)
    psp, t_ref, _, effect_ratio, silent_slope, _ = rule
    _, decay_s, gain, delay = psp
    silent_slope, decays = np.float32(silent_slope), decays_of(psp, steps)
    decays_s = np.empty(steps + 1, np.float32)
    rises = np.empty(steps + 1, np.float32)
    power, rise = 1.0, 0.0
    for n in range(steps + 1):
        decays_s[n], rises[n] = power, rise
        power *= np.float64(decay_s)
        rise = rise * np.float64(psp.decay_m) + np.float64(gain) * power
    inputs, outputs = len(extents), maps * rows * columns
    for b in each(turns):
        for j in range(inputs):
            first, down, across = extents[j]
            spikes = below_times[below_offsets[b * inputs + j] : below_offsets[b * inputs + j + 1]]
            error = np.float32(0)
            for row in range(down):
                for column in range(across):
                    i = first + row * columns + column
                    if errors[b, i] == 0:
                        continue
                    firings = times[neuron_offsets[b * outputs + i] : neuron_offsets[b * outputs + i + 1]]
                    slope = silent_slope
                    if firings.size and spikes.size:
                        slope = np.float32(1)
                        if effect_ratio:
                            spsp = spsp_pair(spikes, firings, decays, decays_s, rises, gain, delay, t_ref)
                            slope = spsp / np.float32(spikes.size)
                    error += errors[b, i] / area * slope
            result[b, j] = error
