"""Estimates of the memory of a part of a batch, made in advance from shapes, steps and spikes.

A layer keeps its trains until the backward pass is done, and needs a workspace while it computes. The kernels of cupynn's
layers work on events and need the workspace below; other layers are assumed to compute with dense arrays.
"""

from math import prod
from typing import NamedTuple

from cupynn.kernels.cuda import workspace
from cupynn.kernels.events_cuda import word_count
from cupynn.kernels.psp import SPSP_VALUES
from cupynn.kernels.simd import FEW, LANES, PART
from cupynn.layers import (
    SpikingConv2D,
    SpikingDense,
    SpikingPool2D,
    SpikingRecurrent,
    conv_cpu,
    conv_cuda,
    dense_cuda,
    dense_each_cuda,
    lateral_cuda,
)
from cupynn.layers.base import Layer
from cupynn.layers.conv_maps_cpu import Lanes
from cupynn.layers.delays import DelayedLayer
from cupynn.layers.passes import WeightedLayer
from cupynn.layers.spiking import SpikingLayer

ON_EVENTS = (SpikingConv2D, SpikingDense, SpikingPool2D)


class Part(NamedTuple):
    """Properties of a part of a batch, the same for all layers."""

    samples: int
    steps: int
    training: bool  # whether there is a backward pass
    on_cuda: bool
    reserved: bool  # whether memory counts when it is reserved, not only when it is written
    threads: int


class Spikes(NamedTuple):
    """Spikes of a sample in one layer. Kernels on the CPU reserve memory for the most, but write only the actual spikes."""

    neurons: int
    expected: float
    most: int

    def row(self, part: Part) -> float:
        """Return the number of spikes whose memory counts."""
        return self.most if part.reserved else self.expected


def input_bytes(part: Part, spikes: Spikes, values: int) -> tuple[float, float]:
    """Return the bytes that the input and its values keep, and those its encoder needs temporarily."""
    rows = 0 if part.on_cuda else part.samples * _rows(part, spikes)
    return part.samples * values + trains_bytes(part, spikes), rows


def layer_bytes(part: Part, layer: Layer, below: Spikes, above: Spikes) -> tuple[float, float]:
    """Return the bytes that a layer keeps and those it needs temporarily, without its arrays and the trains below."""
    copied = 0.0
    if not layer.has_neurons:  # it passes on the trains below
        return 0, 0
    if not isinstance(layer, ON_EVENTS):
        states, pairs = part.steps * (below.neurons + above.neurons), below.neurons * above.neurons * part.training
        needed = 4 * part.samples * 2 * (states + pairs)
    else:
        if isinstance(layer, SpikingDense) and layer.bias:  # its kernels take the trains below and the constant one
            below = Spikes(below.neurons + 1, below.expected + part.steps, (below.neurons + 1) * part.steps)
            copied = trains_bytes(part, below)
        needed = copied + (_workspace_cuda if part.on_cuda else _workspace_cpu)(part, layer, below, above)
        needed += _delayed_bytes(part, layer, below)
    return trains_bytes(part, above), needed


def trains_bytes(part: Part, spikes: Spikes) -> float:
    """Return the bytes of trains and, in training on the CPU, of their order by neuron and their counts."""
    if part.on_cuda:
        return 4 * part.samples * (part.steps * word_count(spikes.neurons) + spikes.neurons)
    by_neuron = 4 * spikes.expected + 12 * spikes.neurons if part.training else 0
    return part.samples * (4 * spikes.expected + 8 * part.steps + by_neuron)


def _rows(part: Part, spikes: Spikes) -> float:
    """Return the bytes of a sample's events before they are packed, and of their offsets before and after."""
    return 4 * spikes.row(part) + 16 * part.steps


def _weights(layer: Layer) -> int:
    """Return the number of values of a layer's arrays, and of the arrays that its kernels take and fill instead."""
    own = sum(array.size for array in (layer.params | layer.buffers).values())
    merged = isinstance(layer, WeightedLayer) and layer.merged
    return own + 2 * prod(layer.spread_shape) if merged else own


def _trains_lateral(layer: Layer) -> bool:
    return isinstance(layer, SpikingRecurrent) and layer.train_lateral


def _delayed_bytes(part: Part, layer: Layer, below: Spikes) -> float:
    """Return the bytes of the trains below as they act, and of what trained delays learn from them."""
    if not isinstance(layer, DelayedLayer) or layer.delay_steps is None:
        return 0
    trains = trains_bytes(part._replace(training=True), below)
    return trains + part.samples * (16 * part.steps + 4 * below.neurons * (1 + layer.train_delays))


def _workspace_cpu(part: Part, layer: Layer, below: Spikes, above: Spikes) -> float:
    """Return the bytes of a layer's tables, threads and samples, in the pass that needs more."""
    weights, samples = _weights(layer), part.samples
    if isinstance(layer, SpikingConv2D):  # the states and the sums of all neurons, per thread; where inputs connect to
        tables = 4 * (2 * weights + above.neurons * (1 + 4 * part.threads) + 5 * below.neurons)
    else:
        tables = 4 * (weights + LANES * (below.neurons + above.neurons))
    lists = part.threads * 8 * above.row(part) if isinstance(layer, SpikingDense) else 0
    forward = tables + lists + samples * _rows(part, above)
    if not part.training:
        return forward
    copies = 8 if isinstance(layer, SpikingDense) else 3  # of the errors
    errors = 4 * samples * (1.125 * below.neurons + copies * above.neurons)
    if isinstance(layer, SpikingDense):  # tables of traces at firings, and a matrix of S-PSPs per sample
        width = -(-min(below.neurons, FEW * below.expected) // LANES) * LANES
        columns = max(width, above.neurons) if layer.lateral_inhibition else width
        matrix = (min(above.neurons, above.expected) + 1) * columns
        traces = part.steps * width + 3 * above.expected
        if layer.train_delays:  # slopes beside the traces and the S-PSPs
            traces, matrix = 2 * part.steps * width + 3 * above.expected, 2 * matrix
        matrices = min(samples * matrix, max(2 * SPSP_VALUES, matrix))
        if _trains_lateral(layer):  # the same for the layer's own trains, at the same time, and the errors of the solve
            width = -(-above.neurons // LANES) * LANES
            matrix = (min(above.neurons, above.expected) + 1) * width
            traces = max(traces, part.steps * width + 3 * above.expected)
            matrices += min(samples * matrix, max(2 * SPSP_VALUES, matrix))
            errors *= 2
    elif isinstance(layer, SpikingConv2D):  # a gradient per sample
        grid, field = _padded(layer)
        maps = layer.maps // layer.groups
        if conv_cpu.side_by_side(maps) or _has_each(layer):  # responses of the neurons at a place, and their S-PSPs
            dealt = Lanes.of(maps)
            lanes = PART * len(dealt.width)
            traces = (part.steps + field) * lanes + 4 * part.steps + 12 * grid
            matrices = (samples + 3) * layer.groups * dealt.chunks * lanes * field
        else:  # traces at every step
            traces, matrices = (part.steps + 6) * grid, (samples + 1) * layer.maps * field
    else:
        traces, matrices = (LANES + 4) * part.steps, 0  # responses of LANES neurons, and when they fire and rest
    backward = 4 * (part.threads * traces + matrices)
    if layer.trained_constants:  # the states of a pass like the simulation, and its sums
        states = 4 * above.neurons * (4 * samples + 10 * part.threads)
        backward = max(backward, tables + states)
    return max(forward, errors + backward)


def _has_each(layer: SpikingLayer) -> bool:
    """Return whether the neurons of a layer, or its maps, have their own constants."""
    return layer.per == "neuron" and bool(layer.trained_constants)


def _padded(layer: SpikingConv2D) -> tuple[int, int]:
    """Return the padded size of a convolution's input, and of a field with its runs filled up."""
    weight, bias, padding, _, dilation, _, (all_channels, height, width), *_ = layer.synapses
    _, channels, kh, kw = weight.shape
    runs = kh + (bias is not None)
    wide = -(-(width + 2 * padding[1]) // dilation[1]) * dilation[1]
    return all_channels * (height + 2 * padding[0]) * wide + FEW, runs * (-(-kw * channels // FEW) * FEW)


def _workspace_cuda(part: Part, layer: Layer, below: Spikes, above: Spikes) -> float:
    """Return the bytes of a layer's weight copies, errors, and the parts that `cuda.parts` makes."""
    steps, copies = part.steps, 4 * 3 * _weights(layer)
    lists = layer.groups if isinstance(layer, SpikingConv2D) else 1
    forward = copies + _in_parts(part, 0 if isinstance(layer, SpikingPool2D) else 4 * (below.most + lists * (steps + 1)))
    if not part.training:
        return forward
    errors = 4 * part.samples * (below.neurons + 3 * above.neurons)
    if isinstance(layer, SpikingDense):
        inhibited = layer.lateral_inhibition != 0
        sample = dense_cuda.sample_bytes(steps, below.neurons, above.neurons, above.most, True, inhibited)
        if _trains_lateral(layer):
            sample = lateral_cuda.sample_bytes(steps, below.neurons, above.neurons, above.most, True)
            errors *= 2
        if _has_each(layer):
            pairs = 8 * above.neurons * (below.neurons + above.neurons) if _trains_lateral(layer) else 0
            pairs += 16 * above.neurons * below.neurons if layer.train_delays else 0
            sample += dense_each_cuda.sample_bytes(steps, below.neurons, above.neurons, below.most, inhibited) + pairs
    elif isinstance(layer, SpikingConv2D):
        entries, places = prod(layer.spread_shape[1:]) + layer.bias, prod(layer.output_shape[1:])
        most = above.most // above.neurons
        sample = conv_cuda.sample_bytes(below.neurons, steps, layer.maps, entries, places, most)
        sample += 4 * (above.neurons * steps + below.most) if _has_each(layer) else 0
    else:
        sample = 4 * (below.most + above.most)
    if layer.trained_constants:  # the sums of a pass like the simulation
        errors += 4 * part.samples * 4 * above.neurons
    return max(forward, errors + copies + _in_parts(part, sample))


def _in_parts(part: Part, sample: float) -> float:
    """Return the bytes of a workspace with limited parts, of which each replaces the previous one."""
    return min(part.samples * sample, max(2 * workspace(), sample))
