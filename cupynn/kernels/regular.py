"""Evenly spaced trains with phase one half or a random phase: the cost is per spike, not per step.

`cupynn.encoders.Regular` defines them. Rates and phases are 32-bit fixed point. Random phases are words of Philox, one block
for four neurons, from the counter (0, neuron // 4, sample, draw) and the key of the seed.
"""

import numpy as np
from numba import uint32, uint64

from cupynn.kernels import kernel
from cupynn.kernels.events import event_rows, pack, sort_by_step
from cupynn.kernels.philox import key_of, philox
from cupynn.kernels.threads import each, parallel

HALF = 2**31  # the phase of all neurons, unless phases are drawn


def level_rates(max_rate: float) -> np.ndarray:
    """Return the spikes per step of each level 0..255, uint64 in units of 2^-32."""
    return np.round(max_rate * np.arange(256) / 255 * 2**32).astype(np.uint64)


def most_spikes(rates: np.ndarray, steps: int) -> np.ndarray:
    """Return the spikes of each level at the highest phase, int64: no train has more."""
    return ((rates * np.uint64(steps - 1) + np.uint64(2**32 - 1)) >> np.uint64(32)).astype(np.int64)


@kernel
def _regular(turns, levels, rates, drawn, key, draw, samples, steps, rows, row_offsets):
    event_steps, event_neurons = np.empty(rows.shape[1], np.int32), np.empty(rows.shape[1], np.int32)
    words = np.full(4, HALF, np.uint64)
    end = uint64(steps)
    for b in each(turns):
        n = 0
        for j in range(levels.shape[1]):
            if drawn and j % 4 == 0:
                w0, w1, w2, w3 = philox(uint32(0), uint32(j // 4), uint32(samples[b]), uint32(draw), *key)
                words[0], words[1], words[2], words[3] = w0, w1, w2, w3
            rate = rates[levels[b, j]]
            if rate == uint64(0):
                continue
            ahead = (uint64(1) << uint64(32)) - words[j % 4]  # increase until the next spike
            t = (ahead + rate - uint64(1)) // rate
            while t < end:
                event_steps[n], event_neurons[n] = t, j
                n += 1
                ahead += uint64(1) << uint64(32)
                t = (ahead + rate - uint64(1)) // rate
        sort_by_step(event_steps[:n], event_neurons[:n], steps, rows[b], row_offsets[b])


def regular(
    levels: np.ndarray, max_rate: float, drawn: bool, seed: int, draw: int, samples: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Encode a batch; seed, draw and samples are used if phases are drawn.

    levels (B, N) uint8, seed < 2^64, draw < 2^32 (the epoch), samples (B,) < 2^32 -> events, see `cupynn.kernels.events`
    """
    rates = level_rates(max_rate)
    rows = event_rows(len(levels), most_spikes(rates, steps)[levels].sum(1).max(initial=0), steps)
    phases = (key_of(seed), np.uint32(draw), samples.astype(np.uint32))
    parallel(_regular, len(levels), levels, rates, drawn, *phases, steps, *rows)
    return pack(*rows)
