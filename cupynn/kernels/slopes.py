"""How the membranes at firings depend on the time constants, for fixed trains.

Between two firings, a neuron's membrane and current for fixed trains follow

    q <- decay_s q + x,    v <- decay_m v + gain q,

and v is 0 from a firing to its release. Differentiated by tau_m and tau_s, with primes for the derivatives of constants,

    q_s <- decay_s q_s + decay_s' q_old,
    v_m <- decay_m v_m + decay_m' v_old + gain_m q,    v_s <- decay_m v_s + gain q_s + gain_s q,

where v_m and v_s are 0 while v is. Their sums over the firings are the neuron's T-PSP a = sum_j w_j e_j and its derivatives.
"""

from typing import NamedTuple

import numpy as np

from cupynn.kernels import inline
from cupynn.kernels.each import lanes
from cupynn.kernels.simd import LANES, fill, load, mask_of, select, store

NEAR = 1e-3  # below this, functions of u = 1 / tau_s - 1 / tau_m are computed by their series

# Offsets in the state of LANES neurons, one array.
CURRENT, CURRENT_S, MEMBRANE, MEMBRANE_M, MEMBRANE_S, RELEASE, SUM, SUM_M, SUM_S = (part * LANES for part in range(9))
STATE = 9 * LANES


class Slopes(NamedTuple):
    """Constants of the recursion, float32: numbers or arrays (groups,), but for `t_ref` and the delay in steps."""

    decay_m: np.float32
    decay_s: np.float32
    gain: np.float32
    decay_m_m: np.float32  # derivative of decay_m by tau_m
    decay_s_s: np.float32
    gain_m: np.float32
    gain_s: np.float32
    t_ref: np.float32
    delay: int


def slopes(kind: str, tau_m: float | np.ndarray, tau_s: float | np.ndarray, t_ref: int) -> Slopes:
    """Return the constants of the recursion for a kind of trace, as in `psp.psp`, and time constants in steps."""
    m, s = np.float64(tau_m), np.float64(tau_s)
    if kind == "exact":
        delay, constants = 0, (1 - 1 / m, 1 - 1 / s, 1 / s, m**-2, s**-2, 0 * m, -(s**-2))
    else:  # gain = decay_m phi(u) / tau_s with phi(u) = (1 - exp(-u)) / u
        u, decay_m, decay_s = 1 / s - 1 / m, np.exp(-1 / m), np.exp(-1 / s)
        near, safe = np.abs(u) < NEAR, np.where(np.abs(u) < NEAR, 1, u)
        phi = np.where(near, 1 - u / 2 + u**2 / 6, -np.expm1(-safe) / safe)
        slope = np.where(near, u / 3 - u**2 / 8 - 0.5, (np.exp(-safe) * (1 + safe) - 1) / safe**2)
        gain_m, gain_s = decay_m * (phi + slope) / (m**2 * s), -decay_m * (phi + slope / s) / s**2
        delay, constants = t_ref, (decay_m, decay_s, decay_m * phi / s, decay_m / m**2, decay_s / s**2, gain_m, gain_s)
    return Slopes(*(np.float32(value) for value in constants), np.float32(t_ref), delay)


@inline
def slope_step(x, state, at, now, fired, constants, neuron):
    """Advance LANES neurons, whose state begins at `at`, by one step with inputs x; `fired`: a bit for each that fires.

    neuron: the first of them, by which arrays of constants are read
    """
    decay_m, decay_s, gain = (
        lanes(constants.decay_m, neuron, LANES),
        lanes(constants.decay_s, neuron, LANES),
        lanes(constants.gain, neuron, LANES),
    )
    decay_m_m, decay_s_s = lanes(constants.decay_m_m, neuron, LANES), lanes(constants.decay_s_s, neuron, LANES)
    gain_m, gain_s, t_ref = lanes(constants.gain_m, neuron, LANES), lanes(constants.gain_s, neuron, LANES), constants.t_ref
    zero = fill(np.float32(0), LANES)
    before = load(state, at + CURRENT, LANES)
    current_s = load(state, at + CURRENT_S, LANES) * decay_s + before * decay_s_s
    current = before * decay_s + x
    store(state, at + CURRENT, current)
    store(state, at + CURRENT_S, current_s)
    before = load(state, at + MEMBRANE, LANES)
    membrane = before * decay_m + current * gain
    membrane_m = load(state, at + MEMBRANE_M, LANES) * decay_m + before * decay_m_m + current * gain_m
    membrane_s = load(state, at + MEMBRANE_S, LANES) * decay_m + current_s * gain + current * gain_s
    free = fill(np.float32(now), LANES) > load(state, at + RELEASE, LANES)
    membrane, membrane_m = select(free, membrane, zero), select(free, membrane_m, zero)
    membrane_s = select(free, membrane_s, zero)
    if fired:
        fires = mask_of(fired, LANES)
        store(state, at + SUM, load(state, at + SUM, LANES) + select(fires, membrane, zero))
        store(state, at + SUM_M, load(state, at + SUM_M, LANES) + select(fires, membrane_m, zero))
        store(state, at + SUM_S, load(state, at + SUM_S, LANES) + select(fires, membrane_s, zero))
        membrane, membrane_m = select(fires, zero, membrane), select(fires, zero, membrane_m)
        membrane_s = select(fires, zero, membrane_s)
        released = fill(np.float32(now) + t_ref, LANES)
        store(state, at + RELEASE, select(fires, released, load(state, at + RELEASE, LANES)))
    store(state, at + MEMBRANE, membrane)
    store(state, at + MEMBRANE_M, membrane_m)
    store(state, at + MEMBRANE_S, membrane_s)
