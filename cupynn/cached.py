"""Properties that are computed on first access and then kept."""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

Value = TypeVar("Value")


class cached(Generic[Value]):
    """`functools.cached_property` without a lock, around a method that computes the value.

    In Python 3.11 the standard property holds a lock while it computes. A child process forked meanwhile by another thread
    inherits the held lock and waits forever. Here two threads may both compute the value; both get that of the first to
    finish.
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
        """Compute the value and store it in the instance, where Python finds it from then on."""
        if instance is None:
            return self
        return instance.__dict__.setdefault(self.name, self.function(instance))
