"""Objects that say which arguments made them, and are made again from these: what files and presets hold."""

import inspect
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from functools import cache, wraps
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

from cupynn.checks import InputError

P = ParamSpec("P")
R = TypeVar("R")

# Arguments in other libraries: what does the same here, and what there is nothing for.
RENAMED = {
    "filters": "maps",
    "learning_rate": "lr",
    "out_channels": "maps",
    "out_features": "units",
    "pool_size": "kernel_size",
    "size": "kernel_size",
    "threshold": "v_th",
    "weight_decay": "regularizer",
}
FORMER = {"SpikingPool2D": {"size": "kernel_size"}}  # names of arguments in files of earlier versions
NEEDLESS = {
    "activation": "spiking neurons have none; v_th, tau_m, tau_s and t_ref make them what they are",
    "bias": "layers have weights only",
    "in_channels": "the network tells each layer its input",
    "in_features": "the network tells each layer its input",
    "input_shape": "pass it to Sequential",
    "use_bias": "layers have weights only",
}


class Configured:
    """An object whose constructor keeps each argument under its own name."""

    def __new__(cls, *arguments: Any, **options: Any) -> "Configured":
        """Refuse options that the constructor does not have, by an error that names those it has."""
        parameters = parameters_of(cls)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            for name in options:
                if name not in parameters:
                    if RENAMED.get(name) in parameters:
                        advice = f": pass {RENAMED[name]}"
                    else:
                        advice = f": {NEEDLESS[name]}" if name in NEEDLESS else nearest(name, parameters)
                    raise InputError(f"{cls.__name__} has no argument {name!r}{advice}; it has {', '.join(parameters)}")
        return super().__new__(cls)

    def config(self) -> dict[str, Any]:
        """Arguments that make this object again, with its class under "kind"; those that are None are left out."""
        values = {name: getattr(self, name) for name in parameters_of(type(self))}
        return {"kind": type(self).__name__} | {
            name: value.config() if isinstance(value, Configured) else value
            for name, value in values.items()
            if value is not None
        }

    def __repr__(self) -> str:
        parameters = parameters_of(type(self))
        values = {name: getattr(self, name) for name in self.config() if name != "kind"}
        shown = [f"{name}={value!r}" for name, value in values.items() if value != parameters[name].default]
        return f"{type(self).__name__}({', '.join(shown)})"


@cache
def parameters_of(kind: type) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a constructor, looked up once: definitions may have many layers."""
    return inspect.signature(kind).parameters


def make(registry: Mapping[str, type], table: Any, where: str) -> Any:
    """Make an object from a table as `Configured.config` gives it.

    Raises
    ------
    InputError
        If `table` is no table, its kind is not in the registry, a key is unknown or one is missing, or the constructor
        refuses a value; the message begins with `where`.
    """
    if not isinstance(table, Mapping):
        example = f'{{ kind = "{next(iter(registry))}" }}'
        raise InputError(f"{where}: expected a table of keys and values, such as {example}, found {table!r}")
    table = renewed(table, registry)
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in registry:
        raise InputError(f"{where}: kind={kind!r}: pass one of {', '.join(map(repr, registry))}")
    arguments = {key: value for key, value in table.items() if key != "kind"}
    return construct(registry[kind], arguments, f"{where} ({kind})")


def renewed(value: Any, registry: Mapping[str, type] = MappingProxyType({})) -> Any:
    """Return tables, or lists of them at any depth, with the names that arguments have now.

    A class of the registry takes the former names of those that it is derived from, but for names that it still has.
    """
    if isinstance(value, Mapping):
        names = {old: new for old, new in _former(value.get("kind"), registry).items() if new not in value}
        return {names.get(key, key): renewed(inside, registry) for key, inside in value.items()}
    return [renewed(inside, registry) for inside in value] if isinstance(value, list) else value


def _former(kind: Any, registry: Mapping[str, type]) -> Mapping[str, str]:
    if not isinstance(kind, str) or kind not in registry:
        return FORMER.get(kind, {}) if isinstance(kind, str) else {}
    names = {old: new for base in registry[kind].__mro__ for old, new in FORMER.get(base.__name__, {}).items()}
    return {old: new for old, new in names.items() if old not in parameters_of(registry[kind])}


def construct(kind: Callable[..., R], arguments: Mapping[str, Any], where: str) -> R:
    """Call a class with the arguments of a table; every error begins with `where`."""
    check_keys(arguments, parameters_of(kind), where)
    try:
        return kind(**arguments)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def check_keys(table: Mapping[str, Any], parameters: Mapping[str, inspect.Parameter], where: str) -> None:
    """Refuse keys that are no parameters, unless ``**options`` take any, and parameters without default that are no keys."""
    named = {name: parameter for name, parameter in parameters.items() if parameter.kind is not parameter.VAR_KEYWORD}
    for key in table:
        if key not in named and len(named) == len(parameters):
            raise InputError(f"{where}: unknown key {key!r}{nearest(key, named)}: known are {', '.join(named)}")
    needed = [name for name, parameter in named.items() if parameter.default is inspect.Parameter.empty]
    if missing := [name for name in needed if name not in table]:
        keys, verb = ("keys", "are") if len(missing) > 1 else ("key", "is")
        raise InputError(f"{where}: {keys} {', '.join(map(repr, missing))} {verb} missing")


def nearest(key: str, known: Collection[str]) -> str:
    """Text that asks for the known key most like a mistyped one; empty if none is like it."""
    return "".join(f" (did you mean {match!r}?)" for match in get_close_matches(key, known, n=1))


def explained(positional: str, keywords: Mapping[str, str]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function so that arguments it does not take raise InputError.

    Parameters
    ----------
    positional : str
        What to do where there are too many without a keyword.
    keywords : mapping of str to str
        What to pass instead, by names that other libraries have.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        parameters = list(signature.parameters.values())
        known = [parameter.name for parameter in parameters[1:]]  # the first is the network itself
        most = sum(parameter.kind is not parameter.KEYWORD_ONLY for parameter in parameters)

        @wraps(function)
        def call(*arguments: P.args, **options: P.kwargs) -> R:
            for name in options:
                if name not in known:
                    advice = f": {keywords[name]}" if name in keywords else nearest(name, known)
                    raise InputError(f"{function.__name__} has no option {name!r}{advice}; it has {', '.join(known)}")
            if len(arguments) > most:
                raise InputError(f"{function.__name__} got {len(arguments) - 1} arguments without a keyword: {positional}")
            return function(*arguments, **options)

        return call

    return decorate
