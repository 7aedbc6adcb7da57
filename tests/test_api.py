"""What is public is documented: with an example, its parameters, and the errors that it raises."""

import inspect
from importlib import import_module

import pytest

import cupynn

MODULES = ("cupynn", *(f"cupynn.{name}" for name in cupynn._MODULES))
SHOWN = ("", "layers", "datasets", "encoders", "losses", "optimizers", "plot", "augment", "training")  # with examples


def exported(name):
    """Public classes and functions of a module: those that it lists, or else those that it defines."""
    module = import_module(name)
    own = (key for key, value in vars(module).items() if getattr(value, "__module__", None) == name and key[0] != "_")
    names = getattr(module, "__all__", None) or list(own)
    return {
        key: getattr(module, key)
        for key in names
        if inspect.isroutine(getattr(module, key)) or inspect.isclass(getattr(module, key))
    }


EXPORTED = {f"{module}.{key}": thing for module in MODULES for key, thing in exported(module).items()}


def methods(thing):
    """Public methods that a class defines and none of its bases: those that are overridden keep what is said there."""
    for name, member in vars(thing).items():
        function = getattr(member, "__func__", member)
        if name[0] != "_" and inspect.isfunction(function) and not any(hasattr(base, name) for base in thing.__bases__):
            yield name, function


def lacks(thing, parameters):
    """Sections that the documentation of a function should have, and has not."""
    text, source = inspect.getdoc(thing), inspect.getsource(inspect.unwrap(thing))
    missing = ["Parameters"] if parameters and "\nParameters\n---" not in text else []
    return missing + ["Raises"] * ("raise InputError" in source and "\nRaises\n---" not in text)


@pytest.mark.parametrize("name", EXPORTED)
def test_sections(name):
    thing = EXPORTED[name]
    if inspect.isclass(thing):
        text = inspect.getdoc(thing)
        made_by_users = "__init__" in vars(thing) and not inspect.isabstract(thing)
        assert not made_by_users or "\nParameters\n---" in text or "\nAttributes\n---" in text
        found = {key: lacks(method, len(inspect.signature(method).parameters) > 2) for key, method in methods(thing)}
        assert not {key: sections for key, sections in found.items() if sections}
    else:
        assert not lacks(thing, inspect.signature(thing).parameters)


@pytest.mark.parametrize("name", [key for key in EXPORTED if key.split(".")[1] in SHOWN or key.count(".") == 1])
def test_example(name):
    """`test_docs.py` runs it."""
    assert "\nExamples\n---" in inspect.getdoc(EXPORTED[name])


def test_the_walk_sees_what_is_exported():
    assert {
        "cupynn.Sequential",
        "cupynn.layers.SpikingDense",
        "cupynn.plot.raster",
        "cupynn.training.fit",
    } <= EXPORTED.keys()
    assert {"save", "fit"} <= dict(methods(cupynn.Sequential)).keys()


def test_missing_sections_are_seen():
    def function(x):
        """Say nothing."""
        raise cupynn.InputError("x")  # raise InputError

    assert lacks(function, ["x"]) == ["Parameters", "Raises"]
