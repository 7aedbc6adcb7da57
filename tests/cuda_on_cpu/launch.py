"""One kernel on the CPU: what a GPU would refuse, or would not notice, is refused before the launch."""

import ctypes
import math
import os
import re
from dataclasses import dataclass

import numpy as np

from cuda_on_cpu.build import build

MAX_BLOCK, MAX_THREADS = (1024, 1024, 64), 1024
MAX_GRID = (2**31 - 1, 65535, 65535)
STATIC_SHARED, MAX_SHARED = 48 * 1024, 227 * 1024  # bytes a block: without asking, and at most (compute capability 9.0)


class LaunchError(Exception):
    """A launch that CUDA refuses, that reads garbage on a GPU, or that failed while it ran."""


@dataclass(frozen=True)
class Parameter:
    """A kernel's parameter: a pointer or a value, of `count` elements of `dtype` (None: void, or a struct)."""

    text: str
    pointer: bool
    count: int
    dtype: np.dtype | None

    @classmethod
    def parse(cls, text: str) -> "Parameter":
        pointer, count, dtype = re.fullmatch(r"(\**)(\d*)(.+)", text).groups()
        known = dtype[0] in "biuf" and len(pointer) <= 1
        return cls(text, bool(pointer), int(count or 1), np.dtype(dtype) if known else None)


class Kernel:
    """A kernel of a built library.

    Parameters
    ----------
    library
        From `build`.
    name
        Of one of its kernels.
    """

    def __init__(self, library: ctypes.PyDLL, name: str):
        self.name = name
        self._launch = getattr(library, f"cuda_on_cpu_launch_{name}")
        self._launch.restype = ctypes.c_char_p
        text = ctypes.create_string_buffer(4096)
        getattr(library, f"cuda_on_cpu_signature_{name}")(text)
        self.parameters = [Parameter.parse(word) for word in text.value.decode().split()]
        self.max_threads = getattr(library, f"cuda_on_cpu_bounds_{name}")()
        self.static_shared = library.cuda_on_cpu_static_shared()  # of all kernels together
        self.most_shared = MAX_SHARED - self.static_shared

    def __call__(
        self, grid: tuple, block: tuple, args: tuple, shared_mem: int = 0, allowed_shared: int | None = None
    ) -> None:
        """Check the launch and run it.

        Raises
        ------
        LaunchError
            If the grid, the shared memory or an argument is not what the kernel can take, or the kernel failed.
        """
        grid, block = self._shape("grid", grid, MAX_GRID), self._shape("block", block, MAX_BLOCK)
        threads = math.prod(block)
        if threads > min(MAX_THREADS, self.max_threads):
            self._refuse(f"{threads} threads a block, at most {min(MAX_THREADS, self.max_threads)} are allowed")
        allowed = STATIC_SHARED - self.static_shared if allowed_shared is None else allowed_shared
        if not 0 <= shared_mem <= allowed:
            remedy = "; CUDA allows more if max_dynamic_shared_size_bytes is set" if shared_mem <= self.most_shared else ""
            self._refuse(f"{shared_mem} bytes of dynamic shared memory, at most {allowed} are allowed{remedy}")
        if len(args) != len(self.parameters):
            self._refuse(f"{len(args)} arguments for {len(self.parameters)} parameters")
        kept = [self._argument(i, *pair) for i, pair in enumerate(zip(self.parameters, args, strict=True))]
        pointers = (ctypes.c_void_p * len(kept))(*(value.ctypes.data for value in kept))
        reverse = os.environ.get("CUDA_ON_CPU_ORDER") == "reverse"
        failure = self._launch((ctypes.c_uint * 3)(*grid), (ctypes.c_uint * 3)(*block), shared_mem, reverse, pointers)
        if failure:
            self._refuse(failure.decode())

    def _refuse(self, why: str) -> None:
        raise LaunchError(f"{self.name}: {why}")

    def _shape(self, what: str, shape: tuple, limits: tuple) -> tuple:
        if not isinstance(shape, tuple) or not 1 <= len(shape) <= 3:
            raise TypeError(f"{self.name}: {what}={shape!r} must be a tuple of one to three numbers")
        full = tuple(max(1, int(n)) for n in (*shape, 1, 1)[:3])  # CuPy launches one block where it is asked for none
        if any(n > limit for n, limit in zip(full, limits, strict=True)):
            self._refuse(f"{what} {shape}, at most {limits} is allowed")
        return full

    def _argument(self, i: int, parameter: Parameter, value: object) -> np.ndarray:
        """An argument as bytes to point at, if a GPU would read it as what it is meant to be."""
        what = f"argument {i}"
        if hasattr(value, "__cuda_array_interface__"):
            if not parameter.pointer:
                self._refuse(f"{what} is an array, the parameter {parameter.text} is none")
            if not value.flags.c_contiguous:
                self._refuse(f"{what} is not C-contiguous: shape {value.shape}, strides {value.strides}")
            if parameter.dtype is not None and value.dtype != parameter.dtype:
                self._refuse(f"{what} is an array of {value.dtype}, the parameter points to {parameter.dtype}")
            if value.size % parameter.count or value.data.ptr % min(16, parameter.count * value.itemsize):
                self._refuse(f"{what}: {value.size} elements at {value.data.ptr:#x} are no whole, aligned {parameter.text}")
            return np.array(value.data.ptr, np.uintp)
        if value is None or (isinstance(value, np.uintp) and value == 0):
            if not parameter.pointer:
                self._refuse(f"{what} is a null pointer, the parameter is {parameter.text}")
            return np.zeros(1, np.uintp)
        if isinstance(value, bool | int | float):  # goes as CuPy sends it
            value = np.array(value, {bool: np.bool_, int: np.int64, float: np.float64}[type(value)])[()]
        if not isinstance(value, np.generic):
            raise TypeError(f"Unsupported type {type(value)}")
        if parameter.pointer or (parameter.dtype is not None and value.dtype != parameter.dtype):
            self._refuse(f"{what} is a number of type {value.dtype}, the parameter is {parameter.text}")
        return np.array(value)


def kernel(source: str, name: str, options: tuple[str, ...] = ()) -> Kernel:
    """Build CUDA C++ text and take one kernel of it."""
    library, names = build(source, options)
    if name not in names:
        raise LaunchError(f'{name}: no kernel of this name; extern "C" kernels: {", ".join(names) or "none"}')
    return Kernel(library, name)
