"""The forward pass of convolutions with a stride, a dilation or groups on the CPU: `conv_cpu.py` has the plain ones.

Entries of the kernel that see the same inputs, every `stride`-th if the dilation is 1, are stored side by side, so that the
weights of a spike are adjacent. So are the neurons that see it, unless the dilation exceeds its common divisor with the
stride. Groups of maps follow each other, each channel last, (y, x, map).
"""

from functools import lru_cache
from math import gcd, prod
from typing import NamedTuple

import numpy as np

from cupynn.kernels import clear, inline, kernel
from cupynn.kernels.each import of_neurons
from cupynn.kernels.events import event_rows, pack, put_in_order
from cupynn.kernels.lif import STATE, Lif, advance, record
from cupynn.kernels.simd import LANES, aligned
from cupynn.kernels.threads import each, parallel
from cupynn.layers.synapses import ConvSynapses
from cupynn.spikes.trains import SpikeTrains


class Axis(NamedTuple):
    """How the kernel connects inputs and neurons along one axis."""

    order: np.ndarray  # (kernel,): entries of the kernel, those that see the same inputs next to each other
    seen: np.ndarray  # (length, 3): first entry in this order that sees an input, number of entries, neuron of the first
    step: int  # distance between the neurons of adjacent entries


class Window(NamedTuple):
    """How spikes reach the neurons of their group."""

    rows: np.ndarray  # Axis.seen
    columns: np.ndarray
    steps: tuple[int, int]
    channels: int  # of a group
    maps: int  # of a group
    shape: tuple[int, int]  # rows and columns of neurons


@lru_cache(maxsize=64)
def axis(length: int, kernel: int, padding: int, stride: int, dilation: int, neurons: int) -> Axis:
    """Return the connections along an axis of the input.

    Examples
    --------
    >>> axis(5, kernel=3, padding=0, stride=2, dilation=1, neurons=2).order.tolist()
    [2, 0, 1]
    """
    entries = np.arange(kernel)
    order = np.lexsort((-entries, entries * dilation % stride))
    targets, rest = np.divmod(np.arange(padding, padding + length)[:, None] - order * dilation, stride)
    sees = (rest == 0) & (targets >= 0) & (targets < neurons)
    first = sees.argmax(1)
    seen = np.stack([first, sees.sum(1), targets[np.arange(length), first]], 1)
    return Axis(order, seen, dilation // gcd(dilation, stride))


@inline
def add_spike(c, down, across, runs, window, total):
    """Add the weights of one input spike of channel c to the currents `total` (neurons,) of the neurons that see it.

    down, across: rows of `Axis.seen`; runs (channels, kh, kw * maps): the weights, in the order of both axes
    """
    (step_y, step_x), maps, (rows, columns) = window.steps, window.maps, window.shape
    parts, length = (1, across[1] * maps) if step_x == 1 else (across[1], maps)
    for k in range(down[1]):
        target = ((c // window.channels * rows + down[2] + k * step_y) * columns + across[2]) * maps
        source = across[0] * maps
        for _ in range(parts):
            neurons, weights = total[target : target + length], runs[c, down[0] + k, source : source + length]
            for i in range(length):
                neurons[i] += weights[i]
            target += step_x * maps
            source += maps


@kernel
def _simulate(turns, trains, runs, bias, canonical, window, constants, states, packed, packed_offsets):
    (neurons, offsets, steps), (membranes, currents) = trains, states
    height, width = len(window.rows), len(window.columns)
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
                add_spike(np.int64(c), window.rows[np.int64(y)], window.columns[np.int64(x)], runs, window, total)
            start = n
            n = advance(total, state, before, constants, t, packed[b], n)
            put_in_order(packed[b, start:n], canonical, marks)
            packed_offsets[b, t + 1] = n
            if membranes.size:
                record(state, before, membranes[b, t], currents[b, t])


def simulate(
    inputs: SpikeTrains, synapses: ConvSynapses, neuron: Lif, membranes: np.ndarray, currents: np.ndarray
) -> SpikeTrains:
    """Run the layer; fill membranes and currents (B, T, N) unless they are empty."""
    weight, bias, padding, stride, dilation, groups, (all_channels, *image), shape, _ = synapses
    maps, channels, *kernel_size = weight.shape
    own = maps // groups
    down, across = (axis(*sizes) for sizes in zip(image, kernel_size, padding, stride, dilation, shape[1:], strict=True))
    ordered = weight[:, :, down.order[:, None], across.order].reshape(groups, own, channels, *kernel_size)
    runs = np.ascontiguousarray(ordered.transpose(0, 2, 3, 4, 1)).reshape(all_channels, kernel_size[0], -1)
    canonical = np.arange(prod(shape), dtype=np.int32).reshape(groups, own, -1).transpose(0, 2, 1).ravel()
    window = Window(down.seen, across.seen, (down.step, across.step), channels, own, shape[1:])
    starts = np.zeros(0, np.float32) if bias is None else np.repeat(bias, prod(shape[1:]))[canonical]
    events = event_rows(inputs.batch, prod(shape) * neuron.max_count(inputs.steps), inputs.steps)
    trains, states = (inputs.neurons, inputs.offsets, inputs.steps), (membranes, currents)
    constants = of_neurons(neuron, canonical // prod(shape[1:]))
    parallel(_simulate, inputs.batch, trains, runs, starts, canonical, window, constants, states, *events)
    if membranes.size:
        for state in states:
            state[:, :, canonical] = state.copy()
    return SpikeTrains(*pack(*events), inputs.steps, shape)
