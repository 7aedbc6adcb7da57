"""Base classes of encoders of intensities."""

from abc import abstractmethod
from math import prod
from typing import ClassVar

import numpy as np

from cupynn import checks, intensities
from cupynn.checks import InputError
from cupynn.encoders.base import Encoder
from cupynn.kernels.cuda import on_device
from cupynn.kernels.levels import from_levels
from cupynn.ragged import Ragged
from cupynn.spikes.trains import SpikeTrains

LEVELS = np.arange(256)
GREY, BRIGHT = 0.1, 0.6  # a lower quartile or median above this share of the largest value: the background fires
DARK = 0.25  # all of the data below this share of the largest value: it hardly fires
FEWEST = 64  # values of a sample in one axis that may be the pixels of an image; fewer are a row of a table
ALIKE, MERGED = 0.5, 192  # a notice appears if this share of the values gives the train of the largest, from this level on
INSPECTED = 1000  # samples that `notice` inspects, spread over the data


class IntensityEncoder(Encoder):
    """Takes intensities, uint8 0..255 or floats in [0, 1], and stores them in 8 bits."""

    def check(self, x: np.ndarray) -> None:
        """Raise InputError unless the data is uint8 or floats in [0, 1]."""
        if isinstance(x, Ragged):
            fits = "Events(step=...)" if x.dtype.names else "BSA.from_data(x, steps)"
            raise InputError(
                f"data is {x!r}: {type(self).__name__} takes arrays, such as images: pass encoder=encoders.{fits}"
            )
        x = checks.as_array("data", x)
        signed = x.ndim == 3 and x.dtype.kind == "f" and x.size and x.min() < 0
        hint = "; for signals over time, pass datasets.signals(arrays, labels) and encoder=encoders.BSA.from_data(...)"
        intensities.check("data", x, hint if signed else "")

    def notice(self, x: np.ndarray, steps: int) -> str | None:
        """Report data that hardly fires, and a background that fires: its spikes carry no information.

        Of 320 images (48 x 40) of four shapes, the network of the README classified 61 % correctly as dark figures on a
        bright background, about 80 % inverted, and 90 % without the rest of the background.
        """
        inspected = x[:: max(1, len(x) // INSPECTED)]
        largest = 255 if x.dtype == np.uint8 else 1
        if largest == 255 and 0 < inspected.max(initial=0) <= 1:
            return "the data is 0 and 1 out of 255 and hardly fires: multiply it by 255"
        if 0 < inspected.max(initial=0) < DARK * largest and (highest := x.max()) < DARK * largest:
            return (
                f"the largest value of the data is {highest:.3g} of {largest}, so it hardly fires: divide the data by its "
                "largest value, as floats in [0, 1]"
            )
        if x.ndim < 3 and prod(x.shape[1:]) < FEWEST:
            return None
        quarter, half = np.quantile(inspected, (0.25, 0.5)) / largest if inspected.size else (0, 0)
        if half > BRIGHT:
            return (
                f"half of the data is at {half:.0%} of the largest value or above, and bright values fire most: if these "
                f"are dark figures on a bright background, invert them ({largest} - x) and remove the background, as "
                "from_image_folder(..., invert=True, cut_ground=True) and these keys of a definition do"
            )
        if quarter > GREY:
            return (
                f"three quarters of the data are at {quarter:.0%} of the largest value or above: if that is a background, "
                "set it to 0, so that it does not fire, as from_image_folder(..., cut_ground=True) and cut_ground = true "
                "in a definition do"
            )
        return None

    def levels(self, x: np.ndarray) -> np.ndarray:
        """Return the intensities of data (B, *shape) as uint8 (B, N); floats are rounded to the nearest level."""
        if not on_device(x):  # GPU data was checked on the host; reading its values would wait for the GPU
            x = np.ascontiguousarray(checks.host("data", x))
            self.check(x)
        levels = x if x.dtype == np.uint8 else (x * 255).round().astype(np.uint8)
        return levels.reshape(len(x), prod(x.shape[1:]))


class LevelEncoder(IntensityEncoder):
    """Gives equal intensities equal trains: nothing is random, so seed, draw and samples are ignored."""

    dull: ClassVar[str] = "pass other arguments"  # remedy if different levels give the train of the largest

    def notice(self, x: np.ndarray, steps: int) -> str | None:
        """Report a background that fires, or values that give the same train as the largest."""
        if notice := super().notice(x, steps):
            return notice
        inspected = self.levels(x[:: max(1, len(x) // INSPECTED)])
        times, starts = self.table(steps)
        trains = [times[starts[level] : starts[level + 1]] for level in LEVELS]
        alike = np.array([np.array_equal(train, trains[-1]) for train in trains])
        lowest, fires = int(alike.argmax()), inspected[inspected > 0]
        share = (alike[fires] & (fires < 255)).sum() / max(1, fires.size)
        if share < ALIKE or lowest > MERGED or steps < 3 or not trains[-1].size:
            return None
        return f"{share:.0%} of the values above 0 fire like the largest, 255, as all from {lowest} do: {self.dull}"

    @abstractmethod
    def table(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the spike times of each level 0..255, from `cupynn.kernels.levels.spike_times`; step 0 is silent."""

    def encode(self, x: np.ndarray, steps: int, seed: int, draw: int, samples: np.ndarray) -> SpikeTrains:
        """Encode each value of a batch, uint8 0..255 or floats in [0, 1], as the train of its level."""
        checks.steps("steps", steps)
        return SpikeTrains(*from_levels(self.levels(x), self.table(steps), steps), steps, np.shape(x)[1:])
