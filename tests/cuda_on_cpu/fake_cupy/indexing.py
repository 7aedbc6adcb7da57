"""Keys of `array[key]`: CuPy uploads host arrays among them, and waits for the number of elements that a mask selects."""

import numpy as np

from cuda_on_cpu.fake_cupy.machine import machine


def as_tuple(key) -> tuple:
    """A key as a tuple of its parts."""
    return key if isinstance(key, tuple) else (key,)


def host_key(key, here):
    """A key for NumPy. `here` opens an array of the device, which must be on the current one."""
    if isinstance(key, tuple):
        return tuple(host_key(part, here) for part in key)
    if hasattr(key, "__cuda_array_interface__"):
        return here(key)
    if isinstance(key, np.ndarray | list):
        machine.uploads += 1
        return np.asarray(key, np.intp) if len(key) == 0 else np.asarray(key)
    return key


def is_basic(key) -> bool:
    """Whether the key gives a view."""
    return not any(isinstance(part, np.ndarray | bool | np.bool_) for part in as_tuple(key))


def with_ellipsis(key) -> tuple:
    """A basic key that makes NumPy too return an array where it selects a single element."""
    parts = as_tuple(key)
    return parts if any(part is Ellipsis for part in parts) else (*parts, ...)


def count_waiting(key) -> None:
    """Count the host's waits for the size of what the masks in a key select, in reading and in writing."""
    masks = [part for part in as_tuple(key) if isinstance(part, np.ndarray) and part.dtype == bool]
    machine.synchronisations += len(masks)
