"""`Ragged`: samples of different lengths, such as recordings of events or sound."""

from collections.abc import Sequence

import numpy as np

from cupynn import checks
from cupynn.checks import InputError


class Ragged:
    """Samples of different lengths, concatenated in one array: events, or the frames of a signal.

    Indexing copies no values, so the array may be a memory map that is larger than memory.

    Parameters
    ----------
    values : ndarray, shape (total, ...)
        The elements of all samples, such as events or frames.
    starts, stops : array_like of int, shape (n,)
        Sample i is ``values[starts[i] : stops[i]]``.
    sample_shape : tuple of int
        Shape of the input neurons that an encoded sample drives: the shape of the sensor, or the number of channels.
    rate : float, optional
        Frames per second of signals, in Hz, if it is known; notices then speak of seconds and Hz.

    Raises
    ------
    InputError
        If starts and stops differ in length, or violate ``0 <= start <= stop <= total``.

    Examples
    --------
    >>> two = Ragged(np.arange(5.0), [0, 2], [2, 5], sample_shape=(1,))
    >>> two[1]
    array([2., 3., 4.])
    >>> two[[1, 1]].shape
    (2, 1)
    """

    def __init__(
        self,
        values: np.ndarray,
        starts: np.ndarray,
        stops: np.ndarray,
        sample_shape: int | tuple[int, ...],
        rate: float | None = None,
    ) -> None:
        self.values = checks.only("values", values, np.ndarray)
        if not self.values.ndim:
            raise InputError("values has no axis: pass the elements of all samples, one after the other")
        self.starts, self.stops = _places("starts", starts), _places("stops", stops)
        self.sample_shape = checks.shape("sample_shape", sample_shape)
        self.rate = None if rate is None else checks.number("rate", rate, above=0)
        if self.starts.ndim != 1 or self.starts.shape != self.stops.shape:
            raise InputError(f"starts {self.starts.shape} and stops {self.stops.shape}: pass one of each per sample")
        outside = (self.starts < 0) | (self.stops < self.starts) | (self.stops > len(self.values))
        if outside.any():
            first = int(np.argmax(outside))
            raise InputError(
                f"sample {first} is values[{self.starts[first]}:{self.stops[first]}] of {len(self.values)}: "
                "pass 0 <= start <= stop <= total"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (n, *sample_shape)."""
        return (len(self), *self.sample_shape)

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return self.values.dtype

    @property
    def lengths(self) -> np.ndarray:
        """Number of values per sample, int64 (n,)."""
        return self.stops - self.starts

    def __len__(self) -> int:
        return self.starts.size

    def __getitem__(self, samples: int | slice | Sequence[int] | np.ndarray) -> "np.ndarray | Ragged":
        """Return the values of one sample, or a `Ragged` of several, indexed as in NumPy."""
        try:
            starts, stops = self.starts[samples], self.stops[samples]
        except (TypeError, ValueError) as error:
            raise InputError(f"ragged[...]: {error}: pass an index, a slice, indices or a mask") from None
        if starts.ndim == 0:
            return self.values[starts:stops]
        return Ragged(self.values, starts, stops, self.sample_shape, self.rate)

    def __repr__(self) -> str:
        rate = "" if self.rate is None else f" at {self.rate:g} Hz"
        return f"Ragged(shape={self.shape}, {self.dtype}, {self.lengths.sum()} values{rate})"


def _places(name: str, value: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return whole numbers as a read-only copy, int64."""
    array = checks.as_array(name, value)
    if array.dtype.kind == "f":
        whole = (np.abs(array) < 2**53).all() and (array == np.round(array)).all()
    else:
        whole = array.dtype.kind in "iub"
    if not whole:
        raise InputError(f"{name} is {array.dtype} {array.shape}: pass whole numbers, one per sample")
    return checks.read_only(np.array(array, np.int64))
