"""Kernels on all cores: threads of our own, each of which takes the next sample, or neuron, of a kernel.

Numba releases the interpreter's lock, so that Python's threads compute side by side. Its own `prange` did the same, but took
7 times as long to compile (weight gradient of a dense layer: 4.8 s against 0.7), and brought a runtime (OpenMP, TBB or
neither) whose waiting threads spin, clash with PyTorch's, and cannot be used from two threads at once.

Results never depend on the helpers: what they leave, the calling thread does. So a helper may come late, or not at all.
"""

import gc
import os
import threading
from _thread import start_new_thread
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any
from weakref import finalize

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.interrupt import Deferred
from cupynn.kernels.turns import close, each, enter, leave, new_turns

__all__ = ["each", "get_num_threads", "parallel", "set_num_threads"]


class _Crew:
    """The threads that help the calling ones; they end once nobody holds the crew any more.

    They are started without the machinery of `threading` and `concurrent.futures`, which an interrupt breaks at the wrong
    moment (`release unlocked lock`, a condition that is never notified): every step here is one call that is done or not.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._jobs: SimpleQueue[list | None] = SimpleQueue()
        self._started = 0
        self._starting = threading.Lock()
        finalize(self, self._jobs.put, None).atexit = False
        turns = new_turns(0)
        address = turns.ctypes.data
        with Deferred():  # what ends a job is compiled before there is one
            enter(address), leave(address), close(address)

    def call(self, job: list, helpers: int) -> None:
        """Hand a job, a list of kernel, turns and arguments, to at most this number of helpers."""
        if self._started < self.size - 1:
            self._start()
        for _ in range(min(helpers, self.size - 1)):
            self._jobs.put(job)

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):
            return  # another thread starts them, or the one that a signal handler has interrupted
        try:
            while self._started < self.size - 1:
                try:
                    start_new_thread(_serve, (self._jobs,))
                except RuntimeError as error:
                    raise InputError(
                        f"the system starts no more than {self._started} helper threads for kernels ({error}): "
                        f"call cupynn.set_num_threads({self._started + 1}), or raise its limit"
                    ) from error
                self._started += 1
        finally:
            self._starting.release()


def _serve(jobs: SimpleQueue) -> None:
    """Help with one job after the other, until there will be no more."""
    while (job := jobs.get()) is not None:
        _help(job)
        del job  # its arrays are the caller's again
    jobs.put(None)  # for the next thread


def _help(job: list) -> None:
    try:
        kernel, turns, arguments, errors = job
    except ValueError:  # it is done, and its list empty
        return
    address = turns.ctypes.data
    if not enter(address):
        return
    try:
        kernel(address, *arguments)
    except BaseException as error:
        errors.append(error)
    finally:
        leave(address)


class _Threads:
    """How many threads there are, and the crew that helps now; whoever computes holds on to the crew it began with."""

    def __init__(self) -> None:
        self._size = 0  # not asked for yet
        self._crew: _Crew | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forget)

    @property
    def size(self) -> int:
        if self._size == 0:
            self.resize(_default())
        return self._size

    def resize(self, size: int) -> None:
        if size != self._size:
            self._size, self._crew = size, None

    def crew(self) -> _Crew:
        crew = self._crew
        if crew is None or crew.size != self.size:  # another thread may have set another number while it was made
            crew = self._crew = _Crew(self.size)
        return crew

    def forget(self) -> None:
        """After a fork: the threads did not come along."""
        self._crew = None


_THREADS = _Threads()
_COMPILED: set[tuple] = set()  # kernels, each with types of arguments that it is compiled for
_C, _FORTRAN = 0x1, 0x2  # flags of an array
_LAYOUT = _C | _FORTRAN | 0x100 | 0x400  # with aligned and writeable


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
    return _THREADS.size


def set_num_threads(number: int) -> None:
    """Set the number of threads that kernels use on the CPU.

    Kernels that are running in other threads finish with the number they began with.

    Parameters
    ----------
    number : int
        From 1 to 1024.

    Raises
    ------
    InputError
        If the number is out of this range.

    Examples
    --------
    >>> before = get_num_threads()
    >>> set_num_threads(2)
    >>> get_num_threads()
    2
    >>> set_num_threads(before)
    """
    _THREADS.resize(checks.integer("number", number, minimum=1, maximum=1024))


def parallel(kernel: Callable[..., None], count: int, *arguments: Any) -> None:
    """Run `kernel(turns, *arguments)` on all threads at once, until they have taken all of `count` turns.

    A kernel goes through its turns by `for b in each(turns)`, where all threads take from the same ones: one with short
    samples takes more of them. What it computes for a turn must not depend on who takes it. The first call with arguments of
    some types compiles the kernel, or loads it, and runs on the calling thread alone.

    An interrupt ends it when the turns that have been taken are done; no thread writes to an array after that.
    """
    turns = new_turns(count)
    address, threads = turns.ctypes.data, min(get_num_threads(), count)
    types = kernel, _types(arguments)
    try:
        if types not in _COMPILED:  # compile or load it once, not in every thread
            _compile(kernel, address, arguments)
            _COMPILED.add(types)
        elif threads < 2:
            kernel(address, *arguments)
        else:
            _share(kernel, turns, arguments, threads)
    except SystemError as error:  # what Python makes of an exception that a signal handler raises within a kernel's call
        raise (error.__cause__ or error) from None


def _types(arguments: tuple) -> tuple:
    """What Numba compiles a kernel for: types of the arguments, of arrays their layout as well."""
    found = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            flags = argument.flags.num & _LAYOUT
            found.append((argument.dtype, argument.ndim, flags & ~_FORTRAN if flags & _C else flags))
        else:
            found.append((type(argument), _types(argument)) if isinstance(argument, tuple) else type(argument))
    return tuple(found)


def _compile(kernel, address, arguments) -> None:
    """Run a kernel for the first time with arguments of these types, on this thread alone.

    Without garbage collection, which would go through all that the compiler holds, again and again: 1 s of 12. An interrupt
    waits, since it would leave Numba unable to compile anything else (`generator raised StopIteration`).
    """
    enabled = gc.isenabled()
    with Deferred():
        gc.disable()
        try:
            kernel(address, *arguments)
        finally:
            if enabled:
                gc.enable()


def _share(kernel, turns, arguments, threads) -> None:
    crew, errors = _THREADS.crew(), []
    address, job = turns.ctypes.data, [kernel, turns, arguments, errors]
    try:
        crew.call(job, threads - 1)
        kernel(address, *arguments)
    finally:
        close(address)  # a single call, which no interrupt breaks off
        job.clear()  # of a helper that comes later
    if errors:
        raise errors[0]
