"""Batches split into as few parts as fit into memory. The results do not depend on the split, down to the last bit."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from math import prod
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple

from cupynn.checks import InputError
from cupynn.device.memory import USABLE, Free, free
from cupynn.evaluation.estimate import Part, Spikes, input_bytes, layer_bytes
from cupynn.evaluation.guide import see
from cupynn.kernels.threads import get_num_threads
from cupynn.losses import CountLoss, RateBand
from cupynn.losses.base import population
from cupynn.losses.targets import class_counts
from cupynn.network.network import Network
from cupynn.optimizers import Optimizer
from cupynn.spikes.trains import Data, SpikeTrains

MARGIN = 1.5  # times the spikes of the batches so far: a batch with more spikes sets new sizes of the parts
VALUE_BYTES = 8  # per value of the data, beside its own bytes: encoders and augmentation convert it to other types


class Passed(NamedTuple):
    """Results of the two passes of a batch, on its device."""

    losses: Any  # (B,) float64
    counts: Any  # of the classes, or values, that the last layer predicts, (B, classes) int32
    spikes: list[Any]  # of all samples, per layer, the input first
    terms: Mapping[str, Any] = MappingProxyType({})  # of each sample (B,) float64, by layer


class Parts:
    """Splits the batches of one training run or evaluation.

    On the CPU, the memory per sample depends on its spikes. The size of the first part assumes that all neurons fire as
    often as they can; later parts assume the spikes seen so far, times MARGIN. If memory still runs out, the batch starts
    over in parts of half the size.

    Parameters
    ----------
    network : Sequential
    x : ndarray, SpikeTrains or Ragged
    batch : int
        Samples per batch.
    fixed_size : int, optional
        Largest number of samples per part, instead of one that fits into memory.
    training : bool
        Whether there is a backward pass.
    optimizer : Optimizer, optional
        Optimizer of the training run: its first update allocates memory, too.
    sharing : int
        Number of processes that share the memory of this machine; each has its own GPU.
    steps : int, optional
        Time steps per sample, by default those of the network.
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
        counts = [self.steps - 1]
        for layer in network.layers:
            counts.append(layer.neuron.max_count(self.steps) if layer.has_neurons else counts[-1])
        self.max_spikes = [size * count for size, count in zip(self.sizes, counts, strict=True)]  # per sample, by layer
        self.expected_spikes: list[float] = list(self.max_spikes)
        self.value_bytes = 0 if isinstance(x, SpikeTrains) else self.sizes[0] * (x.dtype.itemsize + VALUE_BYTES)
        self.fixed_size, self.max_size = fixed_size, batch
        self.part_size, self.reported = 1, False
        self.fit_to_memory()

    def notice(self) -> str | None:
        """Return, once, that batches are split and why."""
        count = -(-self.batch // self.part_size)
        if self.reported or count == 1:
            return None
        self.reported = True
        why = "" if self.fixed_size is not None else ", since they do not fit into memory at once"
        return f"batches of {self.batch} are computed in {count} parts{why}"

    def fit_to_memory(self) -> None:
        """Set the size of the parts from the memory that is free now."""
        if self.fixed_size is not None:
            self.part_size = min(self.fixed_size, self.max_size)
            return
        room = free(self.network.device)
        pending = 0 if self.optimizer is None else self.optimizer.pending(self.network)
        usable = room.bytes * USABLE / self.sharing - pending
        sizes = range(1, self.max_size + 1)
        self.part_size = max(1, bisect_right(sizes, usable, key=lambda samples: self.bytes(samples, room)))

    def needs(self, samples: int, room: Free) -> list[tuple[float, float]]:
        """Return the bytes that the input and each layer keep for a part, and those that they need temporarily."""
        on_cuda, threads = self.network.device.on_cuda, get_num_threads()
        part = Part(samples, self.steps, self.training, on_cuda, room.reserved, threads)
        spikes = list(map(Spikes, self.sizes, self.expected_spikes, self.max_spikes))
        layers = zip(self.network.layers, spikes[:-1], spikes[1:], strict=True)
        return [input_bytes(part, spikes[0], self.value_bytes), *(layer_bytes(part, *layer) for layer in layers)]

    def bytes(self, samples: int, room: Free) -> float:
        """Return the peak number of bytes that a part of this size adds."""
        kept, workspaces = zip(*self.needs(samples, room), strict=True)
        last = kept[-1] if self.training else 0  # the loss may copy the output trains, with silent labels filled in
        return sum(kept) + last + max(workspaces)

    def gradients(
        self,
        loss: CountLoss,
        draw: Callable[[slice], tuple[SpikeTrains, Any, Any]],
        samples: int,
        batch: int | None = None,
        terms: Mapping[str, RateBand] = MappingProxyType({}),
    ) -> Passed:
        """Run the forward and backward pass of samples and write their gradients, means over the batch.

        Parameters
        ----------
        loss : CountLoss
        draw : callable
            Returns the trains, labels and weights of a slice of the samples, the same in each call.
        samples : int
        batch : int, optional
            Size of the whole batch, of which the samples may be a part; by default `samples`.
        terms : mapping of str to RateBand
            Terms of the loss on the counts of layers.

        Raises
        ------
        InputError
            If memory runs out with a single sample.
        """
        while True:
            with suppress(MemoryError):
                return self._gradients(loss, draw, samples, batch or samples, terms)
            self._halve()  # outside the suppressed block, where the memory of the failed passes is free

    def _gradients(self, loss, draw, samples, batch, terms):
        network, passed, first = self.network, [], 0
        while first < samples:
            part = slice(first, self._end(first, samples))
            passed.append(self._pass(loss, draw, part, batch, terms))
            self._learn(network.trains)
            first = part.stop
        if len(passed) == 1:
            return passed[0]
        losses, counts, spikes, values = zip(*passed, strict=True)
        with network.device:
            join = network.device.xp.concatenate
            joined = {name: join([each[name] for each in values]) for name in terms}
            return Passed(join(losses), join(counts), [sum(layer) for layer in zip(*spikes, strict=True)], joined)

    def _pass(self, loss, draw, part, batch, terms):
        network = self.network
        network.trains = []
        spikes, labels, weights = draw(part)
        network.trains = network.run(spikes, spikes.steps)
        error = loss(network.trains[-1], labels, weights, **population(network.neurons_per_class))
        network.backward(error, input_error=False, batch=batch, add=part.start > 0, terms=terms)
        with network.device:
            counts = class_counts(network.trains[-1].counts, network.neurons_per_class)
            layers = zip(network.layers, network.trains[1:], strict=True)
            values = {layer.name: terms[layer.name].losses(trains.counts) for layer, trains in layers if layer.name in terms}
        return Passed(error.losses, counts, [trains.total for trains in network.trains], values)

    def runs(self, draw: Callable[[slice], SpikeTrains], samples: int) -> Iterator[tuple[slice, list[SpikeTrains]]]:
        """Yield parts with the trains of the input and every layer; delete the trains before asking for the next part.

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
        """Return the end of the part that starts at `first`: the remaining samples are split into equal parts."""
        left = samples - first
        return first + -(-left // -(-left // self.part_size))

    def _learn(self, trains: list[SpikeTrains]) -> None:
        """Update the expected spikes, if they may change the size of the parts."""
        if self.network.device.on_cuda or self.fixed_size is not None or self.part_size == self.max_size:
            return
        seen = [each.total / max(1, each.batch) for each in trains]
        if self.expected_spikes == self.max_spikes or any(n > m for n, m in zip(seen, self.expected_spikes, strict=True)):
            self.expected_spikes = [min(MARGIN * n + 1, m) for n, m in zip(seen, self.max_spikes, strict=True)]
            self.fit_to_memory()

    def _halve(self) -> None:
        """Make the parts smaller after memory has run out, or name the layer that does not fit."""
        self.network.trains = []
        if self.part_size > 1:
            self.part_size = self.max_size = self.part_size // 2
            return
        room = free(self.network.device)
        needs, layer = max(zip(map(sum, self.needs(1, room)[1:]), self.network.layers, strict=True), key=itemgetter(0))
        raise InputError(
            f"memory ran out with a single sample: layer {layer.name} needs up to {needs / 1e6:,.1f} MB, and "
            f"{room.bytes / 1e6:,.1f} MB are free; pass fewer steps, make the layer smaller, or use another device"
            + see("out of memory")
        )
