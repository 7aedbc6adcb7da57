"""Rate coding with little or no randomness: evenly spaced spikes."""

import numpy as np

from cupynn import checks
from cupynn.encoders.intensity import IntensityEncoder
from cupynn.kernels import regular_cuda
from cupynn.kernels.cuda import on_device
from cupynn.kernels.regular import regular
from cupynn.spikes.cuda_trains import CudaTrains
from cupynn.spikes.trains import SpikeTrains


class Regular(IntensityEncoder):
    """Fires at evenly spaced steps, at a rate proportional to the value.

    With rate ``r = max_rate * l / 255`` for the 8-bit intensity l, ``floor(r t + u)`` spikes come up to step t: the k-th is
    at the first step t >= 1 with ``r t >= k - u``. The phase u is one half, which brings the count of a train closest to
    r (T - 1), and the same for all neurons, so equal values fire together. With `random_phase` it is drawn from [0, 1) for
    each neuron, sample and epoch: trains then mix like those of `Poisson`, but counts vary by at most one. Rates and phases
    are 32-bit fixed-point numbers, so that every machine gives the same trains.

    Parameters
    ----------
    max_rate : float
        Spikes per step for the largest value (255 or 1.0), in (0, 1].
    random_phase : bool
        Whether to draw the phase of each train; the same seed gives the same trains in any batch and on any device.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> image = np.array([[0, 255]], dtype=np.uint8)
    >>> spikes = Regular(max_rate=0.25).encode(image, steps=13, seed=0, draw=0, samples=np.arange(1))
    >>> spikes.by_neuron()[0]
    array([ 2,  6, 10], dtype=int32)
    """

    on_device = True
    strength = "max_rate"

    def __init__(self, max_rate: float = 1 / 5.5, random_phase: bool = False) -> None:
        self.max_rate = checks.number("max_rate", max_rate, above=0, maximum=1)
        self.random_phase = checks.flag("random_phase", random_phase)

    def encode(self, x: np.ndarray, steps: int, seed: int, draw: int, samples: np.ndarray) -> SpikeTrains:
        """Encode a batch, uint8 0..255 or floats in [0, 1], on the device of the array."""
        checks.steps("steps", steps)
        levels = self.levels(x)
        rule = (self.max_rate, self.random_phase, seed, draw)
        if on_device(levels):
            return CudaTrains(regular_cuda.regular(levels, *rule, samples, steps), steps, x.shape[1:])
        samples = checks.numbers("samples", samples, len(levels))
        return SpikeTrains(*regular(levels, *rule, samples, steps), steps, np.shape(x)[1:])
