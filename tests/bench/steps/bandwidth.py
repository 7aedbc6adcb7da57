"""Bandwidth of the second-level caches, which bounds event-driven computation."""

from time import perf_counter

import numpy as np

from cupynn.kernels import inline, kernel
from cupynn.kernels.simd import LANES, aligned, fill, load, total
from cupynn.kernels.threads import each, get_num_threads, parallel

VALUES = 1 << 16  # 256 KB: larger than a first-level cache, smaller than a second-level cache
PASSES = 400


@inline
def _sum(table):
    summed = fill(np.float32(0), LANES)
    for at in range(0, table.size, LANES):
        summed = summed + load(table, at, LANES)
    return total(summed)


@kernel
def _read(turns, sums):
    table = aligned(VALUES)
    table[:] = 1
    for turn in each(turns):
        for _ in range(PASSES):
            sums[turn] += _sum(table)


def read_bandwidth() -> float:
    """Return the bytes per second that all threads together read from tables of 256 KB, one each; best of seven runs."""
    threads, seconds = get_num_threads(), []
    for _ in range(8):  # the first compiles
        sums = np.zeros(threads * 4)
        start = perf_counter()
        parallel(_read, sums.size, sums)
        seconds.append(perf_counter() - start)
    return 4 * VALUES * PASSES * sums.size / min(seconds[1:])
