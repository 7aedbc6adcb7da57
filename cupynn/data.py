"""What `fit`, `evaluate` and `predict` accept: checked once, before any work is done."""

from typing import Any

import numpy as np

from cupynn import checks, foreign
from cupynn.checks import InputError
from cupynn.ragged import Ragged
from cupynn.spikes import SpikeTrains

Data = np.ndarray | SpikeTrains | Ragged
NO_MAP = (tuple, list, dict, str, np.ndarray, SpikeTrains, Ragged)  # can be indexed, and yet give no (sample, label)


def as_inputs(x: Any, input_shape: tuple[int, ...], steps: int) -> Data:
    """Return samples (B, *input_shape), or trains (B, T, *input_shape), as they are held; refuse any other shape."""
    if isinstance(x, SpikeTrains):
        if x.steps != steps or x.neuron_shape != input_shape:
            raise InputError(f"spikes have shape {x.shape}: this network takes (samples, {steps}, *{input_shape})")
        x.verify()
    else:
        x = x if isinstance(x, Ragged) else np.asarray(checks.host("data", x))
        if x.shape[1:] != input_shape or x.shape == ():
            hint = " (a single sample? pass x[None])" if x.shape == input_shape else ""
            raise InputError(f"data has shape {x.shape}: this network takes (samples, *{input_shape}){hint}")
    if len(x) == 0:
        raise InputError("data has no samples: pass at least one")
    return x


def as_pair(data: Any) -> tuple[Any, Any]:
    """Return a Dataset, a pair, or a dataset of another framework, as data and labels, both still to be checked."""
    if (sensor := foreign.sensor_of(data)) is not None:
        return foreign.event_pair(data, sensor)
    if hasattr(data, "x") and hasattr(data, "y"):
        return data.x, data.y
    if isinstance(data, tuple | list) and len(data) == 2:
        return tuple(data)
    if hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, NO_MAP):
        return foreign.map_pair(data)
    raise InputError(
        f"data is a {type(data).__name__}: pass a Dataset, a pair (x, y) of data and labels, "
        "or a map dataset, whose data[i] is a pair (sample, label)"
    )
