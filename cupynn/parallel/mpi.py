"""Processes started by MPI: sums in the order of ranks, and the end of all processes after an error in one."""

import os
import pickle
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from time import perf_counter
from types import ModuleType
from typing import Any

import joblib
import numpy as np

from cupynn.checks import InputError
from cupynn.console import Lenient
from cupynn.device import diagnosis
from cupynn.device.device import Device
from cupynn.interrupt import Interrupted
from cupynn.kernels.threads import set_num_threads
from cupynn.parallel.nccl import Nccl
from cupynn.parallel.ranks import HEAD_START, Ranks, Value

SPIN = 2e-4  # seconds of polling for a message without pause
LONGEST_PAUSE = 1e-3  # seconds between two polls for a late message
DELIVERY = 0.2  # seconds for the launcher to pass on printed text: it loses some when it is asked to end all processes


class Processes(Ranks):
    """All processes of MPI's world; sets the number of threads of this process.

    It pauses while it waits, unlike MPI itself, so that signals are handled and processes can share a core.

    Parameters
    ----------
    mpi : module
        `mpi4py.MPI`.
    """

    def __init__(self, mpi: ModuleType) -> None:
        self.mpi = mpi
        self.world = mpi.COMM_WORLD.Dup()
        self.size, self.rank = self.world.size, self.world.rank
        self.neighbours = self.world.Split_type(mpi.COMM_TYPE_SHARED)  # those on this machine
        self.here = self.neighbours.size
        self._nccl: Nccl | None = None
        self._buffers: tuple = ()  # of the last message: MPI may write to them until the process ends
        self.entered = False
        self._set_threads()

    def _set_threads(self) -> None:
        """Divide the cores among the processes that may use them: some launchers give each process its own cores."""
        own = tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()
        every = self.neighbours.allgather(own)
        if "CUPYNN_THREADS" not in os.environ:
            set_num_threads(max(1, joblib.cpu_count(only_physical_cores=True) // every.count(own)))

    def sum_gradients(self, gradients: Sequence[Any], device: Device) -> None:
        """Replace each gradient by its sum over the processes, all in one message."""
        if device.on_cuda:
            self._nccl = self._nccl or Nccl(device, self.size, self.rank, self.on_first)
            self._nccl.sum(gradients)
            return
        total = self.total(np.concatenate([gradient.reshape(-1) for gradient in gradients]))
        start = 0
        for gradient in gradients:
            gradient.reshape(-1)[:] = total[start : start + gradient.size]
            start += gradient.size

    def total(self, array: np.ndarray) -> np.ndarray:
        """Return the sum of an array over the processes, added in the order of their ranks.

        MPI's own Allreduce may add in any order. Here each process adds one slice of the array and sends it to all others:
        as many bytes as the best Allreduce sends. 2.5 MB took 1.6 ms, 0.4 of it for pauses; MPICH's own Allreduce took 1.2
        (2 processes, 2 cores).
        """
        length = -(-array.size // self.size)
        sent = np.zeros(length * self.size, array.dtype)
        sent[: array.size] = array.reshape(-1)
        slices = np.empty((self.size, length), array.dtype)
        self._wait(self.world.Ialltoall, sent, slices)
        total = slices[0]
        for other in slices[1:]:
            total += other
        self._wait(self.world.Iallgather, total, sent)
        return sent[: array.size].reshape(array.shape)

    def greatest(self, *numbers: int) -> tuple[int, ...]:
        """Return the maximum of each number over the processes."""
        found = np.empty(len(numbers), np.int64)
        self._wait(self.world.Iallreduce, np.array(numbers, np.int64), found, self.mpi.MAX)
        return tuple(map(int, found))

    def on_first(self, function: Callable[[], Value]) -> Value:
        """Call a function in the first process, and return its result or raise its InputError in all."""
        outcome = b""
        if self.first:
            try:
                outcome = pickle.dumps((function(), None))
            except InputError as error:
                outcome = pickle.dumps((None, error))
        length = np.array([len(outcome)], np.int64)
        self._wait(self.world.Ibcast, length)
        buffer = bytearray(outcome) if self.first else bytearray(int(length[0]))
        self._wait(self.world.Ibcast, [buffer, self.mpi.BYTE])
        value, error = pickle.loads(buffer)
        if error is not None:
            raise error
        return value

    def every(self, message: bytes) -> list[bytes]:
        """Return the messages of all processes, which have the same length, by rank."""
        found = np.empty((self.size, len(message)), np.uint8)
        self._wait(self.world.Iallgather, np.frombuffer(message, np.uint8), found)
        return [each.tobytes() for each in found]

    def device(self, name: str) -> str:
        """Return the device of this process: one GPU each, in the order of the processes on the machine."""
        gpus, here = diagnosis.usable_gpus(), self.here
        if name not in ("auto", "cuda") or not gpus:
            if name.startswith("cuda:") and here > 1:
                raise InputError(f"device={name!r} for {here} processes on one machine: pass 'cuda' for one GPU per process")
            return name
        visible = self.neighbours.allgather(os.environ.get("CUDA_VISIBLE_DEVICES"))
        if len(set(visible)) == here:  # the launcher has assigned the GPUs
            return "cuda"
        if gpus < here:
            raise InputError(
                f"{here} processes on one machine with {gpus} usable GPUs: start one process per GPU, or pass device='cpu'"
            )
        return f"cuda:{self.neighbours.rank}"

    def describe(self) -> str:
        """Return the text before the description of the device, for logs."""
        return f"{self.size} processes, each on "

    def _wait(self, start: Callable, *buffers: Any) -> None:
        """Start a message and wait until it is complete."""
        self._buffers = buffers  # before the start: an interrupt must not free them
        request, begin = start(*buffers), perf_counter()
        while not request.Test():
            waited = perf_counter() - begin
            if waited > SPIN:
                time.sleep(min(waited / 10, LONGEST_PAUSE))

    def __enter__(self) -> "Processes":
        self.entered = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *_: Any) -> None:
        """Wait for all processes to leave the context; after an error, end the job."""
        try:
            if error is None:
                self._wait(self.world.Ibarrier)
        except BaseException as late:  # from a signal handler
            error = late
        if error is not None:
            self._abort(error)

    def _abort(self, error: BaseException) -> None:
        """Print an error and end all processes, since they may be waiting for a message from this one.

        Errors that all processes raise at the same point, such as bad input or an interrupt, are printed by the first only.
        """
        text, code = _farewell(error)
        try:
            if not self.first and isinstance(error, InputError | KeyboardInterrupt):
                time.sleep(HEAD_START)
            print(f"cupynn: {text}" if self.first else f"cupynn: rank {self.rank}: {text}", file=Lenient(sys.stderr))
            Lenient(sys.stdout).flush()
            Lenient(sys.stderr).flush()
            time.sleep(DELIVERY)
        finally:
            self.mpi.COMM_WORLD.Abort(code)  # with a copy of COMM_WORLD, MPICH's mpirun sometimes ends with 9
            os._exit(code)  # MPICH may return, and the error would be printed again


def _farewell(error: BaseException) -> tuple[str, int]:
    """Return the text to print, and the exit code."""
    if isinstance(error, InputError):
        return f"error: {error}", 1
    if isinstance(error, Interrupted):
        return str(error), error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; finished work is in the run folder", 130
    return "".join(traceback.format_exception(error)), 1
