"""`SpikingPool2D`: pooling by spiking neurons."""

import numpy as np

from cupynn import checks
from cupynn.kernels.cuda import CudaSource
from cupynn.kernels.sums import BatchSum
from cupynn.layers import pool_cpu, pool_cuda
from cupynn.layers.base import Run, SpikingLayer
from cupynn.layers.synapses import PoolSynapses
from cupynn.spikes.trains import SpikeTrains


class SpikingPool2D(SpikingLayer):
    """Pooling by leaky integrate-and-fire neurons, each driven by the unweighted sum of its window's spikes.

    There is a window at every `stride` rows and columns of the input; those at the lower and right edge may hang over it.
    Windows overlap where the stride is less than their size.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of a window.
    v_th : float
        Firing threshold.
    stride : int or (int, int), optional
        Distance of windows; by default `kernel_size`.
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
    name : str, optional
        By default "pool_1", "pool_2", ... by position.

    Raises
    ------
    InputError
        If an argument is out of its range, or the input has no shape (channels, height, width).

    Examples
    --------
    >>> SpikingPool2D(2, v_th=2.0).stride
    (2, 2)
    """

    kind_name = "pool"
    twins = pool_cpu, pool_cuda
    cuda = CudaSource.of("cupynn.layers", "pool")

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        v_th: float,
        stride: int | tuple[int, int] | None = None,
        tau_m: float = 64.0,
        tau_s: float = 8.0,
        t_ref: int = 2,
        psp_kernel: str = "exact",
        effect_ratio: bool = True,
        silent_slope: float = 1.0,
        name: str | None = None,
    ) -> None:
        super().__init__(v_th, tau_m, tau_s, t_ref, psp_kernel, effect_ratio, name, silent_slope)
        self.kernel_size = checks.pair("kernel_size", kernel_size, minimum=1)
        self.stride = self.kernel_size if stride is None else checks.pair("stride", stride, minimum=1)

    def connect(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Fix the shapes; return those of the arrays that `build` makes."""
        channels, height, width = checks.image_shape(self.name, input_shape)
        self.input_shape = input_shape
        self.output_shape = (channels, -(-height // self.stride[0]), -(-width // self.stride[1]))
        return {}

    def build(self, input_shape: tuple[int, ...], rng: np.random.Generator) -> None:
        """Fix the shapes; there is nothing to draw."""
        self.connect(input_shape)

    def drive(self) -> float:
        """Largest current that one step can give a neuron: its window."""
        _, height, width = self.synapses.input_shape
        return float(min(self.kernel_size[0], height) * min(self.kernel_size[1], width))

    @property
    def synapses(self) -> PoolSynapses:
        """What the kernels take of the layer's shapes."""
        image = checks.image_shape(self.name, self.input_shape)
        return PoolSynapses(self.kernel_size, self.stride, image, self.output_shape, self.cuda)

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
        """Error of the inputs: an equal share of each window's, by the S-PSP; not divided by the threshold."""
        delta = self.checked(inputs, outputs, delta)
        if not input_error:
            return None
        below = inputs.xp.empty((inputs.batch, inputs.size), np.float32)
        errors, batch_sum = delta.reshape(inputs.batch, outputs.size), batch_sum or BatchSum(inputs.batch)
        self.twin(inputs).backward(inputs, outputs, errors, self.synapses, self.rule, None, below, batch_sum)
        return below.reshape(inputs.batch, *self.input_shape)
