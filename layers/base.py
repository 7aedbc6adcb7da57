"""The contract that every layer keeps."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache
from inspect import Parameter, signature
from math import prod
from types import ModuleType
from typing import ClassVar, NamedTuple

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.config import Configured
from cupynn.kernels.cuda import CudaSource, on_device
from cupynn.kernels.lif import MARGIN, Lif, lif
from cupynn.kernels.psp import PSP_KERNELS, Psp, psp
from cupynn.kernels.rule import Rule
from cupynn.kernels.sums import BatchSum
from cupynn.spikes.trains import SpikeTrains

# Initial weights are uniform with a standard deviation of v_th * INITIAL_SCALE / sqrt(inputs), so that at the start the
# membrane of some neurons crosses the threshold and that of others does not, whatever the width of the layer below. After
# 3,000 images of MNIST, the paper's convolutional network was at 72 % with half of this, at 83 % with this.
INITIAL_SCALE = 0.8


class Run(NamedTuple):
    """What a layer did in one pass: its trains and, where asked for, its state at every step."""

    spikes: SpikeTrains
    membrane: np.ndarray | None  # (B, T, *output_shape) float32, just before a reset
    current: np.ndarray | None  # (B, T, *output_shape) float32


class Layer(Configured, ABC):
    """A layer of spiking neurons.

    The constructor stores its arguments under their own names; `build` allocates. `forward` and `backward` are twins and
    keep nothing between them: the network hands the trains back.

    Attributes
    ----------
    name : str
        Set by the constructor or, from kind and position, by the network.
    params, grads : dict of str to ndarray
        Trained arrays, float32, and the gradients that the last `backward` wrote, under the same keys.
    buffers : dict of str to ndarray
        Fixed arrays, float32, that belong to the layer and are saved with it.
    input_shape, output_shape : tuple of int
        Known once built.

    Examples
    --------
    The passes of any layer, by hand:

    >>> from cupynn.layers import SpikingDense
    >>> layer = SpikingDense(2, v_th=1.0)
    >>> layer.build((3,), np.random.default_rng(0))
    >>> inputs = SpikeTrains.from_dense(np.ones((1, 20, 3)))
    >>> outputs = layer.forward(inputs).spikes
    >>> below = layer.backward(inputs, outputs, delta=np.ones((1, 2), np.float32))
    >>> below.shape, layer.grads["weight"].shape
    ((1, 3), (2, 3))
    """

    kind_name: ClassVar[str]  # stem of automatic names: "dense" gives dense_1, dense_2, ...

    def __init__(self, name: str | None) -> None:
        if name is not None and (not isinstance(name, str) or not name or "/" in name or name == "input"):
            raise InputError(f"name={name!r}: pass a name without '/' other than 'input'")
        self.name = name
        self.params: dict[str, np.ndarray] = {}
        self.grads: dict[str, np.ndarray] = {}
        self.buffers: dict[str, np.ndarray] = {}
        self.input_shape: tuple[int, ...] = ()
        self.output_shape: tuple[int, ...] = ()

    @abstractmethod
    def build(self, input_shape: tuple[int, ...], rng: np.random.Generator) -> None:
        """Fix the shapes and draw the initial parameters.

        Parameters
        ----------
        input_shape : tuple of int
            That of the layer below; sets `input_shape`, `output_shape`, and under the same keys `params` and `grads`.
        rng : Generator
            To draw from.
        """

    @abstractmethod
    def forward(self, inputs: SpikeTrains, record: bool = False) -> Run:
        """Simulate the layer.

        Parameters
        ----------
        inputs : SpikeTrains
            (B, T, *input_shape).
        record : bool
            Whether to return membrane and current at every step as well.
        """

    @abstractmethod
    def backward(
        self,
        inputs: SpikeTrains,
        outputs: SpikeTrains,
        delta: np.ndarray,
        input_error: bool = True,
        batch_sum: BatchSum | None = None,
    ) -> np.ndarray | None:
        """Write the mean gradient over the batch to `grads`; return the error of the inputs' counts.

        Parameters
        ----------
        inputs, outputs : SpikeTrains
            What `forward` took and returned.
        delta : ndarray of float32, shape (B, *output_shape)
            Derivative of each sample's loss by the firing counts of this layer.
        input_error : bool
            Whether to compute the return value, float32 (B, *input_shape); None otherwise.
        batch_sum : BatchSum, optional
            Of a batch that is computed in parts: the gradient becomes the mean over all of it, each part adding to what the
            parts before have left in `grads`. The same object goes to all parts; who calls counts their samples in it.
        """

    def backward_part(
        self, inputs: SpikeTrains, outputs: SpikeTrains, delta: np.ndarray, input_error: bool, batch_sum: BatchSum
    ) -> np.ndarray | None:
        """Call `backward` for a part of a batch; for a layer that knows of no parts, go on with the mean by its means.

        Parameters
        ----------
        inputs, outputs, delta, input_error, batch_sum
            As in `backward`.
        """
        if _takes_parts(type(self).backward):
            return self.backward(inputs, outputs, delta, input_error, batch_sum)
        before = {name: gradient.copy() for name, gradient in self.grads.items()} if batch_sum.done else {}
        below = self.backward(inputs, outputs, delta, input_error)
        if len(delta) != batch_sum.batch:
            for name, gradient in self.grads.items():
                gradient *= np.float32(len(delta) / batch_sum.batch)
                gradient += before.get(name, 0)
        return below

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the arrays, as the layer was built."""
        return {name: gradient.shape for name, gradient in self.grads.items()}

    def check_arrays(self, on_cuda: bool) -> None:
        """Refuse arrays that somebody has replaced by others that no kernel expects.

        Parameters
        ----------
        on_cuda : bool
            Whether they must lie on a GPU.

        Raises
        ------
        InputError
            If one has another type, shape or order than it was built with, or lies elsewhere.
        """
        shapes = self.shapes()
        for name, array in (*self.params.items(), *self.grads.items(), *self.buffers.items()):
            held = array.dtype == np.float32 and array.flags.c_contiguous and on_device(array) == on_cuda
            if not held or array.shape != shapes.get(name, array.shape):
                raise InputError(
                    f"{self.name}/{name} is {array.dtype} {array.shape}: a layer computes with contiguous float32 of the "
                    "shape that it was built with, where the trains are; assign values by array[...] = values, "
                    "move it by net.to"
                )

    @property
    def parameter_count(self) -> int:
        """Number of trained values."""
        return sum(array.size for array in self.params.values())


@cache
def _takes_parts(backward: Callable) -> bool:
    """Whether a `backward` has a parameter `batch_sum`. Looked up once: it is called in every step."""
    parameters = signature(backward).parameters
    return "batch_sum" in parameters or any(each.kind is Parameter.VAR_POSITIONAL for each in parameters.values())


class SpikingLayer(Layer):
    """A layer of leaky integrate-and-fire neurons with a first-order synapse: the base of all layers, and of your own.

    A layer of your own has a `kind_name`, and the methods `build`, `forward` and `backward`; `recorders`, `checked` and
    `run` check what comes in and put together what goes out. To load it from files, add it to `cupynn.layers.LAYERS`.
    It may hold CUDA code of your own, as all layers do: ``cuda = CudaSource(text)``.

    Parameters
    ----------
    v_th : float
        Firing threshold.
    tau_m, tau_s : float
        Membrane and synaptic time constant in steps, at least 1; they may be equal.
    t_ref : int
        Refractory period in steps.
    psp_kernel : {"exact", "srm"}
        The S-PSP of the simulation itself, or the paper's continuous kernel.
    effect_ratio : bool
        Whether the error passes to the layer below by the S-PSP of each spike there, as in the paper, or by a slope of 1.
    name : str or None
    silent_slope : float
        Slope by which the error passes instead where one of the two neurons is silent, at least 0; the paper's is 1. With
        less, fewer neurons of a deep network die.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    >>> from cupynn.layers import SpikingDense
    >>> isinstance(SpikingDense(2, v_th=1.0), SpikingLayer)
    True
    """

    margin: ClassVar[float] = MARGIN  # below v_th, where a neuron fires already
    overshoot = False  # an argument of layers with weights
    twins: ClassVar[tuple[ModuleType, ModuleType]]  # the layer's passes on the CPU and on a GPU
    cuda: ClassVar[CudaSource]  # the code that the passes on a GPU launch

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
    ) -> None:
        super().__init__(name)
        self.v_th = checks.number("v_th", v_th, above=1e-5)
        self.tau_m = checks.number("tau_m", tau_m, minimum=1)
        self.tau_s = checks.number("tau_s", tau_s, minimum=1)
        self.t_ref = checks.integer("t_ref", t_ref, maximum=10**6)
        self.psp_kernel = checks.choice("psp_kernel", psp_kernel, PSP_KERNELS)
        self.effect_ratio = checks.flag("effect_ratio", effect_ratio)
        self.silent_slope = checks.number("silent_slope", silent_slope, minimum=0)

    @property
    def neuron(self) -> Lif:
        """Constants of the simulation."""
        return lif(self.v_th, self.tau_m, self.tau_s, self.t_ref, self.margin)

    def drive(self) -> float:
        """Largest current that one step can give a neuron, all its inputs firing."""
        weight = (self.params | self.buffers)["weight"]
        return float(weight.reshape(len(weight), -1).clip(0, None).sum(1, dtype=np.float64).max())

    @property
    def potential(self) -> Psp:
        """Constants of the S-PSP's traces."""
        return psp(self.psp_kernel, self.tau_m, self.tau_s, self.t_ref)

    @property
    def rule(self) -> Rule:
        """Constants of the learning rule."""
        return Rule(self.potential, self.t_ref, self.v_th, self.effect_ratio, self.silent_slope, self.overshoot)

    def twin(self, trains: SpikeTrains) -> ModuleType:
        """Return the kernels that compute where the trains are."""
        return self.twins[trains.on_cuda]

    def recorders(self, inputs: SpikeTrains, record: bool) -> tuple[np.ndarray, np.ndarray]:
        """Check what `forward` takes; return arrays for membrane and current.

        Parameters
        ----------
        inputs : SpikeTrains
        record : bool

        Returns
        -------
        membrane, current : ndarray of float32, shape (B, T, N)
            Zeros, to be filled in; empty unless `record`.

        Raises
        ------
        InputError
            If the trains do not fit the layer, or somebody has replaced its arrays.
        """
        if inputs.size != prod(self.input_shape):
            raise InputError(f"{self.name}: spikes have shape {inputs.shape}, this layer takes (B, T, *{self.input_shape})")
        inputs.verify()
        self.check_arrays(inputs.on_cuda)
        shape = (inputs.batch, inputs.steps, prod(self.output_shape)) if record else (0, 0, 0)
        make = inputs.xp.zeros if record else inputs.xp.empty  # nothing need not be cleared
        return make(shape, np.float32), make(shape, np.float32)

    def checked(self, inputs: SpikeTrains, outputs: SpikeTrains, delta: np.ndarray) -> np.ndarray:
        """Check what `backward` takes before a kernel indexes by it.

        Parameters
        ----------
        inputs, outputs : SpikeTrains
        delta : ndarray

        Returns
        -------
        ndarray of float32, shape (B, *output_shape)
            The error, contiguous.

        Raises
        ------
        InputError
            If they are not what `forward` took and returned, the error has another shape, or a gradient is read-only.
        """
        expected = (inputs.batch, inputs.steps, *self.output_shape)
        if inputs.size != prod(self.input_shape) or outputs.shape != expected or outputs.on_cuda != inputs.on_cuda:
            raise InputError(
                f"{self.name}: inputs {inputs.shape} and outputs {outputs.shape}: pass what forward took and returned, "
                f"(B, T, *{self.input_shape}) and (B, T, *{self.output_shape}), on one device"
            )
        if delta.shape != (inputs.batch, *self.output_shape) or on_device(delta) != inputs.on_cuda:
            raise InputError(
                f"{self.name}: the error has shape {delta.shape}: pass (B, *{self.output_shape}), where the trains are"
            )
        inputs.verify()
        outputs.verify()
        self.check_arrays(inputs.on_cuda)
        for name, gradient in self.grads.items():
            checks.writable(f"the gradient of {self.name}/{name}", gradient)
        return inputs.xp.ascontiguousarray(delta, np.float32)

    def run(self, spikes: SpikeTrains, membrane: np.ndarray, current: np.ndarray) -> Run:
        """What `forward` returns.

        Parameters
        ----------
        spikes : SpikeTrains
            (B, T, *output_shape).
        membrane, current : ndarray
            What `recorders` returned, filled in.
        """
        if not membrane.shape[1]:
            return Run(spikes, None, None)
        return Run(spikes, membrane.reshape(spikes.shape), current.reshape(spikes.shape))
