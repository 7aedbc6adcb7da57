"""Synaptic operations of a network, and an estimate of their energy."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cupynn import checks
from cupynn.checks import InputError

HOROWITZ_45NM = {"accumulate": 0.9, "multiply_accumulate": 4.6, "neuron_update": 0.0}
"""Picojoules per operation of 32-bit floating point in 45 nm CMOS at 0.9 V: addition 0.9 pJ, multiplication 3.7 pJ.

Source: M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, figure 1.1.9. Accesses to
memory, which often take more, and updates of neurons are not included.
"""


@dataclass(frozen=True)
class LayerOperations:
    """The operations of one layer.

    The definitions are those of NeuroBench (Yik et al., 2025), with means per sample over all time steps.

    Attributes
    ----------
    accumulates : float
        Effective accumulates ("Effective_ACs"): additions of a weight other than zero, one for each spike and connection.
    dense : float
        The same if every input fired at every step and no weight was zero ("Dense").
    macs : int
        Multiply-accumulates of the same layer without spikes: one for each connection, once per sample.
    neuron_updates : int
        Updates of membranes: neurons times steps ("MembraneUpdates").
    activation_sparsity : float
        Fraction of neurons and steps without a spike.
    connection_sparsity : float
        Fraction of the stored weights that are zero.
    parameters, bytes : int
        Values of all arrays, trained and fixed, and their size ("ParameterCount", "Footprint").
    neurons, weights, zeros : int
        Number of neurons, of stored weights, and of those that are zero.
    """

    accumulates: float
    dense: float
    macs: int
    neuron_updates: int
    activation_sparsity: float
    connection_sparsity: float
    parameters: int
    bytes: int
    neurons: int
    weights: int
    zeros: int


@dataclass(frozen=True)
class Operations:
    """The operations of a network per sample, by layer and in total; `Sequential.evaluate` counts them.

    Attributes
    ----------
    layers : dict of str to LayerOperations
        By the name of the layer.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import Sequential, encoders, layers
    >>> net = Sequential([layers.SpikingDense(3, v_th=1.0)], (4,), steps=60, encoder=encoders.Regular(0.1), device="cpu")
    >>> operations = net.evaluate((np.ones((2, 4), np.float32), [0, 1])).operations
    >>> operations.layers["dense_1"].macs, operations.accumulates      # 4 inputs with 6 spikes, each to 3 neurons
    (12, 72.0)
    >>> print(f"{operations.energy()['spiking']:.3f} nJ")
    0.065 nJ
    """

    layers: dict[str, LayerOperations]

    @property
    def accumulates(self) -> float:
        """Effective accumulates of all layers."""
        return sum(layer.accumulates for layer in self.layers.values())

    @property
    def dense(self) -> float:
        """Operations of all layers if every neuron fired at every step and no weight was zero."""
        return sum(layer.dense for layer in self.layers.values())

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the same network without spikes."""
        return sum(layer.macs for layer in self.layers.values())

    @property
    def neuron_updates(self) -> int:
        """Updates of the membranes of all layers."""
        return sum(layer.neuron_updates for layer in self.layers.values())

    @property
    def activation_sparsity(self) -> float:
        """Fraction of the neurons of all layers and steps without a spike."""
        updates = sum(layer.neuron_updates * layer.activation_sparsity for layer in self.layers.values())
        return updates / self.neuron_updates

    @property
    def connection_sparsity(self) -> float:
        """Fraction of the stored weights of all layers that are zero."""
        weights = sum(layer.weights for layer in self.layers.values())
        return sum(layer.zeros for layer in self.layers.values()) / max(1, weights)

    @property
    def parameters(self) -> int:
        """Values of all arrays."""
        return sum(layer.parameters for layer in self.layers.values())

    @property
    def bytes(self) -> int:
        """Size of all arrays."""
        return sum(layer.bytes for layer in self.layers.values())

    def energy(self, table: Mapping[str, float] = HOROWITZ_45NM) -> dict[str, float]:
        """Return an estimate of the energy per sample in nanojoules, from the operations alone; it is not a measurement.

        Parameters
        ----------
        table : mapping of str to float
            Picojoules of an "accumulate", a "multiply_accumulate" and a "neuron_update".

        Returns
        -------
        dict of str to float
            "spiking", of the accumulates and neuron updates, and "without_spikes", of the multiply-accumulates of the same
            network without spikes.

        Raises
        ------
        InputError
            If the table has other keys, or a negative value.

        Examples
        --------
        With the values of another chip:

        >>> layer = LayerOperations(2000.0, 8000.0, 500, 100, 0.9, 0.0, 500, 2000, 10, 500, 0)
        >>> Operations({"hidden": layer}).energy({"accumulate": 0.1, "multiply_accumulate": 0.5, "neuron_update": 1.0})
        {'spiking': 0.3, 'without_spikes': 0.25}
        """
        if not isinstance(table, Mapping) or table.keys() != HOROWITZ_45NM.keys():
            raise InputError(f"table={table!r}: pass picojoules of {', '.join(map(repr, HOROWITZ_45NM))}")
        cost = {name: checks.number(f"table[{name!r}]", value, minimum=0) for name, value in table.items()}
        spiking = self.accumulates * cost["accumulate"] + self.neuron_updates * cost["neuron_update"]
        return {"spiking": spiking / 1000, "without_spikes": self.macs * cost["multiply_accumulate"] / 1000}

    def figures(self) -> dict[str, Any]:
        """Return all figures for a file in JSON."""
        return {name: asdict(layer) for name, layer in self.layers.items()}

    def __repr__(self) -> str:
        return self.as_text()

    def as_text(self) -> str:
        """Return a table of the layers with their totals, and the estimate of the energy."""
        header = ("per sample", "accumulates", "of dense", "MACs without spikes", "neuron updates")
        header = (*header, "silent steps", "zero weights", "parameters", "bytes")
        rows = [header, *(_row(name, layer) for name, layer in self.layers.items()), _row("total", self)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(pairs))
            for pairs in (list(zip(row, widths, strict=True)) for row in rows)
        ]
        energy = self.energy()
        return "\n".join(
            [
                *lines,
                f"energy, estimated: {energy['spiking']:,.1f} nJ; without spikes {energy['without_spikes']:,.1f} nJ "
                f"({HOROWITZ_45NM['accumulate']} pJ per addition, {HOROWITZ_45NM['multiply_accumulate']} per "
                "multiply-add: 45 nm, Horowitz 2014; without memory accesses)",
            ]
        )


def _row(name: str, figures: LayerOperations | Operations) -> tuple[str, ...]:
    share = figures.accumulates / max(1.0, figures.dense)
    return (
        name,
        f"{figures.accumulates:,.0f}",
        f"{share:.2%}",
        f"{figures.macs:,}",
        f"{figures.neuron_updates:,}",
        f"{figures.activation_sparsity:.2%}",
        f"{figures.connection_sparsity:.2%}",
        f"{figures.parameters:,}",
        f"{figures.bytes:,}",
    )


def from_figures(figures: Mapping[str, Any]) -> Operations:
    """Return the operations of a table that `Operations.figures` made."""
    return Operations({name: LayerOperations(**layer) for name, layer in figures.items()})
