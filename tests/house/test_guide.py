"""Every row of the guide "It does not learn" that a message names is a heading of the page."""

import ast

from factories import ROOT

PAGE = ROOT / "docs" / "it-does-not-learn.md"


def rows_of_messages():
    """Names of rows in the calls of `see`, by file."""
    found = {}
    for path in sorted((ROOT / "cupynn").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "see":
                assert isinstance(node.args[0], ast.Constant), f"{path}:{node.lineno}: see() takes the name of a row"
                found.setdefault(node.args[0].value, []).append(path.name)
    return found


def test_messages_name_rows():
    rows = {"accuracy at chance", "input", "layer dead", "layer saturated", "loss jumps", "output silent", "out of memory"}
    assert rows_of_messages().keys() == rows | {"overfitting", "recurrence amplifies"}


def test_the_page_has_every_row():
    assert PAGE.is_file(), f"{PAGE} is missing: messages of `fit` refer to its headings"
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    headings = {line.removeprefix("## ").strip().lower() for line in lines if line.startswith("## ")}
    for row, files in rows_of_messages().items():
        assert row in headings, f"{PAGE} has no heading '## {row.capitalize()}', which a message of {files} names"
