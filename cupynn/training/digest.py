"""Digests of data, to compare the data of several processes, or of a training run and its continuation."""

from collections.abc import Iterator
from hashlib import sha256
from mmap import mmap
from typing import Any

import numpy as np

from cupynn.parallel import Ranks
from cupynn.ragged import Ragged
from cupynn.spikes.trains import SpikeTrains

PROBE = 64  # samples that represent a data set that may be larger than memory
_CHUNK = 2**24  # bytes that are made contiguous and hashed at once, at 1.8 GB/s on one thread


def probed(*arrays: Any) -> str:
    """Return a digest of shapes, of labels or weights, and of PROBE samples spread over the data."""
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
    """Return a digest of all values, or None if an array is a memory map."""
    if any(map(_is_mapped, (values for array in arrays for values in _held(array)))):
        return None
    digest = sha256()
    for array in arrays:
        digest.update(_kind(array))
        for rows in _rows(array):
            digest.update(np.ascontiguousarray(rows).reshape(-1).view(np.uint8))
    return digest.hexdigest()


def whole_of_each(data: dict[str, Any], ranks: Ranks) -> dict[str, str | None]:
    """Return `whole` of each tuple of arrays by name, or None without a tuple or for a memory map in any process."""
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
    """Return whether an array is a view of a memory map, directly or through other views."""
    base: Any = array
    while isinstance(base, np.ndarray | memoryview):
        base = base.base if isinstance(base, np.ndarray) else base.obj
    return isinstance(base, mmap)


def _rows(array: Any) -> Iterator[np.ndarray]:
    """Yield views of all values, of about 16 MiB at most, recording by recording for `Ragged`."""
    if isinstance(array, Ragged):
        yield array.lengths
        held = (array[sample] for sample in range(len(array)))
    else:
        held = _held(array)
    for values in held:
        rows = max(1, _CHUNK * len(values) // max(1, values.nbytes))
        yield from (values[first : first + rows] for first in range(0, len(values), rows))
