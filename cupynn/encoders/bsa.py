"""Ben's Spiker Algorithm, which turns the channels of a signal into spikes."""

import numpy as np

from cupynn import checks
from cupynn.cached import cached
from cupynn.checks import InputError
from cupynn.encoders.base import Encoder
from cupynn.kernels.bsa import bsa
from cupynn.ragged import Ragged
from cupynn.spikes.trains import SpikeTrains


class BSA(Encoder):
    """Each channel of a signal, such as a cochleagram, fires so that its spikes, smoothed, come close to it.

    Signals may differ in length: a shorter one is silent after its end, a longer one is cut after the network's steps.
    Nothing is random: a signal always gives the same trains. The defaults are those of the original program, for
    cochleagrams of Lyon's passive ear.

    Parameters
    ----------
    gain : float
        Factor of the signal.
    hold : int
        Steps that each frame of the signal lasts.
    length : int
        Steps of the kernel exp(-(k - length / 2)^2 / width), k = 0 .. length - 1, normalised to a sum of 1.
    width : float
        Of the kernel, steps squared.
    threshold : float
        By how much a spike must bring the smoothed train closer to the signal.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import Ragged
    >>> frames = np.full((20, 1), 5e-4, np.float32)
    >>> spikes = BSA().encode(Ragged(frames, [0], [20], 1), steps=300, seed=0, draw=0, samples=np.arange(1))
    >>> spikes.counts.item()
    185
    """

    def __init__(
        self, gain: float = 2e3, hold: int = 10, length: int = 24, width: float = 25.0, threshold: float = 0.6
    ) -> None:
        self.gain = checks.number("gain", gain, above=0)
        self.hold = checks.integer("hold", hold, minimum=1)
        self.length = checks.integer("length", length, minimum=1)
        self.width = checks.number("width", width, above=0)
        self.threshold = checks.number("threshold", threshold, minimum=0)

    @cached
    def kernel(self) -> np.ndarray:
        """The kernel, float64 (length,)."""
        kernel = np.exp(-((np.arange(self.length) - self.length / 2) ** 2) / self.width)
        return kernel / kernel.sum()

    def check(self, x: Ragged) -> None:
        """Refuse data other than `Ragged` signals of finite floats, frames by channels."""
        if not isinstance(x, Ragged):
            raise InputError(
                f"data is a {type(x).__name__}: BSA takes Ragged signals, such as those of datasets.load('fsdd'); "
                "for images pass encoder=encoders.Poisson()"
            )
        if len(x.sample_shape) != 1 or x.values.shape[1:] != x.sample_shape or x.dtype not in (np.float32, np.float64):
            raise InputError(
                f"data has frames {x.values.shape[1:]} {x.dtype} for neurons {x.sample_shape}: "
                "pass float32 or float64 frames, shape (total, channels), with sample_shape=(channels,)"
            )
        for sample in range(len(x)):
            if not np.isfinite(x[sample]).all():
                raise InputError(f"sample {sample} holds values that are not finite: pass finite signals")

    def notice(self, x: Ragged, steps: int) -> str | None:
        """Say how many signals are cut."""
        needed = x.lengths * self.hold
        if not (needed > steps).any():
            return None
        cut = f"{(needed > steps).sum():,} of {len(x):,} samples"
        return f"{cut} last longer than {steps} steps, the longest {needed.max():,}, and are cut"

    def encode(self, x: Ragged, steps: int, seed: int, draw: int, samples: np.ndarray) -> SpikeTrains:
        """Turn signals into trains; a signal alone decides on them."""
        checks.steps("steps", steps)
        events = bsa(np.asarray(x.values), x.starts, x.stops, self.gain, self.hold, self.kernel, self.threshold, steps)
        return SpikeTrains(*events, steps, x.sample_shape)
