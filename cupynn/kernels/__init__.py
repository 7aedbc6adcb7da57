"""Compiled kernels: the machinery, and what layers share.

A kernel is a Numba function, parallel over samples or over neurons, that works on the events of `SpikeTrains`. Each sum
in it has one order, whatever the number of threads, so that a run gives the same bits on any number of cores.
"""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.resources import files

import numba
from numba.core.caching import FunctionCache


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
    """Compile `function` at its first call, and keep the result on disk. `threads.parallel` runs it on all cores.

    Rounding is IEEE's own (no `fastmath`): a spike must not depend on the processor that computes it.
    """
    dispatcher = numba.njit(nogil=True, error_model="numpy")(function)
    dispatcher._cache = _KernelCache(function)
    return dispatcher


def inline(function: Callable) -> Callable:
    """Compile `function` for use inside kernels."""
    return numba.njit(error_model="numpy", nogil=True)(function)
