"""Pooling by spiking neurons on the CPU, event by event. `pool.py` says what the arguments mean."""

from math import prod

import numpy as np

from cupynn.kernels import clear, inline, kernel
from cupynn.kernels.events import event_rows, pack, sort_by_step
from cupynn.kernels.footprint import Load, Phase, float32, forward_cpu
from cupynn.kernels.lif import STATE, Lif, advance, record
from cupynn.kernels.psp import Psp, decays_of
from cupynn.kernels.simd import LANES, aligned
from cupynn.kernels.threads import each, parallel
from cupynn.spikes import SpikeTrains

Shapes = tuple[tuple[int, int, int], tuple[int, int, int]]  # (channels, height, width), (channels, rows, columns)


@inline
def windows(position, size, stride, count):
    """First and last + 1 of the windows of `size`, every `stride`, that hold a position."""
    return max(0, (position - size + stride) // stride), min(count, position // stride + 1)


@kernel
def _simulate(turns, neurons, offsets, steps, shapes, size, stride, constants, membranes, currents, packed, packed_offsets):
    (_, height, width), (maps, rows, columns) = shapes
    blocks = (maps * rows * columns + LANES - 1) // LANES
    total, state = aligned(blocks * LANES), aligned(blocks * STATE)
    before = aligned(blocks * LANES if membranes.size else 0)
    event_steps = np.empty(packed.shape[1], np.int32)
    event_neurons = np.empty(packed.shape[1], np.int32)
    for b in each(turns):
        clear(total)
        clear(state)
        n = 0
        for t in range(1, steps):
            for event in range(offsets[b * steps + t - 1], offsets[b * steps + t]):
                c, place = divmod(np.uint32(neurons[event]), np.uint32(height * width))
                y, x = divmod(place, np.uint32(width))
                top, bottom = windows(np.int64(y), size[0], stride[0], rows)
                left, right = windows(np.int64(x), size[1], stride[1], columns)
                for row in range(top, bottom):
                    for column in range(left, right):
                        total[(np.int64(c) * rows + row) * columns + column] += np.float32(1)
            n = advance(total, state, before, constants, t, event_steps, event_neurons, n)
            if membranes.size:
                record(state, before, membranes[b, t], currents[b, t])
        sort_by_step(event_steps[:n], event_neurons[:n], steps, packed[b], packed_offsets[b])


def simulate(
    inputs: SpikeTrains,
    shapes: Shapes,
    size: tuple[int, int],
    stride: tuple[int, int],
    neuron: Lif,
    membranes: np.ndarray,
    currents: np.ndarray,
) -> SpikeTrains:
    """Run the layer; fills membranes and currents (B, T, N) unless they are empty."""
    trains = inputs.neurons, inputs.offsets, inputs.steps
    rows = event_rows(inputs.batch, prod(shapes[1]) * neuron.most(inputs.steps), inputs.steps)
    parallel(_simulate, inputs.batch, *trains, shapes, size, stride, neuron, membranes, currents, *rows)
    return SpikeTrains(*pack(*rows), inputs.steps, shapes[1])


def backward(
    inputs: SpikeTrains,
    outputs: SpikeTrains,
    delta: np.ndarray,
    shapes: Shapes,
    size: tuple[int, int],
    stride: tuple[int, int],
    psp: Psp,
    t_ref: int,
    effect_ratio: bool,
    silent_slope: float,
    below: np.ndarray,
) -> None:
    """Write the errors below (B, N_in)."""
    trains = (*inputs.by_neuron(), *outputs.by_neuron())
    rule = (effect_ratio, np.float32(silent_slope))
    parallel(_input_error, inputs.batch, *trains, delta, inputs.steps, shapes, size, stride, psp, t_ref, *rule, below)


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
    delta,
    steps,
    shapes,
    size,
    stride,
    psp,
    t_ref,
    effect_ratio,
    silent_slope,
    result,
):
    """Error of the trains below: sum over windows of delta_i / area * e_ij / o_j.

    The slope e_ij / o_j is 1 without `effect_ratio`, and `silent_slope` where i or j is silent.

    below_times, below_offsets and times, neuron_offsets: the trains below and above, by neuron; delta (B, N_out);
    result (B, N_in) float32
    """
    (channels, height, width), (_, rows, columns) = shapes
    _, decay_s, gain, delay = psp
    decays = decays_of(psp, steps)
    decays_s = np.empty(steps + 1, np.float32)
    rises = np.empty(steps + 1, np.float32)
    power, rise = 1.0, 0.0
    for n in range(steps + 1):
        decays_s[n], rises[n] = power, rise
        power *= np.float64(decay_s)
        rise = rise * np.float64(psp.decay_m) + np.float64(gain) * power
    inputs, outputs = channels * height * width, channels * rows * columns
    area = np.float32(size[0] * size[1])
    for b in each(turns):
        for j in range(inputs):
            c, place = divmod(j, height * width)
            y, x = divmod(place, width)
            spikes = below_times[below_offsets[b * inputs + j] : below_offsets[b * inputs + j + 1]]
            top, bottom = windows(y, size[0], stride[0], rows)
            left, right = windows(x, size[1], stride[1], columns)
            error = np.float32(0)
            for row in range(top, bottom):
                for column in range(left, right):
                    i = (c * rows + row) * columns + column
                    if delta[b, i] == 0:
                        continue
                    firings = times[neuron_offsets[b * outputs + i] : neuron_offsets[b * outputs + i + 1]]
                    slope = silent_slope
                    if firings.size and spikes.size:
                        slope = np.float32(1)
                        if effect_ratio:
                            spsp = spsp_pair(spikes, firings, decays, decays_s, rises, gain, delay, t_ref)
                            slope = spsp / np.float32(spikes.size)
                    error += delta[b, i] / area * slope
            result[b, j] = error


def phases(load: Load, shapes: Shapes) -> tuple[Phase, ...]:
    """Bytes that `simulate` and `backward` need."""
    forward = forward_cpu(load, 0)
    if not load.training:
        return (forward,)
    return forward, Phase(float32(load.threads * 3 * load.steps), float32(prod(shapes[0]), prod(shapes[1])))
