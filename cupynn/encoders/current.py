"""Direct input: values drive encoding neurons as constant currents."""

from functools import lru_cache

import numpy as np

from cupynn import checks
from cupynn.encoders.intensity import LEVELS, LevelEncoder
from cupynn.kernels.levels import spike_times


class Current(LevelEncoder):
    """Drives a leaky integrate-and-fire neuron per value with a constant current.

    The neuron follows the recursion of the layers, without their synapse. From v = 0 before step 1, at each step t >= 1:

    - ``v <- (1 - 1/tau_m) v + gain * l / 255``, with the intensity l in 8 bits;
    - for `t_ref` steps after a spike ``v <- 0`` instead;
    - it fires if ``v > v_th - 1e-6``, and then ``v <- 0``.

    A value below ``v_th / (gain * tau_m)`` of the largest never fires; a brighter one fires every ``t_ref + n`` steps, where
    n steps of its current reach the threshold.

    Parameters
    ----------
    gain : float
        Current of the largest value (255, or 1.0).
    v_th : float
        Firing threshold, above 1e-6.
    tau_m : float
        Time constant of the membrane, in steps.
    t_ref : int
        Refractory period, in steps.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> image = np.array([[10, 255]], dtype=np.uint8)
    >>> spikes = Current(gain=0.4).encode(image, steps=13, seed=0, draw=0, samples=np.arange(1))
    >>> spikes.by_neuron()[0]
    array([3, 8], dtype=int32)
    """

    strength = "gain"
    dull = "lower gain"

    def __init__(self, gain: float = 0.25, v_th: float = 1.0, tau_m: float = 64.0, t_ref: int = 2) -> None:
        self.gain = checks.number("gain", gain, above=0)
        self.v_th = checks.number("v_th", v_th, above=1e-6)
        self.tau_m = checks.number("tau_m", tau_m, minimum=1)
        self.t_ref = checks.integer("t_ref", t_ref)

    def table(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the spike times of each level."""
        return _table(self.gain, self.v_th, self.tau_m, self.t_ref, steps)


@lru_cache(maxsize=4)
def _table(gain, v_th, tau_m, t_ref, steps):
    current = gain * LEVELS / 255
    decay = 1 - 1 / tau_m
    trains = np.zeros((256, steps), bool)
    v, resting = np.zeros(256), np.zeros(256, int)
    for t in range(1, steps):
        v = np.where(resting > 0, 0.0, decay * v + current)
        resting = np.maximum(resting - 1, 0)
        trains[:, t] = v > v_th - 1e-6
        v[trains[:, t]] = 0.0
        resting[trains[:, t]] = t_ref
    return spike_times(trains)
