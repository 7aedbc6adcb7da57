"""Descriptions of a layer that its kernels take: its connections to the inputs, and its CUDA code."""

from typing import NamedTuple

import numpy as np

from cupynn.kernels.cuda import CudaSource

Image = tuple[int, int, int]  # (channels or maps, height, width)


class DenseSynapses(NamedTuple):
    """Weights between all pairs of neurons."""

    weight: np.ndarray  # (N_out, N_in)
    lateral: np.ndarray | None  # (N_out, N_out) among the layer's own neurons, [to, from]
    inhibition: float  # subtracted from the current of all other neurons per spike
    cuda: CudaSource
    slopes: np.ndarray | None = None  # (B, N_in), to be filled with the derivatives of each sample's loss in trained delays

    @property
    def gradient_shape(self) -> tuple[int, ...]:
        """Shape of the gradient that the kernels sum."""
        return self.weight.shape


class ConvSynapses(NamedTuple):
    """A convolution kernel, shared by all positions of an image."""

    weight: np.ndarray  # (maps, channels / groups, kh, kw)
    bias: np.ndarray | None  # (maps,), weights of a train that fires at every step
    padding: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    groups: int  # of channels, each seen by as many maps
    input_shape: Image
    output_shape: Image
    cuda: CudaSource

    @property
    def gradient_shape(self) -> tuple[int, ...]:
        """Shape of the gradient that the kernels sum: with a bias (maps, entries + 1), the bias last."""
        maps = len(self.weight)
        return self.weight.shape if self.bias is None else (maps, self.weight.size // maps + 1)


class PoolSynapses(NamedTuple):
    """Windows whose spikes are summed without weights."""

    window: tuple[int, int]
    stride: tuple[int, int]
    input_shape: Image
    output_shape: Image
    cuda: CudaSource
