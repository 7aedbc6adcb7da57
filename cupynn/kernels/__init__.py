"""Compiled kernels: the machinery, and kernels that layers share.

A kernel is a Numba function, parallel over samples or neurons, that works on the events of `SpikeTrains`. It sums in a fixed
order, so that results have the same bits on any number of cores.

CPU kernels are in ``x.py``, functions that launch GPU kernels in ``x_cuda.py``, their source in ``x.cu``. `threads` runs
kernels on all cores, `cuda` compiles and launches CUDA code.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from importlib.resources import files
from types import ModuleType

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.extending import register_jitable

# With NUMBA_DISABLE_JIT=1, kernels of users run as Python, so that a debugger can step through them. Those of cupynn are
# compiled all the same: they use vector registers and locks, which do not exist in Python.
INTERPRETED = bool(numba.config.DISABLE_JIT)


@contextmanager
def _compiler() -> Iterator[None]:
    """Let Numba compile within the context, even with NUMBA_DISABLE_JIT=1."""
    before, numba.config.DISABLE_JIT = numba.config.DISABLE_JIT, 0
    try:
        yield
    finally:
        numba.config.DISABLE_JIT = before


@cache
def _sources() -> str:
    """Return a digest of all kernel sources, since a kernel may inline functions from other files."""
    texts = [
        path.read_bytes()
        for room in ("cupynn.kernels", "cupynn.layers")
        for path in sorted(files(room).iterdir(), key=lambda path: path.name)
        if path.name.endswith(".py")
    ]
    return sha256(b"\0".join(texts)).hexdigest()


class _CacheFiles(IndexDataCacheFile):
    """Numba's files of a kernel, each of which says for which types it is.

    Numba numbers them. Of two processes that compile a kernel for different types at once, one may overwrite the other's
    file, which a later process would run with the wrong types.
    """

    def save(self, key, data):
        super().save(key, (key, data))

    def load(self, key):
        held = super().load(key)
        return held[1] if held is not None and held[0] == key else None


class _KernelCache(FunctionCache):
    """Numba's cache on disk, invalidated when any kernel source changes (Numba checks the kernel's own file only)."""

    def __init__(self, function: Callable) -> None:
        super().__init__(function)
        self._cache_file = _CacheFiles(self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp())

    def _index_key(self, sig, codegen):
        return (*super()._index_key(sig, codegen), _sources())

    def load_overload(self, sig, target_context):
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # pickle fails on a file truncated by a crash or a full disk: compile again
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig, data):
        with suppress(OSError):  # disk full: the next start compiles again
            super().save_overload(sig, data)


@cache
def _say_uncached() -> None:
    warnings.warn(
        "compiled kernels cannot be cached, so each start compiles them again: set NUMBA_CACHE_DIR to a writable folder",
        RuntimeWarning,
        stacklevel=2,
    )


def kernel(function: Callable) -> Callable:
    """Compile `function` at its first call and cache the result on disk. `threads.parallel` runs it on all cores.

    There is no `fastmath`: spikes must not depend on the processor. With NUMBA_DISABLE_JIT=1, a function from outside cupynn
    is returned as it is.
    """
    if INTERPRETED and not function.__module__.startswith("cupynn."):
        return function
    with _compiler():
        dispatcher = numba.njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True)(function)
    if INTERPRETED:
        dispatcher.compile = _compiler()(dispatcher.compile)
    try:
        dispatcher._cache = _KernelCache(function)
    except RuntimeError:  # neither the package nor the user's home is writable
        _say_uncached()
    return dispatcher


def is_compiled(module: ModuleType) -> bool:
    """Return whether the cache on disk holds a kernel of a module, compiled from the current sources."""
    held = [value for value in vars(module).values() if isinstance(getattr(value, "_cache", None), _KernelCache)]
    kernels = [kernel for kernel in held if kernel.py_func.__module__ == module.__name__]  # encoders bring others
    return any(key[-1] == _sources() for kernel in kernels for key in kernel._cache._cache_file._load_index())


def inline(function: Callable) -> Callable:
    """Let kernels call `function`, which is compiled with them; Python calls it uncompiled.

    Without wrappers for calls from Python, the first training step of the preset `digits` takes 11.0 s with an empty cache
    instead of 12.5.
    """
    return register_jitable(error_model="numpy", no_cfunc_wrapper=True)(function)


def inline_always(function: Callable) -> Callable:
    """Force LLVM to inline a large part of an inner loop: else the backward pass of a convolution takes 5 % longer."""
    return register_jitable(error_model="numpy", no_cfunc_wrapper=True, forceinline=True)(function)


@inline
def clear(array):
    """Set a contiguous array to zero, by a loop, which compiles faster than assigning to a slice."""
    for k in range(array.size):
        array[k] = 0
