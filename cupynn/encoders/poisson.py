"""Rate coding by chance, as in the paper."""

from functools import lru_cache
from math import prod

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.encoders.base import Encoder
from cupynn.kernels import poisson_cuda
from cupynn.kernels.cuda import on_device
from cupynn.kernels.poisson import gap_tables, poisson
from cupynn.ragged import Ragged
from cupynn.spikes import SpikeTrains
from cupynn.spikes_cuda import CudaTrains

_tables = lru_cache(maxsize=4)(gap_tables)


class Poisson(Encoder):
    """Each value fires at each step t >= 1, independently, with a probability in proportion to it, as in the paper.

    The same seed gives the same trains in any batch and on any device (see `cupynn.kernels.poisson`). Intensities are
    held in 8 bits.

    Parameters
    ----------
    max_rate : float
        Probability of a spike at a step for the largest value (255, or 1.0), in (0, 1].
    fresh : bool
        Whether each epoch of training draws anew; otherwise a sample has one train for good.

    Raises
    ------
    InputError
        If `max_rate` is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.array([[0, 255]], dtype=np.uint8)
    >>> spikes = Poisson(max_rate=1.0).encode(image, steps=5, seed=0, draw=0, samples=np.arange(1))
    >>> spikes.counts
    array([[0, 4]], dtype=int32)
    """

    on_device = True

    def __init__(self, max_rate: float = 1 / 5.5, fresh: bool = True) -> None:
        self.max_rate = checks.number("max_rate", max_rate, above=0, maximum=1)
        self.fresh = checks.flag("fresh", fresh)

    def check(self, x: np.ndarray) -> None:
        """Refuse data that is neither uint8 nor floats in [0, 1]."""
        if isinstance(x, Ragged):
            raise InputError(f"data is {x!r}: Poisson takes arrays, such as images")
        x = np.asarray(x)
        if x.dtype == np.uint8:
            return
        if x.dtype.kind != "f":
            raise InputError(f"data has dtype {x.dtype}: pass uint8 0..255, or floats in [0, 1]")
        if x.size and not (np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1):
            raise InputError(f"data ranges over {np.min(x):g}..{np.max(x):g}: floats must be finite and lie in [0, 1]")

    def encode(self, x: np.ndarray, steps: int, seed: int, draw: int, samples: np.ndarray) -> SpikeTrains:
        """Draw the trains of a batch: uint8 0..255, or floats in [0, 1]; arrays of a GPU give trains there."""
        if not on_device(x):  # what lies on a GPU was checked before it came there: a look at its values would wait for it
            x = np.asarray(x)
            self.check(x)
        levels = x if x.dtype == np.uint8 else (x * 255).round().astype(np.uint8)
        levels = levels.reshape(len(x), prod(x.shape[1:]))
        draw = draw if self.fresh else 0
        if on_device(levels):
            bits = poisson_cuda.poisson(levels, self.max_rate, seed, draw, samples, steps)
            return CudaTrains(bits, steps, x.shape[1:])
        levels = np.ascontiguousarray(levels)
        neurons, offsets = poisson(levels, _tables(self.max_rate, steps), seed, draw, samples, steps)
        return SpikeTrains(neurons, offsets, steps, x.shape[1:])
