"""Layers: each holds its arrays and has a forward and a backward pass.

Import layers from here; custom layers derive from the classes in `base`. The CPU kernels of a layer are in ``*_cpu.py``, its
GPU kernels in ``*_cuda.py`` and ``*.cu``.
"""

if __name__ != "cupynn.layers":
    raise ImportError("the folder layers belongs to a package: import cupynn.layers")

from cupynn.config import Registry
from cupynn.elsewhere import missing
from cupynn.kernels.cuda import CudaSource
from cupynn.layers.base import Layer
from cupynn.layers.conv import SpikingConv2D
from cupynn.layers.dense import SpikingDense
from cupynn.layers.linear_pool import AveragePool2D, SumPool2D
from cupynn.layers.pool import SpikingPool2D
from cupynn.layers.recurrent import SpikingRecurrent
from cupynn.layers.spiking import SpikingLayer

LAYERS = Registry(
    Layer, "layers.register", AveragePool2D, SpikingConv2D, SpikingDense, SpikingPool2D, SpikingRecurrent, SumPool2D
)


def register(kind: type[Layer]) -> type[Layer]:
    """Register a layer class of your own: files and definitions that contain such layers can be loaded afterwards.

    Use it as a decorator of the class. The program that loads a file must have run the definition of the class before.

    Parameters
    ----------
    kind : type
        Class derived from `Layer`, with a name of its own. Defining it again, as in a notebook, replaces it.

    Returns
    -------
    type
        The class itself.

    Raises
    ------
    InputError
        If it is not a layer class, it lacks one of the methods, or another class has its name.

    Examples
    --------
    >>> from cupynn import layers
    >>> @layers.register                                               # doctest: +SKIP
    ... class OwnThresholds(layers.SpikingDense):
    ...     pass
    """
    return LAYERS.add(kind)


# Layers of other libraries and their counterparts here.
_ELSEWHERE = {
    "Dense": "SpikingDense",
    "Linear": "SpikingDense",
    "Conv2D": "SpikingConv2D",
    "Conv2d": "SpikingConv2D",
    "MaxPooling2D": "SpikingPool2D",
    "AveragePooling2D": "AveragePool2D, or SpikingPool2D",
    "MaxPool2d": "SpikingPool2D",
    "MaxPool2D": "SpikingPool2D",
    "AvgPool2d": "AveragePool2D, or SpikingPool2D",
    "SumPool2d": "SumPool2D, or SpikingPool2D",
    "SimpleRNN": "SpikingRecurrent",
    "Leaky": "SpikingDense or another layer: each holds weights and their neurons",
    "LIFNode": "SpikingDense or another layer: each holds weights and their neurons",
    "LIFCell": "SpikingDense or another layer: each holds weights and their neurons",
    "Synaptic": "SpikingDense or another layer: each holds weights and their neurons",
    "RLeaky": "SpikingRecurrent",
    "Input": "the argument input_shape of Sequential",
    "Flatten": "nothing, as SpikingDense takes inputs of any shape",
    "Softmax": "losses.SoftmaxCount, with no layer before it",
    "Dropout": "nothing: the randomness of Poisson trains and augment=Augment() in fit regularize instead",
}


def __getattr__(name: str):
    raise AttributeError(
        missing(f"module {__name__!r}", name, __all__, {key: f"use {use}" for key, use in _ELSEWHERE.items()})
    )


__all__ = [
    "LAYERS",
    "AveragePool2D",
    "CudaSource",
    "Layer",
    "SpikingConv2D",
    "SpikingDense",
    "SpikingLayer",
    "SpikingPool2D",
    "SpikingRecurrent",
    "SumPool2D",
    "register",
]
