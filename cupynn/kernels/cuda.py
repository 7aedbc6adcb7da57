"""CUDA kernels: sources, compiled at the first launch, and their launch.

A `.cu` file is next to its Numba twin. `common.cuh` is prepended as text, not by `#include`, so that CuPy's cache on disk,
keyed by the text, is never stale. Every launch goes through `CudaSource.launch`.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

from cupynn.cached import cached
from cupynn.checks import InputError

OPTIONS = ("-std=c++17",)

# Python numbers as C types, cached: steps of small batches wait for the host; 17 lookups take 4 us, 17 conversions 12 us.
_int, _nonzero = lru_cache(maxsize=4096)(np.int32), lru_cache(maxsize=4096)(np.float32)


def _float(value: float) -> np.float32:
    return _nonzero(value) if value else np.float32(value)  # a cache would confuse 0.0 and -0.0, which are equal


_AS_C = {int: _int, bool: _int, float: _float, np.float64: _float}

GROUP = 8  # samples that one block of a dense layer sums; see `sums.py` for batches split within a group

# Shared memory that a block gets by default, and the most that kernels declare statically.
SHARED_BYTES, STATIC_BYTES = 48 << 10, 1 << 10

# Name and parameters of a kernel, in a text without comments.
_BOUNDS = r"(?:__launch_bounds__\s*\([^)]*\)\s*)?"
_KERNEL = re.compile(rf"__global__\s+{_BOUNDS}void\s+{_BOUNDS}(\w+)\s*\(([^)]*)\)")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


class Kernel(NamedTuple):
    """A kernel's declaration in its source."""

    name: str
    parameters: tuple[str, ...]  # such as "const float* weight"

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(self.parameters)})"


class Kernels(dict[str, Kernel]):
    """The kernels of a source by name, displayed one per line."""

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.values()))


class CudaSource:
    """CUDA C++ code, such as the attribute `cuda` of each layer class.

    The text and its declarations can be read without CuPy; `source[name]` is the compiled kernel, a `RawKernel` of CuPy, to
    launch or time. The text may use `common.cuh`, which is prepended: trains as bits, the neuron, the S-PSP, Philox.

    Parameters
    ----------
    text : str
        Code with kernels declared as ``extern "C" __global__ void name(...)``.

    Attributes
    ----------
    text, source : str
        The code, and the full text that is compiled.
    kernels : dict of str to Kernel
        The declared kernels, with their parameters.

    Raises
    ------
    InputError
        If the text is not a str, or declares no kernel.

    Examples
    --------
    >>> from cupynn.layers import SpikingPool2D
    >>> sorted(SpikingPool2D.cuda.kernels)
    ['forward', 'input_error', 'membranes']
    >>> CudaSource('extern "C" __global__ void double_all(float* x) { x[threadIdx.x] *= 2; }').kernels
    double_all(float* x)
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise InputError(f"text={text!r}: pass CUDA C++ code, a str")
        self._made_of: tuple[str, ...] = (text,)
        if not self.kernels:
            raise InputError('the text declares no kernel: declare one as extern "C" __global__ void name(...)')
        self.stem = next(iter(self.kernels))

    @classmethod
    def of(cls, package: str, stem: str) -> "CudaSource":
        """Return the code of `stem.cu` in a package, which is read on first use.

        Parameters
        ----------
        package, stem : str
        """
        made = cls.__new__(cls)
        made._made_of, made.stem = (package, stem), stem
        return made

    @property
    def text(self) -> str:
        """The code."""
        if len(self._made_of) == 1:
            return self._made_of[0]
        package, stem = self._made_of
        return _text(package, f"{stem}.cu")

    @property
    def source(self) -> str:
        """The full text that is compiled: `common.cuh` and the code."""
        return "\n".join((_text("cupynn.kernels", "common.cuh"), self.text))

    @cached
    def kernels(self) -> Kernels:
        """The declared kernels, by name."""
        found = _KERNEL.findall(_COMMENT.sub("", self.text))
        words = {name: tuple(" ".join(each.split()) for each in inside.split(",")) for name, inside in found}
        words |= {name: () for name, inside in words.items() if inside in (("",), ("void",))}
        return Kernels({name: Kernel(name, parameters) for name, parameters in words.items()})

    def __reduce__(self) -> tuple[Any, ...]:
        made = type(self)
        return made if len(self._made_of) == 1 else made.of, self._made_of

    def __eq__(self, other: object) -> bool:
        return self._made_of == other._made_of if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._made_of)

    def __repr__(self) -> str:
        return f"CudaSource({self.stem!r}: {', '.join(self.kernels)})"

    def __getitem__(self, name: str) -> Any:
        """Return a kernel on the current device, compiled, as CuPy's `RawKernel`.

        Raises
        ------
        InputError
            If the code has no kernel of this name, or CuPy is missing.
        """
        if name not in self.kernels:
            raise InputError(f"no kernel {name!r} in this CUDA code: it has {', '.join(self.kernels)}")
        try:
            import cupy
        except ImportError as error:
            raise InputError(
                f"compiling kernel {name!r} needs CuPy and a GPU ({error}): `cupynn devices` shows what is missing and how "
                "to fix it; .source and .kernels do not need them"
            ) from None
        return _kernel(self, name, cupy.cuda.runtime.getDevice())

    def launch(self, name: str, grid: tuple[int, ...], block: int, *arguments: Any, shared: int = 0) -> None:
        """Launch a kernel on the current device.

        Parameters
        ----------
        name : str
            Name of the kernel.
        grid : tuple of int
            Number of blocks along each axis; if one is 0, nothing is launched.
        block : int
            Threads per block.
        arguments
            Arrays on the device, NumPy scalars of exactly the kernel's types, and Python int and float for C int and float.
        shared : int
            Bytes of dynamic shared memory.

        Raises
        ------
        InputError
            If the code has no kernel of this name, or CuPy is missing.
        """
        if 0 in grid:
            return
        kernel = self[name]
        if shared > SHARED_BYTES - STATIC_BYTES:
            kernel.max_dynamic_shared_size_bytes = shared
        kernel(grid, (block,), tuple([_AS_C[type(x)](x) if type(x) in _AS_C else x for x in arguments]), shared_mem=shared)


@cache
def _text(package: str, name: str) -> str:
    return (files(package) / name).read_text(encoding="utf-8")


@cache
def _module(source: CudaSource) -> Any:
    import cupy

    return cupy.RawModule(code=source.source, options=OPTIONS)


@cache
def _kernel(source: CudaSource, name: str, device: int) -> Any:
    return _module(source).get_function(name)  # loads the module on the current device


def on_device(array: Any) -> bool:
    """Return whether an array is on a GPU."""
    return hasattr(array, "__cuda_array_interface__")


def blocks(threads: int, block: int) -> int:
    """Return the number of blocks needed for a number of threads."""
    return -(-threads // block)


@cache
def _limits(device: int) -> tuple[int, int]:
    import cupy

    gpu = cupy.cuda.Device(device)
    return gpu.mem_info[1] // 16, gpu.attributes["MaxSharedMemoryPerBlockOptin"]


def workspace() -> int:
    """Return the bytes that a pass may use besides the trains: a sixteenth of the current device's memory."""
    import cupy

    return _limits(cupy.cuda.Device().id)[0]


def shared_limit() -> int:
    """Return the most bytes of dynamic shared memory per block on the current device."""
    import cupy

    return _limits(cupy.cuda.Device().id)[1] - STATIC_BYTES


def shared_bytes(needed: int, what: str) -> int:
    """Return `needed`, or raise InputError if the current device has fewer bytes of shared memory per block."""
    if needed > shared_limit():
        raise InputError(
            f"{what} needs {needed} bytes of shared memory, the GPU has {shared_limit()}: use fewer, or device='cpu'"
        )
    return needed


def parts(batch: int, bytes_per_sample: int, before: int = 0) -> Iterator[slice]:
    """Split a batch into parts that fit in the workspace, at multiples of GROUP after `before` earlier samples."""
    size = max(1, min(workspace() // max(1, bytes_per_sample), 1 << 15))
    first = 0
    while first < batch:
        last = first + size
        if size >= GROUP:
            last -= (before + last) % GROUP
        yield slice(first, min(batch, last))
        first = last
