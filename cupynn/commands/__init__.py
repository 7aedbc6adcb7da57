"""The commands of the command line, one module each: a new one is a module here and a name in `COMMANDS`.

`cupynn.cli` imports `COMMANDS` and `load` from here. `shared` and `samples` hold what several commands need. A module has

- ``HELP``, ``DESCRIPTION`` and ``EXAMPLES``: what `cupynn --help` and `cupynn COMMAND --help` say;
- ``add_arguments(parser)``;
- ``execute(options)``, which calls the package and prints. It imports what it calls within, so that no help waits for Numba.
"""

from importlib import import_module
from types import ModuleType

# In the order of the help; import-reference lies in import_reference.py.
COMMANDS = (
    "train",
    "evaluate",
    "predict",
    "raster",
    "export",
    "import-nir",
    "import-reference",
    "datasets",
    "devices",
)


def load(name: str) -> ModuleType:
    """Import the module of a command."""
    return import_module(f"{__name__}.{name.replace('-', '_')}")
