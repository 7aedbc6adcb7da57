"""Datasets of other frameworks: map datasets of PyTorch, and datasets of events or frames of tonic."""

from collections import UserList, deque
from collections.abc import Callable, Iterable
from itertools import chain
from numbers import Real
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.ragged import Ragged
from cupynn.spikes.exchange import host_array
from cupynn.spikes.trains import SpikeTrains

TONIC = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.bool_)])  # tonic.io.events_struct

SEQUENCES = (deque, UserList)  # read like map datasets, so that they may hold samples or pairs

Item = tuple[np.ndarray, int]  # sample and label


def dataset_samples(data: Any, input_shape: tuple[int, ...], steps: int) -> np.ndarray | Ragged | SpikeTrains:
    """Read all samples of a map dataset, as `dataset_pair` does; labels are ignored, and may be missing."""
    return _read(data, _unlabelled, input_shape, steps)[0]


def dataset_pair(
    data: Any, input_shape: tuple[int, ...] | None = None, steps: int | None = None
) -> tuple[np.ndarray | Ragged | SpikeTrains, np.ndarray]:
    """Read all pairs (sample, label) of a map dataset, which is indexed from 0 as in PyTorch and tonic.

    Events, structured arrays of any length, become one `Ragged` with the sensor size of the dataset. Frames of events,
    (t, *input_shape), become trains: any value above 0 in frame k is one spike at step k, and steps after the last frame are
    silent. Without a sensor size, there must be one frame per step. Arrays of equal shape and type, and tensors or images
    that NumPy converts to them, are stacked. `input_shape` and `steps` of the network identify frames.
    """
    return _read(data, _item, input_shape, steps)


def recordings(arrays: list[np.ndarray], input_shape: tuple[int, ...]) -> Ragged:
    """Return arrays of events as recordings of the sensor that a network takes: lines and channels have one polarity."""
    from cupynn.datasets.recordings import convert, join  # here, as a network alone needs none of the readers

    sensor = checks.sensor("input_shape of the network, for events", (1,) * (3 - len(input_shape)) + input_shape)
    return join([convert(array, sensor, f"data[{index}]") for index, array in enumerate(arrays)], sensor)


def is_pair(item: Any) -> bool:
    """Return whether an item of a dataset is a sample with its label, not a list of two numbers or of two rows."""
    return isinstance(item, tuple | list) and len(item) == 2 and _outline(item[0]) != _outline(item[1])


def _outline(value: Any) -> Any:
    """Return what two rows of an array have in common: their shape, or length."""
    if hasattr(value, "shape"):
        return tuple(value.shape)
    if isinstance(value, list | tuple):
        return (len(value),)
    return () if isinstance(value, Real) else type(value)


def _read(
    data: Any, take: Callable[[Any, int], Item], input_shape: tuple[int, ...] | None, steps: int | None
) -> tuple[np.ndarray | Ragged | SpikeTrains, np.ndarray]:
    if len(data) == 0:
        raise InputError("data has no samples: pass at least one")
    sensor, first = sensor_of(data), take(data, 0)
    items = chain([first], (take(data, index) for index in range(1, len(data))))  # each is read once: reading may be slow
    sample = first[0]
    if sample.dtype.names is not None:
        if sensor is None:
            raise InputError(
                "data[0] holds events, but data has no sensor_size=(width, height, polarities): "
                "pass datasets.events(recordings, labels, sensor=(polarities, height, width))"
            )
        return _events(items, sensor)
    framed = sensor is not None or sample.shape == (steps, *(input_shape or ()))  # other arrays may be images
    if input_shape is None or sample.shape == input_shape or not framed:
        return _arrays(items, len(data))
    if sample.ndim < 2 or not alike(sample.shape[1:], input_shape):
        raise InputError(
            f"the sample of data[0] is {sample.dtype} {sample.shape}, neither events nor frames of shape "
            f"(t, *{input_shape}): create the network with another input_shape, or transform the data with ToFrame"
        )
    return _frames(items, input_shape, steps)


def _arrays(items: Iterable[Item], samples: int) -> tuple[np.ndarray, np.ndarray]:
    y = np.empty(samples, np.int64)
    x = None
    for index, (sample, label) in enumerate(items):
        if x is None:
            if sample.dtype.kind not in "biuf":
                raise InputError(f"the sample of data[0] has dtype {sample.dtype}: pass numbers, such as uint8 0..255")
            x = np.empty((samples, *sample.shape), sample.dtype)
        if (sample.shape, sample.dtype) != (x.shape[1:], x.dtype):
            raise InputError(
                f"the sample of data[{index}] is {sample.dtype} {sample.shape}, that of data[0] {x.dtype} {x.shape[1:]}: "
                "give all samples the same shape and type (signals of different lengths? use datasets.signals)"
            )
        x[index], y[index] = sample, label
    return x, y


def _events(items: Iterable[Item], sensor: Any) -> tuple[Ragged, np.ndarray]:
    """Read recordings into memory; the sensor is (width, height, polarities), as in tonic."""
    from cupynn.datasets.recordings import convert, join

    shape = checks.sensor("sensor_size, reversed", checks.shape("sensor_size", sensor)[::-1])
    recordings, labels = [], []
    for index, (sample, label) in enumerate(items):
        recordings.append(convert(sample, shape, f"the sample of data[{index}]"))
        labels.append(label)
    return join(recordings, shape), np.array(labels)


def _frames(items: Iterable[Item], input_shape: tuple[int, ...], steps: int) -> tuple[SpikeTrains, np.ndarray]:
    trains, labels = [], []
    for index, (frames, label) in enumerate(items):
        where = f"the sample of data[{index}]"
        if not alike(frames.shape[1:], input_shape) or not len(frames):
            raise InputError(f"{where} has shape {frames.shape}: pass frames (t, *{input_shape}), like data[0]")
        if len(frames) > steps:
            raise InputError(
                f"{where} has {len(frames)} frames, the network {steps} steps: create it with steps={len(frames)}, "
                "or make fewer frames, for example with ToFrame(n_time_bins=...)"
            )
        if frames.dtype.kind not in "biuf" or not ((frames >= 0) & (frames == np.floor(frames)) & np.isfinite(frames)).all():
            raise InputError(f"{where} is {frames.dtype} and holds values that are not counts of events: pass whole numbers")
        trains.append(SpikeTrains.from_dense(frames.reshape(1, len(frames), *input_shape) > 0).pad(steps))
        labels.append(label)
    return SpikeTrains.concatenate(trains), np.array(labels)


def alike(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Return whether two shapes differ by axes of length one only, so that there is one way to arrange the values."""
    return bare(one) == bare(other)


def bare(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without axes of length one, such as that of channels in (1, 28, 28)."""
    return tuple(size for size in shape if size != 1)


def _unlabelled(data: Any, index: int) -> Item:
    """Return the sample of an index, and 0 for its label."""
    item = data[index]
    sample = item[0] if is_pair(item) else item
    if not isinstance(sample, list | tuple | Real) and not checks.is_array(sample):
        found = checks.described(sample)
        raise InputError(f"data[{index}] is {found}: a map dataset returns a sample, or a pair (sample, label)")
    return _sample(sample, index), 0


def _item(data: Any, index: int) -> Item:
    """Return sample and label of an index."""
    item = data[index]
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise InputError(f"data[{index}] is a {type(item).__name__}: a map dataset returns a pair (sample, label)")
    label = host_array(f"the label of data[{index}]", item[1])
    if label.size != 1 or label.dtype.kind not in "iu":
        raise InputError(f"the label of data[{index}] is {item[1]!r}: pass the number of a class, a whole number")
    return _sample(item[0], index), int(label.item())


def _sample(value: Any, index: int) -> np.ndarray:
    sample = value.to_dense() if getattr(value, "is_sparse", False) else value
    return host_array(f"the sample of data[{index}]", sample)


def sensor_of(data: Any) -> Any:
    """Return `sensor_size` of a dataset of events or of the dataset that it wraps, or None for any other."""
    if not hasattr(data, "__getitem__"):
        return None
    for _ in range(10):  # nested datasets, but no endless chain
        if getattr(data, "sensor_size", None) is not None:
            return data.sensor_size
        data = getattr(data, "dataset", None)
    return None


def tonic_events(x: Ragged | SpikeTrains, step: float | None = None) -> list[np.ndarray]:
    """Return recordings or trains as event arrays of tonic, with the fields x, y, t, p of ``tonic.io.events_struct``.

    Parameters
    ----------
    x : Ragged of events, or SpikeTrains
        Neurons of trains are (polarities, height, width), with one or two polarities, (height, width), or channels.
    step : float
        Microseconds per step, for trains only: a spike at step k becomes an event at k * step, rounded down.
        ``encoders.Events(step)`` restores the trains, except spikes at step 0.

    Returns
    -------
    list of structured ndarray, one per sample

    Raises
    ------
    InputError
        If x is neither, or its neurons are not pixels.

    Examples
    --------
    >>> trains = SpikeTrains.from_events([0, 0], [1, 3], [5, 0], shape=(1, 4, 2, 3))
    >>> tonic_events(trains, step=1000)[0].tolist()
    [(2, 1, 1000, False), (0, 0, 3000, False)]
    """
    if isinstance(x, SpikeTrains):
        shape = (1,) * (3 - len(x.neuron_shape)) + x.neuron_shape
        if len(shape) > 3 or shape[0] > 2 or max(shape) > 2**15:
            raise InputError(f"x has neurons {x.neuron_shape}: pass (polarities, height, width), with one or two polarities")
        step = checks.number("step", step, minimum=1)
        samples, steps, neurons = x.events()
        polarity, line, column = np.unravel_index(neurons, shape)
        events = np.empty(len(samples), TONIC)
        events["x"], events["y"], events["t"], events["p"] = column, line, np.floor(steps * step), polarity
        return np.split(events, np.searchsorted(samples, np.arange(1, len(x))))
    if not isinstance(x, Ragged) or not set(checks.EVENT_FIELDS) <= set(x.dtype.names or ()):
        raise InputError(f"x is {checks.described(x)}: pass SpikeTrains, or recordings of events, as datasets.events(...).x")
    if max(x.sample_shape) > 2**15:
        raise InputError(f"x has sensor {x.sample_shape}: pass at most {2**15:,} columns and rows, the limit of int16")
    if step is not None:
        raise InputError(f"step={step!r}: recordings have times in microseconds already: omit it")
    arrays = [np.empty(length, TONIC) for length in x.lengths]
    for index, events in enumerate(arrays):
        for name in TONIC.names:
            events[name] = x[index][name]
    return arrays
