"""The paper's leaky integrate-and-fire neuron with a first-order synapse, advanced step by step."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from cupynn.kernels import inline
from cupynn.kernels.each import lanes
from cupynn.kernels.simd import LANES, bits, fill, load, mask_of, select, store

# As in the original program, neurons fire above v_th - MARGIN in dense and pooling layers, and above v_th in convolutions.
MARGIN = 1e-6

# Offsets in the state of LANES neurons, one array.
MEMBRANE, CURRENT = (part * LANES for part in range(2))
STATE = 2 * LANES


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
def lif_step(x, state, at, resting, constants, neuron):
    """Advance LANES neurons, whose state begins at `at`, by one step with a vector x of inputs.

    resting: which are refractory, as bits; neuron: the first of them, by which arrays of constants are read. Values are
    stored as soon as they are known, which frees their registers. There is no branch: on what fires, the processor would
    often guess wrong, and with any branch Numba counts references to arrays at each call, which takes as long as the step.

    Returns
    -------
    which fire, as bits, and their membranes before the reset, as a vector
    """
    decay_m, decay_s = lanes(constants.decay_m, neuron, LANES), lanes(constants.decay_s, neuron, LANES)
    gain, threshold = lanes(constants.gain, neuron, LANES), lanes(constants.threshold, neuron, LANES)
    zero = fill(np.float32(0), LANES)
    current = load(state, at + CURRENT, LANES) * decay_s + x
    store(state, at + CURRENT, current)
    membrane = load(state, at + MEMBRANE, LANES) * decay_m + current * gain
    membrane = select(mask_of(resting, LANES), zero, membrane)
    fires = membrane > threshold
    store(state, at + MEMBRANE, select(fires, zero, membrane))
    return bits(fires), membrane


@inline
def rest(resting, fired, released):
    """Return which neurons are refractory at the next step, as bits; released: those that fired t_ref steps ago."""
    return (resting | fired) & ~released


@inline
def advance(total, state, before, constants, step, fired, resting):
    """Advance blocks of LANES neurons by one step; return where in `fired` the bits of those that fire begin.

    total (blocks * LANES,) float32: the inputs, set to zero here; state (blocks * STATE,); before (blocks * LANES,) receives
    the membranes before their reset, unless it is empty; fired ((t_ref + 1) * blocks,) int64: the last steps in turn;
    resting (blocks,) int64
    """
    blocks, kept = resting.size, fired.size // resting.size
    here, released = step % kept * blocks, (step + 1) % kept * blocks
    for block in range(blocks):
        neuron = block * LANES
        x = load(total, neuron, LANES)
        store(total, neuron, fill(np.float32(0), LANES))
        spikes, membrane = lif_step(x, state, block * STATE, resting[block], constants, neuron)
        if before.size:
            store(before, neuron, membrane)
        fired[here + block] = spikes
        resting[block] = rest(resting[block], spikes, fired[released + block])
    return here


@inline
def record(state, before, membrane, current):
    """Copy the membranes before their reset, and the currents, to rows (neurons,).

    A loop, since Numba takes 2.9 s to compile an assignment to a slice, with its check for overlap.
    """
    for i in range(membrane.size):
        membrane[i] = before[i]
        current[i] = state[i // LANES * STATE + CURRENT + i % LANES]
