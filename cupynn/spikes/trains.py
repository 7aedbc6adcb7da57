"""`SpikeTrains`: the spike trains of a batch, held as events and converted on demand."""

from html import escape
from math import prod
from typing import Any, NamedTuple

import numpy as np

from cupynn import checks
from cupynn.cached import cached
from cupynn.checks import InputError, read_only
from cupynn.kernels import aligned
from cupynn.kernels import events as kernels
from cupynn.ragged import Ragged
from cupynn.spikes import convert, picture


class Events(NamedTuple):
    """Address events, sorted by (sample, step, neuron): three int arrays of shape (events,)."""

    samples: np.ndarray
    steps: np.ndarray
    neurons: np.ndarray


class SpikeTrains:
    """Spike trains of a batch of samples, with at most one spike per neuron and step. Trains on a GPU are `CudaTrains`.

    Encoders, layers, `from_dense` and `from_events` create them; the constructor takes the internal arrays.

    Parameters
    ----------
    neurons : ndarray of int32, shape (events,)
        Flat index of the neuron of each event, sorted by (sample, step, neuron). Not copied: do not change the arrays.
    offsets : ndarray of int64, shape (B * T + 1,)
        Events of sample b at step t are ``neurons[offsets[b * T + t] : offsets[b * T + t + 1]]``.
    steps : int
        Number of time steps T, at most 2^24.
    neuron_shape : tuple of int
        Shape of the layer that fires, such as (28, 28) or (800,).

    Attributes
    ----------
    shape : tuple of int
        (B, T, *neuron_shape).
    counts : ndarray of int32, shape (B, *neuron_shape)
        Firing counts.

    Examples
    --------
    >>> spikes = SpikeTrains.from_events(samples=[0, 0, 1], times=[2, 5, 5], neurons=[1, 1, 0], shape=(2, 10, 3))
    >>> spikes.counts
    array([[0, 2, 0],
           [1, 0, 0]], dtype=int32)
    >>> spikes.to_dense().shape
    (2, 10, 3)
    """

    on_cuda = False
    xp = np
    undelayed_counts: np.ndarray | None = None  # set by layers that delay the trains

    def __init__(self, neurons: np.ndarray, offsets: np.ndarray, steps: int, neuron_shape: tuple[int, ...]) -> None:
        self._neurons, self._offsets = read_only(neurons), read_only(offsets)
        self.steps = checks.steps("steps", steps)
        self.neuron_shape = tuple(neuron_shape)
        self.batch = (offsets.size - 1) // self.steps
        self.size = prod(self.neuron_shape)
        self._verified = False

    @classmethod
    def from_dense(cls, array: Any, time_first: bool = False) -> "SpikeTrains":
        """Create trains from an array of zeros and ones.

        Parameters
        ----------
        array : array_like, shape (B, T, *neuron_shape)
            Array in host memory, of NumPy or of a library that supports DLPack, such as PyTorch and JAX.
        time_first : bool
            Whether the shape is (T, B, *neuron_shape), as in snnTorch, Norse and SpikingJelly.

        Raises
        ------
        InputError
            If the array has fewer than three axes, an empty axis, or a value other than 0 and 1, or is on a GPU.
        """
        return cls._from_rows(*convert.dense(array, time_first))

    @classmethod
    def from_events(
        cls, samples: np.ndarray, times: np.ndarray, neurons: np.ndarray, *, shape: tuple[int, ...]
    ) -> "SpikeTrains":
        """Create trains from address events in any order; several events at one (sample, step, neuron) are one spike.

        Parameters
        ----------
        samples, times, neurons : array_like of int, shape (events,)
            Sample, step and flat index of the neuron of each event.
        shape : tuple of int
            (B, T, *neuron_shape).

        Raises
        ------
        InputError
            If the arrays differ in length, are not integers, or hold an index outside `shape`.
        """
        return cls._from_rows(*convert.events(samples, times, neurons, shape))

    @classmethod
    def _from_rows(cls, rows, neurons, batch, steps, neuron_shape):
        offsets = np.zeros(batch * steps + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=batch * steps), out=offsets[1:])
        return SpikeTrains(neurons.astype(np.int32), offsets, steps, neuron_shape)

    @classmethod
    def concatenate(cls, parts: "list[SpikeTrains]") -> "SpikeTrains":
        """Join the batches of a non-empty list into one.

        Raises
        ------
        InputError
            If the list is empty, or steps or neurons differ.
        """
        if not isinstance(parts, list | tuple) or not all(isinstance(part, SpikeTrains) for part in parts):
            raise InputError(f"parts is {checks.described(parts)}: pass a list of SpikeTrains")
        if not parts or len({(part.steps, part.neuron_shape) for part in parts}) > 1:
            raise InputError(f"cannot join {[part.shape for part in parts]}: pass trains of equal steps and neurons")
        starts = np.cumsum([0] + [part.neurons.size for part in parts])
        offsets = [part.offsets[:-1] + start for part, start in zip(parts, starts[:-1], strict=True)]
        neurons = np.concatenate([part.neurons for part in parts])
        return cls(neurons, np.concatenate([*offsets, starts[-1:]]), parts[0].steps, parts[0].neuron_shape)

    @property
    def neurons(self) -> np.ndarray:
        """Neuron of each event, int32 (events,), read-only: kernels index by it."""
        return self._neurons

    @property
    def offsets(self) -> np.ndarray:
        """Index of each step's first event, int64 (B * T + 1,), read-only."""
        return self._offsets

    @property
    def shape(self) -> tuple[int, ...]:
        """(B, T, *neuron_shape)."""
        return (self.batch, self.steps, *self.neuron_shape)

    @cached
    def counts(self) -> np.ndarray:
        """Firing counts, int32 (B, *neuron_shape), read-only.

        A property, without parentheses, as the trains exist. The method ``net.counts(x)`` simulates samples and counts the
        spikes of its output neurons.
        """
        return read_only(np.diff(self.by_neuron()[1]).astype(np.int32).reshape(self.batch, *self.neuron_shape))

    @property
    def sent(self) -> np.ndarray:
        """Firing counts as in `counts`, but of trains that a layer has delayed with the events beyond the last step."""
        return self.counts if self.undelayed_counts is None else self.undelayed_counts

    @property
    def fires(self) -> np.ndarray:
        """Mask of the neurons that fire in any sample, bool (N,)."""
        found = np.zeros(self.size, bool)
        found[self.neurons] = True
        return found

    @property
    def per_neuron(self) -> np.ndarray:
        """Number of spikes of each neuron in all samples, int64 (N,)."""
        return np.bincount(self.neurons, minlength=self.size)

    @property
    def total(self) -> int:
        """Number of spikes."""
        return self.neurons.size

    def to_host(self) -> "SpikeTrains":
        """Return the trains as events in host memory."""
        return self

    def verify(self) -> "SpikeTrains":
        """Check the arrays once, as kernels index by them without checks; return the trains.

        It takes 25 us for the input of 32 digits, whose training step takes 36 ms.

        Raises
        ------
        InputError
            If a dtype or size is wrong, offsets decrease, or a neuron is outside the layer.
        """
        if not self._verified:
            neurons, offsets = self.neurons, self.offsets
            for name, array, dtype in (("neurons", neurons, np.int32), ("offsets", offsets, np.int64)):
                is_array = isinstance(array, np.ndarray) and array.dtype == dtype
                if not is_array or array.ndim != 1 or not array.flags.c_contiguous:
                    raise InputError(f"{name} of the trains: pass a contiguous array of {np.dtype(dtype)} with one axis")
            places = self.batch * self.steps + 1
            whole = offsets.size == places and offsets[0] == 0 and offsets[-1] == neurons.size
            if not whole or (offsets[1:] < offsets[:-1]).any():
                raise InputError(f"offsets of the trains: pass {places} values, ascending from 0 to {neurons.size} events")
            if neurons.size and neurons.view(np.uint32).max() >= self.size:  # negative ones become large
                raise InputError(f"neurons outside 0..{self.size - 1} in the trains: pass indices into {self.neuron_shape}")
            self._verified = True
        return self

    def by_neuron(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the events sorted by (sample, neuron, step), in read-only arrays.

        Returns
        -------
        times : ndarray of int32, shape (events,)
        neuron_offsets : ndarray of int64, shape (B * N + 1,)
            Neuron i of sample b fires at ``times[neuron_offsets[b * N + i] : neuron_offsets[b * N + i + 1]]``.
        """
        return self._by_neuron

    @cached
    def _by_neuron(self):
        self.verify()
        return tuple(map(read_only, kernels.by_neuron(self.neurons, self.offsets, self.steps, self.size)))

    def events(self) -> Events:
        """Return address events (sample, step, neuron), sorted in this order; neurons are flat indices."""
        rows = np.repeat(np.arange(self.batch * self.steps), np.diff(self.offsets))
        return Events(rows // self.steps, rows % self.steps, self.neurons.astype(np.int64))

    def to_dense(self, dtype: np.typing.DTypeLike = np.uint8, time_first: bool = False) -> np.ndarray:
        """Return zeros and ones, in host memory that PyTorch, JAX and others share through `from_dlpack`.

        Parameters
        ----------
        dtype : type
        time_first : bool
            Whether to put the steps first, as snnTorch, Norse and SpikingJelly do.

        Returns
        -------
        ndarray, shape (B, T, *neuron_shape) or (T, B, *neuron_shape)
        """
        dtype = convert.numeric(dtype)
        rows = np.arange(self.batch * self.steps)
        if time_first:
            rows = rows % self.steps * self.batch + rows // self.steps
        dense = aligned.zeros((self.batch * self.steps, self.size), dtype)
        dense[np.repeat(rows, np.diff(self.offsets)), self.neurons] = 1
        batch_and_steps = (self.steps, self.batch) if time_first else (self.batch, self.steps)
        return dense.reshape(*batch_and_steps, *self.neuron_shape)

    def time_first(self, dtype: np.typing.DTypeLike = np.float32) -> np.ndarray:
        """Return zeros and ones, shape (T, B, *neuron_shape): ``to_dense(dtype, time_first=True)``."""
        return self.to_dense(dtype, time_first=True)

    def pad(self, steps: int) -> "SpikeTrains":
        """Return the trains followed by silence, in host memory: `steps` in all, at least as many as now."""
        steps = checks.steps("steps", steps, minimum=self.steps)
        rows = self.offsets[1:].reshape(self.batch, self.steps)
        silence = np.repeat(rows[:, -1:], steps - self.steps, axis=1)
        offsets = np.concatenate([[0], np.concatenate([rows, silence], axis=1).ravel()])
        return SpikeTrains(self.neurons, offsets, steps, self.neuron_shape)

    def reshape(self, neuron_shape: tuple[int, ...]) -> "SpikeTrains":
        """Return the same trains with neurons in another shape of equal size."""
        return SpikeTrains(self.neurons, self.offsets, self.steps, self._reshaped(neuron_shape))

    def _reshaped(self, neuron_shape: tuple[int, ...]) -> tuple[int, ...]:
        neuron_shape = checks.shape("neuron_shape", neuron_shape)
        if prod(neuron_shape) != self.size:
            raise InputError(f"cannot reshape neurons {self.neuron_shape} to {neuron_shape}: pass a shape of equal size")
        return neuron_shape

    def __getitem__(self, samples: int | slice | np.ndarray) -> "SpikeTrains":
        """Return the trains of some samples; a single index keeps the batch axis, of length one."""
        if isinstance(samples, slice) and samples.step in (None, 1):
            first, last, _ = samples.indices(self.batch)
            bounds = self.offsets[first * self.steps : max(first, last) * self.steps + 1]
            part = SpikeTrains(self.neurons[bounds[0] : bounds[-1]], bounds - bounds[0], self.steps, self.neuron_shape)
            part._verified = self._verified
            return part
        picked = convert.picked(samples, self.batch)
        return SpikeTrains.concatenate([self[b : b + 1] for b in picked]) if picked.size else self[:0]

    def __len__(self) -> int:
        return self.batch

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpikeTrains):
            return NotImplemented
        pairs = ((self.shape, other.shape), (self.offsets, other.offsets), (self.neurons, other.neurons))
        return all(np.array_equal(*pair) for pair in pairs)

    __hash__ = None

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """Return dense trains, as `to_dense` does."""
        return self.to_dense(np.uint8 if dtype is None else dtype)

    def __dlpack__(self, **options):
        """Export `to_dense()` through DLPack: `torch.from_dlpack(spikes)`."""
        return self.to_dense().__dlpack__(**options)

    def __dlpack_device__(self):
        return (1, 0)  # a CPU

    def __repr__(self) -> str:
        spikes = self.neurons.size
        rate = spikes / max(1, self.batch * self.steps * self.size)
        return f"SpikeTrains(shape={self.shape}, spikes={spikes}, rate={rate:.2%} per step)"

    def _repr_html_(self) -> str:
        if not len(self):
            return escape(repr(self))
        first = self[:1].to_host()
        image = picture.raster(first.neurons, first.offsets, first.size)
        return picture.html(image, f"{self!r}: sample 0 of {len(self)}")


Data = np.ndarray | SpikeTrains | Ragged  # the input of a network
