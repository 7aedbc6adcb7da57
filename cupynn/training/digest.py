"""Digests of data, by which two processes, or a training and its continuation, see whether theirs is the same."""

from collections.abc import Iterator
from hashlib import sha256
from mmap import mmap
from typing import Any

import numpy as np

from cupynn.parallel import Ranks
from cupynn.ragged import Ragged
from cupynn.spikes.trains import SpikeTrains

PROBE = 64  # samples that stand for all of a data set that may be larger than memory
_CHUNK = 2**24  # bytes that are made contiguous and hashed at a time, at 1.8 GB/s by one thread


def probed(*arrays: Any) -> str:
    """Return a digest of shapes, labels or weights, and of some samples spread over all.

    Parameters
    ----------
    *arrays : ndarray, SpikeTrains or Ragged
    """
    digest = sha256()
    for array in arrays:
        digest.update(_kind(array))
        whole = isinstance(array, np.ndarray) and array.ndim == 1
        for number in np.unique(np.linspace(0, len(array) - 1, PROBE).astype(np.int64)) if not whole else [slice(None)]:
            part = array[number]
            values = (part.neurons, part.offsets) if isinstance(part, SpikeTrains) else (part,)
            for each in values:
                digest.update(np.ascontiguousarray(each).tobytes())
    return digest.hexdigest()


def whole(*arrays: Any) -> str | None:
    """Return a digest of all values, or None if some of them lie in a memory map.

    Parameters
    ----------
    *arrays : ndarray, SpikeTrains or Ragged
    """
    if any(map(_is_mapped, (values for array in arrays for values in _held(array)))):
        return None
    digest = sha256()
    for array in arrays:
        digest.update(_kind(array))
        for rows in _rows(array):
            digest.update(np.ascontiguousarray(rows).reshape(-1).view(np.uint8))
    return digest.hexdigest()


def whole_of_each(data: dict[str, Any], ranks: Ranks) -> dict[str, str | None]:
    """Return `whole` of each tuple of arrays, by its name; None for one that is None, or mapped in one of the processes.

    Parameters
    ----------
    data : dict
        Tuples of arrays, or None, by the name of the option of `fit`.
    ranks : Ranks
        The processes that train.
    """
    digests = {name: None if arrays is None else whole(*arrays) for name, arrays in data.items()}
    absent = ranks.greatest(*(digest is None for digest in digests.values()))
    return {name: None if missing else digest for (name, digest), missing in zip(digests.items(), absent, strict=True)}


def _kind(array: Any) -> bytes:
    return f"{array.shape} {getattr(array, 'dtype', 'spikes')}".encode()


def _held(array: Any) -> tuple[np.ndarray, ...]:
    if isinstance(array, SpikeTrains):
        return array.offsets, array.neurons
    return (array.values,) if isinstance(array, Ragged) else (array,)


def _is_mapped(array: np.ndarray) -> bool:
    """Whether an array is a view of a memory map, in whatever way it was made."""
    base: Any = array
    while isinstance(base, np.ndarray | memoryview):
        base = base.base if isinstance(base, np.ndarray) else base.obj
    return isinstance(base, mmap)


def _rows(array: Any) -> Iterator[np.ndarray]:
    """Views of all values, of some 16 MiB at most; of recordings one by one, wherever each lies."""
    if isinstance(array, Ragged):
        yield array.lengths
        held = (array[sample] for sample in range(len(array)))
    else:
        held = _held(array)
    for values in held:
        rows = max(1, _CHUNK * len(values) // max(1, values.nbytes))
        yield from (values[first : first + rows] for first in range(0, len(values), rows))
