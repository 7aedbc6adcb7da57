"""Compiled kernels: the machinery, and what layers share.

A kernel is a Numba function, parallel over samples or over neurons, that works on the events of `SpikeTrains`. Each sum
in it has one order, whatever the number of threads, so that a run gives the same bits on any number of cores.

Kernels for the CPU are in ``x.py``, the functions that launch those for a GPU in ``x_cuda.py``, their source in ``x.cu``.
`threads` runs kernels on all cores, `cuda` compiles and launches CUDA code.
"""

import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.resources import files
from types import ModuleType

import numba
from numba.core.caching import FunctionCache
from numba.extending import register_jitable


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

    def load_overload(self, sig, target_context):
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # what a file that a crash or a full disk has cut short makes pickle raise: compiled anew
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig, data):
        with suppress(OSError):  # a full disk: the next start compiles again
            super().save_overload(sig, data)


@cache
def _say_uncached() -> None:
    warnings.warn(
        "no folder to keep compiled kernels in, so that each start compiles them anew: "
        "set NUMBA_CACHE_DIR to a folder that can be written",
        RuntimeWarning,
        stacklevel=2,
    )


def kernel(function: Callable) -> Callable:
    """Compile `function` at its first call, and keep the result on disk. `threads.parallel` runs it on all cores.

    Rounding is IEEE's own (no `fastmath`): a spike must not depend on the processor that computes it.
    """
    dispatcher = numba.njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True)(function)
    try:
        dispatcher._cache = _KernelCache(function)
    except RuntimeError:  # neither the package nor the user's home can be written
        _say_uncached()
    return dispatcher


def is_compiled(module: ModuleType) -> bool:
    """Whether the cache on disk holds a kernel that a module defines, as the sources are now."""
    held = [value for value in vars(module).values() if isinstance(getattr(value, "_cache", None), _KernelCache)]
    kernels = [kernel for kernel in held if kernel.py_func.__module__ == module.__name__]  # others come with an encoder
    return any(key[-1] == _sources() for kernel in kernels for key in kernel._cache._cache_file._load_index())


def inline(function: Callable) -> Callable:
    """Let kernels call `function`, which is compiled with them; Python calls it as it stands.

    Without the wrappers by which Python would call compiled code, the first training step of the preset `digits` takes
    11.0 s instead of 12.5 with nothing compiled.
    """
    return register_jitable(error_model="numpy", no_cfunc_wrapper=True)(function)


def inline_always(function: Callable) -> Callable:
    """Do what `inline` does, and leave LLVM no choice: for a large part of a kernel's inner loop.

    Otherwise the backward pass of a convolution takes 5 % longer.
    """
    return register_jitable(error_model="numpy", no_cfunc_wrapper=True, forceinline=True)(function)


@inline
def clear(array):
    """Set a contiguous array to zero: by a loop, since to assign to a slice takes longer to compile."""
    for k in range(array.size):
        array[k] = 0
