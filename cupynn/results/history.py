"""The history of a training, epoch by epoch."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from numbers import Integral
from typing import Any

from cupynn import checks
from cupynn.checks import InputError

# Figures of other libraries, with their names here.
ELSEWHERE = {
    "acc": "accuracy",
    "epoch": "number",
    "learning_rate": "rate",
    "lr": "rate",
    "val_acc": "validation_accuracy",
    "val_accuracy": "validation_accuracy",
    "val_loss": "validation_loss",
}
NEW_FIGURES = ("r2", "validation_r2", "terms")  # that files of 0.1.0 lack, and those of classifiers without terms


@dataclass(frozen=True)
class Epoch:
    """The metrics of one epoch of training.

    Attributes
    ----------
    number : int
        Starting at 1.
    loss, accuracy : float
        On the training data, computed during training. With several labels per sample, the accuracy is the share of correct
        ones among all pairs of sample and label; in a regression, None.
    validation_loss, validation_accuracy : float or None
        On the validation data, after the epoch.
    spikes : dict of str to float
        Mean number of spikes per neuron and training sample, for "input" and each layer.
    silent : int
        Number of training samples without any output spike.
    rate : float
        Learning rate at the end of the epoch.
    seconds : float
        Training time, without validation.
    samples_per_second : float
    r2, validation_r2 : float or None
        In a regression, the share of the variance of the targets that the counts predict, as in `Evaluation`.
    terms : dict of str to float
        Mean value of the terms of the loss on the counts of layers, by layer.
    """

    number: int
    loss: float
    accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    spikes: dict[str, float]
    silent: int
    rate: float
    seconds: float
    samples_per_second: float
    r2: float | None = None
    validation_r2: float | None = None
    terms: dict[str, float] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """Accuracy, or in a regression `r2`, on the training data."""
        return self.r2 if self.accuracy is None else self.accuracy

    @property
    def validation_score(self) -> float | None:
        """The same on the validation data, or None."""
        return self.validation_r2 if self.validation_accuracy is None else self.validation_accuracy

    def shown(self, score: float) -> str:
        """Return a score with its unit."""
        return f"{score:.3f}" if self.accuracy is None else f"{score:.2%}"

    @property
    def measure(self) -> str:
        """Name of the score: "accuracy" or "R2"."""
        return "R2" if self.accuracy is None else "accuracy"

    def figures(self) -> dict[str, Any]:
        """Return all figures for a file, without those that only other tasks have."""
        return {name: value for name, value in asdict(self).items() if name not in NEW_FIGURES or value not in (None, {})}

    def __str__(self) -> str:
        """Return a line that has at most 100 characters with "epoch 100/100" before it."""
        parts = [f"loss {self.loss:7.2f}", f"{self.measure} {self.shown(self.score):>7}"]
        if self.validation_score is not None:
            parts.append(f"validation {self.shown(self.validation_score):>7}")
        parts += [f"spikes/neuron {self._activity()}", f"{self.seconds:.{self.seconds < 100:d}f} s"]
        return "  ".join(parts)

    def _activity(self) -> str:
        """Return the spikes per neuron of each layer; of more than two layers, of the first and the last."""
        counts = [f"{count:.1f}" for name, count in self.spikes.items() if name != "input"]
        return " ".join(counts if len(counts) < 3 else [counts[0], "…", counts[-1]])


@dataclass
class History:
    """The epochs of a training, in order.

    ``history["accuracy"]`` lists one metric of all epochs, and ``history[-1]`` is the last `Epoch`.

    Attributes
    ----------
    epochs : list of Epoch
    notices : list of str
        Warnings about the network before and during training, each once.
    seconds : float
        Total training time, with validation and callbacks, without the pauses before a run was resumed.
    kept : int or None
        Number of the epoch whose weights `fit` left in the network: the last, or with ``restore_best=True`` the best.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import Sequential, encoders, layers
    >>> net = Sequential([layers.SpikingDense(2, v_th=1.0)], (4,), steps=120, encoder=encoders.Poisson(), device="cpu")
    >>> history = net.fit((np.eye(4, dtype=np.float32), [0, 0, 1, 1]), epochs=2, progress=False)
    >>> history["number"], len(history["loss"])
    ([1, 2], 2)
    >>> history[-1].number
    2
    """

    epochs: list[Epoch] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    seconds: float = 0.0
    kept: int | None = None

    def __getitem__(self, figure: str | int | slice) -> list[Any] | Epoch:
        """Return one metric of all epochs as a list, by its name; or an epoch or a list of epochs, by index."""
        if isinstance(figure, slice):
            return self.epochs[figure]
        if isinstance(figure, Integral) and not isinstance(figure, bool):
            try:
                return self.epochs[figure]
            except IndexError:
                raise InputError(f"history[{figure}]: the history has {len(self)} epochs, counted from 0") from None
        if isinstance(figure, str) and figure in ELSEWHERE:
            raise InputError(f"history has no figure {figure!r}: pass {ELSEWHERE[figure]!r}")
        checks.choice("figure", figure, Epoch.__dataclass_fields__)
        return [getattr(epoch, figure) for epoch in self.epochs]

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    def __contains__(self, figure: object) -> bool:
        """Return whether there is a metric of this name, or an epoch equal to this one."""
        return figure in (Epoch.__dataclass_fields__ if isinstance(figure, str) else self.epochs)

    def __len__(self) -> int:
        return len(self.epochs)

    @property
    def best(self) -> Epoch:
        """The last epoch with the highest validation accuracy, or `validation_r2`; without validation, the last epoch."""
        validated = [epoch for epoch in self.epochs if epoch.validation_score is not None]
        return max(validated, key=lambda epoch: (epoch.validation_score, epoch.number), default=self.epochs[-1])

    def __repr__(self) -> str:
        if not len(self):
            return "History: no epochs"
        last, best = self.epochs[-1], self.best
        epochs = f"{len(self)} epoch{'s' if len(self) > 1 else ''}"
        line = f"History: {epochs}, loss {last.loss:.2f}, {last.measure} {last.shown(last.score)}"
        if last.validation_score is None:
            return line
        reached, highest = last.shown(last.validation_score), best.shown(best.validation_score)
        return f"{line}, validation {reached} (best {highest}, epoch {best.number})"

    def _repr_png_(self) -> tuple[bytes, dict[str, int]] | None:
        """Return the learning curves for a notebook."""
        from cupynn.plot import curves
        from cupynn.plot.figures import without_windows

        with without_windows():
            return curves(self)._repr_png_() if self.epochs else None
