"""Pooling by spiking neurons on the CPU, event by event. `pool.py` documents the arguments."""

from math import prod

import numpy as np

from cupynn.kernels import clear, inline, kernel
from cupynn.kernels.each import lanes, of_neurons
from cupynn.kernels.events import event_rows, list_bits, pack
from cupynn.kernels.lif import STATE, Lif, advance, record
from cupynn.kernels.responses import ALL, mark, respond
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
    size, stride, input_shape, shape, _ = synapses
    rule = rule._replace(psp=of_neurons(rule.psp, np.arange(prod(shape)) // prod(shape[1:])))
    geometry = (size, stride, input_shape, shape)
    parallel(
        _input_error, inputs.batch, inputs.by_neuron(), outputs.by_neuron(), errors, geometry, rule, inputs.steps, below
    )


@kernel
def _input_error(turns, trains_below, trains, errors, geometry, rule, steps, result):
    """Write the error of the trains below, result (B, N_in): the sum over windows of D_i / area * e_ij / o_j.

    The slope e_ij / o_j is 1 without `effect_ratio`, and `silent_slope` where i or j is silent. e_ij is the sum of neuron
    i's responses to the spikes of j (`kernels/responses.py`), which are found for LANES neurons at once. With a trace that
    moves from event to event of both trains, the first pooling layer of the paper's network took three times as long.

    trains_below, trains: (times, offsets) by neuron; errors: D (B, N_out); geometry: size and stride of the windows, shapes
    below and above
    """
    (spikes, spike_offsets), (times, offsets) = trains_below, trains
    (high, wide), (down, across), (_, height, width), (_, rows, columns) = geometry
    silent_slope, area, shift = np.float32(rule.silent_slope), np.float32(high * wide), 1 + rule.psp.delay
    inputs, outputs = result.shape[1], errors.shape[1]
    fired, rests, responses = np.empty(steps, np.int64), np.empty(steps, np.int64), aligned(steps * LANES)
    for b in each(turns):
        for j in range(inputs):
            result[b, j] = 0
        for low in range(0, outputs, LANES):
            held, end = min(LANES, outputs - low), np.int64(0)
            for t in range(steps):
                fired[t] = rests[t] = 0
            for lane in range(held):
                at = b * outputs + low + lane
                if errors[b, low + lane] != 0 and offsets[at + 1] > offsets[at]:
                    end = max(end, mark(times, offsets[at], offsets[at + 1], rule.t_ref, lane, fired, rests))
            decay_m, decay_s = lanes(rule.psp.decay_m, low, LANES), lanes(rule.psp.decay_s, low, LANES)
            respond(fired, rests, end, decay_m, decay_s, lanes(rule.psp.gain, low, LANES), ALL, responses)
            for lane in range(held):
                i = low + lane
                error, fires = errors[b, i] / area, offsets[b * outputs + i + 1] > offsets[b * outputs + i]
                if error == 0:
                    continue
                channel, place = i // (rows * columns), i % (rows * columns)
                top, left = place // columns * down, place % columns * across
                for y in range(top, min(top + high, height)):
                    for x in range(left, min(left + wide, width)):
                        j = (channel * height + y) * width + x
                        first, last = spike_offsets[b * inputs + j], spike_offsets[b * inputs + j + 1]
                        slope = silent_slope
                        if fires and last > first:
                            slope = np.float32(1)
                            if rule.effect_ratio:
                                spsp = np.float32(0)
                                for spike in range(np.uint64(first), np.uint64(last)):
                                    arrival = np.int64(spikes[spike]) + shift
                                    if arrival >= end:
                                        break
                                    spsp += responses[np.uint64(arrival * LANES + lane)]
                                slope = spsp / np.float32(last - first)
                        result[b, j] += error * slope
