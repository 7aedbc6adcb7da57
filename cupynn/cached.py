"""Properties that are computed when they are first asked for, and kept."""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

Value = TypeVar("Value")


class cached(Generic[Value]):
    """`functools.cached_property` without a lock.

    That of Python 3.11 computes under a lock: a child that another thread forks meanwhile inherits it, and waits for ever.
    Here two threads may compute a value at once; both get that of the first to end.

    Parameters
    ----------
    function : callable
        Method that computes the value.
    """

    def __init__(self, function: Callable[[Any], Value]) -> None:
        self.function, self.name, self.__doc__ = function, function.__name__, function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...

    def __get__(self, instance: object | None, owner: type) -> Self | Value:
        """Compute and keep the value; from then on Python finds it in the instance, before it comes here."""
        if instance is None:
            return self
        return instance.__dict__.setdefault(self.name, self.function(instance))
