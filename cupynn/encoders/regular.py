"""Rate coding with next to no chance: evenly spaced spikes."""

import numpy as np

from cupynn import checks
from cupynn.encoders.intensity import IntensityEncoder
from cupynn.kernels import regular_cuda
from cupynn.kernels.cuda import on_device
from cupynn.kernels.regular import regular
from cupynn.spikes.cuda_trains import CudaTrains
from cupynn.spikes.trains import SpikeTrains


class Regular(IntensityEncoder):
    """Each value fires at evenly spaced steps, at a rate in proportion to it.

    With rate ``r = max_rate * l / 255``, its spikes up to step t are ``floor(r t + u)``: the k-th falls on the first step
    t >= 1 with ``r t >= k - u``. The phase u is one half, which makes the count of a train the nearest to r (T - 1), at any
    time; it is the same for all neurons, so equal values fire together. With `random_phase` it is drawn from [0, 1), for
    each neuron, sample and epoch: trains that are as mixed as those of `Poisson`, of counts that chance changes by one at
    most. Rates and phases are held in 32-bit fixed point, so that every machine gives the same trains; intensities in 8
    bits, l.

    Parameters
    ----------
    max_rate : float
        Spikes a step for the largest value (255, or 1.0), in (0, 1].
    random_phase : bool
        Whether each train begins at a phase of its own; then the same seed gives the same trains in any batch and on any
        device.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    >>> image = np.array([[0, 255]], dtype=np.uint8)
    >>> spikes = Regular(max_rate=0.25).encode(image, steps=13, seed=0, draw=0, samples=np.arange(1))
    >>> spikes.by_neuron()[0]
    array([ 2,  6, 10], dtype=int32)
    """

    on_device = True

    def __init__(self, max_rate: float = 1 / 5.5, random_phase: bool = False) -> None:
        self.max_rate = checks.number("max_rate", max_rate, above=0, maximum=1)
        self.random_phase = checks.flag("random_phase", random_phase)

    def encode(self, x: np.ndarray, steps: int, seed: int, draw: int, samples: np.ndarray) -> SpikeTrains:
        """Make the trains of a batch: uint8 0..255, or floats in [0, 1]; arrays of a GPU give trains there."""
        checks.steps("steps", steps)
        levels = self.levels(x)
        rule = (self.max_rate, self.random_phase, seed, draw)
        if on_device(levels):
            return CudaTrains(regular_cuda.regular(levels, *rule, samples, steps), steps, x.shape[1:])
        samples = checks.numbers("samples", samples, len(levels))
        neurons, offsets = regular(levels, *rule, samples, steps)
        return SpikeTrains(neurons, offsets, steps, np.shape(x)[1:])
