"""What encoders of intensities share: the check of their data, and trains that follow from the intensity alone."""

from abc import abstractmethod
from math import prod

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.encoders.base import Encoder
from cupynn.kernels.cuda import on_device
from cupynn.kernels.levels import from_levels
from cupynn.ragged import Ragged
from cupynn.spikes.trains import SpikeTrains

LEVELS = np.arange(256)
# Of the largest value: a lower quartile above the one, or a median above the other, is that of a ground that fires.
GREY, BRIGHT = 0.1, 0.6
LOOKED_AT = 1000  # samples, spread over the data, that are looked at


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
        """Say if a ground fires: it takes the spikes, and tells nothing.

        320 images of four shapes in 48 x 40 pixels, by the network of the README: 61 % right as dark figures on a bright
        ground, some 80 % inverted, 90 % without what was left of the ground.
        """
        looked = x[:: max(1, len(x) // LOOKED_AT)]
        largest = 255 if x.dtype == np.uint8 else 1
        if largest == 255 and 0 < looked.max(initial=0) <= 1:
            return "the data is 0 and 1, of a largest value of 255, and hardly fires: pass it times 255"
        quarter, half = np.quantile(looked, (0.25, 0.5)) / largest if looked.size else (0, 0)
        if half > BRIGHT:
            return (
                f"half of the data is at {half:.0%} of the largest value or above, and bright values are those that fire: "
                f"if these are dark figures on a bright ground, invert them, {largest} - x, and cut off the ground, as "
                "from_image_folder(..., invert=True, cut_ground=True) does"
            )
        if quarter > GREY:
            return (
                f"three quarters of the data are at {quarter:.0%} of the largest value or above: if that is a ground, make "
                "it 0, so that it does not fire, as from_image_folder(..., cut_ground=True) does"
            )
        return None

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
        checks.steps("steps", steps)
        neurons, offsets = from_levels(self.levels(x), self.table(steps), steps)
        return SpikeTrains(neurons, offsets, steps, np.shape(x)[1:])
