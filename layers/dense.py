"""`SpikingDense`: fully connected spiking neurons, optionally with local inhibition."""

from math import prod, sqrt

import numpy as np

from cupynn import checks
from cupynn.kernels.cuda import CudaSource
from cupynn.kernels.sums import BatchSum
from cupynn.layers import dense_cpu, dense_cuda
from cupynn.layers.base import INITIAL_SCALE, Run, SpikingLayer
from cupynn.layers.synapses import DenseSynapses
from cupynn.spikes.trains import SpikeTrains


class SpikingDense(SpikingLayer):
    """Fully connected leaky integrate-and-fire neurons with a first-order synapse.

    Parameters
    ----------
    units : int
        Number of neurons.
    v_th : float
        Firing threshold.
    tau_m, tau_s : float
        Membrane and synaptic time constant in steps, at least 1; they may be equal.
    t_ref : int
        Refractory period in steps.
    lateral_inhibition : float
        Strength by which each spike lowers the synaptic current of all other neurons of the layer at the next step.
    psp_kernel : {"exact", "srm"}
        The S-PSP of the simulation itself, or the paper's continuous kernel.
    effect_ratio : bool
        Whether the error passes to the layer below by the S-PSP of each spike there, as in the paper, or by a slope of 1.
    silent_slope : float
        Slope by which the error passes instead where one of the two neurons is silent, at least 0; the paper's is 1. With
        less, fewer neurons of a deep network die.
    overshoot : bool
        Whether the slope of a count by its drive is v_th / m^2, where the inputs bring the membrane to m > v_th at a firing,
        on average, in place of the paper's 1 / v_th. Neurons that fire whenever they can are then no longer driven on, which
        is how long trainings may run away.
    initial_weight : float, optional
        Initial weights are uniform in [-initial_weight, initial_weight]; by default
        ``v_th * 0.8 * sqrt(3 / inputs)``.
    name : str, optional
        By default "dense_1", "dense_2", ... by position.

    Attributes
    ----------
    params : dict
        "weight", float32 (units, inputs).

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    >>> SpikingDense(800, v_th=20.0).units
    800
    """

    kind_name = "dense"
    twins = dense_cpu, dense_cuda
    cuda = CudaSource.of("cupynn.layers", "dense")

    def __init__(
        self,
        units: int,
        v_th: float,
        tau_m: float = 64.0,
        tau_s: float = 8.0,
        t_ref: int = 2,
        lateral_inhibition: float = 0.0,
        psp_kernel: str = "exact",
        effect_ratio: bool = True,
        silent_slope: float = 1.0,
        overshoot: bool = False,
        initial_weight: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(v_th, tau_m, tau_s, t_ref, psp_kernel, effect_ratio, name, silent_slope)
        self.overshoot = checks.flag("overshoot", overshoot)
        self.units = checks.integer("units", units, minimum=1)
        self.lateral_inhibition = checks.number("lateral_inhibition", lateral_inhibition, minimum=0)
        self.initial_weight = None if initial_weight is None else checks.number("initial_weight", initial_weight, above=0)
        self.output_shape = (self.units,)

    def connect(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Fix the shapes; return those of the arrays that `build` makes."""
        self.input_shape = input_shape
        return {"weight": (self.units, prod(input_shape))}

    def build(self, input_shape: tuple[int, ...], rng: np.random.Generator) -> None:
        """Draw the initial weights, uniform."""
        shape = self.connect(input_shape)["weight"]
        bound = self.initial_weight or self.v_th * INITIAL_SCALE * sqrt(3 / shape[1])
        self.params = {"weight": rng.uniform(-bound, bound, shape).astype(np.float32)}
        self.grads = {"weight": np.zeros(shape, np.float32)}

    @property
    def weight(self) -> np.ndarray:
        """Weights (units, inputs), trained or fixed."""
        return self.params["weight"]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the arrays, as the layer was built."""
        return {"weight": (self.units, prod(self.input_shape)), "lateral": (self.units, self.units)}

    @property
    def lateral(self) -> np.ndarray | None:
        """Weights among the layer's own neurons (units, units), [to, from], if there are any."""
        return None

    @property
    def synapses(self) -> DenseSynapses:
        """What the kernels take of the layer's arrays."""
        return DenseSynapses(self.weight, self.lateral, self.lateral_inhibition, self.cuda)

    def forward(self, inputs: SpikeTrains, record: bool = False) -> Run:
        """Simulate the layer: current, membrane and firing, step by step."""
        states = self.recorders(inputs, record)
        spikes = self.twin(inputs).simulate(inputs, self.synapses, self.neuron, *states)
        return self.run(spikes, *states)

    def backward(
        self,
        inputs: SpikeTrains,
        outputs: SpikeTrains,
        delta: np.ndarray,
        input_error: bool = True,
        batch_sum: BatchSum | None = None,
    ) -> np.ndarray | None:
        """Weight gradient and error of the inputs from the S-PSP: the macro and the micro level of the paper."""
        delta = self.checked(inputs, outputs, delta)
        gradient = self.grads.get("weight")
        if gradient is None and not input_error:  # a reservoir at the bottom
            return None
        below = inputs.xp.empty((inputs.batch, inputs.size), np.float32) if input_error else None
        errors, batch_sum = delta / np.float32(self.v_th), batch_sum or BatchSum(inputs.batch)
        self.twin(inputs).backward(inputs, outputs, errors, self.synapses, self.rule, gradient, below, batch_sum)
        return None if below is None else below.reshape(inputs.batch, *self.input_shape)
