"""Count the operations of a training step, from the spike trains that a network has just produced.

A multiply-add reads one weight, S-PSP or gradient of 4 bytes, for one spike or one pair of neurons. An event-driven program
cannot do with fewer. Neurons whose error is zero need no S-PSP and have no gradient.
"""

from math import prod
from typing import NamedTuple

import numpy as np

from cupynn import layers
from cupynn.sequential import Sequential
from cupynn.spikes.trains import SpikeTrains


class Counts(NamedTuple):
    """Multiply-adds per sample, and updates of a neuron's state."""

    forward: float  # one weight per spike and neuron that it reaches
    potentials: float  # the traces of a neuron's active inputs, at each of its spikes and at each end of a refractory period
    gradient: float  # S-PSP times error and weight times S-PSP per pair of neurons
    error: float  # weight times error per pair of neurons
    updates: float

    @property
    def step(self) -> float:
        """Return the multiply-adds of a training step."""
        return self.forward + self.potentials + self.gradient + self.error


def count(network: Sequential, deltas: list[np.ndarray]) -> Counts:
    """Count for the last forward pass; `deltas` are the errors of each layer's counts, (B, *output_shape)."""
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
    """Return the number of neurons that a spike reaches, summed over all spikes."""
    if isinstance(layer, layers.SpikingConv2D | layers.SpikingPool2D):
        fan_out = _windows(layer, np.ones(layer.output_shape[1:]), adjoint=True)
        return int((inputs.counts * fan_out).sum()) * (layer.maps if layer.params else 1)
    return inputs.total * prod(layer.output_shape)


def _pairs(layer: layers.Layer, inputs: SpikeTrains, delta: np.ndarray) -> tuple[int, np.ndarray]:
    """Return the number of pairs (neuron with an error, active input), and the active inputs per neuron, like `delta`."""
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
    """Sum the last two axes over a layer's windows; `adjoint`: sum over the windows that contain each input pixel."""
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
    """Return which positions of an axis each window contains, (windows, length)."""
    start = np.arange(windows)[:, None] * stride - pad
    place = np.arange(length)
    return ((place >= start) & (place < start + size)).astype(np.int64)
