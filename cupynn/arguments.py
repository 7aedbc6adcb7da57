"""What comes to a function by the wrong way: one error that names the right one, instead of Python's own."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import ParamSpec, TypeVar

from cupynn.checks import InputError
from cupynn.config import nearest

P = ParamSpec("P")
R = TypeVar("R")


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
