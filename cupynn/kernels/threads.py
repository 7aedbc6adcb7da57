"""Kernels on all cores: threads of our own, which take a kernel's samples, or neurons, in turn.

Numba releases the interpreter's lock, so that Python's threads compute side by side. Its own `prange` did the same, but took
5 times as long to compile (weight gradient of a dense layer: 4.8 s against 0.7), and brought a runtime (OpenMP, TBB or
neither) whose waiting threads spin, fall out with PyTorch's, and cannot be used from two threads at once.
"""

import gc
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from cupynn import checks
from cupynn.checks import InputError
from cupynn.kernels import inline


class _Crew:
    """The threads that help the calling one."""

    def __init__(self) -> None:
        self.size = 0  # threads in all, the calling one among them; 0 until it is asked for
        self.helpers: ThreadPoolExecutor | None = None

    def resize(self, size: int) -> None:
        if self.helpers is not None and size != self.size:
            self.helpers.shutdown()
            self.helpers = None
        self.size = size

    def submit(self, *call: Any) -> Any:
        if self.helpers is None:
            self.helpers = ThreadPoolExecutor(max(1, self.size - 1), thread_name_prefix="cupynn")
        return self.helpers.submit(*call)

    def forget(self) -> None:
        """After a fork: the threads did not come along."""
        self.helpers = None


@cache
def _crew() -> _Crew:
    crew = _Crew()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=crew.forget)
    return crew


def _default() -> int:
    """CUPYNN_THREADS, or the physical cores that this process may use: two threads on one core fight for its caches."""
    if setting := os.environ.get("CUPYNN_THREADS"):
        if not setting.isascii() or not setting.isdigit() or not 1 <= int(setting) <= 1024:
            raise InputError(f"CUPYNN_THREADS={setting!r}: set it to a number of threads, 1 to 1024, or unset it")
        return int(setting)
    import joblib  # 0.1 s, and not needed where the number is given

    return joblib.cpu_count(only_physical_cores=True)


def get_num_threads() -> int:
    """Number of threads that kernels use on the CPU.

    By default as many as there are physical cores, within what the operating system allows this process; the environment
    variable CUPYNN_THREADS sets another number. Results do not depend on it, down to the last bit.

    Examples
    --------
    >>> get_num_threads() >= 1
    True
    """
    crew = _crew()
    if crew.size == 0:
        crew.resize(_default())
    return crew.size


def set_num_threads(number: int) -> None:
    """Let kernels use this number of threads on the CPU.

    Parameters
    ----------
    number : int
        From 1 to 1024.

    Raises
    ------
    InputError
        If the number is another.

    Examples
    --------
    >>> before = get_num_threads()
    >>> set_num_threads(2)
    >>> get_num_threads()
    2
    >>> set_num_threads(before)
    """
    _crew().resize(checks.integer("number", number, minimum=1, maximum=1024))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection, which goes through all that the compiler holds, again and again: 1 s of 12."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def parallel(kernel: Callable[..., None], count: int, *arguments: Any) -> None:
    """Run `kernel(turns, *arguments)` on all threads at once, until they have taken all of `count` turns.

    A kernel goes through its turns by `for b in each(turns)`, where all threads take from the same ones: one with short
    samples takes more of them. What it computes for a turn must not depend on who takes it.
    """
    taken = np.array([0, count], np.int64)
    turns = taken.ctypes.data
    threads = min(get_num_threads(), count)
    if not kernel.signatures:  # compile or load it once, not in every thread
        with _uncollected():
            kernel(turns, *arguments)
        return
    helping = [_crew().submit(kernel, turns, *arguments) for _ in range(threads - 1)]
    try:
        kernel(turns, *arguments)
    finally:
        wait(helping)  # also after an interrupt: nobody may write to arrays that the caller takes for his own
    for done in helping:
        done.result()


@intrinsic
def _take(typing, turns):
    """Next turn, or -1 if none is left. turns: address of two int64, how many are taken and how many there are."""
    signature = types.int64(types.int64)

    def codegen(context, builder, signature, arguments):
        data = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        one = ir.Constant(ir.IntType(64), 1)
        turn = builder.atomic_rmw("add", data, one, "monotonic")
        count = builder.load(builder.gep(data, [one]))
        return builder.select(builder.icmp_signed("<", turn, count), turn, ir.Constant(ir.IntType(64), -1))

    return signature, codegen


@inline
def each(turns):
    """Turns for the calling thread, one after the other, until all are taken.

    They come by their address: Numba's generators never let go of an array that is handed to them.
    """
    while True:
        turn = _take(turns)
        if turn < 0:
            break
        yield turn
