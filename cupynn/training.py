"""The training loop: batches, progress, history, callbacks, sample weights."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm.auto import tqdm

from cupynn import checks
from cupynn.checks import InputError
from cupynn.losses import CountError, CountLoss, SpikeCount
from cupynn.optimizers import Adam, Optimizer
from cupynn.spikes import SpikeTrains

if TYPE_CHECKING:
    from cupynn.network import Sequential


@dataclass(frozen=True)
class Epoch:
    """Figures of one epoch of training.

    Attributes
    ----------
    number : int
        From 1 on.
    loss, accuracy : float
        On the training data, while it was trained on.
    validation_loss, validation_accuracy : float or None
        On the validation data, after the epoch.
    spikes : dict of str to float
        Mean firing count of a neuron in one training sample, of "input" and of each layer.
    silent : int
        Training samples with no output spike.
    rate : float
        Learning rate at the end of the epoch.
    seconds : float
        Time of training, without validation.
    samples_per_second : float
    """

    number: int
    loss: float
    accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    spikes: dict[str, float]
    silent: int
    rate: float
    seconds: float
    samples_per_second: float

    def __str__(self) -> str:
        parts = [f"loss {self.loss:7.2f}", f"accuracy {self.accuracy:7.2%}"]
        if self.validation_accuracy is not None:
            parts.append(f"validation {self.validation_accuracy:7.2%}")
        activity = " ".join(f"{count:.1f}" for name, count in self.spikes.items() if name != "input")
        parts += [f"spikes/neuron {activity}", f"{self.samples_per_second:,.0f} samples/s", f"{self.seconds:.1f} s"]
        return "  ".join(parts)


@dataclass
class History:
    """The epochs of a training, in order; ``history["accuracy"]`` lists one figure of all."""

    epochs: list[Epoch] = field(default_factory=list)

    def __getitem__(self, figure: str) -> list[Any]:
        checks.choice("figure", figure, Epoch.__dataclass_fields__)
        return [getattr(epoch, figure) for epoch in self.epochs]

    def __len__(self) -> int:
        return len(self.epochs)


Callback = Callable[["Sequential", History], bool | None]


class EarlyStopping:
    """Callback that ends training when the validation accuracy has not risen for `patience` epochs."""

    needs_validation = True

    def __init__(self, patience: int = 5) -> None:
        self.patience = checks.integer("patience", patience, minimum=1)

    def __call__(self, network: "Sequential", history: History) -> bool:
        """Return whether to stop."""
        accuracies = history["validation_accuracy"]
        return len(accuracies) - 1 - int(np.argmax(accuracies)) >= self.patience


def step(
    network: "Sequential",
    loss: CountLoss,
    optimizer: Optimizer,
    spikes: SpikeTrains,
    labels: np.ndarray,
    sample_weight: np.ndarray | None = None,
) -> CountError:
    """One update: forward, loss, backward, optimizer. Returns the loss's value, error and trains."""
    error = loss(network.forward(spikes), labels, sample_weight)
    network.backward(error, input_error=False)
    optimizer.step(network)
    return error


def fit(
    network: "Sequential",
    data: Any,
    *,
    loss: CountLoss | None = None,
    optimizer: Optimizer | None = None,
    epochs: int = 10,
    batch_size: int = 32,
    validation: Any = None,
    sample_weight: np.ndarray | None = None,
    boost: bool = False,
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
) -> History:
    """Train a network.

    Parameters
    ----------
    network : Sequential
    data : Dataset, or pair of data (samples, *input_shape) and labels (samples,)
    loss : CountLoss, optional
        By default that of the paper.
    optimizer : Optimizer, optional
        By default ``Adam(1e-3, schedule="inverse-sqrt")``, that of the paper.
    epochs : int
        Passes over the data.
    batch_size : int
        Samples of one update.
    validation : like `data`, optional
        Evaluated after each epoch.
    sample_weight : array_like of float, shape (samples,), optional
        Weights of the samples in the loss.
    boost : bool
        After each epoch raise the weight of samples that were misclassified, the more the worse their class does: by
        exp(weighted error rate of the class / 20), as the original program does.
    callbacks : sequence of callables
        Each is called as ``callback(network, history)`` after each epoch; one that returns True ends the training.
    progress : bool
        Whether to show a bar in a terminal or notebook, and a line for each epoch.

    Returns
    -------
    History

    Raises
    ------
    InputError
        If anything handed in cannot be used; nothing is changed then.
    """
    loss = SpikeCount() if loss is None else checks.only("loss", loss, CountLoss)
    optimizer = Adam(1e-3, schedule="inverse-sqrt") if optimizer is None else checks.only("optimizer", optimizer, Optimizer)
    epochs = checks.integer("epochs", epochs, minimum=1)
    batch_size = checks.integer("batch_size", batch_size, minimum=1)
    x, y = network.labelled(data)
    weights = checks.weights("sample_weight", sample_weight, len(y))
    validation = None if validation is None else network.labelled(validation)
    checks.flag("boost", boost)
    checks.flag("progress", progress)
    if not isinstance(callbacks, Sequence) or not all(map(callable, callbacks)):
        raise InputError(f"callbacks={callbacks!r}: pass a list of callables")
    for callback in callbacks:
        if validation is None and getattr(callback, "needs_validation", False):
            raise InputError(f"{type(callback).__name__} needs validation data: pass validation=... to fit")
    if progress and not isinstance(x, SpikeTrains) and (notice := network.encoder.notice(x, network.steps)):
        print(notice)
    optimizer.epochs = epochs
    history = History()
    with _Bar(epochs, len(y), progress) as bar:
        for number in range(1, epochs + 1):
            tally = _Tally(network)
            wrong = np.zeros(len(y), bool)
            order = np.random.default_rng([network.seed, number]).permutation(len(y))
            for first in range(0, len(y), batch_size):
                picked = order[first : first + batch_size]
                optimizer.epoch = number - 1 + first / len(y)
                spikes = network.encode(x[picked], picked, number)
                error = step(network, loss, optimizer, spikes, y[picked], weights[picked])
                wrong[picked] = tally.add(error, network, y[picked])
                bar.update(number, tally)
            history.epochs.append(tally.epoch(network, number, optimizer, validation, loss))
            bar.line(history.epochs[-1])
            if boost:
                weights *= _boost(weights, y, wrong, network.output_shape[-1])
            if any([callback(network, history) for callback in callbacks]):
                break
    return history


def _boost(weights: np.ndarray, labels: np.ndarray, wrong: np.ndarray, classes: int) -> np.ndarray:
    """Factor of each sample's weight after an epoch."""
    total = np.bincount(labels, weights, minlength=classes)
    missed = np.bincount(labels, weights * wrong, minlength=classes)
    rate = missed / np.maximum(total, np.finfo(np.float64).tiny)
    return np.where(wrong, np.exp(rate[labels] / 20), 1).astype(np.float32)


class _Tally:
    """Running figures of an epoch."""

    def __init__(self, network: "Sequential") -> None:
        self.start = perf_counter()
        self.neurons = sum(prod(layer.output_shape) for layer in network.layers)
        self.samples = self.correct = self.silent = 0
        self.loss = 0.0
        self.spikes = np.zeros(len(network.layers) + 1, np.int64)

    def add(self, error: CountError, network: "Sequential", labels: np.ndarray) -> np.ndarray:
        """Count a batch; return which samples were misclassified."""
        counts = network.trains[-1].counts
        wrong = counts.argmax(1) != labels
        self.samples += len(labels)
        self.correct += int((~wrong).sum())
        self.silent += int((counts.sum(1) == 0).sum())
        self.loss += error.value * len(labels)
        self.spikes += [trains.neurons.size for trains in network.trains]
        return wrong

    def epoch(self, network, number, optimizer, validation, loss) -> Epoch:
        """Close the epoch."""
        seconds = perf_counter() - self.start
        held_out = None if validation is None else network.evaluate(validation, loss)
        return Epoch(
            number=number,
            loss=self.loss / self.samples,
            accuracy=self.correct / self.samples,
            validation_loss=held_out and held_out.loss,
            validation_accuracy=held_out and held_out.accuracy,
            spikes=network.activity(self.spikes, self.samples),
            silent=self.silent,
            rate=optimizer.rate,
            seconds=seconds,
            samples_per_second=self.samples / seconds,
        )


class _Bar:
    """The live progress bar, and a line for each epoch."""

    def __init__(self, epochs: int, samples: int, progress: bool) -> None:
        self.epochs = epochs
        self.progress = progress
        hidden = not (progress and (sys.stderr.isatty() or "ipykernel" in sys.modules))
        self.bar = tqdm(total=epochs * samples, unit=" samples", disable=hidden, leave=False, dynamic_ncols=True)

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def update(self, number: int, tally: _Tally) -> None:
        """Show the running figures."""
        if self.bar.disable:
            return
        activity = tally.spikes[1:].sum() / tally.neurons / tally.samples
        self.bar.set_description(f"epoch {number}/{self.epochs}", refresh=False)
        self.bar.set_postfix_str(
            f"loss {tally.loss / tally.samples:.1f}, accuracy {tally.correct / tally.samples:.1%}, "
            f"spikes/neuron {activity:.1f}",
            refresh=False,
        )
        self.bar.update((number - 1) * self.bar.total // self.epochs + tally.samples - self.bar.n)

    def line(self, epoch: Epoch) -> None:
        """Print the figures of a finished epoch above the bar."""
        if self.progress:
            width = len(str(self.epochs))
            tqdm.write(f"epoch {epoch.number:{width}}/{self.epochs}  {epoch}", file=sys.stdout)
