"""`SpikingDense`: fully connected spiking neurons, optionally with local inhibition."""

from math import prod, sqrt
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.kernels.cuda import CudaSource
from cupynn.layers import dense_cpu, dense_cuda
from cupynn.layers.constant import with_column, with_constant
from cupynn.layers.delays import DelayedLayer
from cupynn.layers.spiking import INITIAL_SCALE
from cupynn.layers.synapses import DenseSynapses
from cupynn.spikes.trains import SpikeTrains


class SpikingDense(DelayedLayer):
    """Fully connected leaky integrate-and-fire neurons with a first-order synapse.

    Parameters
    ----------
    units : int
        Number of neurons.
    v_th : float
        Firing threshold.
    tau_m, tau_s : float
        Membrane and synaptic time constants in steps, at least 1; they may be equal.
    t_ref : int
        Refractory period in steps.
    lateral_inhibition : float
        Amount by which each spike lowers the synaptic current of all other neurons of the layer at the next step.
    psp_kernel : {"exact", "srm"}
        Kernel of the S-PSP: that of the simulation itself, or the paper's continuous one.
    effect_ratio : bool
        Whether to pass the error to the layer below by the S-PSP of each spike there, as in the paper, or by a slope of 1.
    silent_slope : float
        Slope used instead if either neuron is silent, at least 0 (paper: 1); less keeps more neurons of deep networks alive.
    overshoot : bool
        Whether to reduce the error of saturated neurons: if the inputs bring the membrane to m > v_th on average when it
        fires, the slope of the count is v_th / m^2 instead of the paper's 1 / v_th. With the paper's, neurons that already
        fire at every chance are driven further, which can make long trainings diverge.
    initial_weight : float, optional
        Bound of the uniform initial weights; by default ``v_th * 0.8 * sqrt(3 / inputs)``.
    name : str, optional
        By default "dense_1", "dense_2", ... by position.
    trained : bool
        Whether to train the weights. False freezes the layer: training leaves its weights as they are and passes the error
        on. To freeze or unfreeze it later, set ``layer.trained``.
    trainable : tuple of str
        Constants to train with the weights, any of "tau_m", "tau_s" and "v_th"; their arguments are the initial values.
    per : {"layer", "neuron"}
        Whether all neurons share a trained constant, or each has its own.
    bias : bool
        Whether each neuron has a bias, the weight of an input that fires at every step, which is trained like any other and
        starts at 0.
    delays : int or array_like of int, optional
        Steps that the spikes of an input take to act: one number, or one per input, in the shape of the input or flat.
    train_delays : bool
        Whether to train the delays, from the given ones, or from random ones between 0 and `max_delay`. Each is a real
        number between these bounds; the nearest whole one is used.
    max_delay : int, optional
        Largest delay in steps, less than the steps of the network; trained delays need it.

    Attributes
    ----------
    params : dict
        "weight", float32 (units, inputs), and "delay" (inputs,) if delays are trained, as a share of `max_delay`, so that
        the learning rate of weights fits; in a frozen layer they are in `buffers`. With a trained constant also, under its
        name, an array of shape (1,) or (units,): see `SpikingLayer`. ``layer.tau_m`` and others give the current values.
    delay_steps : ndarray of int32, shape (inputs,), or None
        Delay of each input in whole steps.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> SpikingDense(800, v_th=20.0).units
    800

    Time constants that are trained, one for each neuron:

    >>> layer = SpikingDense(3, v_th=1.0, tau_m=20.0, trainable=("tau_m", "tau_s"), per="neuron")
    >>> layer.build((4,), np.random.default_rng(0))
    >>> layer.tau_m, layer.params["tau_m"]
    (array([20., 20., 20.]), array([0., 0., 0.], dtype=float32))
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
        trained: bool = True,
        trainable: tuple[str, ...] = (),
        per: str = "layer",
        bias: bool = False,
        delays: int | np.ndarray | None = None,
        train_delays: bool = False,
        max_delay: int | None = None,
    ) -> None:
        super().__init__(v_th, tau_m, tau_s, t_ref, psp_kernel, effect_ratio, name, silent_slope, trained, trainable, per)
        self.overshoot = checks.flag("overshoot", overshoot)
        self.units = checks.integer("units", units, minimum=1)
        self.lateral_inhibition = checks.number("lateral_inhibition", lateral_inhibition, minimum=0)
        self.initial_weight = None if initial_weight is None else checks.number("initial_weight", initial_weight, above=0)
        self.output_shape = (self.units,)
        self.bias = checks.flag("bias", bias)
        self.set_delays(delays, train_delays, max_delay)

    def connect(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Fix the shapes; return those of the arrays that `build` makes."""
        self.input_shape = input_shape
        bias = {"bias": (self.units,)} if self.bias else {}
        return {"weight": (self.units, prod(self.pooled_shape))} | bias | self.delay_shapes() | self.constant_shapes()

    def build(self, input_shape: tuple[int, ...], rng: np.random.Generator) -> None:
        """Draw uniform initial weights."""
        shape = self.connect(input_shape)["weight"]
        bound = self.initial_weight or vars(self)["v_th"] * INITIAL_SCALE * sqrt(3 / shape[1]) / self.pooled_gain
        self.allocate({"weight": rng.uniform(-bound, bound, shape).astype(np.float32)} | self.biases(self.units))
        self.draw_delays(rng)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes with which the arrays were built."""
        shapes = {"weight": (self.units, prod(self.pooled_shape)), "lateral": (self.units, self.units)}
        return shapes | {"bias": (self.units,), "delay": (prod(self.input_shape),)} | self.constant_shapes()

    @property
    def lateral(self) -> np.ndarray | None:
        """Weights among the layer's own neurons (units, units), [to, from], if any."""
        return None

    @property
    def synapses(self) -> DenseSynapses:
        """The layer's arrays, as its kernels take them."""
        return DenseSynapses(self.merged_weight, self.lateral, self.lateral_inhibition, self.cuda)

    @property
    def merged_weight(self) -> np.ndarray:
        """Weights (units, inputs + bias) of the trains that the kernels take: see `seen`."""
        weight, bias = self.spread_weight, self.bias_weight
        return weight if bias is None else with_column(weight, bias)

    @property
    def spread_weight(self) -> np.ndarray:
        """Weights of the trains below, (units, inputs)."""
        if self.windows is None:
            return self.weight
        weight = self.weight.reshape(self.units, *checks.image_shape(self.name, self.pooled_shape))
        return self.windows.spread(weight, self.input_shape[-2:]).reshape(self.units, -1)

    @property
    def spread_shape(self) -> tuple[int, ...]:
        """Shape of `spread_weight`."""
        return self.units, prod(self.input_shape)

    def gathered(self, gradient: Any) -> Any:
        """Return the gradient of the weights for that of the weights of the trains below."""
        if self.windows is None:
            return gradient
        image, pooled = (checks.image_shape(self.name, shape) for shape in (self.input_shape, self.pooled_shape))
        return self.windows.gather(gradient.reshape(self.units, *image), (self.units, *pooled))

    def seen(self, inputs: SpikeTrains) -> SpikeTrains:
        """Return the trains below as they act, followed by the constant one of a bias."""
        acting = self.acting(inputs)
        return with_constant(acting) if self.bias else acting
