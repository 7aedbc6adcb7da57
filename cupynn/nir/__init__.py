"""NIR, the Neuromorphic Intermediate Representation: networks to and from its graphs and files.

The library `nir` is needed (``pip install "cupynn[nir]"``). As both have the same name, import this package's functions by
``from cupynn import nir`` in scripts that do not ``import nir`` themselves.
"""

from cupynn.nir.build import from_nir
from cupynn.nir.certificate import Certificate
from cupynn.nir.fidelity import certify
from cupynn.nir.files import export, load
from cupynn.nir.graph import to_nir

__all__ = ["Certificate", "certify", "export", "from_nir", "load", "to_nir"]
