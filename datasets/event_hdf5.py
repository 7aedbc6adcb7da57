"""Read the HDF5 layouts of event recordings: columns, one table, and those of v2e, e2vid, DSEC and Metavision."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.hdf5 import Reader, numeric

from .recordings import structured

EVENTS = "events"  # the group of the recording, or its table, or the array of v2e
METAVISION = "CD"  # the group of Metavision
UNPACK = "unpack it with h5repack -f NONE on a computer with the filter, or convert a recording of Metavision to .dat"


def library(name: str, path: Path) -> ModuleType:
    """Import an optional library that reads a file; InputError names the command that installs it."""
    try:
        return import_module(name)
    except ImportError:
        raise InputError(f'{path} needs the library {name}: pip install "cupynn[events]"') from None


def read(path: Path) -> np.ndarray:
    """Return the unchecked events of a file; a damaged file may raise any error."""
    h5py = library("h5py", path)
    with h5py.File(path, "r") as file:
        reader = Reader(path.stat().st_size)
        if reader.find(file, "spikes/times") is not None:
            raise InputError(
                f"{path} holds many recordings of all classes, like the files of SHD and SSC: "
                "read it with datasets.from_shd, or kind = 'shd' in a definition"
            )
        arrays, others = {}, []
        for name, entry in _entries(reader, file):
            if isinstance(entry, h5py.Dataset) and numeric(entry.dtype):
                _check_filters(entry, path, name)
                arrays[name] = reader.array(name, entry)
            elif isinstance(entry, h5py.Group):
                others.append(f"the group {name}")
        if EVENTS in arrays and arrays[EVENTS].dtype.names is None:
            arrays = _matrix(arrays[EVENTS], path)
        return structured(arrays, path, others)


def _entries(reader: Reader, file: Any) -> Iterator[tuple[str, Any]]:
    """Yield the names and entries to read: only the table, if there is one; else all of its group, or of the root."""
    import h5py

    for path in (f"{METAVISION}/{EVENTS}", EVENTS):
        entry = reader.find(file, path)
        if isinstance(entry, h5py.Dataset):
            yield EVENTS, entry
            return
    yield from reader.members(file if entry is None else entry)


def _check_filters(dataset: Any, path: Path, name: str) -> None:
    """Raise InputError for filters that are not installed, such as those of Metavision and of Blosc."""
    import h5py

    settings = dataset.id.get_create_plist()
    for index in range(settings.get_nfilters()):
        code, _, _, title = settings.get_filter(index)
        if not h5py.h5z.filter_avail(code):
            title = title.decode("latin-1") or "no name"
            raise InputError(f"{path}: {name} is packed by the HDF5 filter {code} ({title}), not installed: {UNPACK}")


def _matrix(events: np.ndarray, path: Path) -> dict[str, np.ndarray]:
    """Return the columns of an array (events, 4) of v2e: t in microseconds, x, y, p."""
    if events.ndim != 2 or events.shape[1] != len(checks.EVENT_FIELDS):
        raise InputError(f"{path} holds {EVENTS} {events.shape}: expected 4 columns: t, x, y, p")
    return dict(zip(checks.EVENT_FIELDS, events.T, strict=True))
