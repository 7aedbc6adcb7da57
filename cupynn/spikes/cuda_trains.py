"""`CudaTrains`: the spike trains of a batch on a GPU, held as bits."""

from math import prod
from typing import Any

import numpy as np

from cupynn.cached import cached
from cupynn.kernels.events_cuda import Bits, pack_bits, unpack_bits
from cupynn.spikes import convert
from cupynn.spikes.trains import SpikeTrains


class CudaTrains(SpikeTrains):
    """Spike trains on a GPU.

    They have the interface of `SpikeTrains`, with `counts` on the device; events are copied to the host on first use.

    bits: the trains and their firing counts; steps: number of steps T; neuron_shape: shape of the layer that fires
    """

    on_cuda = True

    def __init__(self, bits: Bits, steps: int, neuron_shape: tuple[int, ...]) -> None:
        self.bits = bits
        self.steps = steps
        self.neuron_shape = tuple(neuron_shape)
        self.batch = len(bits.words)
        self.size = prod(self.neuron_shape)

    @classmethod
    def upload(cls, trains: SpikeTrains) -> "CudaTrains":
        """Copy trains from the host to the current device."""
        import cupy

        trains.verify()
        rows = np.repeat(np.arange(trains.batch * trains.steps), np.diff(trains.offsets))
        words = pack_bits(rows, trains.neurons, trains.batch, trains.steps, trains.size)
        counts = np.bincount(rows // trains.steps * trains.size + trains.neurons, minlength=trains.batch * trains.size)
        counts = counts.astype(np.int32).reshape(trains.batch, trains.size)
        bits = Bits(cupy.asarray(words), cupy.asarray(counts), int(counts.max(initial=0)))
        return cls(bits, trains.steps, trains.neuron_shape)

    @property
    def xp(self) -> Any:
        """The array module of the trains' device."""
        import cupy

        return cupy

    @property
    def counts(self) -> Any:
        """Firing counts, int32 (B, *neuron_shape), on the device."""
        return self.bits.counts.reshape(self.batch, *self.neuron_shape)

    @property
    def fires(self) -> Any:
        """Mask of the neurons that fire in any sample, bool (N,), on the device."""
        with self.bits.counts.device:
            return self.bits.counts.reshape(self.batch, self.size).any(0)

    @property
    def per_neuron(self) -> Any:
        """Number of spikes of each neuron in all samples, int64 (N,), on the device."""
        with self.bits.counts.device:
            return self.bits.counts.reshape(self.batch, self.size).sum(0, dtype=np.int64)

    @property
    def total(self) -> Any:
        """Number of spikes, a 0-d array on the device."""
        with self.bits.counts.device:
            return self.bits.counts.sum(dtype=np.int64)

    @property
    def neurons(self) -> np.ndarray:
        """Neuron of each event, on the host."""
        return self._host.neurons

    @property
    def offsets(self) -> np.ndarray:
        """Index of each step's first event, on the host."""
        return self._host.offsets

    @cached
    def _host(self) -> SpikeTrains:
        neurons, offsets = unpack_bits(self.bits.words.get())
        return SpikeTrains(neurons, offsets, self.steps, self.neuron_shape)

    def to_host(self) -> SpikeTrains:
        """Return the trains as events in host memory."""
        return self._host

    def verify(self) -> "CudaTrains":
        """Return the trains: they need no check, as bits beyond the neurons are never read."""
        return self

    def reshape(self, neuron_shape: tuple[int, ...]) -> "CudaTrains":
        """Return the same trains with neurons in another shape of equal size."""
        return CudaTrains(self.bits, self.steps, self._reshaped(neuron_shape))

    def __getitem__(self, samples: int | slice | np.ndarray) -> "CudaTrains":
        """Return the trains of some samples; a single index keeps the batch axis, of length one."""
        view = isinstance(samples, slice) and samples.step in (None, 1)  # others are copied: kernels need contiguous rows
        picked = samples if view else convert.picked(samples, self.batch)
        with self.bits.words.device:
            bits = Bits(self.bits.words[picked], self.bits.counts[picked], self.bits.most)
        return CudaTrains(bits, self.steps, self.neuron_shape)
