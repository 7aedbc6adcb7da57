"""Objects that store the arguments of their constructor, so that files and presets can recreate them."""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from functools import cache, wraps
from types import MappingProxyType
from typing import Any, ClassVar, ParamSpec, TypeVar, get_origin

from cupynn import checks
from cupynn.checks import InputError
from cupynn.elsewhere import advice

P = ParamSpec("P")
R = TypeVar("R")

FORMER = {"SpikingPool2D": {"size": "kernel_size"}}  # names of arguments in files of earlier versions


class Faults:
    """The faults of a definition, collected so that one error reports them all."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def collect(self, check: Callable[[], R]) -> R | None:
        """Return the result of a function, or None if it raises InputError, whose faults are collected."""
        try:
            return check()
        except InputError as error:
            self.messages += [message for message in getattr(error, "faults", [str(error)]) if message not in self.messages]
            return None

    def report(self) -> None:
        """Raise InputError with all messages, if there are any, one in each line."""
        if self.messages:
            several = len(self.messages) > 1
            lines = [f"{len(self.messages)} faults:", *self.messages] if several else self.messages
            error = InputError("\n".join(lines))
            error.faults = self.messages
            raise error from None


class Registry(dict[str, type]):
    """Classes by name, from which `make` makes objects.

    Parameters
    ----------
    base : type
        Class from which all are derived.
    decorator : str
        Name of the function that adds a class of the user, for messages.
    kinds : type
        Classes that cupynn itself has.
    """

    def __init__(self, base: type, decorator: str, *kinds: type) -> None:
        super().__init__({kind.__name__: kind for kind in kinds})
        self.base, self.decorator = base, decorator

    def add(self, kind: Any) -> Any:
        """Add a class, or a new definition of it, and return it."""
        if not (isinstance(kind, type) and issubclass(kind, self.base)):
            raise InputError(f"{self.decorator} got {kind!r}: pass a class derived from {self.base.__name__}")
        if missing := sorted(getattr(kind, "__abstractmethods__", ())):
            listed = ", ".join(missing)
            raise InputError(f"{self.decorator} got {kind!r}, which is abstract: define its methods {listed} first")
        if kind is self.base:
            raise InputError(f"{self.decorator} got {kind!r}: pass a class derived from it")
        if not _same_class(self.get(kind.__name__, kind), kind):
            raise InputError(f"{self.decorator} got {kind!r}, but there is a {kind.__name__} already: rename the class")
        self[kind.__name__] = kind
        return kind

    def missing(self, kinds: Iterable[type]) -> list[str]:
        """Return the names of the classes that files cannot name, because they are not here."""
        return [kind.__name__ for kind in kinds if not _same_class(self.get(kind.__name__), kind)]


def _same_class(one: type | None, other: type) -> bool:
    """Return whether two classes are the same, or a class and its new definition, as in a notebook cell that ran again."""
    return one is not None and (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


class Configured:
    """An object whose constructor stores each argument in an attribute of the same name.

    Other attributes must be declared in the class, or be private: a misspelled one would otherwise be ignored in silence.
    Classes of users may have any attribute, except names by which other libraries freeze a layer.
    """

    def __new__(cls, *arguments: Any, **options: Any) -> "Configured":
        """Refuse unknown options with an error that lists the known ones."""
        parameters = parameters_of(cls)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            _refuse_unknown(options, parameters, advice(parameters), f"{cls.__name__} has no argument")
        return super().__new__(cls)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in vars(self):
            _check_attribute(type(self), name)
        super().__setattr__(name, value)

    def config(self) -> dict[str, Any]:
        """Return the arguments that are not None, with the class under "kind"."""
        values = {name: self._argument(name) for name in parameters_of(type(self))}
        return {"kind": type(self).__name__} | {
            name: value.config() if isinstance(value, Configured) else value
            for name, value in values.items()
            if value is not None
        }

    def _argument(self, name: str) -> Any:
        """Return an argument of the constructor."""
        return getattr(self, name)

    def __repr__(self) -> str:
        parameters = parameters_of(type(self))
        values = {name: self._argument(name) for name in self.config() if name != "kind"}
        shown = [f"{name}={value!r}" for name, value in values.items() if value != parameters[name].default]
        return f"{type(self).__name__}({', '.join(shown)})"


@cache
def parameters_of(kind: type) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a constructor, cached as definitions may have many layers."""
    return inspect.signature(kind).parameters


@cache
def _check_attribute(kind: type, name: str) -> None:
    """Refuse to set an attribute of a class that nothing reads, or that is computed; cached, as loops set attributes."""
    member = getattr(kind, name, None)
    if isinstance(member, property) and member.fset is None:
        raise InputError(
            f"{kind.__name__}.{name} cannot be replaced: assign values to an array by {name}[...] = values; set anything "
            "else by the arguments of the constructor"
        )
    declared = {each: note for base in kind.__mro__ for each, note in inspect.get_annotations(base).items()}
    public = {each for each, note in declared.items() if not each.startswith("_") and get_origin(note) is not ClassVar}
    bases = [base for base in kind.__mro__ if issubclass(base, Configured) and "__init__" in vars(base)]
    known = public.union(*map(parameters_of, bases))
    if name in known or name.startswith("_") or hasattr(kind, name):
        return
    found = advice([*known, *(["trained"] if hasattr(kind, "trained") else [])])
    hints = {old: text.replace("pass ", "set ", 1) for old, text in found.items()}
    if kind.__module__.startswith("cupynn.") or hints.get(name) == "set trained":
        _refuse_unknown([name], sorted(known), hints, f"{kind.__name__} has no attribute")


def make(registry: Mapping[str, type], table: Any, where: str) -> Any:
    """Make an object from a table as `Configured.config` returns it; errors begin with `where`."""
    if not isinstance(table, Mapping):
        example = f'{{ kind = "{next(iter(registry))}" }}'
        raise InputError(f"{where}: expected a table of keys and values, such as {example}, found {table!r}")
    table = renewed(table, registry)
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in registry:
        own = f"; for a class of your own, decorate it with @{registry.decorator}" if isinstance(registry, Registry) else ""
        raise InputError(f"{where}: kind={kind!r}: pass one of {', '.join(map(repr, registry))}{own}")
    arguments = {key: value for key, value in table.items() if key != "kind"}
    return construct(registry[kind], arguments, f"{where} ({kind})")


def renewed(value: Any, registry: Mapping[str, type] = MappingProxyType({})) -> Any:
    """Return tables, nested in lists and tables at any depth, with the current names of renamed arguments.

    A class of the registry inherits the former names of its bases, except for names that are still its own arguments.
    """
    if isinstance(value, Mapping):
        names = {old: new for old, new in _former(value.get("kind"), registry).items() if new not in value}
        return {names.get(key, key): renewed(inside, registry) for key, inside in value.items()}
    return [renewed(inside, registry) for inside in value] if isinstance(value, list) else value


def _former(kind: Any, registry: Mapping[str, type]) -> Mapping[str, str]:
    if not isinstance(kind, str):
        return {}
    if kind not in registry:
        return FORMER.get(kind, {})
    names = {old: new for base in registry[kind].__mro__ for old, new in FORMER.get(base.__name__, {}).items()}
    return {old: new for old, new in names.items() if old not in parameters_of(registry[kind])}


def construct(kind: Callable[..., R], arguments: Mapping[str, Any], where: str) -> R:
    """Call a class with the arguments of a table; errors begin with `where`."""
    check_keys(arguments, parameters_of(kind), where, advice(parameters_of(kind)))
    try:
        return kind(**arguments)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def check_keys(
    table: Mapping[str, Any],
    parameters: Mapping[str, inspect.Parameter],
    where: str,
    hints: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Refuse keys that are not parameters (unless ``**options`` accepts them), and missing required parameters.

    The error has the hint for an unknown key, or suggests a similar one. A key that is missing because it is misspelled
    counts once.
    """
    named = {name: parameter for name, parameter in parameters.items() if parameter.kind is not parameter.VAR_KEYWORD}
    faults, meant = Faults(), set()
    for key in table:
        if key not in named and len(named) == len(parameters):
            hint = f" ({hints[key]})" if key in hints else checks.nearest(key, named)
            faults.messages.append(f"{where}: unknown key {key!r}{hint}: known are {', '.join(named)}")
            meant |= set(get_close_matches(key, named, n=1))
    needed = [name for name, parameter in named.items() if parameter.default is inspect.Parameter.empty]
    if missing := [name for name in needed if name not in table and name not in meant]:
        keys, verb = ("keys", "are") if len(missing) > 1 else ("key", "is")
        faults.messages.append(f"{where}: {keys} {', '.join(map(repr, missing))} {verb} missing")
    faults.report()


def _refuse_unknown(options: Collection[str], known: Collection[str], hints: Mapping[str, str], problem: str) -> None:
    for name in options:
        if name not in known:
            hint = f": {hints[name]}" if name in hints else checks.nearest(name, known)
            raise InputError(f"{problem} {name!r}{hint}; it has {', '.join(known)}")


def explained(positional: str, keywords: Mapping[str, str], missing: str = "") -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function so that unknown arguments raise InputError with a remedy.

    Parameters
    ----------
    positional : str
        Remedy for too many positional arguments.
    keywords : mapping of str to str
        Remedies by argument names of other libraries.
    missing : str
        What to do if the data, the argument after the network, is missing.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        parameters = list(signature.parameters.values())
        known = [parameter.name for parameter in parameters[1:]]  # without the network
        most = sum(parameter.kind is not parameter.KEYWORD_ONLY for parameter in parameters)

        @wraps(function)
        def call(*arguments: P.args, **options: P.kwargs) -> R:
            made = function.__name__ == "__init__"
            name = type(arguments[0]).__name__ if made else function.__name__
            _refuse_unknown(options, known, keywords, f"{name} has no {'argument' if made else 'option'}")
            if len(arguments) > most:
                raise InputError(f"{name} got {len(arguments) - 1} positional arguments: {positional}")
            if not made and len(arguments) == 1 and known and known[0] not in options:
                raise InputError(f"{name} needs data: pass {known[0]}{missing and f'; {missing}'}")
            return function(*arguments, **options)

        return call

    return decorate
