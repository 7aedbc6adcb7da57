"""Convolutions of spiking neurons on the CPU, event by event. `conv.py` says what the arguments mean.

While kernels work on them, the neurons of a sample lie channel last, (y, x, map): an input spike then adds kh runs of
neighbouring weights to kh runs of neighbouring neurons, and a receptive field is kh runs of neighbouring traces.
"""

import numpy as np
from numba import prange

from cupynn.kernels import inline, kernel
from cupynn.kernels.events import pack, sort_by_neuron, sort_by_step
from cupynn.kernels.lif import STATE, Lif, advance, record
from cupynn.kernels.psp import SILENT_EFFECT, SILENT_SPSP, Psp, decays_of, fill_traces, spsp_field
from cupynn.kernels.simd import LANES, aligned, dot
from cupynn.spikes import SpikeTrains

Shapes = tuple[tuple[int, int, int], tuple[int, int, int]]  # (channels, height, width), (maps, rows, columns)


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
def _simulate(neurons, offsets, runs, canonical, kernel_size, steps, shapes, padding, constants, membranes, currents):
    input_shape, output_shape = shapes
    _, height, width = input_shape
    maps, rows, columns = output_shape
    size = rows * columns * maps
    blocks = (size + LANES - 1) // LANES
    batch = (offsets.size - 1) // steps
    t_ref = np.int64(constants.t_ref)
    capacity = size * ((steps - 1 + t_ref) // (t_ref + 1))
    packed = np.empty((batch, capacity), np.int32)
    packed_offsets = np.empty((batch, steps + 1), np.int64)
    for b in prange(batch):
        total = np.zeros(blocks * LANES, np.float32)
        state = aligned(blocks * STATE)
        state[:] = 0
        event_steps = np.empty(capacity, np.int32)
        event_neurons = np.empty(capacity, np.int32)
        n = 0
        for t in range(1, steps):
            for event in range(offsets[b * steps + t - 1], offsets[b * steps + t]):
                c, place = divmod(np.uint32(neurons[event]), np.uint32(height * width))
                y, x = divmod(place, np.uint32(width))
                add_spike(np.int64(c), np.int64(y), np.int64(x), runs, kernel_size, padding, output_shape, total)
            n = advance(total, state, constants, t, event_steps, event_neurons, n)
            if membranes.size:
                record(state, membranes[b, t], currents[b, t])
        for event in range(n):
            event_neurons[event] = canonical[event_neurons[event]]
        sort_by_neuron(event_steps[:n], event_neurons[:n], size)
        sort_by_step(event_steps[:n], event_neurons[:n], steps, packed[b], packed_offsets[b])
    return packed, packed_offsets


def simulate(
    inputs: SpikeTrains,
    weight: np.ndarray,
    shapes: Shapes,
    padding: tuple[int, int],
    neuron: Lif,
    membranes: np.ndarray,
    currents: np.ndarray,
) -> SpikeTrains:
    """Run the layer; fills membranes and currents (B, T, N) unless they are empty."""
    channels, kernel_size = weight.shape[1], weight.shape[2:]
    runs = np.ascontiguousarray(weight[:, :, :, ::-1].transpose(1, 2, 3, 0)).reshape(channels, kernel_size[0], -1)
    maps, rows, columns = shapes[1]
    canonical = np.arange(maps * rows * columns).reshape(maps, rows * columns).T.ravel()
    geometry = (canonical, kernel_size, inputs.steps, shapes, padding)
    events = _simulate(inputs.neurons, inputs.offsets, runs, *geometry, neuron, membranes, currents)
    if membranes.size:
        for state in (membranes, currents):
            state[:, :, canonical] = state.copy()
    return SpikeTrains(*pack(*events), inputs.steps, shapes[1])


@inline
def gather(values, starts, factor, field):
    """Set `field` to the parts of `values` that begin at `starts`, one after the other, times a factor."""
    run = field.size // starts.size
    for ky in range(starts.size):
        part, source = field[ky * run : (ky + 1) * run], values[starts[ky] : starts[ky] + run]
        for k in range(run):
            part[k] = factor * source[k]


@inline
def scatter(field, starts, values):
    """Add `field` to the parts of `values` that begin at `starts`: the reverse of `gather`."""
    run = field.size // starts.size
    for ky in range(starts.size):
        part, target = field[ky * run : (ky + 1) * run], values[starts[ky] : starts[ky] + run]
        for k in range(run):
            target[k] += part[k]


@kernel
def _backward(
    neurons,
    offsets,
    counts,
    times,
    neuron_offsets,
    errors,
    weight,
    slots,
    corners,
    grid,
    pitch,
    psp,
    t_ref,
    v_th,
    effect_ratio,
    wanted,
):
    """Gradients (B, maps, field) of each sample and errors below (B, N_in).

    weight (maps, kh * kw * channels), channel last; slots (N_in,): an input neuron's place in the channel-last grid with its
    padding, of `grid` places and `pitch` a row; corners (places, kh): where the rows of a receptive field begin in it
    """
    maps, size = weight.shape
    places, kh = corners.shape
    run = size // kh
    batch = counts.shape[0]
    steps = (offsets.size - 1) // batch
    decays = decays_of(psp, steps)
    inside = np.zeros(grid, np.float32)
    for slot in slots:
        inside[slot] = 1
    gradients = np.zeros((batch, maps, size), np.float32)
    below = np.zeros((batch, slots.size), np.float32)
    for b in prange(batch):
        traces = np.empty((steps, grid), np.float32)
        fill_traces(neurons, offsets[b * steps : (b + 1) * steps + 1], slots, psp, traces)
        alive = np.zeros(grid, np.float32)
        for j in range(slots.size):
            if counts[b, j]:
                alive[slots[j]] = 1
        by_spsp = np.zeros(grid, np.float32)  # sum of D w e over firing neurons
        by_weight = np.zeros(grid, np.float32)  # sum of D w over firing neurons
        by_silent = np.zeros(grid, np.float32)  # sum of D w over silent neurons, or all without effect_ratio
        partial = np.empty(LANES // 4, np.float32)
        field = np.empty((kh, run), np.float32)
        spsp = field.reshape(size)
        share = np.empty(size, np.float32)
        silent_spsp, silent_effect, sums = (
            np.empty(size, np.float32),
            np.empty(size, np.float32),
            np.empty((3, size), np.float32),
        )
        for place in range(places):
            gather(alive, corners[place], SILENT_SPSP, silent_spsp)
            gather(inside, corners[place], SILENT_EFFECT, silent_effect)
            sums[:] = 0
            for m in range(maps):
                i = m * places + place
                error = errors[b, i]
                if error == 0:
                    continue
                w, gradient = weight[m], gradients[b, m]
                firings = times[neuron_offsets[b * maps * places + i] : neuron_offsets[b * maps * places + i + 1]]
                if firings.size:
                    spsp_field(traces, corners[place, 0], pitch, firings, decays, t_ref, field)
                    effect = dot(w, spsp, partial) / np.float32(firings.size)
                else:
                    spsp[:] = silent_spsp
                    effect = dot(w, silent_effect, partial)
                scale = error * (np.float32(1) + effect / v_th) / np.float32(batch)
                for k in range(size):
                    gradient[k] += scale * spsp[k]
                if wanted:
                    for k in range(size):
                        share[k] = error * w[k]
                    if firings.size and effect_ratio:
                        for k in range(size):
                            sums[0, k] += share[k] * spsp[k]
                            sums[1, k] += share[k]
                    else:
                        for k in range(size):
                            sums[2, k] += share[k]
            if wanted:
                scatter(sums[0], corners[place], by_spsp)
                scatter(sums[1], corners[place], by_weight)
                scatter(sums[2], corners[place], by_silent)
        for j in range(slots.size):
            count, slot = np.float32(counts[b, j]), slots[j]
            below[b, j] = by_silent[slot] + (by_spsp[slot] / count if count else by_weight[slot])
    return gradients, below


def backward(
    inputs: SpikeTrains,
    outputs: SpikeTrains,
    errors: np.ndarray,
    weight: np.ndarray,
    shapes: Shapes,
    padding: tuple[int, int],
    psp: Psp,
    t_ref: int,
    v_th: float,
    effect_ratio: bool,
    gradient: np.ndarray,
    below: np.ndarray | None,
) -> None:
    """Write the weight gradient (maps, channels, kh, kw) and, unless it is None, the errors below (B, N_in)."""
    (_, height, width), (_, rows, columns) = shapes
    maps, channels, kh, kw = weight.shape
    padded = (height + 2 * padding[0], width + 2 * padding[1], channels)
    grid = np.arange(padded[0] * padded[1] * channels).reshape(padded)
    slots = grid[padding[0] : padding[0] + height, padding[1] : padding[1] + width].transpose(2, 0, 1).ravel()
    places = np.add.outer(grid[:rows, 0, 0], grid[0, :columns, 0]).ravel()
    corners = np.add.outer(places, grid[:kh, 0, 0])
    channel_last = np.ascontiguousarray(weight.transpose(0, 2, 3, 1)).reshape(maps, -1)
    gradients, errors_below = _backward(
        inputs.neurons,
        inputs.offsets,
        inputs.counts.reshape(inputs.batch, -1),
        *outputs.by_neuron(),
        errors,
        channel_last,
        slots,
        corners,
        grid.size,
        padded[1] * channels,
        psp,
        t_ref,
        np.float32(v_th),
        effect_ratio,
        below is not None,
    )
    gradient[:] = gradients.sum(0).reshape(maps, kh, kw, channels).transpose(0, 3, 1, 2)
    if below is not None:
        below[:] = errors_below
