"""The functions of the `cupy` module: those that make arrays, and NumPy's under the names that CuPy has too."""

from collections.abc import Callable

import numpy as np

from cuda_on_cpu.fake_cupy.array import call, here, ndarray, opened, wrap
from cuda_on_cpu.fake_cupy.machine import machine
from cuda_on_cpu.fake_cupy.names import check, recorded


def empty(shape, dtype=float, order="C") -> ndarray:
    return ndarray(shape, dtype) if order == "C" else wrap(np.array(ndarray(shape, dtype)._host, order=order))


def zeros(shape, dtype=float, order="C") -> ndarray:
    return wrap(np.zeros(shape, dtype, order))


def ones(shape, dtype=float, order="C") -> ndarray:
    return wrap(np.ones(shape, dtype, order))


def full(shape, fill_value, dtype=None, order="C") -> ndarray:
    value = opened(fill_value, [])
    return wrap(np.full(shape, value, dtype, order))


def empty_like(prototype, dtype=None, order="K", subok=None, shape=None) -> ndarray:
    like = np.empty_like(opened(prototype, []), dtype, order, shape=shape)
    like.ravel("K").view(np.uint8)[...] = 0xFF
    return wrap(like)


def arange(start, stop=None, step=1, dtype=None) -> ndarray:
    return wrap(np.arange(start, dtype=dtype) if stop is None else np.arange(start, stop, step, dtype))


def identity(n, dtype=float) -> ndarray:
    return wrap(np.identity(n, dtype))


def eye(N, M=None, k=0, dtype=float, order="C") -> ndarray:
    return wrap(np.eye(N, M, k, dtype, order))


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0) -> ndarray:
    return wrap(np.linspace(start, stop, num, endpoint, retstep, dtype, axis))


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False) -> ndarray:
    if isinstance(obj, ndarray):
        same = (dtype is None or obj.dtype == dtype) and obj.ndim >= ndmin and not copy
        same = same and (order != "C" or obj.flags.c_contiguous)
        return obj if same else wrap(np.array(obj._host, dtype, order=order, ndmin=ndmin))
    sources: list[ndarray] = []
    host = np.array(_open_nested(obj, sources), dtype, order=order, ndmin=ndmin)
    if host.dtype.kind not in "biufc":
        raise ValueError(f"Unsupported dtype {host.dtype}")
    machine.uploads += not sources
    return wrap(host)


def _open_nested(obj, sources: list):
    """Lists of the device's arrays may be stacked; a list of both kinds may not."""
    return opened(obj, sources) if isinstance(obj, list | tuple) and any(isinstance(o, ndarray) for o in obj) else obj


def asarray(a, dtype=None, order=None, *, blocking=False) -> ndarray:
    return array(a, dtype, False, order or "K")


def asanyarray(a, dtype=None, order=None, *, blocking=False) -> ndarray:
    return asarray(a, dtype, order)


def ascontiguousarray(a, dtype=None) -> ndarray:
    if not isinstance(a, ndarray):  # unlike `asarray`
        raise TypeError(f"Argument 'a' has incorrect type (expected cupy._core.core._ndarray_base, got {type(a).__name__})")
    if a.flags.c_contiguous and a.ndim and (dtype is None or a.dtype == dtype):
        return a
    return array(a, dtype, order="C", ndmin=1)


def copy(a, order="K") -> ndarray:
    return a.copy(order)


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True) -> np.ndarray:
    return a.get(stream, order, out) if isinstance(a, ndarray) else np.asarray(a, order=order)


def copyto(dst: ndarray, src, casting="same_kind", where=None) -> None:
    target, values = here(dst), opened(src, [])
    np.copyto(target, values, casting, True if where is None else opened(where, []))


def isscalar(element) -> bool:
    return np.isscalar(element)


MADE_HERE = [zeros, ones, full, empty, empty_like, arange, identity, eye, linspace, array, asarray, asanyarray]
MADE_HERE += [ascontiguousarray, copy, asnumpy, copyto, isscalar]


class Function:
    """A function or ufunc of NumPy that takes arrays of the device."""

    def __init__(self, numpy_function: Callable):
        self._numpy = numpy_function
        self.__name__ = numpy_function.__name__

    def __call__(self, *args, **options):
        check(self.__name__, args, options)
        return call(self._numpy, args, options)

    def __getattr__(self, how: str) -> Callable:
        if how not in ("at", "reduce", "accumulate", "outer", "reduceat") or not isinstance(self._numpy, np.ufunc):
            raise AttributeError(how)
        return lambda *args, **options: call(getattr(self._numpy, how), args, options)


def lookup(name: str):
    """What `cupy.<name>` is: a function of `cupy_names.txt`, or one of NumPy's types and constants.

    Raises
    ------
    AttributeError
        If CuPy has no such name, or the stand-in has no such module (`random`, `linalg`, `fft`).
    """
    value = getattr(np, name, None)
    if name in recorded():
        return Function(value)
    if isinstance(value, type | float) or (name == "newaxis"):
        return value
    raise AttributeError(f"module 'cupy' has no attribute {name!r}")
