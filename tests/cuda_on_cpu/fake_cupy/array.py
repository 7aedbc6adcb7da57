"""`cupy.ndarray` over NumPy: opaque, so that whatever CuPy refuses is refused, and every wait of the host is counted."""

import numbers
from collections.abc import Callable

import numpy as np

from cuda_on_cpu.fake_cupy.indexing import count_waiting, host_key, is_basic, with_ellipsis
from cuda_on_cpu.fake_cupy.machine import Allocation, machine
from cuda_on_cpu.fake_cupy.names import VERDICTS, WAITING, check, recorded

# Methods that need no kernel: an array of another device than the current one may be asked for them.
VIEWS = ("reshape", "ravel", "transpose", "squeeze", "swapaxes", "view", "diagonal")


class Pointer:
    """`cupy.cuda.MemoryPointer`: where an array begins."""

    def __init__(self, array: "ndarray"):
        self._array = array  # keeps the memory
        self.ptr = array._host.ctypes.data if array._host.size else 0
        self.device_id = array._allocation.device


class ndarray:
    """An array on a device: a NumPy array that nobody outside may touch, and the memory it occupies there."""

    __slots__ = ("__weakref__", "_allocation", "_host")
    __hash__ = None
    __array_priority__ = 100

    def __init__(self, shape: tuple, dtype=float):
        self._host = np.empty(shape, dtype)
        self._allocation = Allocation(machine.device, self._host.nbytes)
        self._host.reshape(-1).view(np.uint8)[...] = 0xFF  # memory that nobody has written: NaN, -1

    # What is known without asking the device.
    shape = property(lambda self: self._host.shape, lambda self, shape: setattr(self._host, "shape", shape))
    dtype = property(lambda self: self._host.dtype)
    size = property(lambda self: self._host.size)
    ndim = property(lambda self: self._host.ndim)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: self._host.flags)
    data = property(Pointer)
    T = property(lambda self: view_of(self, self._host.T))

    @property
    def device(self):
        from cuda_on_cpu.fake_cupy.cuda import Device

        return Device(self._allocation.device)

    @property
    def __cuda_array_interface__(self) -> dict:
        strides = None if self.flags.c_contiguous else self.strides
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.data.ptr, False),
            "strides": strides,
            "version": 3,
        }

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    # The host waits.
    def get(self, stream=None, order="C", out=None, blocking=True) -> np.ndarray:
        machine.synchronisations += 1
        if out is None:
            return np.array(self._host, order=order)
        if out.dtype != self.dtype or out.shape != self.shape:
            raise ValueError(f"out: {out.dtype} {out.shape} for an array of {self.dtype} {self.shape}")
        out[...] = self._host
        return out

    def item(self):
        return self.get().item()

    def tolist(self):
        return self.get().tolist()

    def tobytes(self, order="C") -> bytes:
        return self.get().tobytes(order)

    def __bool__(self) -> bool:
        return bool(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __float__(self) -> float:
        return float(self.get())

    def __repr__(self) -> str:
        return repr(self.get())

    def __str__(self) -> str:
        return str(self.get())

    def __format__(self, spec: str) -> str:
        return format(self.get(), spec)

    def __reduce__(self):
        from cuda_on_cpu.fake_cupy.functions import array

        return array, (self.get(),)

    # Writing.
    def set(self, arr: np.ndarray, stream=None) -> None:
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        machine.uploads += 1
        self._host[...] = arr

    def fill(self, value) -> None:
        if np.shape(value._host if isinstance(value, ndarray) else value) != ():
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        here(self).fill(value.item() if isinstance(value, np.ndarray | ndarray) else value)

    def __getitem__(self, key):
        key = host_key(key, here)
        if is_basic(key):
            return view_of(self, self._host[with_ellipsis(key)])
        count_waiting(key)
        return wrap(here(self)[key])

    def __setitem__(self, key, value) -> None:
        key = host_key(key, here)
        if isinstance(value, ndarray):
            value = here(value)
        elif is_basic(key):
            self[key].fill(value)  # as CuPy does, so a host array is refused
            return
        elif not isinstance(value, numbers.Number | np.generic):
            machine.uploads += 1
        count_waiting(key)
        here(self)[key] = value

    # NumPy's functions and methods, as far as CuPy has them.
    def __array__(self, dtype=None, copy=None):
        text = "Implicit conversion to a NumPy array is not allowed."
        raise TypeError(f"{text} Please use `.get()` to construct a NumPy array explicitly.")

    def __array_ufunc__(self, ufunc, how, *args, **options):
        if ufunc.__name__ not in recorded():
            return NotImplemented
        check(ufunc.__name__, args, options)
        return call(ufunc if how == "__call__" else getattr(ufunc, how), args, options)

    def __array_function__(self, function, types, args, options):
        if function.__module__ != "numpy" or function.__name__ not in recorded():
            return NotImplemented
        check(function.__name__, args, options)
        return call(function, args, options)

    def __getattr__(self, name: str) -> Callable:
        if f"ndarray.{name}" not in recorded():
            raise AttributeError(f"'ndarray' object has no attribute {name!r}")
        return lambda *args, **options: method(self, name, args, options)


def here(array: ndarray) -> np.ndarray:
    """The array's values, if it is on the current device."""
    device = array._allocation.device
    if device != machine.device:
        text = "Array device must be same as the current device"
        raise ValueError(f"{text}: array device = {device} while current = {machine.device}")
    return array._host


def view_of(array: ndarray, host: np.ndarray) -> ndarray:
    """An array over memory of another array."""
    view = object.__new__(ndarray)
    view._host, view._allocation = host, array._allocation
    return view


def _root(host: np.ndarray) -> np.ndarray:
    while isinstance(host.base, np.ndarray):
        host = host.base
    return host


def wrap(result, sources: tuple[ndarray, ...] = ()):
    """What NumPy made of the arrays `sources`, as CuPy returns it: arrays on the device, numbers as arrays without axes."""
    if type(result) in (tuple, list):
        return type(result)(wrap(part, sources) for part in result)
    if not isinstance(result, np.ndarray | np.generic):
        return result
    host = np.asarray(result)
    for source in sources:
        if source._host is host:
            return source  # written in place
        if _root(source._host) is _root(host):
            return view_of(source, host)
    array = object.__new__(ndarray)
    array._host, array._allocation = host, Allocation(machine.device, host.nbytes)
    return array


def opened(value, sources: list[ndarray]):
    """An argument with the device's arrays opened, and noted in `sources`. Host arrays are refused."""
    if isinstance(value, ndarray):
        sources.append(value)
        return here(value)
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if type(value) in (tuple, list):
        return type(value)(opened(part, sources) for part in value)
    return value


def call(function: Callable, args: tuple, options: dict, sources: tuple[ndarray, ...] = ()):
    """Call something of NumPy's with arrays of the device."""
    used = list(sources)
    args, options = opened(tuple(args), used), {name: opened(value, used) for name, value in options.items()}
    with np.errstate(all="ignore"):  # a device warns of nothing
        result = function(*args, **options)
    name = getattr(function, "__name__", "")
    machine.synchronisations += name in WAITING or (name == "where" and len(args) == 1)
    return wrap(np.bool_(result) if name in VERDICTS else result, tuple(used))


def method(array: ndarray, name: str, args: tuple, options: dict):
    """Call a method of an array."""
    check(f"ndarray.{name}", args, options)
    peer = array._allocation.device != machine.device
    if name in VIEWS or (name == "copy" and peer):
        return wrap(getattr(array._host, name)(*args, **options), () if name == "copy" else (array,))
    return call(getattr(here(array), name), args, options, (array,))
