"""`SpikingPool2D`: pooling by spiking neurons."""

import numpy as np

from cupynn import checks
from cupynn.kernels.cuda import CudaSource
from cupynn.layers import pool_cpu, pool_cuda
from cupynn.layers.passes import KernelLayer
from cupynn.layers.synapses import PoolSynapses


class SpikingPool2D(KernelLayer):
    """Pooling by leaky integrate-and-fire neurons, each driven by the unweighted sum of its window's spikes.

    Windows start at every `stride` rows and columns of the input; they may extend beyond its lower and right edge. They
    overlap if the stride is smaller than the window.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of a window.
    v_th : float
        Firing threshold.
    stride : int or (int, int), optional
        Distance between windows; by default `kernel_size`.
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
    name : str, optional
        By default "pool_1", "pool_2", ... by position.
    trained : bool
        Whether to train the constants that `trainable` names; False freezes them.
    trainable : tuple of str
        Constants to train, any of "tau_m", "tau_s" and "v_th"; their arguments are the initial values.
    per : {"layer", "neuron"}
        Whether all neurons share a trained constant, or each map has its own.

    Attributes
    ----------
    params : dict
        Empty, as there are no weights; with a trained constant, under its name, an array of shape (1,) or (maps,): see
        `SpikingLayer`.

    Raises
    ------
    InputError
        If an argument is out of range, or the input is not (channels, height, width).

    Examples
    --------
    >>> SpikingPool2D(2, v_th=2.0).stride
    (2, 2)
    """

    kind_name = "pool"
    twins = pool_cpu, pool_cuda
    cuda = CudaSource.of("cupynn.layers", "pool")
    divided_error = False

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
        trained: bool = True,
        trainable: tuple[str, ...] = (),
        per: str = "layer",
    ) -> None:
        super().__init__(v_th, tau_m, tau_s, t_ref, psp_kernel, effect_ratio, name, silent_slope, trained, trainable, per)
        self.kernel_size = checks.pair("kernel_size", kernel_size, minimum=1)
        self.stride = self.kernel_size if stride is None else checks.pair("stride", stride, minimum=1)

    def connect(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Fix the shapes; return those of the arrays that `build` makes."""
        channels, height, width = checks.image_shape(self.name, input_shape)
        self.input_shape = input_shape
        self.output_shape = (channels, -(-height // self.stride[0]), -(-width // self.stride[1]))
        return self.constant_shapes()

    def build(self, input_shape: tuple[int, ...], rng: np.random.Generator) -> None:
        """Fix the shapes; there is nothing to draw."""
        self.connect(input_shape)
        self.allocate({})

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes with which the arrays were built."""
        return self.constant_shapes()

    def drive(self) -> float:
        """Return the largest current that a neuron can receive in one step: the size of its window."""
        _, height, width = self.synapses.input_shape
        return float(min(self.kernel_size[0], height) * min(self.kernel_size[1], width))

    @property
    def synapses(self) -> PoolSynapses:
        """The layer's shapes, as its kernels take them."""
        image = checks.image_shape(self.name, self.input_shape)
        return PoolSynapses(self.kernel_size, self.stride, image, self.output_shape, self.cuda)
