"""The leaky integrate-and-fire neuron with a first-order synapse, advanced by one time step (paper: section 2.1)."""

from typing import NamedTuple

import numpy as np

from cupynn.kernels import inline

# A neuron fires above v_th - MARGIN in layers with weights and in pooling, above v_th itself in convolutions: the rule of
# the original program.
MARGIN = 1e-6


class Lif(NamedTuple):
    """Constants of the neuron, in float32, as the kernels take them."""

    decay_m: np.float32
    decay_s: np.float32
    gain: np.float32
    threshold: np.float32
    t_ref: np.float32


def lif(v_th: float, tau_m: float, tau_s: float, t_ref: int, margin: float = MARGIN) -> Lif:
    """Constants for a threshold, time constants in steps and a refractory period in steps."""
    return Lif(*(np.float32(x) for x in (1 - 1 / tau_m, 1 - 1 / tau_s, 1 / tau_s, v_th - margin, t_ref)))


@inline
def lif_step(x, v, q, refractory, fired, before, constants):
    """Advance neurons by one step: leak, input x, membrane, refractory period, firing. Returns the number that fired.

    x, v, q, refractory, before (n,) float32; before: the membrane before its reset; fired (n,) int32 0 or 1. Free of
    branches and of 64-bit numbers, so that it compiles to vector instructions.
    """
    decay_m, decay_s, gain, threshold, t_ref = constants
    zero, one = np.float32(0), np.float32(1)
    count = np.int32(0)
    for i in range(x.size):
        q[i] = q[i] * decay_s + x[i]
        u = v[i] * decay_m + q[i] * gain
        u = u if refractory[i] <= zero else zero
        fires = u > threshold
        refractory[i] = t_ref if fires else refractory[i] - one
        v[i] = zero if fires else u
        before[i] = u
        fired[i] = np.int32(1) if fires else np.int32(0)
        count = np.int32(count + fired[i])
    return count
