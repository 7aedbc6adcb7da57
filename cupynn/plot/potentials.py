"""How an entry of the S-PSP builds up over time, in double precision: what `plot.psp_build_up` draws.

The trace A_j(t) is the membrane that train j alone would produce with unit weight and no reset. A firing of neuron i makes
its membrane forget, until the refractory period ends at step L; from then on it holds A_j(t) - decay^(t - L) A_j(L). The
S-PSP e_ij is the sum of what it holds at i's firings, which `cupynn.kernels.psp` computes.
"""

import numpy as np
from scipy.signal import lfilter

from cupynn.kernels.psp import Psp
from cupynn.spikes.trains import SpikeTrains


def traces(below: SpikeTrains, potential: Psp) -> np.ndarray:
    """Traces (T, N) of the trains of one sample, at every step."""
    trains = below.to_dense(np.float64).reshape(below.steps, below.size)
    delay = 1 + potential.delay
    arrived = np.concatenate([np.zeros((min(delay, below.steps), below.size)), trains])[: below.steps]
    current = lfilter([1.0], [1.0, -float(potential.decay_s)], arrived, axis=0)
    return lfilter([float(potential.gain)], [1.0, -float(potential.decay_m)], current, axis=0)


def felt(trace: np.ndarray, firings: np.ndarray, potential: Psp, refractory: int) -> np.ndarray:
    """What a membrane that forgets at its firings holds of a trace (T, ...) at every step; zero while it rests."""
    held = trace.copy()
    for firing in firings:
        release = firing + refractory
        held[firing + 1 : release + 1] = 0
        ages = np.arange(1, len(trace) - release).reshape(-1, *[1] * (trace.ndim - 1))
        if ages.size:
            held[release + 1 :] = trace[release + 1 :] - float(potential.decay_m) ** ages * trace[release]
    return held
