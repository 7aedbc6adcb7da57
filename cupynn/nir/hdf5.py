"""Files of NIR, HDF5, from elsewhere: what they declare is compared with what they hold before memory is taken for it."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cupynn.checks import InputError

from .heaps import Strings
from .library import nir_library

if TYPE_CHECKING:
    import nir

PACKED = 1100  # most bytes that one packed byte becomes; deflate makes 1032 of it
LARGEST = 1 << 30  # bytes of all arrays together
DEEPEST, MOST = 8, 20_000  # groups within groups, entries


def read(path: Path) -> "nir.NIRGraph":
    """Read the graph of a file.

    Raises
    ------
    InputError
        If it is missing, damaged, or no graph.
    """
    library = nir_library()
    import h5py

    if not path.is_file():
        raise InputError(f"{path}: no such file; pass a graph that nir.write wrote")
    try:
        content = path.read_bytes()
        with h5py.File(BytesIO(content), "r") as file:
            table = _Reader(h5py, Strings(content)).table(file["node"])
        graph = library.NIRGraph.from_dict(_graph(table))
    except InputError:
        raise
    except Exception as error:  # what a damaged file makes h5py and nir raise is anybody's guess
        raise InputError(f"{path} is no graph of NIR, or is damaged ({type(error).__name__}: {error})") from None
    return graph


def _graph(table: dict[str, Any]) -> dict[str, Any]:
    """Table of a graph, its fields of the kinds that nir takes for granted.

    Types are left to us, in graphs within it as well: nir knows no neurons with one value for all of them.
    """
    nodes = {}
    for name, node in table["nodes"].items():
        for field, value in node.items():
            if not isinstance(value, _kinds(field)):
                raise ValueError(f"{field} of {name} is {value!r:.50}")
        nodes[name] = _graph(node) if node["type"] == "NIRGraph" else node
    return {"metadata": {}} | table | {"nodes": nodes, "type_check": False}


def _kinds(field: str) -> tuple[type, ...]:
    known = {"type": (str,), "metadata": (dict,), "nodes": (dict,), "padding": (str, np.ndarray, np.generic)}
    return known.get(field, (np.ndarray, np.generic))


class _Reader:
    """Counts what is read of one file."""

    def __init__(self, h5py: Any, strings: Strings) -> None:
        self.h5py, self.strings, self.bytes, self.entries = h5py, strings, 0, 0

    def table(self, group: Any, depth: int = 0) -> dict[str, Any]:
        """Arrays, strings and tables of a group."""
        if depth > DEEPEST:
            raise ValueError("groups are nested too deeply")
        found = {}
        for name in group:
            self.entries += 1
            if self.entries > MOST:
                raise ValueError(f"more than {MOST:,} entries")
            if not isinstance(group.get(name, getlink=True), self.h5py.HardLink):
                raise ValueError(f"{name} is a link to elsewhere")
            entry = group[name]
            found[name] = self.table(entry, depth + 1) if isinstance(entry, self.h5py.Group) else self.value(name, entry)
        return found

    def value(self, name: str, entry: Any) -> Any:
        """Read an array or a string, whose size is checked first."""
        text = self.h5py.check_string_dtype(entry.dtype)
        if text is None and entry.dtype.kind not in "fiub":
            raise ValueError(f"{name} holds {entry.dtype}")
        if entry.is_virtual or entry.external:
            raise ValueError(f"{name} lies in another file")
        stored = entry.id.get_storage_size()
        self.bytes += entry.nbytes
        if entry.nbytes > PACKED * stored + 64 or self.bytes > LARGEST:
            raise ValueError(f"{name} declares {entry.nbytes:,} bytes, of which {stored:,} are stored")
        if text is None:
            return entry[()]
        if text.length is not None:
            return np.asarray(entry[()]).astype(f"U{text.length}").astype(object)[()]
        if entry.size > MOST or (offset := entry.id.get_offset()) is None:
            raise ValueError(f"{name} holds {entry.size:,} strings, or packed ones")
        found = self.strings.at(offset, entry.size)
        return np.array(found, object).reshape(entry.shape) if entry.shape else found[0]
