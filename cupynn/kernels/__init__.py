"""Compiled kernels: the machinery, and what layers share.

A kernel is a Numba function, parallel over samples or over neurons, that works on the events of `SpikeTrains`. Each sum
in it has one order, whatever the number of threads, so that a run gives the same bits on any number of cores.
"""

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.resources import files

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
    """Compile `function` at its first call, parallel where it says `prange`, and keep the result on disk.

    A tuple of arrays is unpacked before `prange`: used inside, its fields get mixed up (Numba 0.68).
    Rounding is IEEE's own (no `fastmath`): a spike must not depend on the processor that computes it.
    """
    dispatcher = numba.njit(parallel=True, nogil=True, error_model="numpy")(function)
    try:
        dispatcher._cache = _KernelCache(function)
    except RuntimeError:  # neither the package nor the user's home can be written
        _say_uncached()
    return dispatcher


def inline(function: Callable) -> Callable:
    """Compile `function` for use inside kernels."""
    return numba.njit(error_model="numpy", nogil=True)(function)
