"""Pages of documentation: their Python runs, and their links lead somewhere."""

import re
from importlib.util import find_spec

import pytest
from factories import ROOT

COMPARISON = ROOT / "docs" / "from-other-packages.md"
LINKED = [COMPARISON, ROOT / "tests" / "bench" / "results" / "README.md"]


def anchors(text):
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", text)
    assert links
    for link in links:
        target, _, anchor = link.partition("#")
        place = page.parent / target if target else page
        assert place.exists(), link
        assert not anchor or anchor in anchors(place.read_text(encoding="utf-8")), link


@pytest.mark.slow
def test_the_code_of_the_comparison_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", COMPARISON.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    for block in blocks:
        imported = re.findall(r"^(?:import|from) (\w+)", block, re.MULTILINE)
        if all(find_spec(package) for package in imported):  # the other packages are optional
            exec(compile(block, COMPARISON.name, "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if line in ("True", "False")] == ["True", "True"]
    assert "(32, 400, 8, 8)" in printed
    assert names["net"].evaluate(names["test"]).accuracy > 0.8
