"""Read graphs from files of NIR, which are HDF5."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cupynn import hdf5
from cupynn.checks import InputError

from .library import nir_library

if TYPE_CHECKING:
    import nir

LARGEST = 1 << 30  # bytes of all arrays together


def read_graph(path: Path) -> "nir.NIRGraph":
    """Read the graph of a file.

    Raises
    ------
    InputError
        If it is missing, damaged, or no graph.
    """
    library = nir_library()
    if not path.is_file():
        raise InputError(f"{path}: no such file; pass a graph that nir.write wrote")
    try:
        return library.NIRGraph.from_dict(_graph(hdf5.read_apart(path, "node", LARGEST)))
    except Exception as error:  # what a damaged file makes h5py and nir raise is anybody's guess
        raise InputError(f"{path} is no graph of NIR, or is damaged ({type(error).__name__}: {error})") from None


def _graph(table: dict[str, Any]) -> dict[str, Any]:
    """Return the table of a graph, its fields of the kinds that nir takes for granted.

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
