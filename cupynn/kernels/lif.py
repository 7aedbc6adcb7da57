"""The leaky integrate-and-fire neuron with a first-order synapse, advanced by one time step, as the paper has it."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from cupynn.kernels import inline
from cupynn.kernels.simd import LANES, bits, fill, load, lowest, select, store

# A neuron fires above v_th - MARGIN in layers with weights and in pooling, above v_th itself in convolutions: the rule of
# the original program.
MARGIN = 1e-6

# State of LANES neurons, side by side in one array.
MEMBRANE, CURRENT, RELEASE = (part * LANES for part in range(3))
STATE = 3 * LANES


class Lif(NamedTuple):
    """Constants of the neuron, in float32, as the kernels take them."""

    decay_m: np.float32
    decay_s: np.float32
    gain: np.float32
    threshold: np.float32
    t_ref: np.float32

    def max_count(self, steps: int) -> int:
        """Largest firing count of a neuron in so many steps: at every one but the first that its rest leaves it."""
        rest = int(self.t_ref)
        return (steps - 1 + rest) // (rest + 1)

    def reach(self, steps: int) -> float:
        """Highest membrane in so many steps without a firing, for an input of 1 at every step."""
        current = membrane = 0.0
        for _ in range(steps - 1):
            current = current * float(self.decay_s) + 1
            membrane = membrane * float(self.decay_m) + current * float(self.gain)
        return membrane


@lru_cache(maxsize=256)  # every pass of a layer asks
def lif(v_th: float, tau_m: float, tau_s: float, t_ref: int, margin: float = MARGIN) -> Lif:
    """Constants for a threshold, time constants in steps and a refractory period in steps."""
    threshold = np.float32(v_th - margin)
    if float(threshold) > v_th - margin:  # rounding up could keep a membrane at v_th itself from firing
        threshold = np.nextafter(threshold, np.float32(-np.inf))
    decay_m, decay_s, gain = (np.float32(x) for x in (1 - 1 / tau_m, 1 - 1 / tau_s, 1 / tau_s))
    return Lif(decay_m, decay_s, gain, threshold, np.float32(t_ref))


@inline
def lif_step(x, state, at, now, constants, before, place):
    """Advance LANES neurons, whose state begins at `at`, by one step with the inputs x, a vector.

    Returns which of them fired, as bits. before: receives the membranes before their reset from `place` on, unless it is
    empty. A neuron rests up to step RELEASE. Values are stored as soon as they are known, which frees their registers.
    """
    decay_m, decay_s, gain, threshold, t_ref = constants
    zero = fill(np.float32(0), LANES)
    current = load(state, at + CURRENT, LANES) * decay_s + x
    store(state, at + CURRENT, current)
    membrane = load(state, at + MEMBRANE, LANES) * decay_m + current * gain
    membrane = select(fill(np.float32(now), LANES) > load(state, at + RELEASE, LANES), membrane, zero)
    if before.size:
        store(before, place, membrane)
    fires = membrane > threshold
    store(state, at + MEMBRANE, select(fires, zero, membrane))
    fired = bits(fires)
    if fired:
        released = fill(np.float32(now) + t_ref, LANES)
        store(state, at + RELEASE, select(fires, released, load(state, at + RELEASE, LANES)))
    return fired


@inline
def note_spikes(fired, step, neuron, event_steps, event_neurons, n):
    """Append the events of LANES neurons, `neuron` the first, to lists of length n. Returns the new length."""
    while fired:
        event_steps[n], event_neurons[n] = step, neuron + lowest(fired)
        fired &= fired - 1
        n += 1
    return n


@inline
def advance(total, state, before, constants, step, row, n):
    """Advance whole blocks of LANES neurons by one step, and append those that fire to a row of n. Returns its new length.

    total (blocks * LANES,) float32: the inputs, set to zero here; state (blocks * STATE,); before (blocks * LANES,), or
    empty: receives the membranes before their reset
    """
    for block in range(total.size // LANES):
        neuron = block * LANES
        x = load(total, neuron, LANES)
        store(total, neuron, fill(np.float32(0), LANES))
        fired = lif_step(x, state, block * STATE, step, constants, before, neuron)
        while fired:
            row[n] = neuron + lowest(fired)
            fired &= fired - 1
            n += 1
    return n


@inline
def record(state, before, membrane, current):
    """Copy the membranes before their reset, and the currents, to rows (neurons,).

    A loop, since to assign a slice takes Numba 2.9 s to compile: it looks whether the two overlap.
    """
    for i in range(membrane.size):
        membrane[i] = before[i]
        current[i] = state[i // LANES * STATE + CURRENT + i % LANES]
