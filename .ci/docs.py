"""Build the pages of the public modules with pdoc: ``python .ci/docs.py [FOLDER]``, by default build/docs.

Needs ``pip install -e ".[docs]"``. Whatever pdoc warns of, such as a name that it cannot resolve, is an error.
"""

import sys
import warnings
from pathlib import Path

import pdoc

import cupynn


def build(folder: Path) -> None:
    """Write the pages."""
    warnings.simplefilter("error")
    for name in cupynn.__all__:  # pdoc looks only for what is loaded
        setattr(cupynn, name, getattr(cupynn, name))
    pdoc.render.configure(docformat="numpy", math=True, footer_text=f"cupynn {cupynn.__version__}")
    pdoc.pdoc("cupynn", output_directory=folder)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "build/docs")
    build(target)
    print(target / "index.html")
