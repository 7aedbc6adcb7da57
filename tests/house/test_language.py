"""Text that people read is plain modern English: no banned phrase, and docstrings that begin with a verb.

``python tests/house/test_language.py [FOLDER ...]`` lists the offenders of some folders.
"""

import ast
import io
import json
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("cupynn", "layers", "datasets")
THING = (
    "sample|neuron|step|spike|epoch|class|layer|second|image|batch|picture|process|thread|rank|recording|row|line|file|"
    "channel|map|synapse|weight|pixel|block|word|train|event|connection|input|output|call|part|node|column|seed|run|trial"
)
BANNED = [
    rf"\b(?!(?:of|to|in|for|by|as|at|with|from|is|are|and|or|not|into|on|than|that|like|per|within|after|before|over|has|"
    rf"if|when|be|was|only|such|what|where|which|all|each|one|makes?|gives?|gets?|takes?|reads?|names?|across|between|during|"
    rf"without|through|under|until|also|just|but|then|its?|so|half|quite|via|about|called|while|whether|because|since)\b)"
    rf"(?:\d+|ms|s|MB|GB|bytes?|spikes?|samples?|neurons?|steps?|epochs?|sub-folders?|folders?|files?|lines?|rows?|trains?|bits?|"
    rf"numbers?|values?|columns?|threads?|panels?|%|seconds|additions?|weights?) an? (?:{THING})\b",
    r"\banew\b",
    r"\bso many\b",
    r"\bgo(es)? on\b",
    r"\bshall\b",
    r"\b(?:is|are) none\b",
    r"(?<!there )\bis no (?!longer|more|less|better|larger|smaller|need|way|effect)",
    r"\b(?:is|are) told\b",
    r"\btold (?:by|of|from|apart by|which|that)\b",
    r"\bof one's own\b",
    r"\bone's\b",
    r"\bof (?:yours|ours|theirs)\b",
    r"\bstands? (?:twice|once|there|here|beside|in|at|first|before|after|above|below)\b",
    r"\bwhatever\b",
    r"\blies? in\b",
    r"\b(?:some|any|no)body\b",
    r"\bhears?\b",
    r"\blook(?:s|ed) at\b",
    r"\bmend(?:s|ed|ing)?\b",
    r"\bin the end\b",
    r"\bto be had\b",
    r"\bto begin with\b",
    r"\ball that\b",
    r"\bwants\b",
    r"\b(?:where|there|here)(?:of|with|upon|by|in)\b",
    r"\b(?:w|t|h)hence\b",
    r"\bupon\b",
    r"\bhas none\b|\bhave none\b",
    r"\bthe others\b",
    r"\bso that nothing\b",
    r"\bneed not be\b",
    r"\bmay (?:lie|stand|be had)\b",
    r"\bas long as it\b",
    r"\bof a sudden\b",
    r"\bnothing but\b",
    r"\bmost of all\b",
]
PHRASES = [re.compile(pattern, re.IGNORECASE) for pattern in BANNED]
NOT_A_VERB = re.compile(r"(What|Whether|Where|How|Which|When|That|Those|All that|As)\b")


def pieces(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each comment and string of a Python file."""
    source = path.read_text()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the docstring of each function and method of a Python file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
            yield node.lineno, ast.get_docstring(node)


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the text of a page of documentation, or of the cells of a notebook and the text that they printed."""
    if path.suffix != ".ipynb":
        yield 1, path.read_text()
        return
    for number, cell in enumerate(json.loads(path.read_text())["cells"], 1):
        yield number, "".join(cell["source"])
        for output in cell.get("outputs", []):
            yield number, "".join(output.get("text", []))


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def pages() -> list[Path]:
    found = [ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob(".github/**/*.md")]
    return [*found, *ROOT.glob("tests/**/README.md"), *sorted(ROOT.glob("notebooks/*.ipynb"))]


def banned(path: Path) -> list[str]:
    """Return each banned phrase of a file, with its place."""
    return [
        f"{path.relative_to(ROOT)}:{line + text.count(chr(10), 0, match.start())}: ...{' '.join(around.split())}..."
        for line, text in (pieces(path) if path.suffix == ".py" else prose(path))
        for phrase in PHRASES
        for match in phrase.finditer(text)
        for around in [text[max(0, match.start() - 30) : match.end() + 30]]
    ]


def nouns_first(path: Path) -> list[str]:
    """Return each docstring of a function that begins with a question word instead of a verb."""
    return [
        f"{path.relative_to(ROOT)}:{line}: {text.splitlines()[0]}"
        for line, text in docstrings(path)
        if NOT_A_VERB.match(text)
    ]


def listed(offenders: list[str]) -> str:
    return "\n".join([f"{len(offenders)} places:", *offenders])


def test_no_banned_phrase_in_the_code():
    found = [offender for path in python_files(*CODE) for offender in banned(path)]
    assert not found, listed(found)


def test_no_banned_phrase_in_the_documentation():
    found = [offender for path in pages() for offender in banned(path)]
    assert not found, listed(found)


def test_docstrings_begin_with_a_verb():
    found = [offender for path in python_files(*CODE) for offender in nouns_first(path)]
    assert not found, listed(found)


def test_the_phrases_are_found():
    assert any(phrase.search("24 ms a sample") for phrase in PHRASES)
    assert any(phrase.search("x is no folder") for phrase in PHRASES)
    assert not any(phrase.search("the loss of a sample, per neuron, is no longer finite") for phrase in PHRASES)


if __name__ == "__main__":
    for path in python_files(*(sys.argv[1:] or CODE)):
        print(*banned(path), *nouns_first(path), sep="\n", end="\n" if banned(path) or nouns_first(path) else "")
