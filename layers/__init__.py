"""Layers: each holds its arrays and knows its forward and its backward pass, as a pair of plain functions."""

if __name__ != "cupynn.layers":
    raise ImportError("these layers are part of a package: import cupynn.layers")

from cupynn.layers.base import Layer
from cupynn.layers.dense import SpikingDense

LAYERS: dict[str, type[Layer]] = {"SpikingDense": SpikingDense}

__all__ = ["LAYERS", "Layer", "SpikingDense"]
