"""Synaptic operations counted: spikes of each neuron times the connections that leave it."""

from math import prod
from typing import Any, NamedTuple

import numpy as np

from cupynn import checks
from cupynn.device.device import Device
from cupynn.layers import Layer, SpikingConv2D, SpikingDense, SpikingPool2D
from cupynn.layers.passes import WeightedLayer
from cupynn.network.network import Network
from cupynn.results.operations import LayerOperations, Operations


class FanOut(NamedTuple):
    """Connections that leave each input neuron of a layer, int64 (inputs,)."""

    effective: np.ndarray  # whose weight is not zero
    every: np.ndarray


def count(network: Network, spikes: list[np.ndarray], samples: int) -> Operations | None:
    """Return the operations of a network; None if the connections of a layer of the user are unknown.

    Parameters
    ----------
    network : Network
    spikes : list of ndarray
        Spikes of each neuron of the input and of every layer over all samples.
    samples : int
    """
    found = {}
    for layer, below, above in zip(network.layers, spikes[:-1], spikes[1:], strict=True):
        if not layer.has_neurons:
            continue
        held = {name: array for name, array in (layer.params | layer.buffers).items() if name != "mask"}
        arrays = {name: network.device.get(array) for name, array in held.items()}
        with network.device:
            forward = fan_out(layer, arrays, network.device)
        if forward is None:
            return None
        found[layer.name] = _operations(layer, arrays, forward, below, above, samples, network.steps)
    return Operations(found)


def _operations(
    layer: Layer, arrays: dict[str, Any], forward: FanOut, below: np.ndarray, above: np.ndarray, samples: int, steps: int
) -> LayerOperations:
    within = _within(layer, arrays, above.size)
    weights = [array for name, array in arrays.items() if array.ndim > 1]
    size, zeros = sum(array.size for array in weights), sum(int((array == 0).sum()) for array in weights)
    connections = int(forward.every.sum()) + int(within.every.sum())
    return LayerOperations(
        accumulates=float(below @ forward.effective + above @ within.effective) / samples,
        dense=float(connections * steps),
        macs=connections,
        neuron_updates=above.size * steps,
        activation_sparsity=1 - float(above.sum()) / (above.size * steps * samples),
        connection_sparsity=zeros / max(1, size),
        parameters=sum(array.size for array in arrays.values()),
        bytes=sum(array.nbytes for array in arrays.values()),
        neurons=above.size,
        weights=size,
        zeros=zeros,
    )


def fan_out(layer: Layer, arrays: dict[str, np.ndarray], device: Device) -> FanOut | None:
    """Return the connections from each input of a layer, exact at the borders of images; None if they are unknown.

    Parameters
    ----------
    layer : Layer
        A layer of the user has a method `fan_out` that returns the number of connections from each input, or a weight
        matrix (neurons, inputs).
    arrays : dict of str to ndarray
        Its arrays in host memory.
    device : Device
        Device of the layer.
    """
    weight, every = arrays.get("weight"), None
    if isinstance(layer, WeightedLayer) and weight is not None:
        weight, every = device.get(layer.spread_weight), np.ones(layer.spread_shape, bool)
        if layer.windows is not None:  # of pooling without neurons: some inputs are in no window
            ones = np.ones(layer.weight.shape, np.float32)
            every = _spread(layer, ones) != 0
    if hasattr(layer, "fan_out"):
        own = np.asarray(layer.fan_out(), np.int64).reshape(-1)
        return FanOut(own, own)
    if isinstance(layer, SpikingConv2D):
        return FanOut(_conv(layer, weight != 0), _conv(layer, every))
    if isinstance(layer, SpikingPool2D):
        windows = _pool(layer)
        return FanOut(windows, windows)
    if weight is not None and weight.shape == (prod(layer.output_shape), prod(layer.input_shape)):
        return FanOut((weight != 0).sum(0), np.full(weight.shape[1], len(weight)) if every is None else every.sum(0))
    return None


def _within(layer: Layer, arrays: dict[str, np.ndarray], neurons: int) -> FanOut:
    """Return the connections from each neuron of a layer to others of the layer."""
    lateral = arrays.get("lateral")
    if lateral is not None:
        connected = (lateral != 0).sum(0)
        return FanOut(connected, connected)
    inhibits = isinstance(layer, SpikingDense) and layer.lateral_inhibition > 0
    others = np.full(neurons, (neurons - 1) * inhibits)
    return FanOut(others, others)


def _spread(layer: WeightedLayer, weight: np.ndarray) -> np.ndarray:
    """Return weights of the pooled image as weights of the trains below."""
    if isinstance(layer, SpikingConv2D):
        return layer.windows.spread(weight, layer.spread_shape[2:], layer.dilation)
    image = checks.image_shape(layer.name, layer.pooled_shape)
    return layer.windows.spread(weight.reshape(len(weight), *image), layer.input_shape[-2:]).reshape(len(weight), -1)


def _conv(layer: SpikingConv2D, connected: np.ndarray) -> np.ndarray:
    """Return the connections from each input of a convolution, whose kernels are (maps, channels / groups, kh, kw)."""
    synapses = layer.synapses
    (channels, height, width), (_, rows, columns) = synapses.input_shape, synapses.output_shape
    (_, own, kh, kw), (down, across), (dy, dx) = connected.shape, synapses.stride, synapses.dilation
    taps = connected.reshape(synapses.groups, -1, own, kh, kw).sum(1).reshape(channels, kh, kw)
    found = np.zeros((channels, height, width), np.int64)
    for y in range(kh):
        for x in range(kw):
            above = np.arange(rows) * down - synapses.padding[0] + y * dy  # rows of the input that this entry reaches
            beside = np.arange(columns) * across - synapses.padding[1] + x * dx
            inside = (at[(at >= 0) & (at < size)] for at, size in ((above, height), (beside, width)))
            found[np.ix_(range(channels), *inside)] += taps[:, y, x, None, None]
    return found.reshape(-1)


def _pool(layer: SpikingPool2D) -> np.ndarray:
    """Return the number of windows that each input is in."""
    channels, height, width = checks.image_shape(layer.name, layer.input_shape)
    sides = zip((height, width), layer.output_shape[1:], layer.kernel_size, layer.stride, strict=True)
    down, across = (_windows(*side) for side in sides)
    return np.tile(np.outer(down, across).reshape(-1), channels)


def _windows(size: int, windows: int, length: int, stride: int) -> np.ndarray:
    """Return the number of windows over each place of one axis."""
    starts, places = np.arange(windows)[:, None] * stride, np.arange(size)
    return ((places >= starts) & (places < starts + length)).sum(0)
