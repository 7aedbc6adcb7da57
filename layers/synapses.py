"""What connects a layer to its inputs, and the CUDA code that computes with it: what kernels take of a layer."""

from typing import NamedTuple

import numpy as np

from cupynn.kernels.cuda import CudaSource

Image = tuple[int, int, int]  # (channels or maps, height, width)


class DenseSynapses(NamedTuple):
    """Weights between all pairs of neurons."""

    weight: np.ndarray  # (N_out, N_in)
    lateral: np.ndarray | None  # (N_out, N_out) among the layer's own neurons, [to, from]
    inhibition: float  # what each spike takes from the current of all other neurons
    cuda: CudaSource


class ConvSynapses(NamedTuple):
    """A kernel that all places of an image share."""

    weight: np.ndarray  # (maps, channels, kh, kw)
    padding: tuple[int, int]
    input_shape: Image
    output_shape: Image
    cuda: CudaSource


class PoolSynapses(NamedTuple):
    """Windows whose spikes are summed without weights."""

    window: tuple[int, int]
    stride: tuple[int, int]
    input_shape: Image
    output_shape: Image
    cuda: CudaSource
