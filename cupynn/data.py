"""What `fit`, `evaluate` and `predict` accept: checked once, before any work is done."""

from typing import Any

import numpy as np

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
    else:
        x = x if isinstance(x, Ragged) else np.asarray(x)
        if x.shape[1:] != input_shape or x.shape == ():
            hint = " (a single sample? pass x[None])" if x.shape == input_shape else ""
            raise InputError(f"data has shape {x.shape}: this network takes (samples, *{input_shape}){hint}")
    if len(x) == 0:
        raise InputError("data has no samples: pass at least one")
    return x


def as_pair(data: Any) -> tuple[Any, Any]:
    """Return a Dataset, a pair, or a map dataset, as data and labels, both still to be checked."""
    if hasattr(data, "x") and hasattr(data, "y"):
        return data.x, data.y
    if isinstance(data, tuple | list) and len(data) == 2:
        return tuple(data)
    if hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, NO_MAP):
        return _collect(data)
    raise InputError(
        f"data is a {type(data).__name__}: pass a Dataset, a pair (x, y) of data and labels, "
        "or a map dataset, whose data[i] is a pair (sample, label)"
    )


def _collect(data: Any) -> tuple[np.ndarray, np.ndarray]:
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
