"""The paper's leaky integrate-and-fire neuron with a first-order synapse, advanced step by step."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from cupynn.kernels import inline
from cupynn.kernels.each import lanes
from cupynn.kernels.simd import LANES, bits, fill, load, lowest, select, store

# As in the original program, neurons fire above v_th - MARGIN in dense and pooling layers, and above v_th in convolutions.
MARGIN = 1e-6

# Offsets in the state of LANES neurons, one array.
MEMBRANE, CURRENT, RELEASE = (part * LANES for part in range(3))
STATE = 3 * LANES


class Lif(NamedTuple):
    """Constants of the neuron, float32: numbers or, if neurons have their own, arrays (groups,), but for `t_ref`."""

    decay_m: np.float32
    decay_s: np.float32
    gain: np.float32
    threshold: np.float32
    t_ref: np.float32

    def max_count(self, steps: int) -> int:
        """Return the largest possible firing count in `steps` steps, of which the first has no spikes."""
        rest = int(self.t_ref)
        return (steps - 1 + rest) // (rest + 1)

    def reach(self, steps: int) -> float | np.ndarray:
        """Return the highest membrane in `steps` steps without firing, for an input of 1 at every step."""
        decay_m, decay_s, gain = (np.float64(value) for value in (self.decay_m, self.decay_s, self.gain))
        current = membrane = 0.0
        for _ in range(steps - 1):
            current = current * decay_s + 1
            membrane = membrane * decay_m + current * gain
        return membrane


@lru_cache(maxsize=256)  # every pass of a layer calls it
def lif(v_th: float, tau_m: float, tau_s: float, t_ref: int, margin: float = MARGIN) -> Lif:
    """Return the constants for a threshold, and time constants and a refractory period in steps."""
    threshold = np.float32(v_th - margin)
    if float(threshold) > v_th - margin:  # rounded up, a membrane at v_th might not fire
        threshold = np.nextafter(threshold, np.float32(-np.inf))
    decay_m, decay_s, gain = (np.float32(x) for x in (1 - 1 / tau_m, 1 - 1 / tau_s, 1 / tau_s))
    return Lif(decay_m, decay_s, gain, threshold, np.float32(t_ref))


def lif_each(v_th: np.ndarray, tau_m: np.ndarray, tau_s: np.ndarray, t_ref: int, margin: float = MARGIN) -> Lif:
    """Return the same for arrays of one length."""
    threshold = np.float32(v_th - margin)
    below = np.nextafter(threshold, np.float32(-np.inf))
    threshold = np.where(threshold > v_th - margin, below, threshold)
    decay_m, decay_s, gain = (np.float32(x) for x in (1 - 1 / tau_m, 1 - 1 / tau_s, 1 / tau_s))
    return Lif(decay_m, decay_s, gain, threshold, np.float32(t_ref))


@inline
def lif_step(x, state, at, now, constants, neuron, before, place):
    """Advance LANES neurons, whose state begins at `at`, by one step with a vector x of inputs; return which fire, as bits.

    neuron: the first of them, by which arrays of constants are read; before: receives the membranes before their reset from
    `place` on, unless it is empty. A neuron is refractory up to step RELEASE. Values are stored as soon as they are known,
    which frees their registers.
    """
    decay_m, decay_s = lanes(constants.decay_m, neuron), lanes(constants.decay_s, neuron)
    gain, threshold, t_ref = lanes(constants.gain, neuron), lanes(constants.threshold, neuron), constants.t_ref
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
    """Append the events of LANES neurons from `neuron` on to lists of length n; return the new length."""
    while fired:
        event_steps[n], event_neurons[n] = step, neuron + lowest(fired)
        fired &= fired - 1
        n += 1
    return n


@inline
def advance(total, state, before, constants, step, row, n):
    """Advance blocks of LANES neurons by one step, and append those that fire to a row of length n; return its new length.

    total (blocks * LANES,) float32: the inputs, set to zero here; state (blocks * STATE,); before (blocks * LANES,) receives
    the membranes before their reset, unless it is empty
    """
    for block in range(total.size // LANES):
        neuron = block * LANES
        x = load(total, neuron, LANES)
        store(total, neuron, fill(np.float32(0), LANES))
        fired = lif_step(x, state, block * STATE, step, constants, neuron, before, neuron)
        while fired:
            row[n] = neuron + lowest(fired)
            fired &= fired - 1
            n += 1
    return n


@inline
def record(state, before, membrane, current):
    """Copy the membranes before their reset, and the currents, to rows (neurons,).

    A loop, since Numba takes 2.9 s to compile an assignment to a slice, with its check for overlap.
    """
    for i in range(membrane.size):
        membrane[i] = before[i]
        current[i] = state[i // LANES * STATE + CURRENT + i % LANES]
