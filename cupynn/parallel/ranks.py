"""What a training asks of the processes that share it, and the answers of one that trains alone, which cost nothing."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeVar

import numpy as np

from cupynn.checks import InputError
from cupynn.device.device import Device

Value = TypeVar("Value")
HEAD_START = 2.0  # seconds that the first process has to print what all got wrong, before another does and all are ended


class RanksDiffer(InputError):
    """Something that must be the same in all processes is not."""


class Ranks:
    """The processes that train one network together; this one alone.

    Each holds the whole network and all data, takes its share of every batch, and does the same updates. Every method but
    `share` is called by all of them at the same point. Used as a context: an error in one process then ends all, with one
    message.

    Attributes
    ----------
    size : int
        Number of processes.
    rank : int
        Number of this one, from 0.
    here : int
        How many of them run on this machine.
    entered : bool
        Whether it is used as a context.
    """

    size, rank, here = 1, 0, 1
    entered = True

    @property
    def first(self) -> bool:
        """Whether this is the process that prints and writes files."""
        return self.rank == 0

    def share(self, samples: int) -> slice:
        """Samples of a batch that this process takes; the first ones take one more where they cannot be shared equally."""
        least, more = divmod(samples, self.size)
        start = self.rank * least + min(self.rank, more)
        return slice(start, start + least + (self.rank < more))

    def sum_gradients(self, gradients: Sequence[Any], device: Device) -> None:
        """Replace every gradient by its sum over the processes: each has the mean over the whole batch of its own share.

        Parameters
        ----------
        gradients : sequence of arrays
        device : Device
            Where they lie.
        """

    def total(self, array: np.ndarray) -> np.ndarray:
        """Sum of an array in host memory over the processes."""
        return array

    def greatest(self, *numbers: int) -> tuple[int, ...]:
        """The greatest of each number."""
        return numbers

    def on_first(self, function: Callable[[], Value]) -> Value:
        """What a function returns in the first process, or the InputError that it raises there."""
        return function()

    def every(self, message: bytes) -> list[bytes]:
        """The messages of all processes, which have one length, by rank."""
        return [message]

    def device(self, name: str) -> str:
        """The device of this process where a user asks for one by this name."""
        return name

    def describe(self) -> str:
        """What comes before the description of the device, for logs."""
        return ""

    def same(self, values: Mapping[str, bytes], remedy: str) -> None:
        """Raise RanksDiffer, with the same message everywhere, unless each value is the same in all processes.

        Parameters
        ----------
        values : mapping of str to bytes
            What is compared, by its name in the message.
        remedy : str
            End of the message.
        """
        if self.size == 1:
            return
        digests = [sha256(value).digest() for value in values.values()]
        every = self.every(b"".join(digests))
        for rank, found in enumerate(every):
            for index, name in enumerate(values):
                mine = slice(32 * index, 32 * (index + 1))
                if found[mine] != every[0][mine]:
                    raise RanksDiffer(f"{name} of rank {rank} is another than that of rank 0: {remedy}")

    def same_arrays(self, when: str, arrays: Mapping[str, Any], device: Device) -> None:
        """Raise RanksDiffer unless arrays have the same bits in all processes; those of a network cannot differ.

        Parameters
        ----------
        when : str
            For the message, such as "epoch 3".
        arrays : mapping of str to array
        device : Device
            Where they lie.
        """
        if self.size > 1:
            values = {f"{when}, {name}": device.get(array).tobytes() for name, array in arrays.items()}
            self.same(values, "a callback has changed it, or a machine is faulty; go on from the last checkpoint")

    def __enter__(self) -> "Ranks":
        return self

    def __exit__(self, *_: Any) -> None:
        pass
