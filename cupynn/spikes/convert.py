"""Check dense trains and address events, and convert them to the rows (sample, step) and neurons of `SpikeTrains`."""

from math import prod
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.spikes.exchange import host_array

Rows = tuple[np.ndarray, np.ndarray, int, int, tuple[int, ...]]  # rows, neurons, samples, steps, shape of the neurons


def dense(array: Any, time_first: bool) -> Rows:
    """Return rows and neurons of dense trains: see `SpikeTrains.from_dense`."""
    array = host_array("spikes", array)
    time_first = checks.flag("time_first", time_first)
    first = "steps, samples" if time_first else "samples, steps"
    if array.ndim < 3 or 0 in array.shape[2 if time_first else 1 :] or (time_first and not len(array)):
        raise InputError(f"spikes have shape {array.shape}: pass ({first}, *neurons), no axis empty")
    checks.steps("steps", array.shape[0 if time_first else 1])
    if array.dtype.kind not in "biuf":
        raise InputError(f"spikes have dtype {array.dtype}: pass zeros and ones as uint8, bool or float32")
    if not np.isin(array, (0, 1)).all():
        if (array >= 0).all() and np.isfinite(array).all() and (array == np.round(array)).all():
            raise InputError(
                f"spikes are counts of up to {array.max():g}: a neuron fires at most once per step: "
                "pass (x > 0), or count in shorter steps"
            )
        raise InputError(
            "spikes hold values other than 0 and 1: pass one 0 or 1 for each sample, step and neuron; "
            "for signals over time, pass datasets.signals(arrays, labels) to a network with encoder=encoders.BSA(...)"
        )
    array = array.swapaxes(0, 1) if time_first else array
    batch, steps, *neuron_shape = array.shape
    rows, neurons = np.nonzero(array.reshape(batch * steps, prod(neuron_shape)))
    return rows, neurons, batch, steps, tuple(neuron_shape)


def events(samples: Any, times: Any, neurons: Any, shape: Any) -> Rows:
    """Return rows and neurons of address events, sorted: see `SpikeTrains.from_events`."""
    shape = checks.shape("shape", shape)
    if len(shape) < 3:
        raise InputError(f"shape={shape}: pass (samples, steps, *neurons)")
    batch, steps, *neuron_shape = shape
    checks.steps("steps", steps)
    columns = {"samples": (samples, batch), "times": (times, steps), "neurons": (neurons, prod(neuron_shape))}
    checked = []
    for name, (values, bound) in columns.items():
        values = checks.as_array(name, values)
        if values.ndim != 1 or (values.size and values.dtype.kind not in "iu"):
            raise InputError(f"{name}: pass a one-dimensional array of integers, not {values.dtype} {values.shape}")
        outside = (values < 0) | (values >= bound)
        if outside.any():
            first = int(np.argmax(outside))
            raise InputError(f"{name}[{first}]={values[first]}: with shape={shape}, pass 0..{bound - 1}")
        checked.append(values.astype(np.int64))
    if len({values.size for values in checked}) > 1:
        sizes = ", ".join(f"{name} {values.size}" for name, values in zip(columns, checked, strict=True))
        raise InputError(f"event arrays differ in length ({sizes}): pass one entry per event in each array")
    size = prod(neuron_shape)
    keys = np.unique((checked[0] * steps + checked[1]) * size + checked[2])
    return keys // size, keys % size, batch, steps, tuple(neuron_shape)


def picked(samples: Any, batch: int) -> np.ndarray:
    """Return the indices (n,) of some samples of a batch; IndexError, as iteration needs it, if one is outside."""
    try:
        found = np.atleast_1d(np.arange(batch)[samples])
    except (TypeError, ValueError) as error:
        raise InputError(f"trains[...]: {error}: pass an index, a slice, indices or a mask of {batch} samples") from None
    if found.ndim > 1:
        raise InputError(f"trains[...]: the index has {found.ndim} axes: pass an index, a slice, indices or a mask")
    return found


def numeric(dtype: Any) -> np.dtype:
    """Return a type of numbers."""
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = np.dtype(object)
    if kind.kind not in "biufc":
        raise InputError(f"dtype={dtype!r}: pass a type of numbers, such as np.float32")
    return kind
