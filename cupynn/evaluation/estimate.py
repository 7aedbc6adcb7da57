"""Memory that a part of a batch takes: estimated before it is run, from shapes, steps and spikes.

A layer keeps its trains until the backward pass is over, and takes a workspace while it computes. The layers of cupynn work
on events, and their kernels take a workspace as below; any other layer is taken for one that computes with dense arrays.
"""

from math import prod
from typing import NamedTuple

from cupynn.kernels.cuda import workspace
from cupynn.kernels.events_cuda import word_count
from cupynn.kernels.psp import SPSP_VALUES
from cupynn.kernels.simd import FEW, LANES
from cupynn.layers import SpikingConv2D, SpikingDense, SpikingPool2D, conv_cuda, dense_cuda
from cupynn.layers.base import Layer

ON_EVENTS = (SpikingConv2D, SpikingDense, SpikingPool2D)


class Part(NamedTuple):
    """What all layers have in common while they compute a part of a batch."""

    samples: int
    steps: int
    training: bool  # whether there is a backward pass
    on_cuda: bool
    reserved: bool  # whether memory counts once it is reserved, not only when it is written
    threads: int


class Spikes(NamedTuple):
    """Spikes of a sample in one layer: a kernel on the CPU has room for the most, and writes only what fires."""

    neurons: int
    expected: float
    most: int

    def row(self, part: Part) -> float:
        """Spikes whose room counts."""
        return self.most if part.reserved else self.expected


def input_bytes(part: Part, spikes: Spikes, values: int) -> tuple[float, float]:
    """Bytes that the input keeps, with those of a sample's values, and that its encoder takes for a while."""
    rows = 0 if part.on_cuda else part.samples * _rows(part, spikes)
    return part.samples * values + trains_bytes(part, spikes), rows


def layer_bytes(part: Part, layer: Layer, below: Spikes, above: Spikes) -> tuple[float, float]:
    """Bytes that a layer keeps, and that it takes for a while, beside its arrays and the trains below."""
    if not isinstance(layer, ON_EVENTS):
        states, pairs = part.steps * (below.neurons + above.neurons), below.neurons * above.neurons * part.training
        needed = 4 * part.samples * 2 * (states + pairs)
    else:
        needed = (_workspace_cuda if part.on_cuda else _workspace_cpu)(part, layer, below, above)
    return trains_bytes(part, above), needed


def trains_bytes(part: Part, spikes: Spikes) -> float:
    """Bytes of trains and, in training on the CPU, of their order by neuron and their counts."""
    if part.on_cuda:
        return 4 * part.samples * (part.steps * word_count(spikes.neurons) + spikes.neurons)
    by_neuron = 4 * spikes.expected + 12 * spikes.neurons if part.training else 0
    return part.samples * (4 * spikes.expected + 8 * part.steps + by_neuron)


def _rows(part: Part, spikes: Spikes) -> float:
    """Bytes of a sample's events before they are packed, and of their offsets before and after."""
    return 4 * spikes.row(part) + 16 * part.steps


def _weights(layer: Layer) -> int:
    return sum(array.size for array in (layer.params | layer.buffers).values())


def _workspace_cpu(part: Part, layer: Layer, below: Spikes, above: Spikes) -> float:
    """Bytes of a layer's tables and of what its threads and samples take, in the pass that takes more."""
    weights, samples = _weights(layer), part.samples
    tables = 4 * (2 * weights if isinstance(layer, SpikingConv2D) else weights + LANES * (below.neurons + above.neurons))
    lists = part.threads * 8 * above.row(part) if isinstance(layer, SpikingDense) else 0
    forward = tables + lists + samples * _rows(part, above)
    if not part.training:
        return forward
    copies = 8 if isinstance(layer, SpikingDense) else 3  # of the errors
    errors = 4 * samples * (1.125 * below.neurons + copies * above.neurons)
    if isinstance(layer, SpikingDense):  # tables of traces at firings, and a matrix of S-PSPs for each sample
        width = -(-min(below.neurons, FEW * below.expected) // LANES) * LANES
        columns = max(width, above.neurons) if layer.lateral_inhibition else width
        matrix = (min(above.neurons, above.expected) + 1) * columns
        traces = part.steps * width + 3 * above.expected
        matrices = min(samples * matrix, max(2 * SPSP_VALUES, matrix))
    elif isinstance(layer, SpikingConv2D):  # traces at every step, and a gradient for each sample
        grid, field = _padded(layer)
        traces, matrices = (part.steps + 6) * grid, (samples + 1) * layer.maps * field
    else:
        traces, matrices = 3 * part.steps, 0
    return max(forward, errors + 4 * (part.threads * traces + matrices))


def _padded(layer: SpikingConv2D) -> tuple[int, int]:
    """Places of a convolution's inputs with their padding, and values of a field with its runs filled up."""
    (_, channels, kh, kw), (_, rows, columns) = layer.params["weight"].shape, layer.output_shape
    return channels * (rows + kh - 1) * (columns + kw - 1) + FEW, kh * (-(-kw * channels // FEW) * FEW)


def _workspace_cuda(part: Part, layer: Layer, below: Spikes, above: Spikes) -> float:
    """Bytes of a layer's copies of its weights, of errors, and of the parts that `cuda.parts` makes."""
    steps, copies = part.steps, 4 * 3 * _weights(layer)
    forward = copies + _in_parts(part, 0 if isinstance(layer, SpikingPool2D) else 4 * (below.most + steps + 1))
    if not part.training:
        return forward
    errors = 4 * part.samples * (below.neurons + 3 * above.neurons)
    if isinstance(layer, SpikingDense):
        inhibited = layer.lateral_inhibition != 0
        sample = dense_cuda.sample_bytes(steps, below.neurons, above.neurons, above.most, True, inhibited)
    elif isinstance(layer, SpikingConv2D):
        shape, places = layer.params["weight"].shape, prod(layer.output_shape[1:])
        sample = conv_cuda.sample_bytes(below.neurons, steps, shape, places, above.most // above.neurons)
    else:
        sample = 4 * (below.most + above.most)
    return max(forward, errors + copies + _in_parts(part, sample))


def _in_parts(part: Part, sample: float) -> float:
    """Bytes of a workspace whose parts stay within bounds; that of one part is replaced by that of the next."""
    return min(part.samples * sample, max(2 * workspace(), sample))
