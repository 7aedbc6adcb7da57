"""`AveragePool2D` and `SumPool2D`: pooling without neurons, a part of the weights of the layer above.

A mean or a sum of trains is not a train of spikes. Since it is linear, it can be merged exactly into the weights of the
layer above: the weight of an input is the sum of the weights of its windows, and the gradient of a window's weight is the
sum of those of its inputs. So the kernels of the layer above take the trains below the pooling themselves, and the error of
each of these trains has its own S-PSP, on the CPU and on a GPU. It saves parameters, but no work.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.kernels.cuda import on_device
from cupynn.kernels.sums import BatchSum
from cupynn.layers.base import Layer, Run
from cupynn.spikes.trains import SpikeTrains

Pair = tuple[int, int]


class Windows(NamedTuple):
    """Windows over an image, whose inputs are summed and multiplied by a factor."""

    size: Pair
    stride: Pair
    scale: float
    places: Pair  # rows and columns of windows

    @property
    def gain(self) -> float:
        """Sum of a window whose inputs are all 1."""
        return self.scale * self.size[0] * self.size[1]

    def spread(self, weight: Any, lengths: Pair, dilation: Pair = (1, 1)) -> Any:
        """Return the weights of inputs (..., *lengths) for weights (..., rows, columns) of windows.

        The windows are those of all places or, for a kernel, `dilation` places apart.
        """
        spread = _zeros((*weight.shape[:-2], *lengths), weight)
        for part in self._parts(weight.shape[-2:], dilation):
            spread[part] += weight * np.float32(self.scale)
        return spread

    def gather(self, gradient: Any, shape: Sequence[int], dilation: Pair = (1, 1)) -> Any:
        """Return the gradient of weights of windows, of a shape, for that of the weights of inputs: reverses `spread`."""
        gathered = _zeros(tuple(shape), gradient)
        for part in self._parts(shape[-2:], dilation):
            gathered += gradient[part]
        return gathered * np.float32(self.scale)

    def _parts(self, places: Sequence[int], dilation: Pair) -> list[tuple[Any, ...]]:
        """Return for each position in a window the index of its inputs in all windows."""
        down, across = (step * apart for step, apart in zip(self.stride, dilation, strict=True))
        rows, columns = ((count - 1) * step + 1 for count, step in zip(places, (down, across), strict=True))
        return [
            (..., slice(y, y + rows, down), slice(x, x + columns, across))
            for y in range(self.size[0])
            for x in range(self.size[1])
        ]


def _zeros(shape: tuple[int, ...], like: Any) -> Any:
    if not on_device(like):
        return np.zeros(shape, np.float32)
    import cupy

    return cupy.zeros(shape, np.float32)


class LinearPool2D(Layer):
    """Pooling without neurons: the base of `AveragePool2D` and `SumPool2D`."""

    has_neurons = False

    @property
    @abstractmethod
    def mean(self) -> bool:
        """Return whether the sum of a window is divided by its size."""

    def __init__(self, kernel_size: int | Pair, stride: int | Pair | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self.kernel_size = checks.pair("kernel_size", kernel_size, minimum=1)
        self.stride = self.kernel_size if stride is None else checks.pair("stride", stride, minimum=1)

    def connect(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Fix the shapes; there are no arrays.

        Raises
        ------
        InputError
            If the input is not an image, or smaller than a window.
        """
        _, *image = checks.image_shape(self.name, input_shape)
        if any(window > length for window, length in zip(self.kernel_size, image, strict=True)):
            raise InputError(
                f"{self.name}: kernel_size={self.kernel_size} exceeds the input {input_shape}: pass a smaller one"
            )
        self.input_shape = self.output_shape = input_shape
        return {}

    def build(self, input_shape: tuple[int, ...], rng: np.random.Generator) -> None:
        """Fix the shapes; there is nothing to draw."""
        self.connect(input_shape)

    @property
    def windows(self) -> Windows:
        """The windows, as the layer above needs them."""
        sizes = zip(checks.image_shape(self.name, self.input_shape)[1:], self.kernel_size, self.stride, strict=True)
        rows, columns = ((length - window) // step + 1 for length, window, step in sizes)
        scale = 1 / (self.kernel_size[0] * self.kernel_size[1]) if self.mean else 1.0
        return Windows(self.kernel_size, self.stride, scale, (rows, columns))

    @property
    def pooled_shape(self) -> tuple[int, ...]:
        """Shape of the pooled input, for which the layer above has weights."""
        return (*self.input_shape[:-2], *self.windows.places)

    def forward(self, inputs: SpikeTrains, record: bool = False) -> Run:
        """Return the trains below: the layer above pools them."""
        return Run(inputs, None, None)

    def backward(
        self,
        inputs: SpikeTrains,
        outputs: SpikeTrains,
        delta: np.ndarray,
        input_error: bool = True,
        batch_sum: BatchSum | None = None,
    ) -> np.ndarray | None:
        """Return the error of the trains below, which the layer above has found."""
        return delta if input_error else None


class AveragePool2D(LinearPool2D):
    """Mean of each window of the trains below, without neurons: it becomes a part of the weights of the layer above.

    The layer above must be a dense, recurrent or convolutional layer. It has weights for the pooled image, whose shape is
    `pooled_shape`. As in PyTorch, rows and columns at the end that fill no window are ignored. `SpikingPool2D` pools by
    neurons instead.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of a window.
    stride : int or (int, int), optional
        Distance between windows; by default `kernel_size`.
    name : str, optional
        By default "average_1", "average_2", ... by position.

    Attributes
    ----------
    input_shape, output_shape : tuple of int
        Shape of the trains below, which the layer passes on.
    pooled_shape : tuple of int
        Shape of the pooled input.

    Raises
    ------
    InputError
        If an argument is out of range, or the input is not (channels, height, width) or is smaller than a window.

    Examples
    --------
    >>> from cupynn import Sequential, layers
    >>> net = Sequential([layers.AveragePool2D(2), layers.SpikingDense(10, v_th=1.0)], (28, 28), steps=50, device="cpu")
    >>> net.layers[0].pooled_shape, net.layers[1].weight.shape
    ((14, 14), (10, 196))
    """

    kind_name = "average"
    mean = True


class SumPool2D(LinearPool2D):
    """Sum of each window of the trains below, without neurons: it becomes a part of the weights of the layer above.

    Otherwise like `AveragePool2D`.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of a window.
    stride : int or (int, int), optional
        Distance between windows; by default `kernel_size`.
    name : str, optional
        By default "sum_1", "sum_2", ... by position.

    Attributes
    ----------
    input_shape, output_shape : tuple of int
        Shape of the trains below, which the layer passes on.
    pooled_shape : tuple of int
        Shape of the pooled input.

    Raises
    ------
    InputError
        If an argument is out of range, or the input is not (channels, height, width) or is smaller than a window.

    Examples
    --------
    >>> SumPool2D(3, stride=2).stride
    (2, 2)
    """

    kind_name = "sum"
    mean = False
