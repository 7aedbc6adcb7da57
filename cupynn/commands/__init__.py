"""The commands of the command line, one module each: a new command is a module here and a name in `COMMANDS`.

`shared` and `samples` contain what several commands need. The module of a command has

- ``HELP``, ``DESCRIPTION`` and ``EXAMPLES``: the text of `cupynn --help` and `cupynn COMMAND --help`;
- ``add_arguments(parser)``;
- ``execute(options)``, which calls the package and prints. It imports the package inside, so that help does not load Numba.
"""

from importlib import import_module
from types import ModuleType

# In the order of the help. The module of import-reference is import_reference.
COMMANDS = (
    "init",
    "train",
    "runs",
    "reproduce",
    "pretrained",
    "evaluate",
    "predict",
    "raster",
    "explore",
    "export",
    "import-nir",
    "import-reference",
    "datasets",
    "devices",
)


def load(name: str) -> ModuleType:
    """Import the module of a command."""
    return import_module(f"{__name__}.{name.replace('-', '_')}")
