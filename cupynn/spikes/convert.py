"""Dense trains and address events, checked, as the rows (sample, step) and neurons that `SpikeTrains` holds."""

from math import prod
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.spikes.exchange import host_array

Rows = tuple[np.ndarray, np.ndarray, int, int, tuple[int, ...]]  # rows, neurons, samples, steps, shape of the neurons


def dense(array: Any, time_first: bool) -> Rows:
    """Rows and neurons of dense trains, as `SpikeTrains.from_dense` takes them."""
    array = host_array("spikes", array)
    time_first = checks.flag("time_first", time_first)
    first = "steps, samples" if time_first else "samples, steps"
    if array.ndim < 3 or 0 in array.shape[2 if time_first else 1 :] or (time_first and not len(array)):
        raise InputError(f"spikes have shape {array.shape}: pass ({first}, *neurons), no axis empty")
    checks.steps("steps", array.shape[0 if time_first else 1])
    if array.dtype.kind not in "biuf":
        raise InputError(f"spikes have dtype {array.dtype}, other than 0 and 1: pass these as uint8, bool or float32")
    if not np.isin(array, (0, 1)).all():
        if (array >= 0).all() and np.isfinite(array).all() and (array == np.round(array)).all():
            raise InputError(
                f"spikes are counts of up to {array.max():g}, other than 0 and 1: a neuron fires once a step at most, "
                "pass (x > 0), or count in shorter steps"
            )
        raise InputError("spikes hold something other than 0 and 1: pass one 0 or 1 for each sample, step and neuron")
    array = array.swapaxes(0, 1) if time_first else array
    batch, steps, *neuron_shape = array.shape
    rows, neurons = np.nonzero(array.reshape(batch * steps, prod(neuron_shape)))
    return rows, neurons, batch, steps, tuple(neuron_shape)


def events(samples: Any, times: Any, neurons: Any, shape: Any) -> Rows:
    """Rows and neurons of address events, as `SpikeTrains.from_events` takes them, sorted."""
    shape = checks.shape("shape", shape)
    if len(shape) < 3:
        raise InputError(f"shape={shape}: pass (samples, steps, *neurons)")
    batch, steps, *neuron_shape = shape
    checks.steps("steps", steps)
    columns = {"samples": (samples, batch), "times": (times, steps), "neurons": (neurons, prod(neuron_shape))}
    checked = []
    for name, (values, bound) in columns.items():
        values = np.asarray(values)
        if values.ndim != 1 or (values.size and values.dtype.kind not in "iu"):
            raise InputError(f"{name}: pass a one-dimensional array of integers, not {values.dtype} {values.shape}")
        outside = (values < 0) | (values >= bound)
        if outside.any():
            first = int(np.argmax(outside))
            raise InputError(f"{name}[{first}]={values[first]}: with shape={shape} it must lie in 0..{bound - 1}")
        checked.append(values.astype(np.int64))
    if len({values.size for values in checked}) > 1:
        sizes = ", ".join(f"{name} {values.size}" for name, values in zip(columns, checked, strict=True))
        raise InputError(f"event arrays differ in length ({sizes}): pass one entry in each for every event")
    size = prod(neuron_shape)
    keys = np.unique((checked[0] * steps + checked[1]) * size + checked[2])
    return keys // size, keys % size, batch, steps, tuple(neuron_shape)
