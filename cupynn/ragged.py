"""`Ragged`: samples of different length, such as recordings of events or of sound."""

from collections.abc import Sequence

import numpy as np

from cupynn import checks
from cupynn.checks import InputError


class Ragged:
    """Samples of different length, one after the other in one array: events, or the frames of a signal.

    Picking samples copies none of their values, so the array may be a memory map larger than memory.

    Parameters
    ----------
    values : ndarray, shape (total, ...)
        What all samples consist of, such as events or frames.
    starts, stops : array_like of int, shape (n,)
        Sample i is ``values[starts[i] : stops[i]]``.
    sample_shape : tuple of int
        Shape of the neurons that a sample drives once it is encoded: that of a sensor, or a number of channels.

    Raises
    ------
    InputError
        If starts and stops differ in length, or do not lie in ``0 <= start <= stop <= total``.

    Examples
    --------
    >>> two = Ragged(np.arange(5.0), [0, 2], [2, 5], sample_shape=(1,))
    >>> two[1]
    array([2., 3., 4.])
    >>> two[[1, 1]].shape
    (2, 1)
    """

    def __init__(
        self, values: np.ndarray, starts: np.ndarray, stops: np.ndarray, sample_shape: int | tuple[int, ...]
    ) -> None:
        self.values = checks.only("values", values, np.ndarray)
        self.starts, self.stops = (checks.read_only(np.array(bounds, np.int64)) for bounds in (starts, stops))
        self.sample_shape = checks.shape("sample_shape", sample_shape)
        if self.starts.ndim != 1 or self.starts.shape != self.stops.shape:
            raise InputError(f"starts {self.starts.shape} and stops {self.stops.shape}: pass one of each for every sample")
        outside = (self.starts < 0) | (self.stops < self.starts) | (self.stops > len(self.values))
        if outside.any():
            first = int(np.argmax(outside))
            raise InputError(
                f"sample {first} is values[{self.starts[first]}:{self.stops[first]}] of {len(self.values)}: "
                "pass 0 <= start <= stop <= total"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, *sample_shape)."""
        return (len(self), *self.sample_shape)

    @property
    def dtype(self) -> np.dtype:
        """That of the values."""
        return self.values.dtype

    @property
    def lengths(self) -> np.ndarray:
        """Number of values of each sample, int64 (n,)."""
        return self.stops - self.starts

    def __len__(self) -> int:
        return self.starts.size

    def __getitem__(self, samples: int | slice | Sequence[int] | np.ndarray) -> "np.ndarray | Ragged":
        """Values of one sample, or several samples, as they are indexed in NumPy."""
        starts, stops = self.starts[samples], self.stops[samples]
        if starts.ndim == 0:
            return self.values[starts:stops]
        return Ragged(self.values, starts, stops, self.sample_shape)

    def __repr__(self) -> str:
        return f"Ragged(shape={self.shape}, {self.dtype}, {self.lengths.sum()} values)"
