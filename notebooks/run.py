"""Execute the notebooks from top to bottom, each in a fresh kernel. An error or any output on stderr is a failure.

    python notebooks/run.py              all notebooks
    python notebooks/run.py 1 4          notebooks 1 and 4
    python notebooks/run.py --save 1     notebook 1, and save its outputs in the file

Needs ``pip install -e ".[notebooks]"``: notebook 6 finds the tests of an editable installation. Nothing is downloaded;
datasets in the folder CUPYNN_DATA are used.
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
    """Return what the cells of an executed notebook wrote to stderr, such as warnings."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return [output.text for output in outputs if output.get("name") == "stderr"]


def execute(path: Path) -> tuple[nbformat.NotebookNode, list[str]]:
    """Execute a notebook in an empty folder; return it with its outputs, and a list of failures."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(notebook, resources={"metadata": {"path": folder}}, timeout=None, record_timing=False)
        try:
            client.execute()
        except CellExecutionError as error:
            return notebook, [str(error)]
    return notebook, complaints(notebook)


def without_pages(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Remove pages of `plot.explore` from the outputs, but not their text: they are large, and websites do not run them."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if "<iframe" in output.get("data", {}).get("text/html", ""):
                del output.data["text/html"]
    return notebook


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", nargs="*", help="numbers of the notebooks (default: all)")
    parser.add_argument("--save", action="store_true", help="save the outputs in the files, unless a notebook fails")
    options = parser.parse_args()
    os.environ["CUPYNN_OFFLINE"] = "1"
    paths = [path for path in sorted(FOLDER.glob("*.ipynb")) if not options.numbers or path.name[0] in options.numbers]
    failed = not paths
    for path in paths:
        print(f"{path.name} ...", flush=True)
        notebook, failures = execute(path)
        if options.save and not failures:
            nbformat.write(without_pages(notebook), path)
        print("\n".join(failures) or "ok", flush=True)
        failed |= bool(failures)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
