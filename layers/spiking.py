"""`SpikingLayer`: the base class of layers of leaky integrate-and-fire neurons."""

from math import prod
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.kernels.cuda import CudaSource, on_device
from cupynn.kernels.each import is_array
from cupynn.kernels.lif import MARGIN, Lif, lif, lif_each
from cupynn.kernels.psp import PSP_KERNELS, Psp, psp, psp_each
from cupynn.kernels.rule import Rule
from cupynn.layers.base import Layer, Run
from cupynn.layers.constants import TrainedConstants, aligned_constants
from cupynn.spikes.trains import SpikeTrains

# Initial weights are uniform with standard deviation v_th * INITIAL_SCALE / sqrt(inputs): for any number of inputs, some
# neurons cross the threshold at the start and others do not. After 3,000 images of MNIST, the paper's convolutional network
# reached 83 %, and 72 % with half of this value.
INITIAL_SCALE = 0.8


class SpikingLayer(TrainedConstants, Layer):
    """A layer of leaky integrate-and-fire neurons with a first-order synapse: the base of all layers, also custom ones.

    A custom layer defines `kind_name`, `build`, `forward` and `backward`; `recorders` and `checked` check the arguments, and
    `run` assembles the result. To load it from files, decorate it with `layers.register`. It may have a
    `CudaSource`, `cuda`.

    Parameters
    ----------
    v_th : float
        Firing threshold.
    tau_m, tau_s : float
        Membrane and synaptic time constants in steps, at least 1; they may be equal.
    t_ref : int
        Refractory period in steps.
    psp_kernel : {"exact", "srm"}
        Kernel of the S-PSP: that of the simulation itself, or the paper's continuous one.
    effect_ratio : bool
        Whether to pass the error to the layer below by the S-PSP of each spike there, as in the paper, or by a slope of 1.
    name : str or None
    silent_slope : float
        Slope used instead if either neuron is silent, at least 0 (paper: 1); less keeps more neurons of deep networks alive.
    trained : bool
        Whether to train the weights; False freezes them, as the attribute does later.
    trainable : tuple of str
        Constants that are trained with the weights, any of "tau_m", "tau_s" and "v_th".
    per : {"layer", "neuron"}
        Whether all neurons share a trained constant, or each neuron, or each map of images, has its own.

    Notes
    -----
    With ``trainable=("tau_m",)``, ``params["tau_m"]`` holds an array p (groups,), 0 at the start, and ``layer.tau_m`` is
    1 + (tau_m - 1) exp(p), a float or, with ``per="neuron"``, an array; tau_s likewise, and v_th with 1e-5 in place of 1. So
    they keep within their bounds. Gradients are those of the membranes at firings, for fixed trains: dE/dtau of a neuron is
    D sum_j w_j de_j/dtau, and dE/dv_th is -D sum_j w_j e_j / v_th, where D is its error over its threshold. A silent neuron
    has no membranes at firings, hence no gradient: only its weights change.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> from cupynn.layers import SpikingDense
    >>> isinstance(SpikingDense(2, v_th=1.0), SpikingLayer)
    True
    """

    margin: ClassVar[float] = MARGIN  # a neuron fires above v_th - margin
    overshoot = False  # an argument of layers with weights
    # Arguments of later versions, which older files lack, and their defaults.
    added: ClassVar[dict[str, Any]] = {"trained": True, "trainable": (), "per": "layer"}
    twins: ClassVar[tuple[ModuleType, ModuleType]]  # modules of kernels for the CPU and for a GPU
    cuda: ClassVar[CudaSource]  # source of the GPU kernels

    def __init__(
        self,
        v_th: float,
        tau_m: float,
        tau_s: float,
        t_ref: int,
        psp_kernel: str,
        effect_ratio: bool,
        name: str | None,
        silent_slope: float = 1.0,
        trained: bool = True,
        trainable: tuple[str, ...] = (),
        per: str = "layer",
    ) -> None:
        super().__init__(name)
        if not checks.flag("trained", trained):
            self.trained = False
        self.v_th = checks.number("v_th", v_th, above=1e-5)
        self.tau_m = checks.number("tau_m", tau_m, minimum=1)
        self.tau_s = checks.number("tau_s", tau_s, minimum=1)
        self.t_ref = checks.integer("t_ref", t_ref, maximum=10**6)
        self.psp_kernel = checks.choice("psp_kernel", psp_kernel, PSP_KERNELS)
        self.effect_ratio = checks.flag("effect_ratio", effect_ratio)
        self.silent_slope = checks.number("silent_slope", silent_slope, minimum=0)
        self.train_constants(trainable, per)

    def config(self) -> dict[str, Any]:
        """Return the arguments that recreate this layer, without those that files of earlier versions lack, by default."""
        return {
            name: value for name, value in super().config().items() if name not in self.added or value != self.added[name]
        }

    def allocate(self, weights: dict[str, np.ndarray]) -> None:
        """Keep new weights and the trained constants, with zero gradients, when the layer is built.

        Parameters
        ----------
        weights : dict of str to ndarray
            Float32, by name.
        """
        self.params = weights | self.constant_arrays()
        self.grads = {name: np.zeros_like(array) for name, array in self.params.items()}
        self.buffers, self._frozen = {}, ()
        self.arrange()

    @property
    def neuron(self) -> Lif:
        """Constants of the simulation."""
        values = self.v_th, self.tau_m, self.tau_s
        make = lif_each if any(map(is_array, values)) else lif
        return make(*aligned_constants(*values), self.t_ref, self.margin)

    def drive(self) -> float:
        """Return the largest current that a neuron can receive in one step, with all its inputs firing.

        Training warns of layers that can never fire by it. Infinity, for a layer without an array "weight", warns of none;
        a custom layer may define it.
        """
        weight = (self.params | self.buffers).get("weight")
        if weight is None:
            return float("inf")
        return float(weight.reshape(len(weight), -1).clip(0, None).sum(1, dtype=np.float64).max())

    @property
    def potential(self) -> Psp:
        """Constants of the S-PSP's traces."""
        tau_m, tau_s = aligned_constants(self.tau_m, self.tau_s)
        return (psp_each if is_array(tau_m) else psp)(self.psp_kernel, tau_m, tau_s, self.t_ref)

    @property
    def rule(self) -> Rule:
        """Constants of the learning rule."""
        v_th = np.float32(self.v_th) if is_array(self.v_th) else self.v_th
        return Rule(self.potential, self.t_ref, v_th, self.effect_ratio, self.silent_slope, self.overshoot)

    def twin(self, trains: SpikeTrains) -> ModuleType:
        """Return the kernels for the device of the trains."""
        return self.twins[trains.on_cuda]

    def recorders(self, inputs: SpikeTrains, record: bool) -> tuple[np.ndarray, np.ndarray]:
        """Check the arguments of `forward`; return arrays in which to record membrane and current.

        Parameters
        ----------
        inputs, record
            As in `forward`.

        Returns
        -------
        membrane, current : ndarray of float32, shape (B, T, N)
            Zeros, or empty arrays unless `record`.

        Raises
        ------
        InputError
            If the trains do not fit the layer, or its arrays have been replaced.
        """
        if inputs.size != prod(self.input_shape):
            raise InputError(f"{self.name}: spikes have shape {inputs.shape}, this layer takes (B, T, *{self.input_shape})")
        inputs.verify()
        self.check_arrays(inputs.on_cuda)
        shape = (inputs.batch, inputs.steps, prod(self.output_shape)) if record else (0, 0, 0)
        make = inputs.xp.zeros if record else inputs.xp.empty
        return make(shape, np.float32), make(shape, np.float32)

    def checked(self, inputs: SpikeTrains, outputs: SpikeTrains, delta: np.ndarray) -> np.ndarray:
        """Check the arguments of `backward`, by which kernels index; return `delta`, contiguous float32.

        Parameters
        ----------
        inputs, outputs, delta
            As in `backward`.

        Raises
        ------
        InputError
            If the trains are not those of `forward`, the error has another shape, or a gradient is read-only.
        """
        expected = (inputs.batch, inputs.steps, *self.output_shape)
        if inputs.size != prod(self.input_shape) or outputs.shape != expected or outputs.on_cuda != inputs.on_cuda:
            raise InputError(
                f"{self.name}: inputs {inputs.shape} and outputs {outputs.shape}: pass the inputs and outputs of forward, "
                f"(B, T, *{self.input_shape}) and (B, T, *{self.output_shape}), on one device"
            )
        if delta.shape != (inputs.batch, *self.output_shape) or on_device(delta) != inputs.on_cuda:
            raise InputError(
                f"{self.name}: the error has shape {delta.shape}: pass (B, *{self.output_shape}) on the trains' device"
            )
        inputs.verify()
        outputs.verify()
        self.check_arrays(inputs.on_cuda)
        for name, gradient in self.grads.items():
            checks.writable(f"the gradient of {self.name}/{name}", gradient)
        return inputs.xp.ascontiguousarray(delta, np.float32)

    def run(self, spikes: SpikeTrains, membrane: np.ndarray, current: np.ndarray) -> Run:
        """Return the result of `forward`.

        Parameters
        ----------
        spikes : SpikeTrains
            (B, T, *output_shape).
        membrane, current : ndarray
            The arrays from `recorders`, filled in.
        """
        if not membrane.shape[1]:
            return Run(spikes, None, None)
        return Run(spikes, membrane.reshape(spikes.shape), current.reshape(spikes.shape))
