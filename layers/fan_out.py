"""Where the spikes of each input of a convolution go, on the CPU.

Neurons of a sample are stored channel last, (group, y, x, map). Entries of the kernel that see the same inputs, every
`stride`-th if the dilation is 1, are stored side by side, so that the weights of a spike are adjacent. So are the neurons
that see it, unless the dilation exceeds its common divisor with the stride: a spike adds runs of weights to runs of neurons.
"""

from functools import lru_cache
from math import gcd, prod
from typing import NamedTuple

import numpy as np

from cupynn.kernels import inline
from cupynn.kernels.simd import FEW, LANES, load, store
from cupynn.layers.synapses import ConvSynapses


class Axis(NamedTuple):
    """How the kernel connects inputs and neurons along one axis."""

    order: np.ndarray  # (kernel,): entries of the kernel, those that see the same inputs next to each other
    seen: np.ndarray  # (length, 3): first entry in this order that sees an input, number of entries, neuron of the first
    step: int  # distance between the neurons of adjacent entries


class FanOut(NamedTuple):
    """The runs of each input, and the distances from one to the next."""

    runs: np.ndarray  # (N_in, 5) int32: neuron and weight of the first; rows of runs; runs of a row; length of a run
    row: tuple[int, int]  # distances between rows, in neurons and weights
    step: tuple[int, int]  # distances between the runs of a row


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


@lru_cache(maxsize=64)
def _fan_out(down: tuple[int, ...], across: tuple[int, ...], channels: int, groups: int, maps: int) -> FanOut:
    """Return the runs for the arguments of both axes, and the numbers of channels, of groups, and of maps of a group."""
    rows, columns = axis(*down), axis(*across)
    (height, kh), (width, kw), (high, wide) = down[:2], across[:2], (down[-1], across[-1])
    c, y, x = np.ix_(range(channels), range(height), range(width))
    runs = np.empty((channels, height, width, 5), np.int32)
    runs[..., 0] = ((c // (channels // groups) * high + rows.seen[y, 2]) * wide + columns.seen[x, 2]) * maps
    runs[..., 1] = ((c * kh + rows.seen[y, 0]) * kw + columns.seen[x, 0]) * maps
    adjacent = columns.step == 1
    runs[..., 2] = rows.seen[y, 1]
    runs[..., 3] = 1 if adjacent else columns.seen[x, 1]
    runs[..., 4] = columns.seen[x, 1] * maps if adjacent else maps
    return FanOut(runs.reshape(-1, 5), (rows.step * wide * maps, kw * maps), (columns.step * maps, maps))


def layout(synapses: ConvSynapses) -> tuple[FanOut, np.ndarray, np.ndarray]:
    """Return the fan-out of the inputs, the weights in its order, and the neurons (N,) in the order of a sample."""
    weight, _, padding, stride, dilation, groups, (channels, *image), shape, _ = synapses
    maps, own_channels, *kernel = weight.shape
    own = maps // groups
    down, across = zip(image, kernel, padding, stride, dilation, shape[1:], strict=True)
    rows, columns = axis(*down), axis(*across)
    ordered = weight[:, :, rows.order[:, None], columns.order].reshape(groups, own, own_channels, *kernel)
    neurons = np.arange(prod(shape), dtype=np.int32).reshape(groups, own, -1).transpose(0, 2, 1).ravel()
    weights = np.ascontiguousarray(ordered.transpose(0, 2, 3, 4, 1)).reshape(-1)
    return _fan_out(down, across, channels, groups, own), weights, neurons


@inline
def add_spikes(neurons, first, last, fan_out, weights, total):
    """Add the weights of events first..last-1 to the currents `total` (neurons,) of the neurons that see them.

    All events in one call: Numba counts references to arrays at each call.
    """
    runs, (row_neurons, row_weights), (step_neurons, step_weights) = fan_out
    for event in range(np.uint64(first), np.uint64(last)):
        j = np.uint64(neurons[event])
        neuron, weight, length = np.int64(runs[j, 0]), np.int64(runs[j, 1]), np.int64(runs[j, 4])
        for row in range(runs[j, 2]):
            for part in range(runs[j, 3]):
                to = neuron + row * row_neurons + part * step_neurons
                source, end = weight + row * row_weights + part * step_weights, to + length
                while to + LANES <= end:
                    store(total, to, load(total, to, LANES) + load(weights, source, LANES))
                    to += LANES
                    source += LANES
                while to + FEW <= end:
                    store(total, to, load(total, to, FEW) + load(weights, source, FEW))
                    to += FEW
                    source += FEW
                while to < end:
                    total[to] += weights[source]
                    to += 1
                    source += 1
