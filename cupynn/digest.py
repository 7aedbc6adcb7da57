"""Digests of data, by which two processes, or a training and its continuation, see whether theirs is the same."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from mmap import mmap
from typing import Any

import numpy as np

from cupynn.kernels.threads import get_num_threads
from cupynn.parallel import Ranks
from cupynn.ragged import Ragged
from cupynn.spikes import SpikeTrains

PROBE = 64  # samples that stand for all of a data set that may be larger than memory
_CHUNK = 2**24  # bytes hashed at a time; the digest depends on this, not on the number of threads
_THREADS = 4  # at most: each hashes 1.8 GB/s


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
    chunks = [chunk for array in arrays for chunk in _chunks(array)]
    pool = ThreadPoolExecutor(min(_THREADS, get_num_threads()))
    try:
        digests = b"".join(pool.map(_hashed, chunks))
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupt waits for the chunks being hashed, not for all
    return sha256(b"".join([*map(_kind, arrays), digests])).hexdigest()


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


def _chunks(array: Any) -> Iterator[list[np.ndarray]]:
    """Views of all values, in lists of some 16 MiB each."""
    if isinstance(array, Ragged):
        yield [array.lengths]
        views, size = [], 0
        for start, stop in zip(array.starts.tolist(), array.stops.tolist(), strict=True):
            for view in _rows(array.values[start:stop]):
                views.append(view)
                size += view.nbytes
                if size >= _CHUNK:
                    yield views
                    views, size = [], 0
        yield views
        return
    for values in _held(array):
        yield from ([view] for view in _rows(values))


def _rows(values: np.ndarray) -> Iterator[np.ndarray]:
    rows = max(1, _CHUNK * len(values) // max(1, values.nbytes))
    return (values[first : first + rows] for first in range(0, len(values), rows))


def _hashed(views: list[np.ndarray]) -> bytes:
    digest = sha256()
    for view in views:
        digest.update(np.ascontiguousarray(view).reshape(-1).view(np.uint8))
    return digest.digest()
