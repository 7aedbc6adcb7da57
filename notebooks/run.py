"""Execute the notebooks from top to bottom, each in a fresh kernel; an error, or anything on stderr, is a failure.

    python notebooks/run.py              all of them
    python notebooks/run.py 1 4          those with these numbers
    python notebooks/run.py --save 1     and keep the outputs in the files

Needs ``pip install -e ".[notebooks]"``. Nothing is downloaded: data sets are taken from CUPYNN_DATA if they are there.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).parent


def complaints(notebook: nbformat.NotebookNode) -> list[str]:
    """What the cells of an executed notebook wrote to stderr, such as warnings."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return [output.text for output in outputs if output.get("name") == "stderr"]


def execute(path: Path) -> tuple[nbformat.NotebookNode, list[str]]:
    """Execute a notebook in an empty folder; return it with its outputs, and what went wrong."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(notebook, resources={"metadata": {"path": folder}}, timeout=None, record_timing=False)
        try:
            client.execute()
        except CellExecutionError as error:
            return notebook, [str(error)]
    return notebook, complaints(notebook)


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", nargs="*", help="of the notebooks; by default all")
    parser.add_argument("--save", action="store_true", help="write the outputs into the files, if nothing went wrong")
    options = parser.parse_args()
    os.environ["CUPYNN_OFFLINE"] = "1"
    paths = [path for path in sorted(FOLDER.glob("*.ipynb")) if not options.numbers or path.name[0] in options.numbers]
    failed = not paths
    for path in paths:
        print(f"{path.name} ...", flush=True)
        notebook, wrong = execute(path)
        if options.save and not wrong:
            nbformat.write(notebook, path)
        print("\n".join(wrong) if wrong else "well", flush=True)
        failed |= bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
