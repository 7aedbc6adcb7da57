"""Rate coding without chance: evenly spaced spikes."""

from functools import lru_cache

import numpy as np

from cupynn import checks
from cupynn.encoders.intensity import LEVELS, LevelEncoder
from cupynn.kernels.levels import spike_times


class Regular(LevelEncoder):
    """Each value fires at evenly spaced steps, at a rate in proportion to it.

    With rate ``r = max_rate * l / 255``, its spikes up to step t are ``floor(r t + 1/2)``: the k-th falls on the first
    step t >= 1 with ``r t >= k - 1/2``. The phase of one half makes the count of a train the nearest to r (T - 1), at any
    time. It is the same for all neurons, so equal values fire together. Rates are held in 32-bit fixed point, so that
    every machine gives the same trains; intensities in 8 bits, l.

    Parameters
    ----------
    max_rate : float
        Spikes a step for the largest value (255, or 1.0), in (0, 1].

    Raises
    ------
    InputError
        If `max_rate` is out of its range.

    Examples
    --------
    >>> image = np.array([[0, 255]], dtype=np.uint8)
    >>> spikes = Regular(max_rate=0.25).encode(image, steps=13, seed=0, draw=0, samples=np.arange(1))
    >>> spikes.by_neuron()[0]
    array([ 2,  6, 10], dtype=int32)
    """

    def __init__(self, max_rate: float = 1 / 5.5) -> None:
        self.max_rate = checks.number("max_rate", max_rate, above=0, maximum=1)

    def table(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Spike times of each level."""
        return _table(self.max_rate, steps)


@lru_cache(maxsize=4)
def _table(max_rate, steps):
    rate = np.round(max_rate * LEVELS / 255 * 2**32).astype(np.uint64)
    counts = (rate[:, None] * np.arange(steps, dtype=np.uint64) + np.uint64(2**31)) >> np.uint64(32)
    return spike_times(np.diff(counts, axis=1, prepend=np.uint64(0)) > 0)
