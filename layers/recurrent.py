"""`SpikingRecurrent`: spiking neurons with fixed weights among themselves, such as a reservoir."""

from math import prod
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.layers.dense import SpikingDense

# The original program's reservoir: a neuron connects to another with probability C exp(-D^2 / 4), D being their distance on
# the grid and C depending on whether the two excite or inhibit.
EXCITATORY = 0.8
CONNECTION = np.array([[0.15, 0.6], [0.3, 0.45]])  # C by [from excitatory, to excitatory]
REACH = 32  # reservoir neurons that one input reaches
INPUT_WEIGHT = 8.0


class SpikingRecurrent(SpikingDense):
    """Fully connected spiking neurons whose own spikes enter their current one step later, by fixed weights.

    Parameters
    ----------
    units : int
        Number of neurons.
    v_th : float
        Firing threshold.
    reservoir : (int, int, int), optional
        Size of the grid of a reservoir with `units` neurons. Its wiring is drawn by the rule of the original program: 80 %
        of the neurons excite with weight 1, the others inhibit with -1, near ones are connected more often, and each input
        reaches 32 of them with weight 8 or -8.
    lateral : array_like, shape (units, units), optional
        The weights instead, ``lateral[i, l]`` from neuron l to neuron i. Without either they are zero, to be set in
        ``buffers["lateral"]``.
    trained : bool
        Whether the weights from the layer below are trained; those of a reservoir are not, as a rule.
    tau_m, tau_s : float
        Membrane and synaptic time constant in steps, at least 1; they may be equal.
    t_ref : int
        Refractory period in steps.
    psp_kernel : {"exact", "srm"}
        The S-PSP of the simulation itself, or the paper's continuous kernel.
    effect_ratio : bool
        Whether the error passes to the layer below by the S-PSP of each spike there, as in the paper, or by a slope of 1.
    silent_slope : float
        Slope by which the error passes instead where one of the two neurons is silent, at least 0; the paper's is 1. With
        less, fewer neurons of a deep network die.
    initial_weight : float, optional
        Initial weights from below are uniform in [-initial_weight, initial_weight]; by default as in `SpikingDense`.
    name : str, optional
        By default "recurrent_1", "recurrent_2", ... by position.

    Attributes
    ----------
    buffers : dict
        "lateral", float32 (units, units), and "weight" (units, inputs) if that is not trained.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    >>> SpikingRecurrent(135, v_th=20.0, reservoir=(3, 3, 15), trained=False).units
    135
    """

    kind_name = "recurrent"

    def __init__(
        self,
        units: int,
        v_th: float,
        reservoir: tuple[int, int, int] | None = None,
        lateral: np.ndarray | None = None,
        trained: bool = True,
        tau_m: float = 64.0,
        tau_s: float = 8.0,
        t_ref: int = 2,
        psp_kernel: str = "exact",
        effect_ratio: bool = True,
        silent_slope: float = 1.0,
        initial_weight: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            units,
            v_th,
            tau_m,
            tau_s,
            t_ref,
            psp_kernel=psp_kernel,
            effect_ratio=effect_ratio,
            silent_slope=silent_slope,
            initial_weight=initial_weight,
            name=name,
        )
        self.trained = checks.flag("trained", trained)
        self.reservoir = None if reservoir is None else checks.shape("reservoir", reservoir)
        if self.reservoir is not None and (len(self.reservoir) != 3 or prod(self.reservoir) != self.units):
            raise InputError(f"reservoir={reservoir!r}: pass three sizes whose product is units={units}")
        if lateral is not None:
            if reservoir is not None:
                raise InputError("reservoir and lateral are both given: pass one of them")
            lateral = np.array(lateral, np.float32)
            if lateral.shape != (self.units, self.units) or not np.isfinite(lateral).all():
                raise InputError(f"lateral has shape {lateral.shape}: pass finite weights, shape ({units}, {units})")
        self._given = lateral

    def config(self) -> dict[str, Any]:
        """Arguments that make this layer again, but for the lateral weights, which are a buffer."""
        return {name: value for name, value in super().config().items() if name != "lateral"}

    def connect(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Fix the shapes; return those of the arrays that `build` makes."""
        return super().connect(input_shape) | {"lateral": (self.units, self.units)}

    def build(self, input_shape: tuple[int, ...], rng: np.random.Generator) -> None:
        """Draw the weights."""
        super().build(input_shape, rng)
        lateral = np.zeros((self.units, self.units), np.float32) if self._given is None else self._given
        if self.reservoir is not None:
            lateral = _reservoir(self.reservoir, rng)
            self.params["weight"][...] = _input_weights(self.params["weight"].shape, rng)
        self.buffers = {"lateral": lateral}
        if not self.trained:
            self.buffers["weight"] = self.params.pop("weight")
            self.grads = {}

    @property
    def weight(self) -> np.ndarray:
        """Weights (units, inputs), trained or fixed."""
        return (self.params if self.trained else self.buffers)["weight"]

    @property
    def lateral(self) -> np.ndarray | None:
        """Weights among the layer's own neurons (units, units), [to, from]."""
        return self.buffers.get("lateral", self._given)


def _reservoir(grid: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw the weights among the neurons of a reservoir, [to, from]."""
    places = np.stack(np.meshgrid(*map(np.arange, grid), indexing="ij"), axis=-1).reshape(-1, 3)
    excites = rng.random(len(places)) < EXCITATORY
    distance = ((places[:, None] - places[None]) ** 2).sum(-1)
    kind = excites.astype(int)
    chance = CONNECTION[kind[None, :], kind[:, None]] * np.exp(-distance / 4)
    connected = rng.random(chance.shape) < chance
    np.fill_diagonal(connected, False)
    return np.where(connected, np.where(excites, 1, -1)[None, :], 0).astype(np.float32)


def _input_weights(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw the weights from the inputs, each of which reaches some neurons of the reservoir."""
    units, inputs = shape
    weight = np.zeros(shape, np.float32)
    for j in range(inputs):
        reached = rng.choice(units, min(REACH, units), replace=False)
        weight[reached, j] = rng.choice((-INPUT_WEIGHT, INPUT_WEIGHT), reached.size)
    return weight
