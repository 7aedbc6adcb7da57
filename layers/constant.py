"""The train that fires at every step: a bias is its weight."""

from typing import Any

import numpy as np

from cupynn.kernels.cuda import on_device
from cupynn.kernels.events_cuda import Bits, word_count
from cupynn.spikes.cuda_trains import CudaTrains
from cupynn.spikes.trains import SpikeTrains


def with_constant(trains: SpikeTrains) -> SpikeTrains:
    """Return trains (B, T, N + 1) whose last neuron fires at every step, in any shape of N neurons.

    Examples
    --------
    >>> with_constant(SpikeTrains.from_dense(np.array([[[0], [1], [0]]]))).to_dense().tolist()
    [[[0, 1], [1, 1], [0, 1]]]
    """
    size = trains.size + 1
    if isinstance(trains, CudaTrains):
        more = CudaTrains(_bits(trains.bits, trains.steps), trains.steps, (size,))
    else:
        neurons = np.insert(trains.neurons, trains.offsets[1:], np.int32(trains.size))
        more = SpikeTrains(neurons, trains.offsets + np.arange(trains.offsets.size), trains.steps, (size,))
    if trains.undelayed_counts is not None:
        sent = trains.undelayed_counts.reshape(trains.batch, trains.size)
        constant = trains.xp.full((trains.batch, 1), trains.steps, sent.dtype)
        more.undelayed_counts = trains.xp.concatenate([sent, constant], axis=1)
    return more


def _bits(bits: Bits, steps: int) -> Bits:
    import cupy

    batch, size = bits.counts.shape
    words = cupy.zeros((batch, steps, word_count(size + 1)), np.uint32)
    words[:, :, : bits.words.shape[2]] = bits.words
    words[:, :, size >> 5] |= np.uint32(1 << (size & 31))
    counts = cupy.full((batch, size + 1), steps, np.int32)
    counts[:, :size] = bits.counts
    return Bits(words, counts, steps)


def with_column(weight: Any, bias: Any) -> Any:
    """Return weights (N_out, N_in) and a bias (N_out,) as the weights of `with_constant`, (N_out, N_in + 1)."""
    if not on_device(weight):
        return np.concatenate([weight, bias[:, None]], axis=1)
    import cupy

    return cupy.concatenate([weight, bias[:, None]], axis=1)
