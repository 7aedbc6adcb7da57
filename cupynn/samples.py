"""The samples of a training: drawn batch by batch, weighted, and which of them went wrong."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cupynn import checks
from cupynn.augment import Augment
from cupynn.checks import InputError
from cupynn.data import Data
from cupynn.parallel import Ranks
from cupynn.spikes import SpikeTrains

if TYPE_CHECKING:
    from cupynn.network import Sequential


def sample_steps(network: "Sequential", steps: int | None, x: Data) -> int:
    """Time steps of a sample in training, `steps` or as many as the network has.

    Raises
    ------
    InputError
        If it cannot have so many.
    """
    if steps is None:
        return network.steps
    if isinstance(x, SpikeTrains) and steps != network.steps:
        raise InputError(f"steps={steps} for SpikeTrains of {x.steps} steps: leave it out, or pass data for the encoder")
    return checks.integer("steps", steps, minimum=1, maximum=network.steps)


class Batch(NamedTuple):
    """The samples of an update: their numbers where their data lie, in host memory or on the device, and on the device."""

    numbers: Any
    picks: Any
    whole: int  # samples of the update, of which these are one process's share


class Samples:
    """The training data, on the network's device if its encoder works there and they fit, so that no batch is copied."""

    def __init__(
        self,
        network: "Sequential",
        x: Any,
        y: np.ndarray,
        weights: np.ndarray,
        steps: int | None = None,
        augment: Augment | None = None,
    ) -> None:
        self.network, self.steps, self.augment, self.device = network, steps, augment, network.device
        self.placed = network.encoder is not None and network.encoder.on_device and self.device.holds(x)
        self.x = self.device.put(x) if self.placed else x
        self.y, self.weights = self.device.put(y), self.device.put(weights)
        self.wrong = self.device.put(np.zeros(len(y), bool))  # which were misclassified in this epoch

    def batches(self, order: np.ndarray, size: int, start: int, ranks: Ranks) -> Iterator[tuple[int, Batch]]:
        """Batches in this order from place `start` on, of each this process's share, with the place of its first sample."""
        placed_order = self.device.put(order)
        for first in range(start, len(order), size):
            here, whole = slice(first, first + size), min(size, len(order) - first)
            own = ranks.share(whole)
            picks = placed_order[here][own]
            numbers = picks if self.placed else order[here][own]
            yield first, Batch(numbers, picks, whole)

    def draw(self, batch: Batch, part: slice, epoch: int) -> tuple[SpikeTrains, Any, Any]:
        """Trains, labels and weights of a part of a batch; the data that they come from is not kept."""
        numbers, picks = batch.numbers[part], batch.picks[part]
        x = self.x[numbers]
        if self.augment is not None:
            x = self.augment(x, self.network.seed, epoch, numbers)
        return self.network.draw(x, numbers, epoch, self.steps), self.y[picks], self.weights[picks]

    def misses(self, ranks: Ranks) -> np.ndarray:
        """Which samples were misclassified in this epoch by whichever process took them, in host memory."""
        return ranks.total(self.device.get(self.wrong).astype(np.uint8)).astype(bool)

    def boost(self, classes: int, ranks: Ranks) -> None:
        """Raise the weights of those that were misclassified."""
        weights, y = map(self.device.get, (self.weights, self.y))
        self.weights = self.device.put(weights * _boost(weights, y, self.misses(ranks), classes))


def _boost(weights: np.ndarray, labels: np.ndarray, wrong: np.ndarray, classes: int) -> np.ndarray:
    """Factor of each sample's weight after an epoch."""
    total = np.bincount(labels, weights, minlength=classes)
    missed = np.bincount(labels, weights * wrong, minlength=classes)
    rate = missed / np.maximum(total, np.finfo(np.float64).tiny)
    return np.where(wrong, np.exp(rate[labels] / 20), 1).astype(np.float32)
