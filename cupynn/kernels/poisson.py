"""Poisson trains, drawn as gaps between spikes: the cost is per spike, not per step.

A neuron fires at each step t >= 1 independently with probability p, so the gap to its next spike is geometric:
P(gap > k) = (1 - p)^k. A 32-bit random number is compared with that survival function in 32-bit fixed point. With integer
arithmetic on random numbers of `philox.py`, a train depends on (seed, draw, sample, neuron) only.
"""

import numpy as np
from numba import uint32

from cupynn.kernels import kernel
from cupynn.kernels.events import event_rows, pack, sort_by_step
from cupynn.kernels.philox import key_of, philox
from cupynn.kernels.threads import each, parallel

LEVELS = 256
GUIDE_BITS = 8  # leading bits of a random number, which lead to within a step or two of its gap


def gap_tables(max_rate: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the survival functions of the gap for 256 levels of intensity, and a guide into them.

    survival (256, T + 1) uint64: survival[l, k] = 2^32 (1 - max_rate * l / 255)^k, rounded up at each k; guide
    (256, 2^GUIDE_BITS) int32: the smallest gap of any random number with the same leading bits
    """
    fire = np.round(max_rate * np.arange(LEVELS) / (LEVELS - 1) * 2**32).astype(np.uint64)
    survival = np.empty((LEVELS, steps + 1), np.uint64)
    survival[:, 0] = 2**32
    survival[:, 1] = 2**32 - fire  # from here on, products with `fire` stay below 2^64
    for k in range(2, steps + 1):
        survival[:, k] = survival[:, k - 1] - ((survival[:, k - 1] * fire) >> np.uint64(32))
    largest = ((np.arange(1 << GUIDE_BITS, dtype=np.uint64) + 1) << np.uint64(32 - GUIDE_BITS)) - 1
    falling = survival[:, ::-1].astype(np.int64)
    guide = [steps + 1 - np.searchsorted(row, largest.astype(np.int64), side="right") for row in falling]
    return survival, np.array(guide, np.int32)


@kernel
def _poisson(turns, levels, survival, guide, key, draw, samples, steps, rows, row_offsets):
    size = levels.shape[1]
    shift = uint32(32 - GUIDE_BITS)
    event_steps, event_neurons = np.empty(rows.shape[1], np.int32), np.empty(rows.shape[1], np.int32)
    for b in each(turns):
        n = 0
        for j in range(size):
            level = levels[b, j]
            if level == 0:
                continue
            t, block = 0, 0
            while t < steps:
                words = philox(uint32(block), uint32(j), uint32(samples[b]), uint32(draw), *key)
                block += 1
                for word in words:
                    gap = guide[level, word >> shift]
                    while gap <= steps and word < survival[level, gap]:
                        gap += 1
                    t += gap
                    if t >= steps:
                        break
                    event_steps[n], event_neurons[n] = t, j
                    n += 1
        sort_by_step(event_steps[:n], event_neurons[:n], steps, rows[b], row_offsets[b])


def poisson(
    levels: np.ndarray, tables: tuple[np.ndarray, np.ndarray], seed: int, draw: int, samples: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the trains of a batch.

    levels (B, N) uint8, tables from `gap_tables`, seed < 2^64, draw and samples (B,) < 2^32 -> events, see `events.py`
    """
    survival, guide = tables
    batch, size = levels.shape
    rows = event_rows(batch, size * (steps - 1), steps)
    drawn = (key_of(seed), np.uint32(draw), samples.astype(np.uint32))
    parallel(_poisson, batch, levels, survival, guide, *drawn, steps, *rows)
    return pack(*rows)
