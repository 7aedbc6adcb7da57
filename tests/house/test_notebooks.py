"""The notebooks as they are committed. `python notebooks/run.py` executes them, which takes minutes."""

import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LARGEST = 650_000  # bytes of a file: pages on the web show larger ones slowly, or not at all


def text(source):
    return "".join(source)


def outputs(notebook):
    return [output for cell in notebook["cells"] for output in cell.get("outputs", ())]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return json.loads(request.param.read_text(encoding="utf-8"))


def test_they_are_numbered_without_a_gap():
    assert [path.name.split("_")[0] for path in NOTEBOOKS] == [str(number) for number in range(1, len(NOTEBOOKS) + 1)]
    assert len(NOTEBOOKS) >= 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_size(path):
    assert path.stat().st_size < LARGEST


def test_saved_after_one_run_from_top_to_bottom(notebook):
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert all(text(cell["source"]).strip() for cell in code)


def test_outputs_read_well(notebook):
    shown = outputs(notebook)
    assert shown
    for output in shown:
        assert output["output_type"] != "error"
        assert output.get("name") != "stderr", text(output["text"])
        kinds = output.get("data", {})
        assert "<iframe" not in text(kinds.get("text/html", ""))  # pages of explore are large, and no website runs them
        assert not any("widget" in kind for kind in kinds)  # a picture of a bar that is gone
        words = text(output.get("text", "")) + text(kinds.get("text/plain", "")) + text(kinds.get("text/html", ""))
        assert not re.search(r"/(home|root|tmp|mnt|opt|Users)/|[A-Z]:\\", words), words
        assert not re.search(r"samples/s|\x1b|\r", words), words  # times of one machine; what draws a bar


def test_titles_and_links(notebook):
    first, last = notebook["cells"][0], notebook["cells"][-1]
    assert re.match(r"# \d · ", text(first["source"]))
    links = [link for cell in notebook["cells"] for link in re.findall(r"\]\(([^)]+)\)", text(cell["source"]))]
    for link in links:
        assert link.startswith("https://") or (FOLDER / link).is_file(), link
    assert last["cell_type"] == "markdown"


@pytest.mark.slow
def test_a_training_in_a_kernel():
    """What the bar and the live curves leave in a file, once they have gone through IPython, kernel and client."""
    nbclient, nbformat = (
        pytest.importorskip(name, reason='no Jupyter: pip install -e ".[notebooks]"') for name in ("nbclient", "nbformat")
    )
    pytest.importorskip("ipykernel", reason='no Jupyter: pip install -e ".[notebooks]"')
    code = """
from cupynn import Sequential, datasets, encoders, layers
train, _ = datasets.load("digits")
net = Sequential([layers.SpikingDense(10, v_th=10.0)], (8, 8), 150, encoders.Poisson(0.5), device="cpu")
net.forward(net.encode(train.x[:2]))
history = net.fit(train[:100], epochs=2, live=True)
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook).execute()
    outputs = notebook.cells[0].outputs
    shown = [output.data for output in outputs if output.output_type == "display_data"]
    assert [sorted(data) for data in shown] == [["image/png", "text/plain"], ["text/plain"]]
    assert shown[1] == {"text/plain": ""}
    streams = {output.name for output in outputs if output.output_type == "stream"}
    assert streams == {"stdout"}, outputs
