"""Vector instructions, where Numba's own vectoriser does not find them."""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from cupynn.kernels import inline

LANES = 64  # neurons advanced together: four 512-bit or eight 256-bit registers of float32
_VECTOR = ir.VectorType(ir.FloatType(), LANES)


@inline
def aligned(size):
    """Uninitialised float32 (size,) at the start of a cache line: a row across two lines costs half as much again."""
    raw = np.empty(size + 16, np.float32)
    start = (-raw.ctypes.data // 4) % 16
    return raw[start : start + size]


@intrinsic
def add_rows(typing, table, origin, picks, first, last, total, at):
    """Add rows of a table to a vector that stays in registers meanwhile.

    ``total[at : at + LANES] += table[origin + LANES * picks[e] : ...]`` for e in first..last-1, in this order. It takes
    1.3 ns a row where the same loop left to the vectoriser takes 3 to 4, since that keeps `total` in memory (Xeon, 2.7 GHz).

    table, total: flat float32 arrays; origin, first, last, at: int64; picks: uint32 array. No bounds are checked.
    """
    signature = types.void(table, types.int64, picks, types.int64, types.int64, total, types.int64)

    def codegen(context, builder, signature, arguments):
        _, origin, _, first, last, _, at = arguments
        data = [context.make_array(signature.args[k])(context, builder, arguments[k]).data for k in (0, 2, 5)]
        integer = first.type
        destination = builder.bitcast(builder.gep(data[2], [at]), _VECTOR.as_pointer())
        start = builder.load(destination, align=4)
        before = builder.block
        loop, after = builder.append_basic_block("rows"), builder.append_basic_block("rows_done")
        builder.cbranch(builder.icmp_signed("<", first, last), loop, after)

        builder.position_at_end(loop)
        event, sum_so_far = builder.phi(integer), builder.phi(_VECTOR)
        pick = builder.zext(builder.load(builder.gep(data[1], [event])), integer)
        position = builder.add(origin, builder.mul(pick, ir.Constant(integer, LANES)))
        row = builder.bitcast(builder.gep(data[0], [position]), _VECTOR.as_pointer())
        new_sum = builder.fadd(sum_so_far, builder.load(row, align=4))
        next_event = builder.add(event, ir.Constant(integer, 1))
        for phi, initial, following in ((event, first, next_event), (sum_so_far, start, new_sum)):
            phi.add_incoming(initial, before)
            phi.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", next_event, last), loop, after)

        builder.position_at_end(after)
        result = builder.phi(_VECTOR)
        result.add_incoming(start, before)
        result.add_incoming(new_sum, loop)
        builder.store(result, destination, align=4)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def nonzero(typing, values, at):
    """Which of values[at : at + LANES], float32, are not zero, as the bits of an int64."""
    signature = types.int64(values, types.int64)

    def codegen(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        vector = builder.load(builder.bitcast(builder.gep(data, [arguments[1]]), _VECTOR.as_pointer()), align=4)
        return builder.bitcast(builder.fcmp_unordered("!=", vector, ir.Constant(_VECTOR, None)), ir.IntType(LANES))

    return signature, codegen


@intrinsic
def lowest(typing, bits):
    """Number of the lowest bit set in an int64 that is not zero."""

    def codegen(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), codegen


@inline
def dot(a, b, partial):
    """Sum of a * b (n,) float32, in LANES / 4 interleaved parts, so that it vectorises, in one order on any machine.

    partial (LANES / 4,) float32 is scratch.
    """
    width = np.uint64(partial.size)
    partial[:] = 0
    done = np.uint64(0)
    while done + width <= np.uint64(a.size):
        for i in range(width):
            partial[i] += a[done + i] * b[done + i]
        done += width
    for i in range(np.uint64(a.size) - done):
        partial[i] += a[done + i] * b[done + i]
    total = np.float32(0)
    for i in range(width):
        total += partial[i]
    return total
