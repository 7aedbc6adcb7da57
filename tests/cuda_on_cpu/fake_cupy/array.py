"""`cupy.ndarray` over NumPy: opaque, so that whatever CuPy refuses is refused, and every wait of the host is counted."""

import numbers
import operator
from collections.abc import Callable

import numpy as np

from cuda_on_cpu.fake_cupy.machine import Allocation, machine

# Results that are views, or whose computation needs no kernel: an array of another device may be asked for these.
VIEWS = {"reshape", "ravel", "transpose", "squeeze", "swapaxes", "view", "diagonal"}
_COMPUTING = """
    all any argmax argmin argpartition argsort astype choose clip compress conj conjugate copy cumprod cumsum dot flatten max
    mean min nonzero partition prod put repeat round searchsorted sort std sum take trace var
"""
METHODS = VIEWS | set(_COMPUTING.split())
WAITING = {"nonzero", "compress"}  # the host must know the size of the result
BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift")


def root(a: np.ndarray) -> np.ndarray:
    """The array that owns the memory of a view."""
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a


class Pointer:
    """`cupy.cuda.MemoryPointer`: where an array begins."""

    def __init__(self, array: "ndarray"):
        self._array = array  # keeps the memory
        self.ptr = array._host.ctypes.data if array._host.size else 0
        self.device_id = array._allocation.device


class ndarray:
    """An array on a device. Use `wrap` or the module's functions to make one."""

    __slots__ = ("__weakref__", "_allocation", "_host")
    __hash__ = None
    __array_priority__ = 100

    def __init__(self, shape: tuple, dtype=float):
        host = np.empty(shape, dtype)
        self._host, self._allocation = host, Allocation(machine.device, host.nbytes)
        host.reshape(-1).view(np.uint8)[...] = 0xFF  # memory that nobody has written: NaN, -1

    # --- what is known without asking the device -----------------------------------------------------------------
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
    real = property(lambda self: view_of(self, self._host.real))
    base = property(lambda self: None if self._host.base is None else view_of(self, self._host.base))

    @property
    def device(self):
        from cuda_on_cpu.fake_cupy.cuda import Device

        return Device(self._allocation.device)

    @property
    def __cuda_array_interface__(self) -> dict:
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.data.ptr, False),
            "strides": None,
            "version": 3,
        }

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __getattr__(self, name: str) -> Callable:
        if name not in METHODS:
            raise AttributeError(f"'ndarray' object has no attribute {name!r}")
        return lambda *args, **options: method(self, name, args, options)

    # --- the host waits --------------------------------------------------------------------------------------------
    def get(self, stream=None, order="C", out=None, blocking=True) -> np.ndarray:
        machine.synchronisations += 1
        if out is None:
            return np.array(self._host, order=order)
        if out.dtype != self.dtype or out.shape != self.shape:
            raise ValueError(f"out: {out.dtype} {out.shape} for an array of {self.dtype} {self.shape}")
        out[...] = self._host
        return out

    def item(self, *index):
        return self.get().item(*index)

    def tolist(self):
        return self.get().tolist()

    def tobytes(self) -> bytes:
        return self.get().tobytes()

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

    # --- what CuPy refuses -------------------------------------------------------------------------------------------
    def __array__(self, dtype=None, copy=None):
        text = (
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array explicitly."
        )
        raise TypeError(text)

    def __array_ufunc__(self, ufunc, how, *args, **options):
        return call(ufunc if how == "__call__" else getattr(ufunc, how), args, options)

    def __array_function__(self, function, types, args, options):
        return call(function, args, options)

    # --- writing ---------------------------------------------------------------------------------------------------
    def set(self, host: np.ndarray, stream=None) -> None:
        if not isinstance(host, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if host.dtype != self.dtype:
            raise TypeError(f"{host.dtype} array cannot be set to {self.dtype} array")
        if host.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {host.shape}")
        machine.uploads += 1
        self._host[...] = host

    def fill(self, value) -> None:
        here(self)
        if isinstance(value, np.ndarray | ndarray) and value.shape != ():
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        self._host.fill(value.item() if isinstance(value, np.ndarray | ndarray) else value)

    def __getitem__(self, key):
        host = index(key)
        if is_basic(host):  # with an ellipsis, so that NumPy too makes a single element an array
            return view_of(self, self._host[host if Ellipsis in as_tuple(host) else (*as_tuple(host), ...)])
        here(self)
        count_mask(host)
        return wrap(self._host[host])

    def __setitem__(self, key, value) -> None:
        here(self)
        host = index(key)
        if isinstance(value, ndarray):
            here(value)
            value = value._host
        elif is_basic(host):  # CuPy fills, so a host array of any size is refused
            if not isinstance(value, numbers.Number | np.generic) and np.shape(value) != ():
                raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        elif not np.isscalar(value):
            machine.uploads += 1
        count_mask(host)
        self._host[host] = value


def as_tuple(key) -> tuple:
    return key if isinstance(key, tuple) else (key,)


def index(key):
    """A key with the device's arrays opened; arrays and lists of the host are uploaded, as CuPy does."""
    if isinstance(key, tuple):
        return tuple(index(part) for part in key)
    if isinstance(key, ndarray):
        here(key)
        return key._host
    if isinstance(key, np.ndarray | list):
        machine.uploads += 1
        return np.asarray(key, np.intp) if len(key) == 0 else np.asarray(key)
    return key


def is_basic(key) -> bool:
    """Whether a key gives a view."""
    return not any(isinstance(part, np.ndarray | bool | np.bool_) for part in as_tuple(key))


def count_mask(key) -> None:
    """A mask makes the host wait for the number of its elements, in reading and in writing."""
    machine.synchronisations += sum(isinstance(part, np.ndarray) and part.dtype == bool for part in as_tuple(key))


def here(array: ndarray) -> np.ndarray:
    """The array's values, if it is on the current device."""
    if array._allocation.device != machine.device:
        raise ValueError(
            "Array device must be same as the current device: "
            f"array device = {array._allocation.device} while current = {machine.device}"
        )
    return array._host


def view_of(array: ndarray, host: np.ndarray) -> ndarray:
    """A view of an array's memory, as an array."""
    view = object.__new__(ndarray)
    view._host, view._allocation = host, array._allocation
    return view


def wrap(result, sources: tuple = ()):
    """What NumPy returned, as CuPy returns it: arrays on the device, and numbers as arrays without axes."""
    if isinstance(result, tuple | list):
        return type(result)(wrap(part, sources) for part in result) if type(result) in (tuple, list) else result
    if not isinstance(result, np.ndarray | np.generic):
        return result
    host = np.asarray(result)
    for source in sources:
        if root(source._host) is root(host):
            return view_of(source, host)
    array = object.__new__(ndarray)
    array._host, array._allocation = host, Allocation(machine.device, host.nbytes)
    return array


def opened(value, sources: list):
    """An argument with the device's arrays opened, each noted in `sources`; host arrays are refused."""
    if isinstance(value, ndarray):
        sources.append(value)
        return here(value)
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, tuple | list):
        return type(value)(opened(part, sources) for part in value)
    return value


def call(function: Callable, args: tuple, options: dict):
    """Call a NumPy function or ufunc with arrays of the device."""
    sources: list[ndarray] = []
    from cuda_on_cpu.fake_cupy.names import WAITING as waiting

    args = opened(tuple(args), sources)
    options = {name: opened(value, sources) for name, value in options.items()}
    machine.synchronisations += getattr(function, "__name__", "") in waiting
    with np.errstate(all="ignore"):  # a device warns of nothing
        result = function(*args, **options)
    for source in sources:
        if source._host is result:
            return source  # out=
    return wrap(result, tuple(sources))


def method(array: ndarray, name: str, args: tuple, options: dict):
    """Call a method of the array."""
    if name in VIEWS:
        return wrap(getattr(array._host, name)(*args, **options), (array,))
    machine.synchronisations += name in WAITING
    if name == "copy" and array._allocation.device != machine.device:
        return wrap(array._host.copy())  # from device to device
    here(array)
    sources = [array]
    args, options = opened(args, sources), {key: opened(value, sources) for key, value in options.items()}
    if name in ("sort", "partition", "put"):
        return getattr(array._host, name)(*args, **options)
    with np.errstate(all="ignore"):
        result = getattr(array._host, name)(*args, **options)
    return next((s for s in sources if s._host is result), None) or wrap(result, tuple(sources))


def _add_operators() -> None:
    def binary(name: str, swap: bool, inplace: bool):
        function = getattr(
            operator, ("i" if inplace else "") + name + ("_" if name in ("and", "or") and not inplace else "")
        )

        def operate(self, other):
            if not isinstance(other, ndarray | numbers.Number | np.generic):
                if isinstance(other, np.ndarray):
                    raise TypeError(f"Unsupported type {type(other)}")
                return NotImplemented
            return call(function, (other, self) if swap else (self, other), {})

        return operate

    def unary(name: str):
        function = getattr(operator, name)
        return lambda self: call(function, (self,), {})

    for name in BINARY:
        setattr(ndarray, f"__{name}__", binary(name, False, False))
        setattr(ndarray, f"__r{name}__", binary(name, True, False))
        if name != "matmul":
            setattr(ndarray, f"__i{name}__", binary(name, False, True))
    for name in ("lt", "le", "eq", "ne", "gt", "ge"):
        setattr(ndarray, f"__{name}__", binary(name, False, False))
    for name in ("neg", "pos", "abs", "invert"):
        setattr(ndarray, f"__{name}__", unary(name))


_add_operators()
