"""`SpikingConv2D`: a convolution of spiking neurons."""

from math import prod, sqrt

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.kernels.cuda import CudaSource
from cupynn.kernels.sums import BatchSum
from cupynn.layers import conv_cpu, conv_cuda
from cupynn.layers.base import INITIAL_SCALE, Run, SpikingLayer
from cupynn.layers.synapses import ConvSynapses
from cupynn.spikes.trains import SpikeTrains


class SpikingConv2D(SpikingLayer):
    """Convolution, stride 1, of leaky integrate-and-fire neurons with a first-order synapse.

    A cross-correlation: the kernel is not flipped. A neuron fires above v_th itself, as in the original program.

    Parameters
    ----------
    maps : int
        Number of feature maps.
    kernel_size : int or (int, int)
        Height and width of the kernel.
    v_th : float
        Firing threshold.
    padding : int or (int, int)
        Rows and columns of silence around the input, less than the kernel's.
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
    overshoot : bool
        Whether the slope of a count by its drive is v_th / m^2, where the inputs bring the membrane to m > v_th at a firing,
        on average, in place of the paper's 1 / v_th. See `SpikingDense`.
    initial_weight : float, optional
        Initial weights are uniform in [-initial_weight, initial_weight]; by default
        ``v_th * 0.8 * sqrt(3 / inputs)`` with the inputs of one neuron.
    name : str, optional
        By default "conv_1", "conv_2", ... by position.

    Attributes
    ----------
    params : dict
        "weight", float32 (maps, channels, kh, kw).

    Raises
    ------
    InputError
        If an argument is out of its range, or the input has no shape (channels, height, width) that holds the kernel.

    Examples
    --------
    >>> SpikingConv2D(15, kernel_size=5, v_th=5.0).kernel_size
    (5, 5)
    """

    kind_name = "conv"
    twins = conv_cpu, conv_cuda
    cuda = CudaSource.of("cupynn.layers", "conv")
    margin = 0.0

    def __init__(
        self,
        maps: int,
        kernel_size: int | tuple[int, int],
        v_th: float,
        padding: int | tuple[int, int] = 0,
        tau_m: float = 64.0,
        tau_s: float = 8.0,
        t_ref: int = 2,
        psp_kernel: str = "exact",
        effect_ratio: bool = True,
        silent_slope: float = 1.0,
        overshoot: bool = False,
        initial_weight: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(v_th, tau_m, tau_s, t_ref, psp_kernel, effect_ratio, name, silent_slope)
        self.overshoot = checks.flag("overshoot", overshoot)
        self.maps = checks.integer("maps", maps, minimum=1)
        self.kernel_size = checks.pair("kernel_size", kernel_size, minimum=1)
        self.padding = checks.pair("padding", padding)
        self.initial_weight = None if initial_weight is None else checks.number("initial_weight", initial_weight, above=0)
        for pad, kernel in zip(self.padding, self.kernel_size, strict=True):
            if pad >= kernel:
                raise InputError(f"padding={padding!r}: pass less than kernel_size={kernel_size!r}")

    def connect(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Fix the shapes; return those of the arrays that `build` makes.

        Raises
        ------
        InputError
            If the input is no image, or smaller than the kernel.
        """
        channels, height, width = checks.image_shape(self.name, input_shape)
        kh, kw = self.kernel_size
        rows, columns = height + 2 * self.padding[0] - kh + 1, width + 2 * self.padding[1] - kw + 1
        if rows < 1 or columns < 1:
            raise InputError(
                f"{self.name}: kernel_size={self.kernel_size} exceeds the input {input_shape}: pass a smaller one"
            )
        self.input_shape, self.output_shape = input_shape, (self.maps, rows, columns)
        return {"weight": (self.maps, channels, kh, kw)}

    def build(self, input_shape: tuple[int, ...], rng: np.random.Generator) -> None:
        """Draw the initial weights, uniform."""
        shape = self.connect(input_shape)["weight"]
        bound = self.initial_weight or self.v_th * INITIAL_SCALE * sqrt(3 / prod(shape[1:]))
        self.params = {"weight": rng.uniform(-bound, bound, shape).astype(np.float32)}
        self.grads = {"weight": np.zeros(shape, np.float32)}

    @property
    def synapses(self) -> ConvSynapses:
        """What the kernels take of the layer's arrays and shapes."""
        image = checks.image_shape(self.name, self.input_shape)
        return ConvSynapses(self.params["weight"], self.padding, image, self.output_shape, self.cuda)

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
        """Weight gradient and error of the inputs from the S-PSP; positions share their weights."""
        delta = self.checked(inputs, outputs, delta)
        below = inputs.xp.empty((inputs.batch, inputs.size), np.float32) if input_error else None
        errors = delta.reshape(inputs.batch, outputs.size) / np.float32(self.v_th)
        gradient, batch_sum = self.grads["weight"], batch_sum or BatchSum(inputs.batch)
        self.twin(inputs).backward(inputs, outputs, errors, self.synapses, self.rule, gradient, below, batch_sum)
        return None if below is None else below.reshape(inputs.batch, *self.input_shape)
