"""Kernels on all cores: a pool of threads, each of which takes the next sample or neuron of a kernel.

Numba releases the interpreter's lock, so that Python's threads compute in parallel. Numba's `prange` takes 7 times as long
to compile (weight gradient of a dense layer: 4.8 s against 0.7), and its runtime (OpenMP, TBB or neither) has waiting
threads that spin, conflicts with PyTorch's, and cannot be used from two threads at once.

Results never depend on the helper threads: the calling thread takes all turns that they leave.
"""

import gc
import os
import threading
from _thread import start_new_thread
from collections.abc import Callable
from queue import SimpleQueue
from types import FunctionType
from typing import Any
from weakref import finalize

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.interrupt import Deferred
from cupynn.kernels import INTERPRETED
from cupynn.kernels.turns import close, each, enter, leave, new_turns

__all__ = ["each", "get_num_threads", "parallel", "set_num_threads"]


class _Crew:
    """The helper threads, which end when the crew is garbage collected.

    They do not use `threading` and `concurrent.futures`, which an interrupt at the wrong moment breaks (`release unlocked
    lock`, a condition that is never notified): every step here is a single call.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._jobs: SimpleQueue[list | None] = SimpleQueue()
        self._started = 0
        self._starting = threading.Lock()
        finalize(self, self._jobs.put, None).atexit = False
        turns = new_turns(0)
        address = turns.ctypes.data
        with Deferred():  # compile them before the first job needs them
            enter(address), leave(address), close(address)

    def call(self, job: list, helpers: int) -> None:
        """Hand a job, a list of kernel, turns, arguments and errors, to at most `helpers` threads."""
        if self._started < self.size - 1:
            self._start()
        for _ in range(min(helpers, self.size - 1)):
            self._jobs.put(job)

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):
            return  # another thread starts them, or this one did when a signal handler interrupted it
        try:
            while self._started < self.size - 1:
                try:
                    start_new_thread(_serve, (self._jobs,))
                except RuntimeError as error:
                    raise InputError(
                        f"the system allows only {self._started} helper threads for kernels ({error}): "
                        f"call cupynn.set_num_threads({self._started + 1}), or raise the limit"
                    ) from error
                self._started += 1
        finally:
            self._starting.release()


def _serve(jobs: SimpleQueue) -> None:
    """Help with jobs until the crew ends."""
    while (job := jobs.get()) is not None:
        _help(job)
        del job  # releases the caller's arrays
    jobs.put(None)  # for the next thread


def _help(job: list) -> None:
    try:
        kernel, turns, arguments, errors = job
    except ValueError:  # the job is done and its list empty
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
    """The number of threads and the current crew; a running kernel keeps the crew that it began with."""

    def __init__(self) -> None:
        self._size = 0  # not determined yet
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
        if crew is None or crew.size != self.size:  # another thread may have changed the size meanwhile
            crew = self._crew = _Crew(self.size)
        return crew

    def forget(self) -> None:
        """Drop the crew after a fork, which does not copy its threads."""
        self._crew = None


_THREADS = _Threads()
_COMPILED: set[tuple] = set()  # kernels, each with argument types for which it is compiled
_C, _FORTRAN = 0x1, 0x2  # flags of an array
_LAYOUT = _C | _FORTRAN | 0x100 | 0x400  # with aligned and writeable


def _default() -> int:
    """Return CUPYNN_THREADS, or the number of available physical cores: threads on one core compete for its caches."""
    if setting := os.environ.get("CUPYNN_THREADS"):
        if not setting.isascii() or not setting.isdigit() or not 1 <= int(setting) <= 1024:
            raise InputError(f"CUPYNN_THREADS={setting!r}: set it to a number of threads, 1 to 1024, or unset it")
        return int(setting)
    import joblib  # 0.1 s, not needed with CUPYNN_THREADS

    return joblib.cpu_count(only_physical_cores=True)


def get_num_threads() -> int:
    """Return the number of threads that kernels use on the CPU.

    By default it is the number of physical cores available to this process; the environment variable CUPYNN_THREADS sets
    another. Results are the same to the last bit.

    Examples
    --------
    >>> get_num_threads() >= 1
    True
    """
    return _THREADS.size


def set_num_threads(number: int) -> None:
    """Set the number of threads that kernels use on the CPU.

    Kernels that already run in other threads finish with their old number.

    Parameters
    ----------
    number : int
        Number of threads, from 1 to 1024.

    Raises
    ------
    InputError
        If the number is out of range.

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

    A kernel takes turns by `for b in each(turns)`, which all threads share: a thread with short samples takes more. The
    result of a turn must not depend on the thread. The first call with new argument types compiles or loads the kernel, and
    runs on the calling thread only. An interrupt takes effect when the turns taken are done; no thread writes after that.
    """
    if isinstance(kernel, FunctionType) and INTERPRETED:  # a kernel of a user, for a debugger
        kernel(range(count), *arguments)
        return
    turns = new_turns(count)
    address, threads = turns.ctypes.data, min(get_num_threads(), count)
    types = kernel, _types(arguments)
    try:
        if types not in _COMPILED:  # compile or load once, not in every thread
            _compile(kernel, address, arguments)
            _COMPILED.add(types)
        elif threads < 2:
            kernel(address, *arguments)
        else:
            _share(kernel, turns, arguments, threads)
    except SystemError as error:  # Python wraps the exception of a signal handler that runs within a kernel's call
        raise (error.__cause__ or error) from None


def _types(arguments: tuple) -> tuple:
    """Return the types for which Numba compiles a kernel: those of the arguments, with the layout of arrays."""
    found = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            flags = argument.flags.num & _LAYOUT
            found.append((argument.dtype, argument.ndim, flags & ~_FORTRAN if flags & _C else flags))
        else:
            found.append((type(argument), _types(argument)) if isinstance(argument, tuple) else type(argument))
    return tuple(found)


def _compile(kernel, address, arguments) -> None:
    """Run a kernel for the first time with arguments of these types, on this thread only.

    Garbage collection is off, since traversing the compiler's objects again and again takes 1 s of 12. Interrupts wait,
    since they would leave Numba unable to compile anything else (`generator raised StopIteration`).
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
        close(address)  # a single call, which an interrupt cannot break
        job.clear()  # for helpers that come later
    if errors:
        raise errors[0]
