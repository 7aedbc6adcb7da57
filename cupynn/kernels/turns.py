"""The turns of a kernel that runs on several threads, which each thread takes one by one.

Turns are four int64 in an array that every thread holds; kernels get its address, since Numba's generators never release an
array. A helper enters, takes turns until all are taken, and leaves. The calling thread closes the turns: no thread can
enter, and it waits for those inside, in one call of compiled code, where Python runs no signal handler. So an interrupt
cannot make it return while a helper still writes to the caller's arrays.
"""

import ctypes

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing import signature
from numba.extending import intrinsic, overload

from cupynn.kernels import kernel

TAKEN, COUNT, INSIDE, LOCK = range(4)
CLOSED = 1 << 32  # added to the number of threads inside

# Python's C locks, which wait without spinning and, unlike `Lock.acquire`, without handling signals.
for _name in ("PyThread_allocate_lock", "PyThread_acquire_lock", "PyThread_release_lock", "PyThread_free_lock"):
    llvmlite.binding.add_symbol(_name, ctypes.cast(getattr(ctypes.pythonapi, _name), ctypes.c_void_p).value)
_allocate = types.ExternalFunction("PyThread_allocate_lock", signature(types.intp))
_acquire = types.ExternalFunction("PyThread_acquire_lock", signature(types.int32, types.intp, types.int32))
_release = types.ExternalFunction("PyThread_release_lock", signature(types.void, types.intp))
_free = types.ExternalFunction("PyThread_free_lock", signature(types.void, types.intp))


def new_turns(count: int) -> np.ndarray:
    """Return `count` turns; kernels get ``turns.ctypes.data``."""
    return np.array([0, count, 0, 0], np.int64)


def _field(builder, turns, index):
    """Return a pointer to one of the four numbers."""
    data = builder.inttoptr(turns, ir.IntType(64).as_pointer())
    return builder.gep(data, [ir.Constant(ir.IntType(64), index)])


@intrinsic
def _take(typing, turns):
    """Take the next turn; return -1 if all are taken."""

    def codegen(context, builder, signature, arguments):
        one = ir.Constant(ir.IntType(64), 1)
        turn = builder.atomic_rmw("add", _field(builder, arguments[0], TAKEN), one, "monotonic")
        count = builder.load(_field(builder, arguments[0], COUNT))
        return builder.select(builder.icmp_signed("<", turn, count), turn, ir.Constant(ir.IntType(64), -1))

    return types.int64(types.int64), codegen


@intrinsic
def _add_inside(typing, turns, number):
    """Add to the number of threads inside; return the old number."""

    def codegen(context, builder, signature, arguments):
        return builder.atomic_rmw("add", _field(builder, arguments[0], INSIDE), arguments[1], "seq_cst")

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def _replace_inside(typing, turns, before, after):
    """Replace the number of threads inside if it is `before`; return whether it was."""

    def codegen(context, builder, signature, arguments):
        turns, before, after = arguments
        outcome = builder.cmpxchg(_field(builder, turns, INSIDE), before, after, "seq_cst", "seq_cst")
        return builder.extract_value(outcome, 1)

    return types.boolean(types.int64, types.int64, types.int64), codegen


@intrinsic
def _exchange(typing, turns, index, value):
    """Set one of the four numbers; return the old one."""

    def codegen(context, builder, signature, arguments):
        turns, index, value = arguments
        data = builder.inttoptr(turns, ir.IntType(64).as_pointer())
        return builder.atomic_rmw("xchg", builder.gep(data, [index]), value, "seq_cst")

    return types.int64(types.int64, types.int64, types.int64), codegen


def each(turns):
    """Yield turns to the calling thread until all are taken; in a kernel that runs as Python, yield all of a range."""
    yield from turns


def _each(turns):
    while True:
        turn = _take(turns)
        if turn < 0:
            break
        yield turn


@overload(each, jit_options={"error_model": "numpy", "no_cfunc_wrapper": True}, strict=False)
def _compiled_each(turns):
    return _each


@kernel
def enter(turns):
    """Enter unless the turns are closed; return whether the thread is inside."""
    while True:
        inside = _add_inside(turns, 0)
        if inside >= CLOSED:
            return False
        if _replace_inside(turns, inside, inside + 1):
            return True


@kernel
def leave(turns):
    """Leave; the last thread wakes the one that waits in `close`."""
    if _add_inside(turns, -1) == CLOSED + 1:
        lock = _exchange(turns, LOCK, 0)
        if lock != 0:
            _release(lock)


@kernel
def close(turns):
    """Keep threads from taking turns or entering, and wait for those inside."""
    _exchange(turns, TAKEN, 1 << 62)
    if _replace_inside(turns, 0, CLOSED):
        return
    lock = _allocate()
    if lock == 0:  # no memory for a lock
        _add_inside(turns, CLOSED)
        while _add_inside(turns, 0) > CLOSED:
            pass
        return
    _acquire(lock, 1)
    _exchange(turns, LOCK, lock)
    if _add_inside(turns, CLOSED) > 0:
        _acquire(lock, 1)  # the last one inside releases it
    _release(lock)
    _free(lock)
