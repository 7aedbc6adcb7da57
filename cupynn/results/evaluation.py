"""How well a network does on labelled data."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Evaluation:
    """How a network does on labelled data.

    Attributes
    ----------
    accuracy : float
        Fraction of samples whose label's neuron fires most; the lowest index wins a tie.
    loss : float or None
        Mean loss, if a loss was given.
    spikes : dict of str to float
        Mean firing count of a neuron in one sample, of "input" and of each layer.
    silent : int
        Samples with no output spike at all; they read as class 0.
    dead : dict of str to float
        Fraction of each layer's neurons that fire for none of the samples.
    confusion : ndarray of int64, shape (classes, classes)
        Number of samples by label (row) and prediction (column).

    Examples
    --------
    >>> from cupynn import Sequential, encoders, layers
    >>> net = Sequential([layers.SpikingDense(2, v_th=1.0)], (4,), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> net.evaluate((np.zeros((3, 4), np.float32), [0, 1, 1])).silent
    3
    """

    accuracy: float
    loss: float | None
    spikes: dict[str, float]
    silent: int
    dead: dict[str, float]
    confusion: np.ndarray

    def __repr__(self) -> str:
        loss = "" if self.loss is None else f", loss={self.loss:.2f}"
        spikes = ", ".join(f"{name} {count:.2f}" for name, count in self.spikes.items())
        dead = ", ".join(f"{name} {share:.0%}" for name, share in self.dead.items() if share)
        dead = f", dead: {dead}" if dead else ""
        return f"Evaluation(accuracy={self.accuracy:.2%}{loss}, silent={self.silent}, spikes a neuron: {spikes}{dead})"
