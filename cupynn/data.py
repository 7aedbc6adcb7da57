"""What `fit`, `evaluate` and `predict` accept: checked once, before any work is done."""

from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.spikes import SpikeTrains

Data = np.ndarray | SpikeTrains


def as_inputs(x: Any, input_shape: tuple[int, ...], steps: int) -> Data:
    """Return samples as an array (B, *input_shape) or as trains (B, T, *input_shape); refuse any other shape."""
    if isinstance(x, SpikeTrains):
        if x.steps != steps or x.neuron_shape != input_shape:
            raise InputError(f"spikes have shape {x.shape}: this network takes (samples, {steps}, *{input_shape})")
        return x
    x = np.asarray(x)
    if x.shape[1:] != input_shape or x.ndim == 0:
        hint = " (a single sample? pass x[None])" if x.shape == input_shape else ""
        raise InputError(f"data has shape {x.shape}: this network takes (samples, *{input_shape}){hint}")
    if len(x) == 0:
        raise InputError("data has no samples: pass at least one")
    return x


def as_pair(data: Any, input_shape: tuple[int, ...], steps: int, classes: int) -> tuple[Data, np.ndarray]:
    """Return a Dataset, or a pair of data and labels, as checked data and int64 labels."""
    if hasattr(data, "x") and hasattr(data, "y"):
        x, y = data.x, data.y
    elif isinstance(data, tuple | list) and len(data) == 2:
        x, y = data
    else:
        raise InputError(f"data is a {type(data).__name__}: pass a Dataset, or a pair (x, y) of data and labels")
    x = as_inputs(x, input_shape, steps)
    return x, checks.labels("labels", y, classes, len(x))
