"""CUDA kernels: sources joined as text, compiled when first launched, arguments in the types that CUDA wants.

A `.cu` file lies beside its Numba twin; `common.cuh` goes before it as text, not by `#include`, so that CuPy's cache on
disk, keyed by the text, never runs a stale one. Every launch goes through `Source.launch`.
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from cupynn.checks import InputError

OPTIONS = ("-std=c++17",)
PACKAGES = ("cupynn.kernels", "cupynn.layers")  # where `.cu` files lie

# What a number of Python goes as. A step of a small batch waits for the host, which takes 4 us for 17 numbers where they are
# looked up, and 12 where they are made anew.
_int, _float = lru_cache(maxsize=4096)(np.int32), lru_cache(maxsize=4096)(np.float32)
_AS_C = {int: _int, bool: _int, float: _float, np.float64: _float}

# Samples that one block of a dense layer sums up; `sums.py` says how a batch that is split within a group keeps its bits.
GROUP = 8

# Shared memory that a block may have without asking for more, and what of it kernels declare themselves, at most.
SHARED_BYTES, STATIC_BYTES = 48 << 10, 1 << 10


@cache
def source(package: str, stem: str) -> str:
    """CUDA C++ text of `stem.cu` in a package, with what all sources share before it."""
    texts = (files("cupynn.kernels") / "common.cuh", files(package) / f"{stem}.cu")
    return "\n".join(path.read_text(encoding="utf-8") for path in texts)


class Source:
    """The kernels of one `.cu` file.

    Parameters
    ----------
    package, stem : str
        Where the file lies, and its name without `.cu`.
    """

    def __init__(self, package: str, stem: str) -> None:
        self.package, self.stem = package, stem

    def launch(self, name: str, grid: tuple[int, ...], block: int, *arguments: Any, shared: int = 0) -> None:
        """Launch a kernel on the current device.

        Parameters
        ----------
        name : str
            Of the kernel.
        grid : tuple of int
            Number of blocks along each axis; nothing is done if one is 0.
        block : int
            Threads of a block.
        arguments
            Arrays of the device, and NumPy scalars of the very types that the kernel takes; a Python int goes as a C int,
            a Python float as a C float.
        shared : int
            Bytes of dynamic shared memory.
        """
        if 0 in grid:
            return
        import cupy

        kernel = _kernel(self.package, self.stem, name, cupy.cuda.runtime.getDevice())
        if shared > SHARED_BYTES - STATIC_BYTES:
            kernel.max_dynamic_shared_size_bytes = shared
        kernel(grid, (block,), tuple([_AS_C[type(x)](x) if type(x) in _AS_C else x for x in arguments]), shared_mem=shared)


@cache
def _module(package: str, stem: str) -> Any:
    import cupy

    return cupy.RawModule(code=source(package, stem), options=OPTIONS)


@cache
def _kernel(package: str, stem: str, name: str, device: int) -> Any:
    return _module(package, stem).get_function(name)  # loads the module on the current device


def on_device(array: Any) -> bool:
    """Whether an array lies on a GPU."""
    return hasattr(array, "__cuda_array_interface__")


def blocks(threads: int, block: int) -> int:
    """Number of blocks that hold so many threads."""
    return -(-threads // block)


@cache
def _limits(device: int) -> tuple[int, int]:
    import cupy

    gpu = cupy.cuda.Device(device)
    return gpu.mem_info[1] // 16, gpu.attributes["MaxSharedMemoryPerBlockOptin"]


def workspace() -> int:
    """Bytes that a pass may use beside the trains themselves: a sixteenth of the current device's memory."""
    import cupy

    return _limits(cupy.cuda.Device().id)[0]


def shared_limit() -> int:
    """Bytes of dynamic shared memory that a block may have on the current device."""
    import cupy

    return _limits(cupy.cuda.Device().id)[1] - STATIC_BYTES


def shared_bytes(needed: int, what: str) -> int:
    """Return the bytes of shared memory that a block needs, or raise InputError if the current device has fewer."""
    if needed > shared_limit():
        raise InputError(
            f"{what}: this needs {needed} bytes of shared memory, the GPU has {shared_limit()}: take fewer, or device='cpu'"
        )
    return needed


def parts(batch: int, bytes_per_sample: int, before: int = 0) -> Iterator[slice]:
    """Split a batch into parts whose workspace stays within bounds, at multiples of GROUP after `before` other samples."""
    size = max(1, min(workspace() // max(1, bytes_per_sample), 1 << 15))
    first = 0
    while first < batch:
        last = first + size
        if size >= GROUP:
            last -= (before + last) % GROUP
        yield slice(first, min(batch, last))
        first = last
