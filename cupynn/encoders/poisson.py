"""Rate coding by Poisson trains, as in the paper."""

from functools import lru_cache

import numpy as np

from cupynn import checks
from cupynn.encoders.intensity import IntensityEncoder
from cupynn.kernels import poisson_cuda
from cupynn.kernels.cuda import on_device
from cupynn.kernels.poisson import gap_tables, poisson
from cupynn.spikes.cuda_trains import CudaTrains
from cupynn.spikes.trains import SpikeTrains

_tables = lru_cache(maxsize=4)(gap_tables)


class Poisson(IntensityEncoder):
    """Fires at each step t >= 1 independently, with a probability proportional to the value, as in the paper.

    The same seed gives the same trains in any batch and on any device (see `cupynn.kernels.poisson`). Intensities are
    stored in 8 bits.

    Parameters
    ----------
    max_rate : float
        Probability of a spike per step for the largest value (255 or 1.0), in (0, 1].
    fresh : bool
        Whether each epoch of training draws new trains; otherwise each sample keeps one train.

    Raises
    ------
    InputError
        If `max_rate` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.array([[0, 255]], dtype=np.uint8)
    >>> spikes = Poisson(max_rate=1.0).encode(image, steps=5, seed=0, draw=0, samples=np.arange(1))
    >>> spikes.counts
    array([[0, 4]], dtype=int32)
    """

    on_device = True
    strength = "max_rate"

    def __init__(self, max_rate: float = 1 / 5.5, fresh: bool = True) -> None:
        self.max_rate = checks.number("max_rate", max_rate, above=0, maximum=1)
        self.fresh = checks.flag("fresh", fresh)

    def encode(self, x: np.ndarray, steps: int, seed: int, draw: int, samples: np.ndarray) -> SpikeTrains:
        """Encode a batch, uint8 0..255 or floats in [0, 1], on the device of the array."""
        checks.steps("steps", steps)
        levels = self.levels(x)
        draw = draw if self.fresh else 0
        if on_device(levels):
            bits = poisson_cuda.poisson(levels, self.max_rate, seed, draw, samples, steps)
            return CudaTrains(bits, steps, x.shape[1:])
        samples = checks.numbers("samples", samples, len(levels))
        events = poisson(levels, _tables(self.max_rate, steps), seed, draw, samples, steps)
        return SpikeTrains(*events, steps, np.shape(x)[1:])
