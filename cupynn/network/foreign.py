"""Datasets of other frameworks: PyTorch's map datasets, and tonic's, of events or of frames."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.datasets.recordings import convert, join
from cupynn.ragged import Ragged
from cupynn.spikes.exchange import host_array
from cupynn.spikes.trains import SpikeTrains

TONIC = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.bool_)])  # tonic.io.events_struct

Item = tuple[np.ndarray, int]  # sample and label


def dataset_pair(
    data: Any, input_shape: tuple[int, ...] | None = None, steps: int | None = None
) -> tuple[np.ndarray | Ragged | SpikeTrains, np.ndarray]:
    """Take every (sample, label) out of a dataset that is indexed from 0 on, as PyTorch and tonic have them.

    Events, structured arrays of any length, are put into one `Ragged`, for the sensor that the dataset tells. Frames of
    events, (t, *input_shape), become trains: whatever a neuron has in frame k is one spike at step k, and steps after the
    last frame are silent; where no sensor is told, there must be one for each step. Arrays of equal shape and type, or what
    gives one (tensors, pictures), are stacked.

    Parameters
    ----------
    data : map dataset
    input_shape, steps : optional
        Of the network, by which frames are known.
    """
    if len(data) == 0:
        raise InputError("data has no samples: pass at least one")
    sensor, first = sensor_of(data), _item(data, 0)
    items = chain([first], (_item(data, index) for index in range(1, len(data))))  # each is read once: it may be slow
    sample = first[0]
    if sample.dtype.names is not None:
        if sensor is None:
            raise InputError(
                "data[0] holds events, and data no sensor_size=(width, height, polarities): "
                "pass datasets.events(recordings, labels, sensor=(polarities, height, width))"
            )
        return _events(items, sensor)
    framed = sensor is not None or sample.shape == (steps, *(input_shape or ()))  # others may well be pictures
    if input_shape is None or sample.shape == input_shape or not framed:
        return _arrays(items, len(data))
    if sample.ndim < 2 or _bare(sample.shape[1:]) != _bare(input_shape):
        raise InputError(
            f"the sample of data[0] is {sample.dtype} {sample.shape}, no events, and no frames of (t, *{input_shape}), "
            "which this network takes: make it with another input_shape, or transform the data by ToFrame"
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
                "give all samples one shape and type"
            )
        x[index], y[index] = sample, label
    return x, y


def _events(items: Iterable[Item], sensor: Any) -> tuple[Ragged, np.ndarray]:
    """Read recordings into memory; the sensor is (width, height, polarities), as tonic has it."""
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
        if _bare(frames.shape[1:]) != _bare(input_shape) or not len(frames):
            raise InputError(f"{where} has shape {frames.shape}: pass frames (t, *{input_shape}), as data[0] has")
        if len(frames) > steps:
            raise InputError(
                f"{where} has {len(frames)} frames, the network {steps} steps: make it with steps={len(frames)}, "
                "or fewer frames, as by ToFrame(n_time_bins=...)"
            )
        if frames.dtype.kind not in "biuf" or not ((frames >= 0) & (frames == np.floor(frames)) & np.isfinite(frames)).all():
            raise InputError(f"{where} is {frames.dtype} and holds other values than counts of events: pass whole numbers")
        trains.append(SpikeTrains.from_dense(frames.reshape(1, len(frames), *input_shape) > 0).pad(steps))
        labels.append(label)
    return SpikeTrains.concatenate(trains), np.array(labels)


def _bare(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without axes of length one: tonic's frames of sound have one more than its channels."""
    return tuple(size for size in shape if size > 1)


def _item(data: Any, index: int) -> Item:
    """Sample and label of one index."""
    item = data[index]
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise InputError(f"data[{index}] is a {type(item).__name__}: a map dataset gives a pair (sample, label)")
    label = host_array(f"the label of data[{index}]", item[1])
    if label.size != 1 or label.dtype.kind not in "iu":
        raise InputError(f"the label of data[{index}] is {item[1]!r}: pass the number of a class, a whole number")
    sample = item[0].to_dense() if getattr(item[0], "is_sparse", False) else item[0]
    return host_array(f"the sample of data[{index}]", sample), int(label.item())


def sensor_of(data: Any) -> Any:
    """`sensor_size` of a dataset of events, or of the one that it is a part, a cache, or slices of; None for any other."""
    if not hasattr(data, "__getitem__"):
        return None
    for _ in range(10):  # datasets in each other, but not for ever
        if getattr(data, "sensor_size", None) is not None:
            return data.sensor_size
        data = getattr(data, "dataset", None)
    return None


def tonic_events(x: Ragged | SpikeTrains, step: float | None = None) -> list[np.ndarray]:
    """Return recordings, or trains, as event arrays of tonic's: fields x, y, t, p of ``tonic.io.events_struct``.

    Parameters
    ----------
    x : Ragged of events, or SpikeTrains
        Neurons of trains are (polarities, height, width), with one or two polarities, (height, width), or channels.
    step : float
        Microseconds of a step, for trains alone: a spike at step k is an event at k times that, rounded down, and
        ``encoders.Events(step)`` gives the trains back, but for spikes at step 0.

    Returns
    -------
    list of structured ndarray, one a sample

    Raises
    ------
    InputError
        If x is neither, or its neurons are no pixels.

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
        raise InputError(f"x is of a sensor {x.sample_shape}: pass at most {2**15:,} columns and lines, which int16 holds")
    if step is not None:
        raise InputError(f"step={step!r}: recordings have their times in microseconds already: leave it out")
    arrays = [np.empty(length, TONIC) for length in x.lengths]
    for index, events in enumerate(arrays):
        for name in TONIC.names:
            events[name] = x[index][name]
    return arrays
