"""What is public is documented: with an example, its parameters, and the errors that it raises."""

import inspect
from importlib import import_module

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


def lacking(name, thing):
    """What the documentation of a public function, or of a class and its methods, lacks: names and their sections."""
    if not inspect.isclass(thing):
        return {name: lacks(thing, inspect.signature(thing).parameters)}
    text = inspect.getdoc(thing)
    made_by_users = "__init__" in vars(thing) and not inspect.isabstract(thing)
    described = not made_by_users or "\nParameters\n---" in text or "\nAttributes\n---" in text
    found = {f"{name}.{key}": lacks(each, len(inspect.signature(each).parameters) > 2) for key, each in methods(thing)}
    return {name: [] if described else ["Parameters or Attributes"], **found}


def test_sections():
    found = {key: sections for name, thing in EXPORTED.items() for key, sections in lacking(name, thing).items()}
    assert {key: sections for key, sections in found.items() if sections} == {}


def test_examples():
    """`test_docs.py` runs them."""
    shown = [key for key in EXPORTED if key.split(".")[1] in SHOWN or key.count(".") == 1]
    assert shown
    assert [key for key in shown if "\nExamples\n---" not in inspect.getdoc(EXPORTED[key])] == []


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
