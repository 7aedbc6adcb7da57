"""Compiled kernels: the machinery, and what layers share.

A kernel is a Numba function, parallel over samples or over neurons, that works on the events of `SpikeTrains`. Each sum
in it has one order, whatever the number of threads, so that a run gives the same bits on any number of cores.
"""

import os
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.resources import files
from types import ModuleType

import numba
from numba.core.caching import FunctionCache


def _start_threads() -> None:
    """Start Numba's threads so that one that waits for the others sleeps instead of spinning.

    Beside other busy processes on two cores, a training step of the paper's MLP took 28.8 ms a sample with OpenMP spinning
    and 2.8 ms without. OpenMP reads the setting when it is loaded; then it is taken back, since PyTorch, which brings an
    OpenMP of its own, gets 2.5 times slower by it. A setting of the user's own comes first.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "passive"
        numba.get_num_threads()
        del os.environ["OMP_WAIT_POLICY"]


_start_threads()


@cache
def _sources() -> str:
    """Digest of every kernel source, since one kernel may inline another from a second file."""
    texts = [
        path.read_bytes()
        for room in ("cupynn.kernels", "cupynn.layers")
        for path in sorted(files(room).iterdir(), key=lambda path: path.name)
        if path.name.endswith(".py")
    ]
    return sha256(b"\0".join(texts)).hexdigest()


class _KernelCache(FunctionCache):
    """Numba's on-disk cache, but stale as soon as any kernel changes (Numba looks at the kernel's own file only)."""

    def _index_key(self, sig, codegen):
        return (*super()._index_key(sig, codegen), _sources())


def kernel(function: Callable) -> Callable:
    """Compile `function` at its first call, parallel where it says `prange`, and keep the result on disk.

    A tuple of arrays is unpacked before `prange`: used inside, its fields get mixed up (Numba 0.68).
    Rounding is IEEE's own (no `fastmath`): a spike must not depend on the processor that computes it.
    """
    dispatcher = numba.njit(parallel=True, nogil=True, error_model="numpy")(function)
    dispatcher._cache = _KernelCache(function)
    return dispatcher


def is_compiled(module: ModuleType) -> bool:
    """Whether the cache on disk holds a kernel of a module, as the sources are now."""
    kernels = [value for value in vars(module).values() if isinstance(getattr(value, "_cache", None), _KernelCache)]
    return any(key[-1] == _sources() for kernel in kernels for key in kernel._cache._cache_file._load_index())


def inline(function: Callable) -> Callable:
    """Compile `function` for use inside kernels."""
    return numba.njit(error_model="numpy", nogil=True)(function)
