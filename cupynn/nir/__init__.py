"""NIR, the Neuromorphic Intermediate Representation: networks to and from its graphs and files.

Import these names from here. `write` turns a network into a graph, `read` a graph into a network, `files` does both with
files, and `fidelity` measures what a file keeps of a network.

The library `nir` is needed (``pip install "cupynn[nir]"``). As both have the same name, import this package's functions by
``from cupynn import nir`` in scripts that do not ``import nir`` themselves.
"""

from cupynn.nir.certificate import Certificate
from cupynn.nir.fidelity import certify
from cupynn.nir.files import export, load
from cupynn.nir.read import from_nir
from cupynn.nir.write import to_nir

__all__ = ["Certificate", "certify", "export", "from_nir", "load", "to_nir"]
