"""The history of a training: the figures of each epoch."""

from dataclasses import dataclass, field
from typing import Any

from cupynn import checks


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
    >>> import numpy as np
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
        if not len(self):
            return "History: no epochs"
        last, best = self.epochs[-1], self.best
        epochs = f"{len(self)} epoch{'s' if len(self) > 1 else ''}"
        line = f"History: {epochs}, loss {last.loss:.2f}, accuracy {last.accuracy:.2%}"
        if last.validation_accuracy is None:
            return line
        return (
            f"{line}, validation {last.validation_accuracy:.2%} (best {best.validation_accuracy:.2%}, epoch {best.number})"
        )

    def _repr_png_(self) -> tuple[bytes, dict[str, int]] | None:
        """Curves, for notebooks."""
        from cupynn.plot import curves

        return curves(self)._repr_png_() if self.epochs else None
