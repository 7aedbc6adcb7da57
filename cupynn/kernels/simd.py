"""Vectors of float32 for kernels that must not depend on the compiler's vectoriser.

`load`, arithmetic, comparisons, `select` and `store` become vector instructions of the processor's width. Values stay in
registers across a loop; summing into an array instead takes two to three times as long. There are no bounds checks.
Arithmetic is IEEE arithmetic lane by lane, never fused or reordered.
"""

import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from cupynn.kernels import inline

LANES = 64  # neurons advanced together: four 512-bit or eight 256-bit registers
PART = 16  # lanes of a 512-bit register
FEW = 8  # lanes for runs of adjacent values in sparse rows: one 256-bit register


class Vector(types.Type):
    """A vector of float32."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        self.llvm = ir.VectorType(ir.FloatType(), lanes)
        super().__init__(name=f"float32x{lanes}")


class Mask(types.Type):
    """A truth value for each lane."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        self.llvm = ir.VectorType(ir.IntType(1), lanes)
        super().__init__(name=f"mask{lanes}")


@register_model(Vector)
@register_model(Mask)
class _Model(models.PrimitiveModel):
    def __init__(self, manager, kind) -> None:
        super().__init__(manager, kind, kind.llvm)


def _spread(builder, scalar, lanes):
    """Return a vector with one value in all lanes."""
    vector = ir.VectorType(scalar.type, lanes)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), zeros)


def _operation(function, build, result):
    """Define `function` of two vectors, or of a vector and a float32, for Numba; `build` emits the instruction."""

    @infer_global(function)
    class _Typing(AbstractTemplate):
        def generic(self, arguments, _):
            vectors = [kind for kind in arguments if isinstance(kind, Vector)]
            if vectors and all(kind in (vectors[0], types.float32) for kind in arguments):
                return signature(result(vectors[0].lanes), *arguments)
            return None

    def lower(context, builder, signature, arguments):
        lanes = signature.return_type.lanes
        pairs = zip(arguments, signature.args, strict=True)
        return build(
            builder, *(value if isinstance(kind, Vector) else _spread(builder, value, lanes) for value, kind in pairs)
        )

    for kinds in ((Vector, Vector), (Vector, types.Float), (types.Float, Vector)):
        lower_builtin(function, *kinds)(lower)


_operation(operator.add, lambda builder, a, b: builder.fadd(a, b), Vector)
_operation(operator.sub, lambda builder, a, b: builder.fsub(a, b), Vector)
_operation(operator.mul, lambda builder, a, b: builder.fmul(a, b), Vector)
_operation(operator.gt, lambda builder, a, b: builder.fcmp_ordered(">", a, b), Mask)


def width_of(lanes):
    """Return a number of lanes: of a literal, or PART for each member of a tuple.

    Kernels that take such a tuple are compiled for its length.
    """
    return PART * lanes.count if isinstance(lanes, types.UniTuple) else lanes.literal_value


def place_of(context, builder, signature, arguments, lanes):
    """Return a pointer to the lanes of an array (argument 0) from an index (argument 1) on."""
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    return builder.bitcast(builder.gep(data, [arguments[1]]), Vector(lanes).llvm.as_pointer())


@intrinsic(prefer_literal=True)
def load(typing, array, at, lanes):
    """Return ``array[at : at + lanes]`` of a contiguous float32 array; lanes: see `width_of`."""

    def codegen(context, builder, signature, arguments):
        return builder.load(place_of(context, builder, signature, arguments, width_of(lanes)), align=4)

    return Vector(width_of(lanes))(array, types.int64, lanes), codegen


@intrinsic
def store(typing, array, at, vector):
    """Set ``array[at : at + lanes] = vector``."""

    def codegen(context, builder, signature, arguments):
        builder.store(arguments[2], place_of(context, builder, signature, arguments, vector.lanes), align=4)
        return context.get_dummy_value()

    return types.void(array, types.int64, vector), codegen


@intrinsic(prefer_literal=True)
def fill(typing, value, lanes):
    """Return a vector with the same float32 in all lanes; lanes: see `width_of`."""

    def codegen(context, builder, signature, arguments):
        return _spread(builder, arguments[0], width_of(lanes))

    return Vector(width_of(lanes))(types.float32, lanes), codegen


@intrinsic
def select(typing, mask, a, b):
    """Return lane by lane a where the mask is true, else b."""

    def codegen(context, builder, signature, arguments):
        return builder.select(*arguments)

    return a(mask, a, b), codegen


@intrinsic
def bits(typing, mask):
    """Return the mask of up to 64 lanes as an int64, with lane 0 in the lowest bit."""

    def codegen(context, builder, signature, arguments):
        packed = builder.bitcast(arguments[0], ir.IntType(mask.lanes))
        return packed if mask.lanes == 64 else builder.zext(packed, ir.IntType(64))

    return types.int64(mask), codegen


@intrinsic(prefer_literal=True)
def mask_of(typing, bits, lanes):
    """Return the lowest bits of an int64 as a mask, the lowest as lane 0: the reverse of `bits`; lanes: see `width_of`."""

    def codegen(context, builder, signature, arguments):
        width = width_of(lanes)
        packed = arguments[0] if width == 64 else builder.trunc(arguments[0], ir.IntType(width))
        return builder.bitcast(packed, Mask(width).llvm)

    return Mask(width_of(lanes))(types.int64, lanes), codegen


def _halved(builder, value, lanes, left):
    """Add the halves of a vector until `left` lanes remain."""
    while lanes > left:
        lanes //= 2
        halves = [
            builder.shuffle_vector(
                value, value, ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(first, first + lanes)))
            )
            for first in (0, lanes)
        ]
        value = builder.fadd(*halves)
    return value


@intrinsic
def fold(typing, vector):
    """Return the sums of lanes PART apart, a vector of PART lanes."""

    def codegen(context, builder, signature, arguments):
        return _halved(builder, arguments[0], vector.lanes, PART)

    return Vector(PART)(vector), codegen


@intrinsic
def total(typing, vector):
    """Return the sum of the lanes, adding halves until one is left: the order is the same on any machine."""

    def codegen(context, builder, signature, arguments):
        value = _halved(builder, arguments[0], vector.lanes, 1)
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return types.float32(vector), codegen


@intrinsic
def lowest(typing, bits):
    """Return the number of the lowest set bit of an int64, or 64 for 0."""

    def codegen(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.int64), codegen


@intrinsic
def count_bits(typing, bits):
    """Return the number of set bits of an int64."""

    def codegen(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.int64(types.int64), codegen


@inline
def aligned(size):
    """Return uninitialised float32 (size,) at the start of a cache line: rows across two lines cost 50 % more."""
    raw = np.empty(size + 16, np.float32)
    start = (-raw.ctypes.data // 4) % 16
    return raw[start : start + size]


@inline
def dot(a, at, b):
    """Return the sum of a[at + k] * b[k] over k < b.size, a multiple of FEW."""
    summed = fill(np.float32(0), FEW)
    for k in range(0, b.size, FEW):
        summed = summed + load(a, at + k, FEW) * load(b, k, FEW)
    return total(summed)


@inline
def add_scaled(a, scale, b, at):
    """Add scale * a[k] to b[at + k] for k < a.size, a multiple of FEW."""
    for k in range(0, a.size, FEW):
        store(b, at + k, load(b, at + k, FEW) + load(a, k, FEW) * scale)
