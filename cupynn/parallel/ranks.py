"""Interface between training and the processes that share it; for a single process, every method is trivial."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeVar

import numpy as np

from cupynn.checks import InputError
from cupynn.device.device import Device

Value = TypeVar("Value")
HEAD_START = 2.0  # seconds for the first process to print an error of all, before another does and all are ended


class RanksDiffer(InputError):
    """A value that must be the same in all processes differs."""


class Ranks:
    """The processes that train one network together; in this class, a single process.

    Each process holds the whole network and all data, computes its share of every batch, and makes the same updates. All
    processes must call each method except `share` at the same point. Used as a context, an error in one process ends all,
    with one message.

    Attributes
    ----------
    size : int
        Number of processes.
    rank : int
        Number of this process, from 0.
    here : int
        Number of processes on this machine.
    entered : bool
        True if used as a context.
    """

    size, rank, here = 1, 0, 1
    entered = True

    @property
    def first(self) -> bool:
        """Return True in the process that prints and writes files."""
        return self.rank == 0

    def share(self, samples: int) -> slice:
        """Return this process's share of a batch; if shares cannot be equal, the first processes take one sample more."""
        least, more = divmod(samples, self.size)
        start = self.rank * least + min(self.rank, more)
        return slice(start, start + least + (self.rank < more))

    def sum_gradients(self, gradients: Sequence[Any], device: Device) -> None:
        """Replace each gradient by its sum over the processes.

        Parameters
        ----------
        gradients : sequence of arrays
            Gradients of this process's share, divided by the size of the whole batch.
        device : Device
            Device of the gradients.
        """

    def total(self, array: np.ndarray) -> np.ndarray:
        """Return the sum of an array in host memory over the processes."""
        return array

    def greatest(self, *numbers: int) -> tuple[int, ...]:
        """Return the maximum of each number over the processes."""
        return numbers

    def on_first(self, function: Callable[[], Value]) -> Value:
        """Call a function in the first process, and return its result or raise its InputError in all."""
        return function()

    def every(self, message: bytes) -> list[bytes]:
        """Return the messages of all processes, which have the same length, by rank."""
        return [message]

    def device(self, name: str) -> str:
        """Return the device of this process for the name that the user passed."""
        return name

    def describe(self) -> str:
        """Return the text before the description of the device, for logs."""
        return ""

    def same(self, values: Mapping[str, bytes], remedy: str) -> None:
        """Raise RanksDiffer, with the same message everywhere, unless each value is the same in all processes.

        Parameters
        ----------
        values : mapping of str to bytes
            Values to compare, by their names in the message.
        remedy : str
            End of the message.
        """
        if self.size == 1:
            return
        every = self.every(b"".join(sha256(value).digest() for value in values.values()))
        for rank, found in enumerate(every):
            for index, name in enumerate(values):
                mine = slice(32 * index, 32 * (index + 1))
                if found[mine] != every[0][mine]:
                    raise RanksDiffer(f"{name} differs between rank 0 and rank {rank}: {remedy}")

    def same_arrays(self, when: str, arrays: Mapping[str, Any], device: Device) -> None:
        """Raise RanksDiffer unless arrays have the same bits in all processes, as those of a network should.

        Parameters
        ----------
        when : str
            Time for the message, such as "epoch 3".
        arrays : mapping of str to array
        device : Device
            Device of the arrays.
        """
        if self.size > 1:
            values = {f"{when}, {name}": device.get(array).tobytes() for name, array in arrays.items()}
            self.same(values, "a callback has changed it, or a machine is faulty; resume from the last checkpoint")

    def __enter__(self) -> "Ranks":
        return self

    def __exit__(self, *_: Any) -> None:
        pass
