"""Convolutions of spiking neurons on the CPU, event by event. `conv.py` documents the arguments.

Kernels store the neurons of a sample channel last, (y, x, map): an input spike then adds kh runs of adjacent weights to kh
runs of adjacent neurons, and a receptive field is kh runs of adjacent traces.
"""

from math import prod
from typing import NamedTuple

import numpy as np

from cupynn.kernels import clear, inline, inline_always, kernel
from cupynn.kernels.each import is_array, of_neurons, one
from cupynn.kernels.events import event_rows, pack, put_in_order
from cupynn.kernels.lif import STATE, Lif, advance, record
from cupynn.kernels.psp import SILENT_EFFECT, SILENT_SPSP
from cupynn.kernels.rule import Rule, input_error, saturation
from cupynn.kernels.simd import FEW, LANES, add_scaled, aligned, dot, load, store
from cupynn.kernels.sums import BatchSum
from cupynn.kernels.threads import each, parallel
from cupynn.layers import strided_cpu
from cupynn.layers.constant import with_constant
from cupynn.layers.conv_spsp_cpu import begin_place, begin_sample, find_spsp, workspace
from cupynn.layers.synapses import ConvSynapses
from cupynn.spikes.trains import SpikeTrains


@inline
def add_spike(c, y, x, runs, kernel_size, padding, output_shape, total):
    """Add the weights of one input spike to the currents `total` (rows * columns * maps,) of the neurons that see it.

    runs (channels, kh, kw * maps): the weights, channel last and kx reversed, so that neighbours in x are adjacent
    """
    kh, kw = kernel_size
    maps, rows, columns = output_shape
    first = x + padding[1] - kw + 1  # leftmost column that sees the spike; may be outside
    low, high = max(0, first), min(columns, x + padding[1] + 1)
    source, length = (low - first) * maps, (high - low) * maps
    for ky in range(max(0, y + padding[0] - rows + 1), min(kh, y + padding[0] + 1)):
        target = ((y + padding[0] - ky) * columns + low) * maps
        neurons, weights = total[target : target + length], runs[c, ky, source : source + length]
        for i in range(length):
            neurons[i] += weights[i]


@kernel
def _simulate(turns, trains, runs, bias, canonical, kernel_size, shapes, padding, constants, states, packed, packed_offsets):
    (neurons, offsets, steps), (membranes, currents) = trains, states
    (_, height, width), output_shape = shapes
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
            for i in range(bias.size):
                total[i] = bias[i]
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


def layout(synapses: ConvSynapses) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights as runs for `add_spike`, and the neurons in the order of a sample, channel last."""
    weight, (maps, rows, columns) = synapses.weight, synapses.output_shape
    runs = np.ascontiguousarray(weight[:, :, :, ::-1].transpose(1, 2, 3, 0)).reshape(*weight.shape[1:3], -1)
    return runs, np.arange(maps * rows * columns, dtype=np.int32).reshape(maps, rows * columns).T.ravel()


def simulate(
    inputs: SpikeTrains, synapses: ConvSynapses, neuron: Lif, membranes: np.ndarray, currents: np.ndarray
) -> SpikeTrains:
    """Run the layer; fill membranes and currents (B, T, N) unless they are empty."""
    weight, bias, padding, stride, dilation, groups, *shapes, _ = synapses
    if (stride, dilation, groups) != ((1, 1), (1, 1), 1):
        return strided_cpu.simulate(inputs, synapses, neuron, membranes, currents)
    runs, canonical = layout(synapses)
    starts = np.zeros(0, np.float32) if bias is None else bias[canonical // prod(shapes[1][1:])]
    geometry = (canonical, weight.shape[2:], tuple(shapes), padding)
    events = event_rows(inputs.batch, prod(shapes[1]) * neuron.max_count(inputs.steps), inputs.steps)
    trains, states = (inputs.neurons, inputs.offsets, inputs.steps), (membranes, currents)
    constants = of_neurons(neuron, canonical // prod(shapes[1][1:]))
    parallel(_simulate, inputs.batch, trains, runs, starts, *geometry, constants, states, *events)
    if membranes.size:
        for state in states:
            state[:, :, canonical] = state.copy()
    return SpikeTrains(*pack(*events), inputs.steps, shapes[1])


@inline
def gather(values, starts, factor, field):
    """Copy the parts of `values` that begin at `starts`, times a factor, to `field`, one after the other."""
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
    """Layout of a sample's inputs, channel last and padded. A receptive field is kh runs of adjacent values.

    Groups of channels follow each other. In a row, every `dilation`-th column is adjacent.
    """

    slots: np.ndarray  # (N_in,), position of each input
    corners: np.ndarray  # (groups, places, kh), starts of the runs of each field
    size: int  # FEW more positions follow, since runs are padded to a multiple of FEW


class Field(NamedTuple):
    """Values of the inputs of a field for the neurons at one place, float32 (field,) each."""

    spsp: np.ndarray  # e of a neuron
    silent_spsp: np.ndarray  # replaces e for silent neurons
    silent_effect: np.ndarray  # replaces e / o for silent neurons
    by_spsp: np.ndarray  # sums over the maps: see `rule.input_error`
    by_weight: np.ndarray
    by_silent: np.ndarray


@inline
def find_alive(counts, slots, alive):
    """Find which inputs of a sample fire, `alive` (grid,) float32."""
    clear(alive)
    for j in range(slots.size):
        if counts[j]:
            alive[slots[j]] = 1


@inline_always
def learn_place(place, corner, work, times, offsets, errors, weights, rule, batch, wanted, field, gradient):
    """Add the gradient of the neurons at one place to that of a sample and, if `wanted`, sum the errors of the field.

    times, offsets (N_out + 1,): firings of the sample's neurons; errors (N_out,); weights, gradient (maps * field,); batch:
    number of samples in the whole batch
    """
    silent_slope = np.float32(rule.silent_slope)
    size, places = field.spsp.size, errors.size // (weights.size // field.spsp.size)
    clear(field.by_spsp)
    clear(field.by_weight)
    clear(field.by_silent)
    for m in range(weights.size // size):
        i = m * places + place
        error, v_th = errors[i], one(rule.v_th, m)
        if error == 0:
            continue
        firings = times[offsets[i] : offsets[i + 1]]
        fires = firings.size > 0
        if fires:
            find_spsp(work, m, corner, firings, rule.t_ref, field.spsp)
            effect = dot(weights, m * size, field.spsp) / np.float32(firings.size)
            if rule.overshoot:
                error *= saturation(effect, v_th)
                errors[i] = error
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
def _backward(turns, trains, spikes, counts, above, errors, weights, grid, rule, batch, gradients, below):
    """Compute the gradients (B, maps, field) of the samples and, unless `below` is empty, the errors below (B, N_in).

    trains: events below, by step; spikes, above: (times, offsets) of the events below and above, by neuron; counts: of the
    trains below, and as they were before a delay; weights (maps, field), 0 where runs are padded; batch: number of samples
    in the whole batch
    """
    (neurons, offsets), (spike_times, spike_offsets), (times, neuron_offsets) = trains, spikes, above
    inputs, (maps, size), (groups, places, _) = grid.slots.size, weights.shape, grid.corners.shape
    entries, neurons_in_group = maps // groups * size, maps // groups * places
    steps, length, neurons_above = (offsets.size - 1) // len(gradients), grid.size + FEW, errors.shape[1]
    work = workspace(rule.psp, steps, grid.slots, length, size)
    inside = np.zeros(length, np.float32)
    for slot in grid.slots:
        inside[slot] = 1
    alive = np.empty(length, np.float32)
    sums, parts = np.empty((3, length), np.float32), np.empty((6, size), np.float32)
    by_spsp, by_weight, by_silent = sums[0], sums[1], sums[2]
    flat_sums, flat_weights = sums.reshape(3 * length), weights.reshape(maps * size)
    field = Field(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5])
    for b in each(turns):
        gradients[b] = 0
        clear(flat_sums)
        begin_sample(work, neurons, offsets[b * steps : (b + 1) * steps + 1], grid.slots, rule.psp)
        find_alive(counts[0][b], grid.slots, alive)
        below_spikes = spike_times, spike_offsets[b * inputs : (b + 1) * inputs + 1]
        firings = neuron_offsets[b * neurons_above : (b + 1) * neurons_above + 1]
        gradient = gradients[b].reshape(maps * size)
        for group in range(groups):
            own, first = group * entries, group * neurons_in_group
            errors_above = errors[b, first : first + neurons_in_group]
            group_firings = firings[first : first + neurons_in_group + 1]
            learned = (rule, batch, below.size > 0, field)
            sample = (work, times, group_firings, errors_above, flat_weights[own : own + entries], *learned)
            group_gradient = gradient[own : own + entries]
            for place in range(places):
                corner = grid.corners[group, place]
                begin_place(work, place, corner, below_spikes, (times, group_firings), rule.psp, rule.t_ref)
                gather(alive, corner, SILENT_SPSP, field.silent_spsp)
                gather(inside, corner, SILENT_EFFECT, field.silent_effect)
                learn_place(place, corner, *sample, group_gradient)
                if below.size:
                    scatter(field.by_spsp, corner, by_spsp)
                    scatter(field.by_weight, corner, by_weight)
                    scatter(field.by_silent, corner, by_silent)
        if below.size:
            pass_on(counts[1][b], grid.slots, by_spsp, by_weight, by_silent, rule, below[b])


def _grid(synapses: ConvSynapses, run: int) -> Grid:
    weight, bias, padding, stride, dilation, groups, (_, height, width), (_, rows, columns), _ = synapses
    channels, kh = weight.shape[1:3]
    high, wide = height + 2 * padding[0], -(-(width + 2 * padding[1]) // dilation[1])
    x = np.arange(width + 2 * padding[1])
    x = (x % dilation[1] * wide + x // dilation[1]) * channels
    y = np.arange(high) * (wide * dilation[1] * channels)
    group = np.arange(groups) * (high * wide * dilation[1] * channels)
    image = np.add.outer(y[padding[0] : padding[0] + height], x[padding[1] : padding[1] + width])
    slots = np.add.outer(np.add.outer(group, np.arange(channels)), image).ravel()
    places = np.add.outer(y[: rows * stride[0] : stride[0]], x[: columns * stride[1] : stride[1]]).ravel()
    corners = np.add.outer(np.add.outer(group, places), y[: kh * dilation[0] : dilation[0]])
    size = groups * high * wide * dilation[1] * channels
    if bias is None:
        return Grid(slots, corners, size)
    constant = np.full((*corners.shape[:2], 1), size)  # a run of its own, in each field
    return Grid(np.append(slots, size), np.concatenate([corners, constant], axis=2), size + run)


def _channel_last(weight: np.ndarray, run: int, bias: np.ndarray | None) -> np.ndarray:
    """Return weights (maps, channels, kh, kw) and a bias (maps,) as fields (maps, runs * run), padded with zeros."""
    maps, channels, kh, kw = weight.shape
    fields = np.zeros((maps, kh + (bias is not None), run), np.float32)
    fields[:, :kh, : kw * channels] = weight.transpose(0, 2, 3, 1).reshape(maps, kh, kw * channels)
    if bias is not None:
        fields[:, kh, 0] = bias
    return fields.reshape(maps, -1)


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
    """Add to the gradient (`ConvSynapses.gradient_shape`); write the errors below (B, N_in) if `below` is given.

    With `overshoot`, the errors of saturated neurons are reduced in place.
    """
    weight, bias = synapses[:2]
    maps, channels, kh, kw = weight.shape
    run = -(-kw * channels // FEW) * FEW
    grid, fields, result = _grid(synapses, run), _channel_last(weight, run, bias), below
    if bias is not None:
        inputs = with_constant(inputs)
        result = None if below is None else np.empty((inputs.batch, inputs.size), np.float32)
    gradients = np.empty((inputs.batch, *fields.shape), np.float32)
    counts = inputs.counts.reshape(inputs.batch, -1), inputs.sent.reshape(inputs.batch, -1)
    spikes = np.empty(0, np.int32), np.empty(0, np.int64)
    if is_array(rule.psp.gain):  # only their S-PSPs need the order by neuron, which is a sort
        spikes = inputs.by_neuron()
    trains = (inputs.neurons, inputs.offsets), spikes, counts, outputs.by_neuron()
    result = np.empty((0, 0), np.float32) if result is None else result
    parallel(_backward, inputs.batch, *trains, errors, fields, grid, rule, batch_sum.batch, gradients, result)
    if bias is not None and below is not None:
        below[...] = result[:, :-1]
    kernels, constants = (gradient, None) if bias is None else (gradient[:, :-1].reshape(weight.shape), gradient[:, -1])
    total = _channel_last(kernels, run, constants) if batch_sum.done else np.zeros(fields.shape, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # training reports weights that are not finite
        for sample in gradients:
            total += sample
    runs = total.reshape(maps, -1, run)
    kernels[...] = runs[:, :kh, : kw * channels].reshape(maps, kh, kw, channels).transpose(0, 3, 1, 2)
    if bias is not None:
        constants[...] = runs[:, kh, 0]
