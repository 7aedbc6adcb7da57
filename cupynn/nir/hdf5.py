"""Files of NIR, HDF5, from elsewhere: what they declare is compared with what they hold before memory is taken for it."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cupynn import hdf5
from cupynn.checks import InputError

from .heaps import Strings
from .library import nir_library

if TYPE_CHECKING:
    import nir

LARGEST = 1 << 30  # bytes of all arrays together
DEEPEST = 8  # groups within groups


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
            reader = _Reader(content)
            table = reader.table(reader.member(file, "node"))
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


class _Reader(hdf5.Reader):
    """Reads tables and strings as well as arrays."""

    def __init__(self, content: bytes) -> None:
        super().__init__(len(content), LARGEST)
        self.strings = Strings(content)

    def table(self, group: Any, depth: int = 0) -> dict[str, Any]:
        """Arrays, strings and tables of a group."""
        import h5py

        if depth > DEEPEST:
            raise ValueError("groups are nested too deeply")
        return {
            name: self.table(entry, depth + 1) if isinstance(entry, h5py.Group) else self.value(name, entry)
            for name, entry in self.members(group)
        }

    def value(self, name: str, entry: Any) -> Any:
        """Read an array or a string, whose size is checked first."""
        import h5py

        text = h5py.check_string_dtype(entry.dtype)
        if text is None:
            if entry.dtype.names:
                raise ValueError(f"{name} holds {entry.dtype}")
            return self.array(name, entry)
        self.check(name, entry)
        if text.length is not None:
            return np.asarray(entry[()]).astype(f"U{text.length}").astype(object)[()]
        if entry.size > hdf5.MOST or (offset := entry.id.get_offset()) is None:
            raise ValueError(f"{name} holds {entry.size:,} strings, or packed ones")
        found = self.strings.at(offset, entry.size)
        return np.array(found, object).reshape(entry.shape) if entry.shape else found[0]
