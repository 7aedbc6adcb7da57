"""Constants that are one number for all neurons of a layer, or an array with a number for each.

Kernels are compiled for either: with single numbers, the functions here add nothing to the code.
"""

from typing import Any, TypeVar

import numpy as np
from numba import types
from numba.extending import intrinsic

from cupynn.kernels.simd import LANES, Vector, place_of, width_of

Constants = TypeVar("Constants", bound=tuple)


def is_array(constant: Any) -> bool:
    """Return whether each neuron has its own value of a constant."""
    return isinstance(constant, np.ndarray) and constant.ndim == 1


def of_neurons(constants: Constants, groups: np.ndarray) -> Constants:
    """Return constants, a named tuple, as kernels take them; arrays become those of the group of each neuron (N,).

    They are padded to a multiple of LANES.
    """
    rows = np.concatenate([groups, np.zeros(-groups.size % LANES, groups.dtype)])
    return type(constants)(*(value[rows] if is_array(value) else value for value in constants))


@intrinsic(prefer_literal=True)
def lanes(typing, constant, first, width):
    """Return the constants of neurons from `first` on as a vector, or the number that all share; width: see `width_of`."""
    if not isinstance(constant, types.Array):
        return constant(constant, types.int64, width), lambda context, builder, signature, arguments: arguments[0]

    def codegen(context, builder, signature, arguments):
        return builder.load(place_of(context, builder, signature, arguments, width_of(width)), align=4)

    return Vector(width_of(width))(constant, types.int64, width), codegen


@intrinsic
def one(typing, constant, i):
    """Return the constant of neuron i, or the number that all share, as a float32."""

    def codegen(context, builder, signature, arguments):
        kind, value = signature.args[0], arguments[0]
        if isinstance(kind, types.Array):
            value = builder.load(builder.gep(context.make_array(kind)(context, builder, value).data, [arguments[1]]))
            kind = kind.dtype
        return context.cast(builder, value, kind, types.float32)

    return types.float32(constant, types.int64), codegen
