"""Read graphs from NIR files, which are HDF5 files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cupynn import hdf5
from cupynn.checks import InputError

from .library import nir_library

if TYPE_CHECKING:
    import nir

LARGEST = 1 << 30  # bytes of all arrays together
TYPES = {"type": (str,), "metadata": (dict,), "nodes": (dict,), "padding": (str, np.ndarray, np.generic)}  # else arrays


def read_graph(path: Path) -> "nir.NIRGraph":
    """Read the graph of a file; raise InputError if the file is missing, damaged, or not a graph."""
    library = nir_library()
    if not path.is_file():
        raise InputError(f"{path}: no such file; pass a graph written by nir.write")
    try:
        return library.NIRGraph.from_dict(_graph(hdf5.read_apart(path, "node", LARGEST)))
    except Exception as error:  # damaged files make h5py and nir raise exceptions of many kinds
        raise InputError(f"{path} is damaged or not a NIR graph ({type(error).__name__}: {error})") from None


def _graph(table: dict[str, Any]) -> dict[str, Any]:
    """Check that the fields of a graph and its subgraphs have the types that nir expects.

    nir's own check of types is switched off: it refuses neurons that share one value.
    """
    nodes = {}
    for name, node in table["nodes"].items():
        for field, value in node.items():
            if not isinstance(value, TYPES.get(field, (np.ndarray, np.generic))):
                raise ValueError(f"{field} of {name} is {value!r:.50}")
        nodes[name] = _graph(node) if node["type"] == "NIRGraph" else node
    return {"metadata": {}} | table | {"nodes": nodes, "type_check": False}
