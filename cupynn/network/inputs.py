"""Checks of the data of `fit`, `evaluate`, `predict` and `record`, made once before any work."""

from math import prod
from typing import Any, NamedTuple

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.losses import targets
from cupynn.network import foreign
from cupynn.ragged import Ragged
from cupynn.spikes.exchange import host_array
from cupynn.spikes.trains import Data, SpikeTrains


class Labelled(NamedTuple):
    """Checked data and labels that fit a network."""

    x: Data
    y: np.ndarray  # int64 (samples,), or other targets (samples, outputs)


NO_MAP = (tuple, list, dict, str, SpikeTrains, Ragged)  # indexable, but not datasets of (sample, label)

SIGNALS = " (signals over time? pass datasets.signals(arrays, labels), with encoder=encoders.BSA.from_data(data.x, steps))"


def as_inputs(x: Any, input_shape: tuple[int, ...], steps: int) -> Data:
    """Return samples (B, *input_shape) or trains (B, T, *input_shape); refuse any other shape.

    Shapes may differ from `input_shape` by axes of length one. Recordings keep the shape of their sensor.
    """
    x = _as_samples(x, input_shape, steps)
    if isinstance(x, SpikeTrains):
        if x.steps != steps or not foreign.alike(x.neuron_shape, input_shape):
            equal = x.steps == steps and prod(x.neuron_shape) == prod(input_shape)
            hint = f" (pass spikes.reshape({input_shape}))" if equal else ""
            raise InputError(f"spikes have shape {x.shape}: this network takes (samples, {steps}, *{input_shape}){hint}")
        x.verify()
    elif x.shape == () or not foreign.alike(x.shape[1:], input_shape) or _time_first(x, input_shape, steps):
        hint = _over_time(x, input_shape) or _layout(x, input_shape, steps)
        raise InputError(f"data has shape {x.shape}: this network takes (samples, *{input_shape}){hint}")
    if len(x) == 0:
        raise InputError("data has no samples: pass at least one")
    return x if isinstance(x, Ragged) else arranged(x, input_shape)


def arranged(x: np.ndarray | SpikeTrains, input_shape: tuple[int, ...]) -> np.ndarray | SpikeTrains:
    """Return samples or trains with neurons in `input_shape`, which is their shape up to axes of length one."""
    if isinstance(x, SpikeTrains):
        return x if x.neuron_shape == input_shape else x.reshape(input_shape)
    return x if x.shape[1:] == input_shape else x.reshape(len(x), *input_shape)


def _as_samples(x: Any, input_shape: tuple[int, ...], steps: int) -> np.ndarray | Ragged | SpikeTrains:
    """Return any data as an array, recordings or trains of any shape; the samples of datasets of other frameworks."""
    if isinstance(x, Ragged | SpikeTrains):
        return x
    if foreign.sensor_of(x) is not None:
        return foreign.dataset_samples(x, input_shape, steps)
    if hasattr(x, "x") and hasattr(x, "y"):
        raise InputError(f"data is {x!r}: pass only its samples, data.x")
    if isinstance(x, tuple) and len(x) == 2:
        one = getattr(x[1], "shape", None) == () or isinstance(x[1], int | float | str)
        raise InputError(
            "data is one pair (sample, label): pass a list of samples, [sample]"
            if one
            else "data is a pair: pass only the samples, x of (x, y)"
        )
    _refuse_containers(x)
    if checks.is_indexed(x) or isinstance(x, foreign.SEQUENCES):
        return foreign.dataset_samples(x, input_shape, steps)
    if isinstance(x, list) and x and isinstance(x[0], np.ndarray) and x[0].dtype.names is not None:
        return foreign.recordings(x, input_shape)
    if isinstance(x, list) and x and foreign.is_pair(x[0]):
        raise InputError("data is a list of pairs: pass a list of the samples alone, [x for x, _ in data]")
    if not (isinstance(x, list | tuple | memoryview | range) or checks.is_array(x)):
        raise InputError(
            f"data is {checks.described(x)}: pass an array (samples, *{input_shape}), a list of samples, SpikeTrains, "
            "recordings, or a map dataset with len(data) and data[i]"
        )
    try:
        array = host_array("data", x)
    except InputError as error:
        raise InputError(f"{error}{SIGNALS}" if isinstance(x, list | tuple) else str(error)) from None
    if array.dtype.names is not None:
        raise InputError("data is one array of events: pass a list of recordings, such as [recording]")
    return array


def _over_time(x: np.ndarray | Ragged, wanted: tuple[int, ...]) -> str:
    """Return a hint if an array holds signals, (samples, time, channels), for a network that takes channels."""
    channels = not isinstance(x, Ragged) and x.ndim == 3 and x.dtype.kind in "iuf" and x.shape[2:] == wanted
    return SIGNALS if channels and not np.isin(x, (0, 1)).all() else ""


def _refuse_containers(data: Any) -> None:
    """Refuse loaders and sparse matrices, which hold the data in another form."""
    inner = getattr(data, "dataset", None)
    if hasattr(data, "__iter__") and not hasattr(data, "__getitem__") and hasattr(inner, "__getitem__"):
        raise InputError(
            f"data is {checks.described(data)}: pass the dataset that it reads, loader.dataset; "
            "batch_size is an option, and fit shuffles the samples"
        )
    if hasattr(data, "toarray"):
        raise InputError(f"data is {checks.described(data)}: pass an array, such as x.toarray()")


def _time_first(x: np.ndarray | Ragged, input_shape: tuple[int, ...], steps: int) -> bool:
    """Return whether an array may also be the dense trains (T, 1, *input_shape) of one sample: zeros and ones."""
    if isinstance(x, Ragged) or x.shape != (steps, 1, *input_shape):
        return False
    return x.dtype.kind in "biuf" and bool(((x == 0) | (x == 1)).all())


def _layout(x: np.ndarray | Ragged, wanted: tuple[int, ...], steps: int) -> str:
    """Return a hint on data of another shape and how to pass it."""
    found, sample = x.shape, x.shape[1:]
    if isinstance(x, Ragged):
        trains = f", or pass trains, encoder.encode(x, {steps}, 0, 0, range(len(x))).reshape({wanted})"
        return f" (create the network with input_shape={sample}{trains if prod(sample) == prod(wanted) else ''})"
    if foreign.alike(found, wanted):
        return " (a single sample? pass x[None], or [x] for a list)"
    if foreign.alike(sample[1:], wanted) and sample[:1] == (steps,):
        return " (trains of zeros and ones? pass SpikeTrains.from_dense(x))"
    if foreign.alike(found[2:], wanted) and found[:1] == (steps,):
        images = "; images? pass x[:, 0]" if found[1:2] == (1,) else ""
        return f" (trains of zeros and ones, time first? pass SpikeTrains.from_dense(x, time_first=True){images})"
    if len(wanted) == 3 and sample == (*wanted[1:], wanted[0]):
        return " (channels last? pass np.moveaxis(np.asarray(x), -1, 1); let a map dataset return channels first)"
    if len(wanted) == 3 and wanted == (*sample[1:], *sample[:1]):
        return f" (channels come first: create the network with input_shape={sample})"
    if prod(sample) == prod(wanted) and len(foreign.bare(sample)) != len(foreign.bare(wanted)):
        remedies = f"pass np.reshape(x, {(-1, *wanted)}), or create the network with input_shape={sample}"
        return f" ({remedies}; let a map dataset return samples of either shape)"
    return ""


def as_pair(data: Any, input_shape: tuple[int, ...] | None = None, steps: int | None = None) -> tuple[Any, Any]:
    """Return data and labels, both unchecked, of a Dataset, a pair, or a dataset of another framework."""
    if foreign.sensor_of(data) is not None:
        return foreign.dataset_pair(data, input_shape, steps)
    if hasattr(data, "x") and hasattr(data, "y"):
        return data.x, data.y
    if isinstance(data, tuple | list) and len(data) == 2:
        if all(hasattr(each, "x") and hasattr(each, "y") for each in data):
            raise InputError("data is a pair of Datasets: unpack them, train, test = datasets.load(...), and pass one")
        if all(map(checks.is_indexed, data)) and not isinstance(data[0], Ragged):
            raise InputError("data is a pair of map datasets: pass one, and the other as validation=...")
        return tuple(data)
    indexed = hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, NO_MAP)
    if indexed and not checks.is_array(data):
        return foreign.dataset_pair(data, input_shape, steps)
    _refuse_containers(data)
    if isinstance(data, list) and data and foreign.is_pair(data[0]):
        raise InputError("data is a list of pairs: pass the pair ([x for x, _ in data], [y for _, y in data])")
    raise InputError(
        f"data is a {type(data).__name__}: pass a Dataset, a pair (x, y) of data and labels, "
        "or a map dataset, whose data[i] is a pair (sample, label)"
    )


def as_targets(predicts: str, y: Any, outputs: int, samples: int, population: int = 1) -> np.ndarray:
    """Return the targets of samples, of the kind that a loss predicts: labels, or one value per output."""
    if predicts == "class":
        return as_labels(y, outputs, samples, population)
    return targets.check(predicts, "the targets", host_array("the targets", y), outputs, samples)


def as_labels(y: Any, outputs: int, samples: int, population: int = 1) -> np.ndarray:
    """Return labels (samples,) as int64; refuse labels without neurons of the last layer."""
    y = host_array("labels", y)
    countable = y.dtype.kind in "iu" and y.size and y.min() >= 0  # the message below is for those that are too large
    y = checks.labels("labels", y, 2**31 if countable else outputs, samples)
    if y.max() == outputs and y.min() == 1:
        raise InputError(f"labels go from 1 to {outputs}, but classes start at 0: pass y - 1")
    if y.max() >= outputs:
        first = int(np.argmax(y >= outputs))
        raise InputError(
            f"labels[{first}]={y[first]}: the last layer has {outputs * population} neurons, "
            f"{'one' if population == 1 else population} per class: give it {(y.max() + 1) * population}, "
            f"or pass labels in 0..{outputs - 1}"
        )
    return y
