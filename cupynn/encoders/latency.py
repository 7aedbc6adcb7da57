"""Time-to-first-spike coding: the brighter, the earlier."""

from functools import lru_cache

import numpy as np

from cupynn import checks
from cupynn.encoders.intensity import LEVELS, LevelEncoder
from cupynn.kernels.levels import spike_times


class Latency(LevelEncoder):
    """Fires once per value, earlier for brighter values; zeros never fire.

    Of T steps, the largest 8-bit level, l = 255, takes step 1 and the smallest, l = 1, step T - 1. Between them the time is,
    rounded to the nearest step (halves up),

    - linear: ``1 + (T - 2) (255 - l) / 254``,
    - logarithmic: ``1 + (T - 2) ln(255 / l) / ln 255``, which turns equal ratios of intensity into equal differences of time
      (Hopfield, "Pattern recognition computation using action potential timing for stimulus representation", Nature 376,
      1995).

    With a single step there are no spikes.

    Parameters
    ----------
    scale : {"linear", "logarithmic"}
        Dependence of the time on the value.

    Raises
    ------
    InputError
        If `scale` is invalid.

    Examples
    --------
    >>> image = np.array([[0, 1, 128, 255]], dtype=np.uint8)
    >>> times, starts = Latency().encode(image, steps=10, seed=0, draw=0, samples=np.arange(1)).by_neuron()
    >>> times
    array([9, 5, 1], dtype=int32)
    """

    dull = "create the network with more steps"

    def __init__(self, scale: str = "linear") -> None:
        self.scale = checks.choice("scale", scale, ("linear", "logarithmic"))

    def table(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the spike times of each level."""
        return _table(self.scale, steps)


@lru_cache(maxsize=4)
def _table(scale, steps):
    fires = LEVELS[1:]
    if scale == "linear":
        delay = (2 * (steps - 2) * (255 - fires) + 254) // (2 * 254)  # in integers, so that halves are exact
    else:
        delay = np.floor((steps - 2) * np.log(255 / fires) / np.log(255) + 0.5).astype(int)
    trains = np.zeros((256, steps), bool)
    if steps > 1:
        trains[fires, 1 + delay] = True
    return spike_times(trains)
