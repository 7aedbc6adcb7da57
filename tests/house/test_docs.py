"""Documentation that can be run is run, and there is some for every public name."""

import doctest
import inspect
from importlib import import_module

import pytest
from factories import ROOT


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "cupynn" else ("cupynn", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {
    module_name(path): path
    for folder in ("cupynn", "layers", "datasets")
    for path in (ROOT / folder).rglob("*.py")
    if path.stem != "__main__"
}
MODULES = sorted(FILES)


@pytest.mark.parametrize("name", [name for name in MODULES if ">>>" in FILES[name].read_text(encoding="utf-8")])
def test_examples(name):
    failed, _ = doctest.testmod(import_module(name))
    assert not failed


@pytest.mark.parametrize(
    "name",
    [
        "cupynn",
        "cupynn.encoders.poisson",
        "cupynn.encoders.bsa",
        "cupynn.sequential",
        "cupynn.layers.dense",
        "cupynn.datasets.dataset",
        "cupynn.datasets.cochlea",
    ],
)
def test_there_are_examples(name):
    """Where users look first; it also tells a doctest run that finds nothing from one that passes."""
    tests = doctest.DocTestFinder().find(import_module(name))
    assert any(test.examples for test in tests)


def public_members(name):
    """Public functions and classes that a module defines, and the public methods and properties of these classes."""
    for thing_name, thing in vars(import_module(name)).items():
        if thing_name.startswith("_") or getattr(thing, "__module__", None) != name or not callable(thing):
            continue
        yield thing_name, thing
        if inspect.isclass(thing):
            for member_name, member in vars(thing).items():
                if not member_name.startswith("_") and (inspect.isroutine(member) or isinstance(member, property)):
                    yield f"{thing_name}.{member_name}", getattr(thing, member_name)


def test_docstrings():
    modules = [name for name in MODULES if not inspect.getdoc(import_module(name))]
    members = [f"{name}.{key}" for name in MODULES for key, member in public_members(name) if not inspect.getdoc(member)]
    assert modules + members == []


def test_the_walk_sees_members():
    assert {"Sequential", "Sequential.fit"} <= {name for name, _ in public_members("cupynn.sequential")}
    assert "adam" in {name for name, _ in public_members("cupynn.kernels.update")}
    assert "Arrays.parameter_count" in {name for name, _ in public_members("cupynn.layers.arrays")}
