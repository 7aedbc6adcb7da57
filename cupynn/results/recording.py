"""What every layer did on a batch of samples."""

from dataclasses import dataclass, field

import numpy as np

from cupynn.kernels.psp import Psp
from cupynn.spikes.trains import SpikeTrains


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
