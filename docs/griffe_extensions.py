"""Extensions of griffe, which reads the sources for mkdocstrings."""

import re
from copy import copy
from inspect import isfunction

import griffe

import cupynn

# Griffe parses a type if it is a Python expression. This invisible sign prevents it, so the type is printed unchanged.
NO_EXPRESSION = ",\u200b"


class Choices(griffe.Extension):
    """Print types unchanged: griffe would read ``{"auto", "cpu"}`` as names, and ``int, float`` as a tuple."""

    def on_object(self, *, obj, **_):
        """Rewrite these types in the docstring of an object."""
        if obj.docstring:
            text = re.sub(r"^( *[\w*, ]+ : )(.+)$", self._rewritten, obj.docstring.value, flags=re.MULTILINE)
            obj.docstring.value = text

    def _rewritten(self, match):
        kind = re.sub(r"^\{(.+)\}", r"one of \1", match[2])
        return match[1] + re.sub(r",(?! optional| default)", NO_EXPRESSION, kind)


class AssignedMethods(griffe.Extension):
    """Document the functions that `Sequential` takes as its methods by assignment, such as `fit`."""

    def on_package(self, *, pkg, **_):
        """Add them to the class, without their first parameter, which is the network or its class."""
        kind = pkg["sequential.Sequential"]
        for name, method in vars(cupynn.Sequential).items():
            function = getattr(method, "__func__", method)
            if isfunction(function) and function.__module__ != cupynn.Sequential.__module__ and not name.startswith("_"):
                found = copy(pkg[f"{function.__module__}.{function.__qualname__}".removeprefix("cupynn.")])
                _, *parameters = found.parameters
                found.parameters = griffe.Parameters(*parameters)
                found.labels = {"classmethod"} if isinstance(method, classmethod) else set()
                found.name, found.lineno = name, kind.lineno
                kind.set_member(name, found)
