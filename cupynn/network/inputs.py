"""What `fit`, `evaluate` and `predict` accept: checked once, before any work is done."""

from math import prod
from typing import Any, NamedTuple

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.network import foreign
from cupynn.ragged import Ragged
from cupynn.spikes.trains import Data, SpikeTrains


class Labelled(NamedTuple):
    """Data and labels that fit a network, checked."""

    x: Data
    y: np.ndarray  # int64 (samples,)


NO_MAP = (tuple, list, dict, str, np.ndarray, SpikeTrains, Ragged)  # can be indexed, and yet give no (sample, label)


def as_inputs(x: Any, input_shape: tuple[int, ...], steps: int) -> Data:
    """Return samples (B, *input_shape), or trains (B, T, *input_shape), as they are held; refuse any other shape."""
    if isinstance(x, SpikeTrains):
        if x.steps != steps or x.neuron_shape != input_shape:
            raise InputError(f"spikes have shape {x.shape}: this network takes (samples, {steps}, *{input_shape})")
        x.verify()
    else:
        x = _as_array(x)
        if x.shape[1:] != input_shape or x.shape == ():
            hint = _layout(x.shape, input_shape, steps)
            raise InputError(f"data has shape {x.shape}: this network takes (samples, *{input_shape}){hint}")
    if len(x) == 0:
        raise InputError("data has no samples: pass at least one")
    return x


def _as_array(x: Any) -> np.ndarray | Ragged:
    if isinstance(x, Ragged):
        return x
    checks.host("data", x)
    if hasattr(x, "x") and hasattr(x, "y"):
        raise InputError(f"data is {x!r}: pass its samples alone, data.x")
    if isinstance(x, tuple) and len(x) == 2:
        raise InputError("data is a pair: pass the samples alone, x of (x, y)")
    try:
        return np.asarray(x)
    except (TypeError, ValueError, RuntimeError) as error:  # samples of several shapes; a tensor on a GPU
        raise InputError(f"data is a {type(x).__name__} that gives no array ({error}): pass samples of one shape") from None


def _layout(found: tuple[int, ...], wanted: tuple[int, ...], steps: int) -> str:
    """What an array of another shape may be, and how to pass it."""
    sample = found[1:]
    if found == wanted:
        return " (a single sample? pass x[None])"
    if sample == (*wanted, 1):
        return " (a last axis of one channel? pass x[..., 0])"
    if len(wanted) == 3 and sample == (*wanted[1:], wanted[0]):
        return " (channels last? pass np.moveaxis(x, -1, 1))"
    if len(wanted) == 3 and wanted == (*sample[1:], *sample[:1]):
        return f" (channels come first: make the network with input_shape={sample})"
    if sample == (steps, *wanted):
        return " (trains of zeros and ones? pass SpikeTrains.from_dense(x))"
    if found[:1] == (steps,) and found[2:] == wanted:
        return " (trains of zeros and ones, time first? pass SpikeTrains.from_dense(x, time_first=True))"
    if prod(sample) == prod(wanted) and len(sample) != len(wanted):
        return f" (pass x.reshape({(-1, *wanted)}))"
    return ""


def as_pair(data: Any, input_shape: tuple[int, ...] | None = None, steps: int | None = None) -> tuple[Any, Any]:
    """Return a Dataset, a pair, or a dataset of another framework, as data and labels, both still to be checked."""
    if foreign.sensor_of(data) is not None:
        return foreign.dataset_pair(data, input_shape, steps)
    if hasattr(data, "x") and hasattr(data, "y"):
        return data.x, data.y
    if isinstance(data, tuple | list) and len(data) == 2:
        if all(hasattr(each, "x") and hasattr(each, "y") for each in data):
            raise InputError(
                "data is a pair of Datasets: take them apart, train, test = datasets.load(...), and pass one of them"
            )
        return tuple(data)
    if hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, NO_MAP):
        return foreign.dataset_pair(data, input_shape, steps)
    raise InputError(
        f"data is a {type(data).__name__}: pass a Dataset, a pair (x, y) of data and labels, "
        "or a map dataset, whose data[i] is a pair (sample, label)"
    )


def as_labels(y: Any, output_shape: tuple[int, ...], samples: int) -> np.ndarray:
    """Return labels (samples,) as int64, each that of a neuron of the last layer; refuse others."""
    outputs = output_shape[-1]
    y = np.asarray(checks.host("labels", y))
    countable = y.dtype.kind in "iu" and y.size and y.min() >= 0  # only too large, if anything: told below
    y = checks.labels("labels", y, 2**31 if countable else outputs, samples)
    if y.max() == outputs and y.min() == 1:
        raise InputError(f"labels go from 1 to {outputs}: classes count from 0, pass y - 1")
    if y.max() >= outputs:
        first = int(np.argmax(y >= outputs))
        raise InputError(
            f"labels[{first}]={y[first]}: the last layer has {outputs} neurons, one a class: give it {y.max() + 1}, "
            f"or pass labels in 0..{outputs - 1}"
        )
    return y
