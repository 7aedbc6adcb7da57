"""`SpikingRecurrent`: spiking neurons with recurrent weights, fixed as in a reservoir, or trained."""

from math import prod
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.kernels.sums import BatchSum
from cupynn.layers import lateral as trained_lateral
from cupynn.layers import lateral_cpu, lateral_cuda
from cupynn.layers.dense import SpikingDense
from cupynn.spikes.trains import SpikeTrains

# The original program's reservoir: two neurons at distance D on the grid connect with probability C exp(-D^2 / 4), where C
# depends on whether they excite or inhibit.
EXCITATORY = 0.8
CONNECTION = np.array([[0.15, 0.6], [0.3, 0.45]])  # C by [from excitatory, to excitatory]
REACH = 32  # reservoir neurons per input
INPUT_WEIGHT = 8.0

# Arguments of later versions, which older files lack, and their defaults. Files of 0.1.0 have `trained`.
LATER = {
    "train_lateral": False,
    "self_loops": False,
    "recurrent_error": "solve",
    "trainable": (),
    "per": "layer",
    "bias": False,
}


class SpikingRecurrent(SpikingDense):
    """Fully connected spiking neurons that also receive their own spikes, one step later, through recurrent weights.

    The recurrent weights are fixed, as in a reservoir, or trained (ST-RSBP, Zhang and Li, NeurIPS 2019).

    Parameters
    ----------
    units : int
        Number of neurons.
    v_th : float
        Firing threshold.
    reservoir : (int, int, int), optional
        Grid of a reservoir with `units` neurons, wired at random by the rule of the original program: 80 % of the neurons
        excite with weight 1 and 20 % inhibit with -1, close neurons connect more often, and each input reaches 32 neurons
        with weight 8 or -8.
    lateral : array_like, shape (units, units), optional
        Recurrent weights instead, ``lateral[i, l]`` from neuron l to neuron i. Without either argument fixed ones are zero,
        to be set in ``buffers["lateral"]``, and trained ones are uniform with the standard deviation
        ``0.2 * v_th / sqrt(connections)`` for the number of connections to a neuron.
    trained : bool
        Whether to train the weights, as in `SpikingDense`; those of a reservoir usually stay fixed. False freezes the
        recurrent weights, too.
    tau_m, tau_s : float
        Membrane and synaptic time constants in steps, at least 1; they may be equal.
    t_ref : int
        Refractory period in steps.
    psp_kernel : {"exact", "srm"}
        Kernel of the S-PSP: that of the simulation itself, or the paper's continuous one.
    effect_ratio : bool
        Whether to pass the error to the layer below by the S-PSP of each spike there, as in the paper, or by a slope of 1.
    silent_slope : float
        Slope used instead if either neuron is silent, at least 0 (paper: 1); less keeps more neurons of deep networks alive.
    initial_weight : float, optional
        Bound of the uniform initial weights from below; by default as in `SpikingDense`.
    name : str, optional
        By default "recurrent_1", "recurrent_2", ... by position.
    train_lateral : bool
        Whether to train the recurrent weights.
    self_loops : bool
        Whether to train the weights of neurons to themselves; otherwise they stay zero.
    mask : array_like of bool, shape (units, units), optional
        The recurrent weights that are trained, all others staying zero: by default the wiring of the reservoir, or else all.
    recurrent_error : {"solve", "none"}
        Whether, where recurrent weights are trained, the error of a neuron includes what its spikes change in the other
        neurons: by five steps of a fixed-point iteration, to which silent neurons add nothing, or not at all.
    trainable : tuple of str
        Constants to train with the weights, any of "tau_m", "tau_s" and "v_th"; their arguments are the initial values.
    per : {"layer", "neuron"}
        Whether all neurons share a trained constant, or each has its own.
    bias : bool
        Whether each neuron has a bias, the weight of an input that fires at every step, which is trained like any other and
        starts at 0.
    delays, train_delays, max_delay
        As in `SpikingDense`, for the spikes of the layer below; its own arrive one step later.

    Attributes
    ----------
    params : dict
        "weight", float32 (units, inputs), and "lateral" (units, units) if it is trained; in a frozen layer both are in
        `buffers`.
    buffers : dict
        "lateral", float32 (units, units), unless it is trained, and otherwise "mask" (units, units), 1 where it is.
    amplifies : bool
        Whether the iteration has diverged for a sample: its errors were then passed on without recurrence. `Sequential.fit`
        tells when this happens.

    Raises
    ------
    InputError
        If an argument is out of range, or a weight is given outside the mask.

    Examples
    --------
    >>> SpikingRecurrent(135, v_th=20.0, reservoir=(3, 3, 15), trained=False).units
    135
    >>> layer = SpikingRecurrent(4, v_th=1.0, train_lateral=True)
    >>> layer.build((3,), np.random.default_rng(0))
    >>> list(layer.params), np.diag(layer.lateral)
    (['weight', 'lateral'], array([0., 0., 0., 0.], dtype=float32))
    """

    kind_name = "recurrent"
    amplifies: Any = False  # or an array without axes, on the device

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
        train_lateral: bool = False,
        self_loops: bool = False,
        mask: np.ndarray | None = None,
        recurrent_error: str = "solve",
        trainable: tuple[str, ...] = (),
        per: str = "layer",
        bias: bool = False,
        delays: int | np.ndarray | None = None,
        train_delays: bool = False,
        max_delay: int | None = None,
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
            trained=trained,
            trainable=trainable,
            per=per,
            bias=bias,
            delays=delays,
            train_delays=train_delays,
            max_delay=max_delay,
        )
        self.reservoir = None if reservoir is None else checks.shape("reservoir", reservoir)
        if self.reservoir is not None and (len(self.reservoir) != 3 or prod(self.reservoir) != self.units):
            raise InputError(f"reservoir={reservoir!r}: pass three sizes whose product is units={units}")
        self.train_lateral = checks.flag("train_lateral", train_lateral)
        self.self_loops = checks.flag("self_loops", self_loops)
        self.recurrent_error = checks.choice("recurrent_error", recurrent_error, trained_lateral.RECURRENT_ERRORS)
        if not self.train_lateral and (self.self_loops or mask is not None):
            raise InputError("self_loops and mask are for trained recurrent weights: pass train_lateral=True, or neither")
        if lateral is not None:
            if reservoir is not None:
                raise InputError("reservoir and lateral are both given: pass one of them")
            lateral = trained_lateral.square("lateral", lateral, self.units)
        self._mask = None if mask is None else trained_lateral.connections(mask, self.units)
        if self.train_lateral and lateral is not None:
            trained_lateral.refuse_outside(lateral, trained_lateral.allowed(self.units, self._mask, self.self_loops))
        self._given = lateral

    def config(self) -> dict[str, Any]:
        """Return the arguments that recreate this layer, without arrays, and without later ones that have their default."""
        table = super().config()
        return {
            name: value
            for name, value in table.items()
            if name not in ("lateral", "mask") and not (name in LATER and value == LATER[name])
        }

    def connect(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Fix the shapes; return those of the arrays that `build` makes."""
        own = dict.fromkeys(("lateral", "mask") if self.train_lateral else ("lateral",), (self.units, self.units))
        return super().connect(input_shape) | own

    def build(self, input_shape: tuple[int, ...], rng: np.random.Generator) -> None:
        """Draw the weights."""
        super().build(input_shape, rng)
        lateral = np.zeros((self.units, self.units), np.float32) if self._given is None else self._given
        if self.reservoir is not None:
            lateral = _reservoir(self.reservoir, rng)
            self.weight[...] = _input_weights(self.weight.shape, rng)
        if not self.train_lateral:
            self.buffers = {"lateral": lateral} | self.buffers
            return
        wiring = lateral != 0 if self.reservoir is not None and self._mask is None else self._mask
        among = trained_lateral.allowed(self.units, wiring, self.self_loops)
        drawn = self.reservoir is None and self._given is None
        lateral = trained_lateral.draw(among, vars(self)["v_th"], rng) if drawn else lateral * among
        self.params["lateral"], self.grads["lateral"] = lateral, np.zeros_like(lateral)
        self.buffers["mask"] = among.astype(np.float32)
        self.arrange()

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes with which the arrays were built."""
        return super().shapes() | {"mask": (self.units, self.units)}

    def project(self) -> None:
        """Set recurrent weights outside the mask to zero."""
        super().project()
        if "lateral" in self.params:
            self.params["lateral"] *= self.buffers["mask"]

    def backward(
        self,
        inputs: SpikeTrains,
        outputs: SpikeTrains,
        delta: np.ndarray,
        input_error: bool = True,
        batch_sum: BatchSum | None = None,
    ) -> np.ndarray | None:
        """Compute the gradients and the error of the inputs from the S-PSP, also from that of the layer's own trains."""
        if not self.train_lateral:
            return super().backward(inputs, outputs, delta, input_error, batch_sum)
        delta = self.checked(inputs, outputs, delta).reshape(inputs.batch, outputs.size)
        if not self.grads and not input_error:
            return None
        seen, synapses, batch_sum = self.seen(inputs), self.synapses, batch_sum or BatchSum(inputs.batch)
        gradient = self.gradient_for(synapses, inputs.xp, batch_sum)
        gradients = (gradient, self.grads["lateral"]) if self.grads else None
        below = inputs.xp.empty((inputs.batch, seen.size), np.float32) if input_error else None
        twin, solve = (lateral_cpu, lateral_cuda)[inputs.on_cuda], self.recurrent_error == "solve"
        errors, slopes = inputs.xp.empty_like(delta), self.slopes_of(seen)
        arguments = delta, synapses._replace(slopes=slopes), self.rule, gradients, errors, below, batch_sum, solve
        self.amplifies = twin.backward(seen, outputs, *arguments).any() | self.amplifies
        self.learn_delays(slopes, batch_sum)
        if gradients:
            gradients[1][...] *= self.buffers["mask"]
            self.keep(gradient)
            self.learn_constants(seen, outputs, errors, batch_sum)
        return None if below is None else below[:, : inputs.size].reshape(inputs.batch, *self.input_shape)

    @property
    def lateral(self) -> np.ndarray | None:
        """Weights among the layer's own neurons (units, units), [to, from]."""
        return (self.params | self.buffers).get("lateral", self._given)

    @property
    def mask(self) -> np.ndarray | None:
        """Trained recurrent weights, 1 or True, of all (units, units); None if none are trained, or before `build`."""
        return self.buffers.get("mask", self._mask)


def _reservoir(grid: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw the recurrent weights of a reservoir, [to, from]."""
    places = np.stack(np.meshgrid(*map(np.arange, grid), indexing="ij"), axis=-1).reshape(-1, 3)
    excites = rng.random(len(places)) < EXCITATORY
    distance = ((places[:, None] - places[None]) ** 2).sum(-1)
    kind = excites.astype(int)
    chance = CONNECTION[kind[None, :], kind[:, None]] * np.exp(-distance / 4)
    connected = rng.random(chance.shape) < chance
    np.fill_diagonal(connected, False)
    return np.where(connected, np.where(excites, 1, -1)[None, :], 0).astype(np.float32)


def _input_weights(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw the input weights: each input reaches REACH neurons of the reservoir."""
    units, inputs = shape
    weight = np.zeros(shape, np.float32)
    for j in range(inputs):
        reached = rng.choice(units, min(REACH, units), replace=False)
        weight[reached, j] = rng.choice((-INPUT_WEIGHT, INPUT_WEIGHT), reached.size)
    return weight
