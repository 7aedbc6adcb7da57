"""Layers: each holds its arrays and has a forward and a backward pass.

Import them from here; `base` has what a layer of your own builds on. A layer's kernels for the CPU are in ``*_cpu.py``,
those for a GPU in ``*_cuda.py`` and their CUDA source in ``*.cu``.
"""

if __name__ != "cupynn.layers":
    raise ImportError("these layers are part of a package: import cupynn.layers")

from cupynn.kernels.cuda import CudaSource
from cupynn.layers.base import Layer, SpikingLayer
from cupynn.layers.conv import SpikingConv2D
from cupynn.layers.dense import SpikingDense
from cupynn.layers.pool import SpikingPool2D
from cupynn.layers.recurrent import SpikingRecurrent

LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind for kind in (SpikingConv2D, SpikingDense, SpikingPool2D, SpikingRecurrent)
}

# Layers of other libraries, and what does the same here.
_ELSEWHERE = {
    "Dense": "SpikingDense",
    "Linear": "SpikingDense",
    "Conv2D": "SpikingConv2D",
    "Conv2d": "SpikingConv2D",
    "MaxPooling2D": "SpikingPool2D",
    "AveragePooling2D": "SpikingPool2D",
    "MaxPool2d": "SpikingPool2D",
    "AvgPool2d": "SpikingPool2D",
    "SimpleRNN": "SpikingRecurrent",
    "Input": "the argument input_shape of Sequential",
    "Flatten": "nothing, as SpikingDense takes inputs of any shape",
    "Softmax": "losses.SoftmaxCount, with no layer before it",
    "Dropout": "nothing: the chance in Poisson trains, and augment=Augment() in fit, do its work",
}


def __getattr__(name: str):
    advice = f": use {_ELSEWHERE[name]}" if name in _ELSEWHERE else ""
    raise AttributeError(f"module 'cupynn.layers' has no attribute {name!r}{advice}")


__all__ = [
    "LAYERS",
    "CudaSource",
    "Layer",
    "SpikingConv2D",
    "SpikingDense",
    "SpikingLayer",
    "SpikingPool2D",
    "SpikingRecurrent",
]
