"""Figures of an epoch: added up while it lasts, shown by a progress bar, kept in the history."""

import sys
from dataclasses import dataclass, field
from math import prod
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from cupynn import checks, display
from cupynn.console import Lenient
from cupynn.evaluation import activity
from cupynn.kernels import is_compiled
from cupynn.live import NotebookBar, in_notebook
from cupynn.parallel import Ranks
from cupynn.parts import Passed
from cupynn.results import Evaluation

if TYPE_CHECKING:
    from cupynn.network import Sequential

SHOW_EVERY = 0.1  # seconds between two looks of the progress bar at the running figures


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
    """The epochs of a training, in order; ``history["accuracy"]`` lists one figure of all.

    Attributes
    ----------
    epochs : list of Epoch
    notices : list of str
        What was noticed of the network before and during the training, each once.
    seconds : float
        Time of the whole training, with validation and callbacks, without pauses between its parts.

    Examples
    --------
    >>> from cupynn import Sequential, encoders, layers
    >>> net = Sequential([layers.SpikingDense(2, v_th=1.0)], (4,), steps=120, encoder=encoders.Poisson(), device="cpu")
    >>> history = net.fit((np.eye(4, dtype=np.float32), [0, 0, 1, 1]), epochs=2, progress=False)
    >>> history["number"], len(history["loss"])
    ([1, 2], 2)
    """

    epochs: list[Epoch] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __getitem__(self, figure: str) -> list[Any]:
        checks.choice("figure", figure, Epoch.__dataclass_fields__)
        return [getattr(epoch, figure) for epoch in self.epochs]

    def __len__(self) -> int:
        return len(self.epochs)

    @property
    def best(self) -> Epoch:
        """The last of the epochs with the highest validation accuracy; without validation, the last."""
        validated = [epoch for epoch in self.epochs if epoch.validation_accuracy is not None]
        return max(validated, key=lambda epoch: (epoch.validation_accuracy, epoch.number), default=self.epochs[-1])

    def __repr__(self) -> str:
        return display.history_text(self)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]] | None:
        """Curves, for notebooks."""
        from cupynn.plot import curves

        return curves(self)._repr_png_() if self.epochs else None


def compiles(network: "Sequential") -> bool:
    """Whether kernels for one of the layers have still to be compiled, which takes time."""
    modules = [sys.modules.get(f"{type(layer).__module__}_cpu") for layer in network.layers]
    return not network.device.on_cuda and not all(map(is_compiled, filter(None, modules)))


class Tally:
    """Running figures of an epoch."""

    def __init__(self, network: "Sequential") -> None:
        self.start = perf_counter()
        self.neurons = sum(prod(layer.output_shape) for layer in network.layers)
        self.samples = 0
        # Sums on the network's device: a GPU need not be waited for until somebody looks at them.
        self.correct = self.silent = self.loss = 0
        self.spikes = [0] * (len(network.layers) + 1)

    def add(self, passed: Passed, labels: np.ndarray) -> np.ndarray:
        """Count a batch; return which samples were misclassified."""
        counts = passed.counts
        wrong = counts.argmax(1) != labels
        self.samples += len(labels)
        self.correct = self.correct + (~wrong).sum()
        self.silent = self.silent + (counts.sum(1) == 0).sum()
        self.loss = self.loss + passed.losses.sum()
        self.spikes = [total + layer for total, layer in zip(self.spikes, passed.spikes, strict=True)]
        return wrong

    def figures(self, ranks: Ranks | None = None) -> dict[str, Any]:
        """What has been added up, by all processes if they are given, as plain numbers; waits for a GPU."""
        own = [self.samples, self.correct, self.silent, self.loss, *self.spikes]
        sums = np.array(list(map(float, own)))  # float64 is exact to 2^53
        samples, correct, silent, loss, *spikes = (sums if ranks is None else ranks.total(sums)).tolist()
        return {
            "samples": int(samples),
            "correct": int(correct),
            "silent": int(silent),
            "loss": loss,
            "spikes": list(map(int, spikes)),
            "seconds": perf_counter() - self.start,
        }

    def go_on(self, figures: dict[str, Any]) -> None:
        """Begin with what another has added up."""
        self.samples, self.correct, self.silent = figures["samples"], figures["correct"], figures["silent"]
        self.loss, self.spikes = figures["loss"], figures["spikes"]
        self.start = perf_counter() - figures["seconds"]

    def epoch(self, network, number, optimizer, validation, loss, ranks: Ranks) -> tuple[Epoch, Evaluation | None]:
        """Close the epoch; return how the network does on the held-out data as well, if there are any."""
        figures = self.figures(ranks)
        samples, seconds = figures["samples"], figures["seconds"]
        held_out = None if validation is None else network.evaluate(validation, loss, ranks=ranks)
        epoch = Epoch(
            number=number,
            loss=figures["loss"] / samples,
            accuracy=figures["correct"] / samples,
            validation_loss=held_out and held_out.loss,
            validation_accuracy=held_out and held_out.accuracy,
            spikes=activity(network, figures["spikes"], samples),
            silent=figures["silent"],
            rate=optimizer.rate,
            seconds=seconds,
            samples_per_second=samples / seconds,
        )
        return ranks.on_first(lambda: epoch), held_out  # all tell the same time


class Bar:
    """The live progress bar, and a line for each epoch."""

    def __init__(self, epochs: int, samples: int, progress: bool) -> None:
        self.epochs = epochs
        self.progress = progress
        self.shown = 0.0
        options = {"total": epochs * samples, "unit": " samples", "leave": False, "mininterval": 0, "miniters": 1}
        if in_notebook():
            self.bar = NotebookBar(disable=not progress, **options)
        else:
            stream = Lenient(sys.stderr)
            self.bar = tqdm(file=stream, disable=not (progress and stream.isatty()), dynamic_ncols=True, **options)

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def update(self, number: int, tally: Tally, done: int) -> None:
        """Show the running figures, which are those of this process's share of the `done` samples."""
        last = done * self.epochs == self.bar.total
        if self.bar.disable or (perf_counter() - self.shown < SHOW_EVERY and not last):
            return
        self.shown = perf_counter()
        activity = sum(map(int, tally.spikes[1:])) / tally.neurons / tally.samples
        self.bar.set_description(f"epoch {number}/{self.epochs}", refresh=False)
        self.bar.set_postfix_str(
            f"loss {float(tally.loss) / tally.samples:.1f}, accuracy {int(tally.correct) / tally.samples:.1%}, "
            f"spikes/neuron {activity:.1f}",
            refresh=False,
        )
        self.bar.update((number - 1) * self.bar.total // self.epochs + done - self.bar.n)

    def tell(self, notice: str) -> None:
        """Print a notice above the bar."""
        if self.progress:
            tqdm.write(notice, file=Lenient(sys.stdout))

    def tell_once(self, notices: list[str], history: History) -> None:
        """Print those notices that are new, and keep them."""
        for notice in notices:
            if notice not in history.notices:
                history.notices.append(notice)
                self.tell(notice)

    def line(self, epoch: Epoch) -> None:
        """Print the figures of a finished epoch above the bar."""
        if self.progress:
            self.bar.set_description(f"epoch {min(epoch.number + 1, self.epochs)}/{self.epochs}", refresh=False)
            self.bar.set_postfix_str("", refresh=False)  # figures of the epoch that is over
            width = len(str(self.epochs))
            tqdm.write(f"epoch {epoch.number:{width}}/{self.epochs}  {epoch}", file=Lenient(sys.stdout))
            Lenient(sys.stdout).flush()  # a log that somebody follows gets it now
