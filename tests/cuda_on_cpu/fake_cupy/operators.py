"""The operators of arrays. Host arrays are refused on either side; numbers, also NumPy's, are welcome."""

import numbers
import operator
from collections.abc import Callable

import numpy as np

from cuda_on_cpu.fake_cupy.array import call, ndarray

ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift")
COMPARISONS = ("lt", "le", "eq", "ne", "gt", "ge")
SIGNS = ("neg", "pos", "abs", "invert")


def _binary(function: Callable, swapped: bool = False) -> Callable:
    def operate(self: ndarray, other):
        if isinstance(other, np.ndarray):
            raise TypeError(f"Unsupported type {type(other)}")
        if not isinstance(other, ndarray | numbers.Number | np.generic):
            return NotImplemented
        return call(function, (other, self) if swapped else (self, other), {})

    return operate


def _unary(function: Callable) -> Callable:
    return lambda self: call(function, (self,), {})


def add_operators() -> None:
    """Give them to the class."""
    for name in ARITHMETIC:
        function = getattr(operator, f"__{name}__")
        setattr(ndarray, f"__{name}__", _binary(function))
        setattr(ndarray, f"__r{name}__", _binary(function, swapped=True))
        if name != "matmul":
            setattr(ndarray, f"__i{name}__", _binary(getattr(operator, f"__i{name}__")))
    for name in COMPARISONS:
        setattr(ndarray, f"__{name}__", _binary(getattr(operator, name)))
    for name in SIGNS:
        setattr(ndarray, f"__{name}__", _unary(getattr(operator, f"__{name}__")))
