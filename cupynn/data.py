"""What `fit`, `evaluate` and `predict` accept: checked once, before any work is done."""

from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.datasets.recordings import convert, join
from cupynn.ragged import Ragged
from cupynn.spikes import SpikeTrains

Data = np.ndarray | SpikeTrains | Ragged


def as_inputs(x: Any, input_shape: tuple[int, ...], steps: int) -> Data:
    """Return samples (B, *input_shape), or trains (B, T, *input_shape), as they are held; refuse any other shape."""
    if isinstance(x, SpikeTrains):
        if x.steps != steps or x.neuron_shape != input_shape:
            raise InputError(f"spikes have shape {x.shape}: this network takes (samples, {steps}, *{input_shape})")
    else:
        x = x if isinstance(x, Ragged) else np.asarray(x)
        if x.shape[1:] != input_shape or x.shape == ():
            hint = " (a single sample? pass x[None])" if x.shape == input_shape else ""
            raise InputError(f"data has shape {x.shape}: this network takes (samples, *{input_shape}){hint}")
    if len(x) == 0:
        raise InputError("data has no samples: pass at least one")
    return x


def as_pair(data: Any) -> tuple[Any, Any]:
    """Return a Dataset, a pair, or a dataset of events as tonic has them, as data and labels, both still to be checked."""
    if (sensor := _sensor_of(data)) is not None:
        return _event_pair(data, sensor)
    if hasattr(data, "x") and hasattr(data, "y"):
        return data.x, data.y
    if isinstance(data, tuple | list) and len(data) == 2:
        return tuple(data)
    raise InputError(f"data is a {type(data).__name__}: pass a Dataset, or a pair (x, y) of data and labels")


def _sensor_of(data: Any) -> Any:
    """`sensor_size` of a dataset of events, or of the dataset that it is a part or a cache of; None for any other thing."""
    for each in (data, getattr(data, "dataset", None)):
        if hasattr(data, "__getitem__") and getattr(each, "sensor_size", None) is not None:
            return each.sensor_size
    return None


def _event_pair(data: Any, sensor: Any) -> tuple[Ragged, np.ndarray]:
    """Read a dataset of pairs (events, label), tonic's for one, into memory; its sensor is (width, height, polarities)."""
    shape = checks.sensor("sensor_size, reversed", checks.shape("sensor_size", sensor)[::-1])
    recordings, labels = [], []
    for index in range(len(data)):
        item = data[index]
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise InputError(f"item {index} of the data is a {type(item).__name__}: expected a pair (events, label)")
        recordings.append(convert(item[0], shape, f"item {index} of the data"))
        labels.append(item[1])
    return join(recordings, shape), np.asarray(labels)
