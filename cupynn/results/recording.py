"""The recorded activity of all layers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from cupynn.kernels.psp import Psp
from cupynn.results import as_html, exchange
from cupynn.spikes.trains import SpikeTrains

if TYPE_CHECKING:
    import neo
    import pandas as pd


@dataclass(frozen=True)
class Recording:
    """The activity of all layers on a batch of samples.

    Attributes
    ----------
    spikes : dict of str to SpikeTrains
        Trains (B, T, *shape) of "input" and of each layer, in order.
    membranes, currents : dict of str to ndarray
        Membrane potential before any reset, and synaptic current, of each layer: float32 (B, T, *shape).
    thresholds : dict of str to float or ndarray
        Firing threshold of each layer; if neurons have their own, of each neuron, in the shape of the layer.
    refractory : dict of str to int
        Refractory period of each layer, in steps.
    potentials : dict of str to Psp
        Constants of the post-synaptic potentials of each layer; if neurons have their own, arrays, one value for each neuron
        of a dense layer or each map of images.
    acting : dict of str to SpikeTrains
        For each layer with delays, the trains of the layer below as they act on it, each later by its delay.
    neurons_per_class : int
        Number of neurons of each class in the last layer.

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
    thresholds: dict[str, float | np.ndarray] = field(default_factory=dict)
    refractory: dict[str, int] = field(default_factory=dict)
    potentials: dict[str, Psp] = field(default_factory=dict)
    acting: dict[str, SpikeTrains] = field(default_factory=dict)
    neurons_per_class: int = 1

    def to_neo(self, dt: float = 1.0, layers: Sequence[str] | None = None) -> "neo.Block":
        """Return the recording as a block of Neo, with which Elephant and other tools of neuroscience work.

        Needs Neo: ``pip install "cupynn[neo]"``.

        Parameters
        ----------
        dt : float
            Duration of a step in milliseconds.
        layers : sequence of str, optional
            Names of the layers to convert, "input" among them; by default all. Every neuron becomes an object, so large
            layers take long.

        Returns
        -------
        neo.Block
            A `Segment` for each sample and a `Group` for each layer. A segment has a `SpikeTrain` for each neuron, in
            milliseconds from 0 to T * dt, with the annotations `layer` and `neuron`; and for each layer an `AnalogSignal`
            (T, neurons) of its membranes before any reset, without a unit.

        Raises
        ------
        InputError
            If Neo is not installed, `dt` is not positive, or there is no layer of a name.

        Examples
        --------
        >>> from cupynn import Sequential, encoders, layers
        >>> net = Sequential([layers.SpikingDense(5, v_th=1.0)], (4,), steps=60, encoder=encoders.Poisson(), device="cpu")
        >>> block = net.record(np.ones((2, 4), np.float32)).to_neo(dt=0.5)  # doctest: +SKIP
        >>> trains = block.segments[0].filter(layer="dense_1", objects="SpikeTrain")  # doctest: +SKIP
        >>> elephant.statistics.mean_firing_rate(trains[0]).rescale("Hz")  # doctest: +SKIP
        """
        return exchange.block(self.spikes, self.membranes, dt, layers)

    def to_pandas(self, layers: Sequence[str] | None = None) -> "pd.DataFrame":
        """Return all spikes as a table of pandas, a row for each.

        Needs pandas: ``pip install "cupynn[pandas]"``.

        Parameters
        ----------
        layers : sequence of str, optional
            Names of the layers, "input" among them; by default all.

        Returns
        -------
        pandas.DataFrame
            Columns "sample" (its place in the recording), "layer" (categorical), "neuron" (flat index) and "step", sorted by
            layer, sample, step and neuron.

        Raises
        ------
        InputError
            If pandas is not installed, or there is no layer of a name.

        Examples
        --------
        >>> from cupynn import Sequential, encoders, layers
        >>> net = Sequential([layers.SpikingDense(5, v_th=1.0)], (4,), steps=60, encoder=encoders.Poisson(), device="cpu")
        >>> table = net.record(np.ones((2, 4), np.float32)).to_pandas()  # doctest: +SKIP
        >>> table.groupby(["sample", "layer"]).size()  # doctest: +SKIP
        """
        return exchange.table(self.spikes, layers)

    def _repr_html_(self) -> str:
        return as_html.recording(self.spikes)

    def __repr__(self) -> str:
        first = next(iter(self.spikes.values()))
        rates = ", ".join(f"{name} {trains.neurons.size / max(1, len(trains)):,.0f}" for name, trains in self.spikes.items())
        return f"Recording({len(first)} samples, {first.steps} steps, spikes per sample: {rates})"
