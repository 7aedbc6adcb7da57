"""What a network hands back: a recording of its activity, an evaluation of its predictions."""

from dataclasses import dataclass, field

import numpy as np

from cupynn.kernels.psp import Psp
from cupynn.spikes import SpikeTrains


@dataclass(frozen=True)
class Recording:
    """What every layer did on a batch of samples.

    Attributes
    ----------
    spikes : dict of str to SpikeTrains
        Trains (B, T, *shape) of "input" and of each layer, in order.
    membranes, currents : dict of str to ndarray
        Membrane just before any reset, and synaptic current, float32 (B, T, *shape), of each layer.
    thresholds : dict of str to float
        Firing threshold of each layer.
    refractory : dict of str to int
        Refractory period of each layer, in steps.
    potentials : dict of str to Psp
        Constants of the post-synaptic potentials of each layer.

    Examples
    --------
    >>> from cupynn import Sequential, encoders, layers
    >>> net = Sequential([layers.SpikingDense(5, v_th=1.0)], (4,), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> recording = net.record(np.ones((2, 4), np.float32))
    >>> list(recording.spikes), recording.membranes["dense_1"].shape
    (['input', 'dense_1'], (2, 60, 5))
    """

    spikes: dict[str, SpikeTrains]
    membranes: dict[str, np.ndarray] = field(default_factory=dict)
    currents: dict[str, np.ndarray] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    refractory: dict[str, int] = field(default_factory=dict)
    potentials: dict[str, Psp] = field(default_factory=dict)

    def __repr__(self) -> str:
        first = next(iter(self.spikes.values()))
        rates = ", ".join(f"{name} {trains.neurons.size / max(1, len(trains)):,.0f}" for name, trains in self.spikes.items())
        return f"Recording({len(first)} samples, {first.steps} steps, spikes a sample: {rates})"


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
