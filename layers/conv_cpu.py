"""Convolutions of spiking neurons on the CPU, event by event. `conv.py` says what the arguments mean.

While kernels work on them, the neurons of a sample lie channel last, (y, x, map): an input spike then adds kh runs of
neighbouring weights to kh runs of neighbouring neurons, and a receptive field is kh runs of neighbouring traces.
"""

from math import prod
from typing import NamedTuple

import numpy as np

from cupynn.kernels import clear, inline, inline_always, kernel
from cupynn.kernels.events import event_rows, pack, put_in_order
from cupynn.kernels.lif import STATE, Lif, advance, record
from cupynn.kernels.psp import SILENT_EFFECT, SILENT_SPSP, decays_of, fill_traces, spsp_field
from cupynn.kernels.rule import Rule, input_error, saturation
from cupynn.kernels.simd import FEW, LANES, add_scaled, aligned, dot, load, store
from cupynn.kernels.sums import BatchSum
from cupynn.kernels.threads import each, parallel
from cupynn.layers.synapses import ConvSynapses
from cupynn.spikes.trains import SpikeTrains


@inline
def add_spike(c, y, x, runs, kernel_size, padding, output_shape, total):
    """Add one input spike's weights to the currents `total` (rows * columns * maps,) of all neurons that see it.

    runs (channels, kh, kw * maps): the weights, channel last and kx reversed, so that neighbours in x are neighbours here
    """
    kh, kw = kernel_size
    maps, rows, columns = output_shape
    first = x + padding[1] - kw + 1  # leftmost column that sees the spike, perhaps outside
    low, high = max(0, first), min(columns, x + padding[1] + 1)
    source, length = (low - first) * maps, (high - low) * maps
    for ky in range(max(0, y + padding[0] - rows + 1), min(kh, y + padding[0] + 1)):
        target = ((y + padding[0] - ky) * columns + low) * maps
        neurons, weights = total[target : target + length], runs[c, ky, source : source + length]
        for i in range(length):
            neurons[i] += weights[i]


@kernel
def _simulate(
    turns,
    neurons,
    offsets,
    runs,
    canonical,
    kernel_size,
    steps,
    shapes,
    padding,
    constants,
    membranes,
    currents,
    packed,
    packed_offsets,
):
    input_shape, output_shape = shapes
    _, height, width = input_shape
    blocks = (canonical.size + LANES - 1) // LANES
    total, state = aligned(blocks * LANES), aligned(blocks * STATE)
    before = aligned(blocks * LANES if membranes.size else 0)
    marks = np.zeros((canonical.size + 63) // 64, np.int64)
    for b in each(turns):
        clear(total)
        clear(state)
        n = 0
        packed_offsets[b, :2] = 0
        for t in range(1, steps):
            for event in range(offsets[b * steps + t - 1], offsets[b * steps + t]):
                c, place = divmod(np.uint32(neurons[event]), np.uint32(height * width))
                y, x = divmod(place, np.uint32(width))
                add_spike(np.int64(c), np.int64(y), np.int64(x), runs, kernel_size, padding, output_shape, total)
            start = n
            n = advance(total, state, before, constants, t, packed[b], n)
            put_in_order(packed[b, start:n], canonical, marks)
            packed_offsets[b, t + 1] = n
            if membranes.size:
                record(state, before, membranes[b, t], currents[b, t])


def simulate(
    inputs: SpikeTrains, synapses: ConvSynapses, neuron: Lif, membranes: np.ndarray, currents: np.ndarray
) -> SpikeTrains:
    """Run the layer; fills membranes and currents (B, T, N) unless they are empty."""
    weight, padding, *shapes, _ = synapses
    channels, kernel_size = weight.shape[1], weight.shape[2:]
    runs = np.ascontiguousarray(weight[:, :, :, ::-1].transpose(1, 2, 3, 0)).reshape(channels, kernel_size[0], -1)
    maps, rows, columns = shapes[1]
    canonical = np.arange(maps * rows * columns, dtype=np.int32).reshape(maps, rows * columns).T.ravel()
    geometry = (canonical, kernel_size, inputs.steps, tuple(shapes), padding)
    events = event_rows(inputs.batch, prod(shapes[1]) * neuron.max_count(inputs.steps), inputs.steps)
    states = (membranes, currents)
    parallel(_simulate, inputs.batch, inputs.neurons, inputs.offsets, runs, *geometry, neuron, *states, *events)
    if membranes.size:
        for state in (membranes, currents):
            state[:, :, canonical] = state.copy()
    return SpikeTrains(*pack(*events), inputs.steps, shapes[1])


@inline
def gather(values, starts, factor, field):
    """Set `field` to the parts of `values` that begin at `starts`, one after the other, times a factor."""
    run = field.size // starts.size
    for ky in range(starts.size):
        for k in range(0, run, FEW):
            store(field, ky * run + k, load(values, starts[ky] + k, FEW) * factor)


@inline
def scatter(field, starts, values):
    """Add `field` to the parts of `values` that begin at `starts`: the reverse of `gather`."""
    run = field.size // starts.size
    for ky in range(starts.size):
        for k in range(0, run, FEW):
            at = starts[ky] + k
            store(values, at, load(values, at, FEW) + load(field, ky * run + k, FEW))


class Grid(NamedTuple):
    """Where the inputs of a sample lie, channel last and with their padding. A receptive field is kh runs of neighbours."""

    slots: np.ndarray  # (N_in,), the place of an input
    corners: np.ndarray  # (places, kh), where the runs of a field begin
    size: int  # FEW more places follow, as the last run is filled up to a multiple of FEW


class Field(NamedTuple):
    """What the inputs of a field are to the neurons at one place, float32 (field,) each."""

    spsp: np.ndarray  # e of a neuron
    silent_spsp: np.ndarray  # what stands for e, and for e / o, where the neuron is silent
    silent_effect: np.ndarray
    by_spsp: np.ndarray  # sums over the maps: see `rule.input_error`
    by_weight: np.ndarray
    by_silent: np.ndarray


@inline
def trace_inputs(neurons, offsets, counts, slots, psp, traces, alive):
    """Fill in the traces (T, grid) of a sample, and which inputs fire, `alive` (grid,) float32."""
    fill_traces(neurons, offsets, slots, psp, traces)
    clear(alive)
    for j in range(slots.size):
        if counts[j]:
            alive[slots[j]] = 1


@inline_always
def learn_place(place, corner, traces, decays, times, offsets, errors, weights, rule, batch, wanted, field, gradient):
    """Add the gradient of the neurons at one place to that of a sample and, if `wanted`, sum up the errors of the field.

    times, offsets (N_out + 1,): firings of the sample's neurons, whose errors are `errors` (N_out,); weights, gradient
    (maps * field,); batch: samples of the whole batch
    """
    v_th, silent_slope = np.float32(rule.v_th), np.float32(rule.silent_slope)
    size, places = field.spsp.size, errors.size // (weights.size // field.spsp.size)
    clear(field.by_spsp)
    clear(field.by_weight)
    clear(field.by_silent)
    for m in range(weights.size // size):
        i = m * places + place
        error = errors[i]
        if error == 0:
            continue
        firings = times[offsets[i] : offsets[i + 1]]
        fires = firings.size > 0
        if fires:
            spsp_field(traces, corner, firings, decays, rule.t_ref, field.spsp)
            effect = dot(weights, m * size, field.spsp) / np.float32(firings.size)
            if rule.overshoot:
                error *= saturation(effect, v_th)
        else:
            for k in range(size):
                field.spsp[k] = field.silent_spsp[k]
            effect = dot(weights, m * size, field.silent_effect)
        scale = error * (np.float32(1) + effect / v_th) / np.float32(batch)
        add_scaled(field.spsp, scale, gradient, m * size)
        if wanted and (fires or silent_slope != 0):
            target = field.by_weight if fires else field.by_silent
            for k in range(0, size, FEW):
                share = load(weights, m * size + k, FEW) * error
                store(target, k, load(target, k, FEW) + share)
                if fires and rule.effect_ratio:
                    store(field.by_spsp, k, load(field.by_spsp, k, FEW) + share * load(field.spsp, k, FEW))


@inline
def pass_on(counts, slots, by_spsp, by_weight, by_silent, rule, below):
    """Write the errors below (N_in,) of a sample from the sums (grid,) over all fields."""
    silent_slope = np.float32(rule.silent_slope)
    for j in range(slots.size):
        slot = slots[j]
        sums = by_spsp[slot], by_weight[slot], by_silent[slot]
        below[j] = input_error(np.float32(counts[j]), *sums, rule.effect_ratio, silent_slope)


@kernel
def _backward(turns, neurons, offsets, counts, times, neuron_offsets, errors, weights, grid, rule, batch, gradients, below):
    """Gradients (B, maps, field) of each sample and, unless that is empty, errors below (B, N_in).

    weights (maps, field), 0 where runs are filled up; batch: samples of the whole batch
    """
    maps, size = weights.shape
    steps, length, neurons_above = (offsets.size - 1) // len(gradients), grid.size + FEW, errors.shape[1]
    decays = decays_of(rule.psp, steps)
    inside = np.zeros(length, np.float32)
    for slot in grid.slots:
        inside[slot] = 1
    traces, alive = np.zeros((steps, length), np.float32), np.empty(length, np.float32)
    by_spsp, by_weight = np.empty(length, np.float32), np.empty(length, np.float32)
    by_silent = np.empty(length, np.float32)
    own, field_errors = np.empty((3, size), np.float32), np.empty((3, size), np.float32)
    flat_weights = weights.reshape(maps * size)
    field = Field(own[0], own[1], own[2], field_errors[0], field_errors[1], field_errors[2])
    for b in each(turns):
        gradients[b] = 0
        clear(by_spsp)
        clear(by_weight)
        clear(by_silent)
        trace_inputs(neurons, offsets[b * steps : (b + 1) * steps + 1], counts[b], grid.slots, rule.psp, traces, alive)
        firings = neuron_offsets[b * neurons_above : (b + 1) * neurons_above + 1]
        sample = (traces, decays, times, firings, errors[b], flat_weights, rule, batch, below.size > 0, field)
        gradient = gradients[b].reshape(maps * size)
        for place in range(len(grid.corners)):
            corner = grid.corners[place]
            gather(alive, corner, SILENT_SPSP, field.silent_spsp)
            gather(inside, corner, SILENT_EFFECT, field.silent_effect)
            learn_place(place, corner, *sample, gradient)
            if below.size:
                scatter(field.by_spsp, corner, by_spsp)
                scatter(field.by_weight, corner, by_weight)
                scatter(field.by_silent, corner, by_silent)
        if below.size:
            pass_on(counts[b], grid.slots, by_spsp, by_weight, by_silent, rule, below[b])


@kernel
def _add_samples(turns, gradients, gradient):
    """Add the gradients (B, maps, field) of samples, one after the other, to gradient (maps, channels, kh, kw)."""
    _, channels, kh, kw = gradient.shape
    field = gradients.shape[2]
    run = field // kh
    summed = np.zeros(field, np.float32)
    for m in each(turns):
        for c in range(channels):
            for ky in range(kh):
                for kx in range(kw):
                    summed[ky * run + kx * channels + c] = gradient[m, c, ky, kx]
        for b in range(len(gradients)):
            for k in range(field):
                summed[k] += gradients[b, m, k]
        for c in range(channels):
            for ky in range(kh):
                for kx in range(kw):
                    gradient[m, c, ky, kx] = summed[ky * run + kx * channels + c]


def backward(
    inputs: SpikeTrains,
    outputs: SpikeTrains,
    errors: np.ndarray,
    synapses: ConvSynapses,
    rule: Rule,
    gradient: np.ndarray,
    below: np.ndarray | None,
    batch_sum: BatchSum,
) -> None:
    """Go on with the weight gradient (maps, channels, kh, kw); write the errors below (B, N_in) unless they are None."""
    weight, padding, (_, height, width), (_, rows, columns), _ = synapses
    maps, channels, kh, kw = weight.shape
    padded = (height + 2 * padding[0], width + 2 * padding[1], channels)
    numbers = np.arange(padded[0] * padded[1] * channels).reshape(padded)
    slots = numbers[padding[0] : padding[0] + height, padding[1] : padding[1] + width].transpose(2, 0, 1).ravel()
    places = np.add.outer(numbers[:rows, 0, 0], numbers[0, :columns, 0]).ravel()
    grid = Grid(slots, np.add.outer(places, numbers[:kh, 0, 0]), numbers.size)
    run = -(-kw * channels // FEW) * FEW
    channel_last = np.zeros((maps, kh, run), np.float32)
    channel_last[:, :, : kw * channels] = weight.transpose(0, 2, 3, 1).reshape(maps, kh, kw * channels)
    gradients = np.empty((inputs.batch, maps, kh * run), np.float32)
    parallel(
        _backward,
        inputs.batch,
        inputs.neurons,
        inputs.offsets,
        inputs.counts.reshape(inputs.batch, -1),
        *outputs.by_neuron(),
        errors,
        channel_last.reshape(maps, -1),
        grid,
        rule,
        batch_sum.batch,
        gradients,
        np.empty((0, 0), np.float32) if below is None else below,
    )
    if batch_sum.done == 0:
        gradient[:] = 0
    parallel(_add_samples, maps, gradients, gradient)
