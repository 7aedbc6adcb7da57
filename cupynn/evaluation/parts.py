"""A batch in parts, as few as fit into memory: what is computed does not depend on them, down to the last bit."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import prod
from typing import Any, NamedTuple

import numpy as np

from cupynn.checks import InputError
from cupynn.device.memory import USABLE, Free, free
from cupynn.evaluation.estimate import Part, Spikes, input_bytes, layer_bytes
from cupynn.kernels.threads import get_num_threads
from cupynn.losses import CountLoss
from cupynn.network.network import Network
from cupynn.optimizers import Optimizer
from cupynn.spikes.trains import Data, SpikeTrains

# How many more spikes a batch may have than any before it, until parts are measured anew.
MARGIN = 1.5
# Bytes of a value of the data in the batch, beside its own: encoders and augmentation bring it to other types.
VALUE_BYTES = 8


class Passed(NamedTuple):
    """What is left of a batch that went through both passes, on its device."""

    losses: Any  # (B,) float64
    counts: Any  # of the last layer, (B, classes) int32
    spikes: list[Any]  # of all samples, by layer, the input first


class Parts:
    """Splits the batches of one training, or of one evaluation.

    On the CPU what a sample needs depends on how much its neurons fire. The first part is as small as it takes if all of
    them fire whenever they can; from then on what was seen is expected, and MARGIN more. Should memory run out all the
    same, the batch is begun anew, in parts of half the size.

    Parameters
    ----------
    network : Sequential
    x : ndarray, SpikeTrains or Ragged
        The data.
    batch : int
        Samples of a batch.
    fixed_size : int, optional
        Samples of a part, at most, instead of what fits.
    training : bool
        Whether there is a backward pass.
    optimizer : Optimizer, optional
        Of the training: its first update allocates as well.
    sharing : int
        Processes that share this machine's memory; each has a GPU of its own.
    steps : int, optional
        Time steps of the samples, by default the network's.
    """

    def __init__(
        self,
        network: Network,
        x: Data,
        batch: int,
        fixed_size: int | None = None,
        training: bool = True,
        optimizer: Optimizer | None = None,
        sharing: int = 1,
        steps: int | None = None,
    ) -> None:
        self.network, self.batch, self.training, self.optimizer = network, batch, training, optimizer
        self.steps = network.steps if steps is None else steps
        self.sharing = 1 if network.device.on_cuda else sharing
        sizes = [network.input_shape, *(layer.output_shape for layer in network.layers)]
        self.sizes = [prod(size) for size in sizes]
        counts = [self.steps - 1, *(layer.neuron.max_count(self.steps) for layer in network.layers)]
        self.max_spikes = [size * count for size, count in zip(self.sizes, counts, strict=True)]  # of a sample, by layer
        self.expected_spikes: list[float] = list(self.max_spikes)
        self.value_bytes = 0 if isinstance(x, SpikeTrains) else self.sizes[0] * (x.dtype.itemsize + VALUE_BYTES)
        self.fixed_size, self.max_size = fixed_size, batch
        self.part_size, self.reported = 1, False
        self.fit_to_memory()

    def notice(self) -> str | None:
        """What a user should know of the parts, once."""
        count = -(-self.batch // self.part_size)
        if self.reported or count == 1:
            return None
        self.reported = True
        why = "" if self.fixed_size is not None else ", since they do not fit into memory at once"
        return f"batches of {self.batch} are computed in {count} parts{why}"

    def fit_to_memory(self) -> None:
        """Set the size of a part by what is free now."""
        if self.fixed_size is not None:
            self.part_size = min(self.fixed_size, self.max_size)
            return
        room = free(self.network.device)
        pending = 0 if self.optimizer is None else self.optimizer.pending(self.network)
        usable = room.bytes * USABLE / self.sharing - pending
        sizes = range(1, self.max_size + 1)
        self.part_size = max(1, bisect_right(sizes, usable, key=lambda samples: self.bytes(samples, room)))

    def needs(self, samples: int, room: Free) -> list[tuple[float, float]]:
        """Bytes that the input and each layer keep for so many samples, and what they take at most for a while."""
        on_cuda, threads = self.network.device.on_cuda, get_num_threads()
        part = Part(samples, self.steps, self.training, on_cuda, room.reserved, threads)
        spikes = list(map(Spikes, self.sizes, self.expected_spikes, self.max_spikes))
        layers = zip(self.network.layers, spikes[:-1], spikes[1:], strict=True)
        return [input_bytes(part, spikes[0], self.value_bytes), *(layer_bytes(part, *layer) for layer in layers)]

    def bytes(self, samples: int, room: Free) -> float:
        """Bytes that a part of so many samples takes at its peak, beside all that is there before it."""
        kept, workspaces = zip(*self.needs(samples, room), strict=True)
        last = kept[-1] if self.training else 0  # the loss may fill in silent labels
        return sum(kept) + last + max(workspaces)

    def gradients(
        self, loss: CountLoss, draw: Callable[[slice], tuple[SpikeTrains, Any, Any]], samples: int, batch: int | None = None
    ) -> Passed:
        """Forward and backward pass of samples; writes their gradients, means over a batch of which they may be a part.

        Parameters
        ----------
        loss : CountLoss
        draw : callable
            Gives the trains, labels and weights of a slice of the samples, each time the same.
        samples : int
        batch : int, optional
            Size of the batch, by default `samples`.

        Raises
        ------
        InputError
            If memory runs out with a single sample.
        """
        while True:
            with suppress(MemoryError):
                return self._gradients(loss, draw, samples, batch or samples)
            self._halve()  # out here, where all that the failed passes held is free

    def _gradients(self, loss, draw, samples, batch):
        network, passed, first = self.network, [], 0
        while first < samples:
            part = slice(first, self._end(first, samples))
            passed.append(self._pass(loss, draw, part, batch))
            self._learn(network.trains)
            first = part.stop
        if len(passed) == 1:
            return passed[0]
        losses, counts, spikes = zip(*passed, strict=True)
        with network.device:
            join = network.device.xp.concatenate
            return Passed(join(losses), join(counts), [sum(layer) for layer in zip(*spikes, strict=True)])

    def _pass(self, loss, draw, part, batch):
        network = self.network
        network.trains = []
        spikes, labels, weights = draw(part)
        network.trains = network.run(spikes, spikes.steps)
        error = loss(network.trains[-1], labels, weights)
        network.backward(error, input_error=False, batch=batch, add=part.start > 0)
        return Passed(error.losses, network.trains[-1].counts, [trains.total for trains in network.trains])

    def runs(self, draw: Callable[[slice], SpikeTrains], samples: int) -> Iterator[tuple[slice, list[SpikeTrains]]]:
        """Trains of the input and of every layer, part by part: let go of them before the next.

        Raises
        ------
        InputError
            If memory runs out with a single sample.
        """
        first = 0
        while first < samples:
            part, trains = slice(first, self._end(first, min(samples, first + self.batch))), None
            with suppress(MemoryError):
                trains = self.network.run(draw(part))
            if trains is None:
                self._halve()
                continue
            self._learn(trains)
            yield part, trains
            first = part.stop

    def _end(self, first: int, samples: int) -> int:
        """End of the part that begins at `first`: what is left is split into equal ones."""
        left = samples - first
        return first + -(-left // -(-left // self.part_size))

    def _learn(self, trains: list[SpikeTrains]) -> None:
        """Take note of how much fires, if it may change the parts."""
        if self.network.device.on_cuda or self.fixed_size is not None or self.part_size == self.max_size:
            return
        seen = [each.total / max(1, each.batch) for each in trains]
        if self.expected_spikes == self.max_spikes or any(n > m for n, m in zip(seen, self.expected_spikes, strict=True)):
            self.expected_spikes = [min(MARGIN * n + 1, m) for n, m in zip(seen, self.max_spikes, strict=True)]
            self.fit_to_memory()

    def _halve(self) -> None:
        """After memory has run out: go on with smaller parts, or say what does not fit."""
        self.network.trains = []
        if self.part_size > 1:
            self.part_size = self.max_size = self.part_size // 2
            return
        room = free(self.network.device)
        layer, needs = self._largest(room)
        raise InputError(
            f"memory ran out with a single sample: layer {layer} takes up to {_megabytes(needs)} for it, "
            f"{_megabytes(room.bytes)} are free: pass fewer steps, make the layer smaller, or take another device"
        )

    def _largest(self, room: Free) -> tuple[str, float]:
        layers = [sum(each) for each in self.needs(1, room)[1:]]
        index = int(np.argmax(layers))
        return self.network.layers[index].name, layers[index]


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.1f} MB"
