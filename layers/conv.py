"""`SpikingConv2D`: a convolution of spiking neurons."""

from math import prod, sqrt
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.kernels.cuda import CudaSource
from cupynn.layers import conv_cpu, conv_cuda
from cupynn.layers.delays import DelayedLayer
from cupynn.layers.spiking import INITIAL_SCALE
from cupynn.layers.synapses import ConvSynapses


class SpikingConv2D(DelayedLayer):
    """Convolution by leaky integrate-and-fire neurons with a first-order synapse.

    It is a cross-correlation: the kernel is not flipped. A neuron fires above v_th itself, as in the original program.
    Padding, stride, dilation and groups have the same meaning as in PyTorch. For a convolution along one axis, use images of
    height 1, (channels, 1, width), and ``kernel_size=(1, k)``.

    Parameters
    ----------
    maps : int
        Number of feature maps.
    kernel_size : int or (int, int)
        Height and width of the kernel.
    v_th : float
        Firing threshold.
    padding : int or (int, int)
        Silent rows and columns around the input, fewer than the kernel covers.
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
    overshoot : bool
        Whether to reduce the error of saturated neurons, as in `SpikingDense`.
    initial_weight : float, optional
        Bound of the uniform initial weights; by default ``v_th * 0.8 * sqrt(3 / inputs)`` for the inputs of one neuron.
    name : str, optional
        By default "conv_1", "conv_2", ... by position.
    trained : bool
        Whether to train the weights. False freezes the layer: training leaves its weights as they are and passes the error
        on. To freeze or unfreeze it later, set ``layer.trained``.
    trainable : tuple of str
        Constants to train with the weights, any of "tau_m", "tau_s" and "v_th"; their arguments are the initial values.
    per : {"layer", "neuron"}
        Whether all neurons share a trained constant, or each map has its own.
    stride : int or (int, int)
        Distance between the fields of adjacent neurons. Rows and columns at the end that no field reaches are ignored.
    dilation : int or (int, int)
        Distance between adjacent entries of the kernel in the input.
    groups : int
        Number of groups of channels, each seen by as many maps: a divisor of the channels and of the maps. As many groups as
        channels make a depthwise convolution.
    bias : bool
        Whether each map has a bias, the weight of an input that fires at every step, which is trained like any other and
        starts at 0.
    delays : int or array_like of int, optional
        Steps that the spikes of an input take to act: one number, one per channel, or one per input neuron, in the shape of
        the input.

    Attributes
    ----------
    params : dict
        "weight", float32 (maps, channels, kh, kw); in a frozen layer it is in `buffers`. With a trained constant also, under
        its name, an array of shape (1,) or (maps,): see `SpikingLayer`.

    Raises
    ------
    InputError
        If an argument is out of range, or the input is not (channels, height, width) or is smaller than the kernel.

    Examples
    --------
    >>> SpikingConv2D(15, kernel_size=5, v_th=5.0).kernel_size
    (5, 5)
    >>> layer = SpikingConv2D(16, kernel_size=3, v_th=2.0, padding=1, stride=2, groups=8)
    >>> layer.build((8, 28, 28), np.random.default_rng(0))
    >>> layer.output_shape, layer.weight.shape
    ((16, 14, 14), (16, 1, 3, 3))
    """

    kind_name = "conv"
    twins = conv_cpu, conv_cuda
    cuda = CudaSource.of("cupynn.layers", "conv")
    margin = 0.0
    gradient_needed = True
    added = DelayedLayer.added | {"stride": (1, 1), "dilation": (1, 1), "groups": 1}

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
        trained: bool = True,
        trainable: tuple[str, ...] = (),
        per: str = "layer",
        stride: int | tuple[int, int] = 1,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = False,
        delays: int | np.ndarray | None = None,
    ) -> None:
        super().__init__(v_th, tau_m, tau_s, t_ref, psp_kernel, effect_ratio, name, silent_slope, trained, trainable, per)
        self.overshoot = checks.flag("overshoot", overshoot)
        self.maps = checks.integer("maps", maps, minimum=1)
        self.kernel_size = checks.pair("kernel_size", kernel_size, minimum=1)
        self.initial_weight = None if initial_weight is None else checks.number("initial_weight", initial_weight, above=0)
        self.stride = checks.pair("stride", stride, minimum=1)
        self.dilation = checks.pair("dilation", dilation, minimum=1)
        if isinstance(padding, str):
            odd = all(length % 2 for length in self.covered)
            same = tuple(length // 2 for length in self.covered)
            hint = f'"same" is padding={same} with stride 1, ' if odd and padding.lower() == "same" else ""
            raise InputError(f'padding={padding!r}: pass a whole number, or a pair of them; {hint}"valid" is padding=0')
        self.padding = checks.pair("padding", padding)
        self.groups = checks.integer("groups", groups, minimum=1)
        self.bias = checks.flag("bias", bias)
        self.set_delays(delays)
        if any(pad >= length for pad, length in zip(self.padding, self.covered, strict=True)):
            dilated = "" if self.dilation == (1, 1) else f" with dilation={dilation!r} covers, {self.covered}"
            raise InputError(f"padding={padding!r}: pass less than kernel_size={kernel_size!r}{dilated}")
        if self.maps % self.groups:
            raise InputError(f"groups={groups!r}: pass a divisor of maps={maps!r}")
        special = {"stride": self.stride != (1, 1), "dilation": self.dilation != (1, 1), "groups": self.groups > 1}
        for name, given in (special | {"bias": self.bias}).items():
            if given and self.trainable:
                raise InputError(f"trainable={trainable!r} with {name}={getattr(self, name)}: leave out one of them")

    @property
    def covered(self) -> tuple[int, int]:
        """Height and width of the field of a neuron, from the first to the last entry of the kernel."""
        (kh, kw), (down, across) = self.kernel_size, self.dilation
        return (kh - 1) * down + 1, (kw - 1) * across + 1

    def connect(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Fix the shapes; return those of the arrays that `build` makes.

        Raises
        ------
        InputError
            If the input is not an image, is smaller than the kernel, or cannot be divided into the groups.
        """
        self.input_shape = input_shape
        channels, *image = checks.image_shape(self.name, self.pooled_shape)
        self._check_windows()
        sizes = zip(image, self.padding, self.covered, self.stride, strict=True)
        rows, columns = ((length + 2 * pad - covered) // step + 1 for length, pad, covered, step in sizes)
        if rows < 1 or columns < 1:
            dilated = "" if self.dilation == (1, 1) else f" with dilation={self.dilation} covers {self.covered} and"
            exceeds = f"exceeds the input {self.pooled_shape}: pass a smaller one"
            raise InputError(f"{self.name}: kernel_size={self.kernel_size}{dilated} {exceeds}")
        if channels % self.groups:
            raise InputError(f"{self.name}: groups={self.groups}: pass a divisor of the {channels} channels of its input")
        self.output_shape = (self.maps, rows, columns)
        return {"weight": self._weight_shape} | ({"bias": (self.maps,)} if self.bias else {}) | self.constant_shapes()

    def _check_windows(self) -> None:
        """Refuse padding of a pooled image that has no counterpart below, unless windows fit edge to edge."""
        if self.windows is None:
            return
        if self.trainable:
            raise InputError(f"{self.name}: trainable={self.trainable} after pooling without neurons: leave out one of them")
        image = checks.image_shape(self.name, self.input_shape)[1:]
        sizes = zip(self.padding, self.windows.size, self.windows.stride, image, strict=True)
        if any(pad and (window > step or length % step) for pad, window, step, length in sizes):
            raise InputError(
                f"{self.name}: padding={self.padding} after pooling without neurons needs windows that do not overlap and "
                f"whose stride divides the image below, {self.input_shape}: choose such windows, or pass padding=0"
            )

    def build(self, input_shape: tuple[int, ...], rng: np.random.Generator) -> None:
        """Draw uniform initial weights."""
        shape = self.connect(input_shape)["weight"]
        fan_in = prod(shape[1:])
        bound = self.initial_weight or vars(self)["v_th"] * INITIAL_SCALE * sqrt(3 / fan_in) / self.pooled_gain
        self.allocate({"weight": rng.uniform(-bound, bound, shape).astype(np.float32)} | self.biases(self.maps))
        self.draw_delays(rng)

    def per_input(self) -> np.ndarray:
        """Return the given delays of all inputs, int32 (inputs,); one per channel counts for all of its neurons."""
        given, image = np.asarray(self.delays), checks.image_shape(self.name, self.input_shape)
        if given.shape != image[:1]:
            return super().per_input()
        return np.repeat(given, prod(image[1:])).astype(np.int32)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes with which the arrays were built."""
        return {"weight": self._weight_shape, "bias": (self.maps,)} | self.constant_shapes()

    @property
    def _weight_shape(self) -> tuple[int, ...]:
        return (self.maps, checks.image_shape(self.name, self.input_shape)[0] // self.groups, *self.kernel_size)

    @property
    def synapses(self) -> ConvSynapses:
        """The layer's arrays and shapes, as its kernels take them."""
        image = checks.image_shape(self.name, self.input_shape)
        padding, stride, dilation = self.padding, self.stride, self.dilation
        if self.windows is not None:  # a larger kernel, which starts at every window
            down, across = self.windows.stride
            padding, stride = (padding[0] * down, padding[1] * across), (stride[0] * down, stride[1] * across)
            dilation = 1, 1
        geometry = (padding, stride, dilation, self.groups, image, self.output_shape)
        return ConvSynapses(self.spread_weight, self.bias_weight, *geometry, self.cuda)

    @property
    def spread_weight(self) -> np.ndarray:
        """Kernels over the image below, if it is pooled without neurons, and otherwise the weights themselves."""
        if self.windows is None:
            return self.weight
        return self.windows.spread(self.weight, self.spread_shape[2:], self.dilation)

    @property
    def spread_shape(self) -> tuple[int, ...]:
        """Shape of `spread_weight`."""
        if self.windows is None:
            return self._weight_shape
        sizes = zip(self.covered, self.windows.stride, self.windows.size, strict=True)
        return (*self._weight_shape[:2], *((covered - 1) * step + window for covered, step, window in sizes))

    def gathered(self, gradient: Any) -> Any:
        """Return the gradient of the weights for that of the weights of the trains below."""
        if self.windows is None:
            return gradient
        return self.windows.gather(gradient.reshape(self.spread_shape), self.weight.shape, self.dilation)
