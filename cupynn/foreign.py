"""Datasets of other frameworks: PyTorch's map datasets, and datasets of events as tonic has them."""

from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.datasets.recordings import convert, join
from cupynn.ragged import Ragged


def map_pair(data: Any) -> tuple[np.ndarray, np.ndarray]:
    """Take every (sample, label) out of a map dataset, as PyTorch has them, into arrays (B, *shape) and (B,).

    Samples of equal shape and type, arrays or what gives one (tensors of PyTorch, images of Pillow), are stacked here;
    events, which are structured arrays of any length, are not.
    """
    if len(data) == 0:
        raise InputError("data has no samples: pass at least one")
    y = np.empty(len(data), np.int64)
    x = None
    for index in range(len(data)):
        item = data[index]
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise InputError(f"data[{index}] is a {type(item).__name__}: a map dataset gives a pair (sample, label)")
        sample = _array(f"the sample of data[{index}]", item[0])
        if x is None:
            if sample.dtype.names is not None or sample.dtype.kind not in "biuf":
                raise InputError(f"the sample of data[0] has dtype {sample.dtype}: pass numbers, such as uint8 0..255")
            x = np.empty((len(data), *sample.shape), sample.dtype)
        if (sample.shape, sample.dtype) != (x.shape[1:], x.dtype):
            raise InputError(
                f"the sample of data[{index}] is {sample.dtype} {sample.shape}, that of data[0] {x.dtype} {x.shape[1:]}: "
                "give all samples one shape and type"
            )
        x[index], y[index] = sample, _label(index, item[1])
    return x, y


def _array(name: str, value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:  # PyTorch: a tensor on a GPU, or one that requires a gradient
        raise InputError(f"{name} is a {type(value).__name__} that gives no array ({error})") from None


def _label(index: int, value: Any) -> int:
    label = _array(f"the label of data[{index}]", value)
    if label.size != 1 or label.dtype.kind not in "iu":
        raise InputError(f"the label of data[{index}] is {value!r}: pass the number of a class, a whole number")
    return int(label.item())


def sensor_of(data: Any) -> Any:
    """`sensor_size` of a dataset of events, or of the dataset that it is a part or a cache of; None for any other thing."""
    for each in (data, getattr(data, "dataset", None)):
        if hasattr(data, "__getitem__") and getattr(each, "sensor_size", None) is not None:
            return each.sensor_size
    return None


def event_pair(data: Any, sensor: Any) -> tuple[Ragged, np.ndarray]:
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
