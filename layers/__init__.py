"""Layers: each holds its arrays and knows its forward and its backward pass, as a pair of plain functions."""

if __name__ != "cupynn.layers":
    raise ImportError("these layers are part of a package: import cupynn.layers")

from cupynn.layers.base import Layer, SpikingLayer
from cupynn.layers.conv import SpikingConv2D
from cupynn.layers.dense import SpikingDense
from cupynn.layers.pool import SpikingPool2D
from cupynn.layers.recurrent import SpikingRecurrent

LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind for kind in (SpikingConv2D, SpikingDense, SpikingPool2D, SpikingRecurrent)
}

__all__ = ["LAYERS", "Layer", "SpikingConv2D", "SpikingDense", "SpikingLayer", "SpikingPool2D", "SpikingRecurrent"]
