"""The training samples: batches, weights, and which samples were misclassified."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.network.inputs import Labelled
from cupynn.network.network import Network
from cupynn.parallel import Ranks
from cupynn.spikes.trains import Data, SpikeTrains
from cupynn.training.options import Options


def sample_steps(network: Network, steps: int | None, x: Data) -> int:
    """Return the time steps per sample in training, checked; by default those of the network."""
    if steps is None:
        return network.steps
    if isinstance(x, SpikeTrains) and steps != network.steps:
        raise InputError(f"steps={steps} for SpikeTrains of {x.steps} steps: omit it, or pass data for the encoder")
    return checks.integer("steps", steps, minimum=1, maximum=network.steps)


class Batch(NamedTuple):
    """The samples of an update that this process trains on."""

    numbers: Any  # of the samples, in host memory or on the device, where the data are
    picks: Any  # the same numbers on the device
    whole: int  # samples of the update in all processes


class Samples:
    """The training data, kept on the network's device if they fit and the encoder works there, so that no batch is copied.

    Raises
    ------
    InputError
        If weights, steps or augmentation do not fit the data.
    """

    def __init__(self, network: Network, data: Labelled, sample_weight: Any, options: Options) -> None:
        self.network, self.data, self.device = network, data, network.device
        self.steps = sample_steps(network, options.steps, data.x)
        weights = checks.weights("sample_weight", sample_weight, len(data.y))
        self.augment = options.augment
        if self.augment is not None:
            self.augment.check(data.x)
        self.placed = network.encoder is not None and network.encoder.on_device and self.device.holds(data.x)
        self.x = self.device.put(data.x) if self.placed else data.x
        self.y, self.weights = self.device.put(data.y), self.device.put(weights)
        self.wrong = self.device.put(np.zeros(len(data.y), bool))  # misclassified in this epoch

    def __len__(self) -> int:
        return len(self.data.y)

    def batches(self, epoch: int, size: int, start: int, ranks: Ranks) -> Iterator[tuple[int, Batch]]:
        """Yield this process's share of each batch from place `start` of an epoch on, with the place of its first sample."""
        order = np.random.default_rng([self.network.seed, epoch]).permutation(len(self))
        placed_order = self.device.put(order)
        for first in range(start, len(order), size):
            here, whole = slice(first, first + size), min(size, len(order) - first)
            own = ranks.share(whole)
            picks = placed_order[here][own]
            numbers = picks if self.placed else order[here][own]
            yield first, Batch(numbers, picks, whole)

    def draw(self, batch: Batch, part: slice, epoch: int) -> tuple[SpikeTrains, Any, Any]:
        """Return trains, labels and weights of a part of a batch."""
        numbers, picks = batch.numbers[part], batch.picks[part]
        x = self.x[numbers]
        if self.augment is not None:
            x = self.augment(x, self.network.seed, epoch, numbers)
        return self.network.encode_checked(x, numbers, epoch, self.steps), self.y[picks], self.weights[picks]

    def misses(self, ranks: Ranks) -> np.ndarray:
        """Return which samples any process misclassified in this epoch, in host memory."""
        return ranks.total(self.device.get(self.wrong).astype(np.uint8)).astype(bool)

    def boost(self, classes: int, ranks: Ranks) -> None:
        """Raise the weights of misclassified samples."""
        weights, y = map(self.device.get, (self.weights, self.y))
        self.weights = self.device.put(weights * _boost(weights, y, self.misses(ranks), classes))


def _boost(weights: np.ndarray, labels: np.ndarray, wrong: np.ndarray, classes: int) -> np.ndarray:
    """Return the factor of each sample's weight after an epoch."""
    total = np.bincount(labels, weights, minlength=classes)
    missed = np.bincount(labels, weights * wrong, minlength=classes)
    rate = missed / np.maximum(total, np.finfo(np.float64).tiny)
    return np.where(wrong, np.exp(rate[labels] / 20), 1).astype(np.float32)
