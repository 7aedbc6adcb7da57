"""What encoders of intensities share: the check of their data, and trains that follow from the intensity alone."""

from abc import abstractmethod
from math import prod

import numpy as np

from cupynn.checks import InputError
from cupynn.encoders.base import Encoder
from cupynn.kernels.cuda import on_device
from cupynn.kernels.levels import from_levels
from cupynn.ragged import Ragged
from cupynn.spikes import SpikeTrains

LEVELS = np.arange(256)
BRIGHT = 0.6  # of the largest value: a mean above it is that of a bright ground
LOOKED_AT = 1000  # samples, spread over the data, whose mean is taken


class IntensityEncoder(Encoder):
    """Takes intensities, uint8 0..255 or floats in [0, 1], and holds them in 8 bits."""

    def check(self, x: np.ndarray) -> None:
        """Refuse data that is neither uint8 nor floats in [0, 1]."""
        if isinstance(x, Ragged):
            raise InputError(f"data is {x!r}: {type(self).__name__} takes arrays, such as images")
        x = np.asarray(x)
        if x.dtype == np.uint8:
            return
        if x.dtype.kind != "f":
            fits = x.dtype.kind == "i" and x.size and x.min() >= 0 and x.max() <= 255
            hint = " (pass x.astype(np.uint8))" if fits else ""
            raise InputError(f"data has dtype {x.dtype}: pass uint8 0..255, or floats in [0, 1]{hint}")
        if x.size and not (np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1):
            low, high = x.min(), x.max()
            hint = "; divide them by 255" if low >= 0 and 1 < high <= 255 else ""
            raise InputError(f"data ranges over {low:g}..{high:g}: floats must be finite and lie in [0, 1]{hint}")

    def notice(self, x: np.ndarray, steps: int) -> str | None:
        """Say if the data is bright: dark figures on a bright ground leave the spikes to the ground, which tells nothing.

        200 images of three shapes in 28 x 28 pixels, by the network of the README: 73 % right on a bright ground, 92 %
        inverted, with a sixth of the spikes.
        """
        mean = float(x[:: max(1, len(x) // LOOKED_AT)].mean()) / (255 if x.dtype == np.uint8 else 1)
        if mean <= BRIGHT:
            return None
        images = "datasets.from_image_folder(..., invert=True), predict --invert, or 255 - x"
        how = images if x.dtype == np.uint8 else "1 - x"
        return (
            f"the data is bright, {mean:.0%} of the largest value on average, and bright values are those that fire: "
            f"if these are dark figures on a bright ground, invert them: {how}"
        )

    def levels(self, x: np.ndarray) -> np.ndarray:
        """Intensities of data (B, *shape) as uint8 (B, N); floats are rounded to the nearest level."""
        if not on_device(x):  # what lies on a GPU was checked before it came there: a look at its values would wait for it
            x = np.ascontiguousarray(x)
            self.check(x)
        levels = x if x.dtype == np.uint8 else (x * 255).round().astype(np.uint8)
        return levels.reshape(len(x), prod(x.shape[1:]))


class LevelEncoder(IntensityEncoder):
    """Gives equal intensities equal trains: nothing is drawn, so seed, draw and sample do not matter."""

    @abstractmethod
    def table(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Spike times of each level 0..255, as `cupynn.kernels.levels.spike_times` has them; step 0 stays silent."""

    def encode(self, x: np.ndarray, steps: int, seed: int, draw: int, samples: np.ndarray) -> SpikeTrains:
        """Give each value of a batch, uint8 0..255 or floats in [0, 1], the train of its level."""
        neurons, offsets = from_levels(self.levels(x), self.table(steps), steps)
        return SpikeTrains(neurons, offsets, steps, np.shape(x)[1:])
