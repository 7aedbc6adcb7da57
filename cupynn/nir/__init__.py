"""Read and write networks as graphs of NIR, the Neuromorphic Intermediate Representation.

Import these names from here. `write` converts a network to a graph, `read` a graph to a network, `files` reads and writes
files, and `fidelity` measures what a file preserves of a network.

This package needs the library `nir` (``pip install "cupynn[nir]"``). Both have the same name: in scripts that also
``import nir``, import the functions below by name.
"""

from cupynn.nir.certificate import Certificate
from cupynn.nir.fidelity import certify
from cupynn.nir.files import export, load
from cupynn.nir.read import from_nir
from cupynn.nir.write import to_nir

__all__ = ["Certificate", "certify", "export", "from_nir", "load", "to_nir"]
