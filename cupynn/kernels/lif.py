"""The leaky integrate-and-fire neuron with a first-order synapse, advanced by one time step, as the paper has it."""

from typing import NamedTuple

import numpy as np

from cupynn.kernels import inline
from cupynn.kernels.simd import LANES, lowest, nonzero

# A neuron fires above v_th - MARGIN in layers with weights and in pooling, above v_th itself in convolutions: the rule of
# the original program.
MARGIN = 1e-6

# State of LANES neurons, side by side in one array: with constant distances the compiler sees that the parts do not overlap,
# and vectorises the step without checking that at each call (14 ns for 64 neurons against 32).
INPUT, MEMBRANE, CURRENT, REFRACTORY, BEFORE, FIRED = (part * LANES for part in range(6))
STATE = 6 * LANES


class Lif(NamedTuple):
    """Constants of the neuron, in float32, as the kernels take them."""

    decay_m: np.float32
    decay_s: np.float32
    gain: np.float32
    threshold: np.float32
    t_ref: np.float32

    def most(self, steps: int) -> int:
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


def lif(v_th: float, tau_m: float, tau_s: float, t_ref: int, margin: float = MARGIN) -> Lif:
    """Constants for a threshold, time constants in steps and a refractory period in steps."""
    threshold = np.float32(v_th - margin)
    if float(threshold) > v_th - margin:  # rounding up could keep a membrane at v_th itself from firing
        threshold = np.nextafter(threshold, np.float32(-np.inf))
    decay_m, decay_s, gain = (np.float32(x) for x in (1 - 1 / tau_m, 1 - 1 / tau_s, 1 / tau_s))
    return Lif(decay_m, decay_s, gain, threshold, np.float32(t_ref))


@inline
def lif_step(state, at, constants):
    """Advance LANES neurons, whose state begins at `at`, by one step. Returns which of them fired, as bits.

    INPUT -> leak, input, membrane, refractory period, firing -> FIRED (0 or 1), BEFORE: the membrane before its reset.
    """
    decay_m, decay_s, gain, threshold, t_ref = constants
    zero, one = np.float32(0), np.float32(1)
    part = state[at : at + STATE]
    for i in range(LANES):
        current = part[CURRENT + i] * decay_s + part[INPUT + i]
        membrane = part[MEMBRANE + i] * decay_m + current * gain
        membrane = membrane if part[REFRACTORY + i] <= zero else zero
        fires = membrane > threshold
        part[CURRENT + i] = current
        part[BEFORE + i] = membrane
        part[MEMBRANE + i] = zero if fires else membrane
        part[REFRACTORY + i] = t_ref if fires else part[REFRACTORY + i] - one
        part[FIRED + i] = one if fires else zero
    return nonzero(state, at + FIRED)


@inline
def note_spikes(fired, step, neuron, event_steps, event_neurons, n):
    """Append the events of LANES neurons, `neuron` the first, to lists of length n. Returns the new length."""
    while fired:
        event_steps[n], event_neurons[n] = step, neuron + lowest(fired)
        fired &= fired - 1
        n += 1
    return n


@inline
def advance(total, state, constants, step, event_steps, event_neurons, n):
    """Advance whole blocks of LANES neurons by one step. Returns the new length of the lists of events.

    total (blocks * LANES,) float32: the inputs, set to zero here; state (blocks * STATE,)
    """
    for block in range(total.size // LANES):
        at, neuron = block * STATE, block * LANES
        inputs, own = state[at + INPUT : at + INPUT + LANES], total[neuron : neuron + LANES]
        for i in range(LANES):  # assigning the slice takes 7.0 ms in the paper's first convolution, this loop 4.0
            inputs[i] = own[i]
            own[i] = 0
        n = note_spikes(lif_step(state, at, constants), step, neuron, event_steps, event_neurons, n)
    return n


@inline
def record(state, membrane, current):
    """Copy what `advance` left of each neuron's membrane before its reset, and of its current, to rows (neurons,)."""
    for first in range(0, membrane.size, LANES):
        at, count = first // LANES * STATE, min(LANES, membrane.size - first)
        membrane[first : first + count] = state[at + BEFORE : at + BEFORE + count]
        current[first : first + count] = state[at + CURRENT : at + CURRENT + count]
