"""What a training step has to do, counted on the trains that a network has just produced.

A multiply-add is one weight, S-PSP or gradient, 4 bytes, read for one spike or one pair of neurons: what no program that
works event by event can leave out. Neurons whose error is zero need no S-PSP and have no gradient.
"""

from math import prod
from typing import NamedTuple

import numpy as np

from cupynn import layers
from cupynn.sequential import Sequential
from cupynn.spikes.trains import SpikeTrains


class Counts(NamedTuple):
    """Multiply-adds a sample, and updates of a neuron's state."""

    forward: float  # a weight for each spike and each neuron that it reaches
    potentials: float  # the traces of a neuron's inputs that fire, at each of its firings and releases
    gradient: float  # S-PSP times error, and weight times S-PSP, for each pair of neurons
    error: float  # weight times error for each pair of neurons
    updates: float

    @property
    def step(self) -> float:
        """Multiply-adds of a training step."""
        return self.forward + self.potentials + self.gradient + self.error


def count(network: Sequential, deltas: list[np.ndarray]) -> Counts:
    """Count for the trains of the last forward pass; deltas: the error of each layer's counts, (B, *output_shape)."""
    sums = np.zeros(5)
    for index, (layer, delta) in enumerate(zip(network.layers, deltas, strict=True)):
        inputs, outputs = network.trains[index].to_host(), network.trains[index + 1].to_host()
        pairs, active = _pairs(layer, inputs, delta)
        forward = _reached(layer, inputs)
        firings = 2 * (outputs.counts * active * (delta != 0)).sum()
        trained = 2 * pairs if layer.params else 0
        error = pairs if index else 0
        sums += (forward, firings, trained, error, outputs.size * outputs.steps * outputs.batch)
    return Counts(*(sums / network.trains[0].batch).tolist())


def _reached(layer: layers.Layer, inputs: SpikeTrains) -> int:
    """Neurons that each spike reaches, summed over the spikes."""
    if isinstance(layer, layers.SpikingConv2D | layers.SpikingPool2D):
        fan_out = _windows(layer, np.ones(layer.output_shape[1:]), adjoint=True)
        return int((inputs.counts * fan_out).sum()) * (layer.maps if layer.params else 1)
    return inputs.total * prod(layer.output_shape)


def _pairs(layer: layers.Layer, inputs: SpikeTrains, delta: np.ndarray) -> tuple[int, np.ndarray]:
    """Pairs of a neuron with an error and an input of its that fires; and firing inputs of each neuron, as `delta`."""
    fires = inputs.counts > 0
    if isinstance(layer, layers.SpikingConv2D):
        fires = fires.reshape(len(fires), -1, *layer.input_shape[-2:])
        active = _windows(layer, fires.sum(axis=1))[:, None]
    elif isinstance(layer, layers.SpikingPool2D):
        active = _windows(layer, fires)
    else:
        active = fires.reshape(len(fires), -1).sum(axis=1, keepdims=True)
    return int(((delta != 0) * active).sum()), active


def _windows(layer: layers.Layer, array: np.ndarray, adjoint: bool = False) -> np.ndarray:
    """Sum of the last two axes over a layer's windows; or, adjoint, how many windows hold each place of its input."""
    height, width = layer.input_shape[-2:]
    rows, columns = layer.output_shape[-2:]
    size, stride, pad = (
        (layer.kernel_size, (1, 1), layer.padding)
        if isinstance(layer, layers.SpikingConv2D)
        else (layer.kernel_size, layer.stride, (0, 0))
    )
    down, across = (
        _band(places, length, *axis)
        for places, length, axis in zip((rows, columns), (height, width), zip(size, stride, pad, strict=True), strict=True)
    )
    return down.T @ array @ across if adjoint else down @ array @ across.T


def _band(windows: int, length: int, size: int, stride: int, pad: int) -> np.ndarray:
    """Which places of an axis each window holds, (windows, length)."""
    start = np.arange(windows)[:, None] * stride - pad
    place = np.arange(length)
    return ((place >= start) & (place < start + size)).astype(np.int64)
