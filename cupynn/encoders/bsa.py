"""Ben's Spiker Algorithm turns the channels of a signal into spikes."""

import numpy as np

from cupynn import checks
from cupynn.cached import cached
from cupynn.checks import InputError
from cupynn.encoders import bsa_fit, span
from cupynn.encoders.base import Encoder
from cupynn.kernels.bsa import bsa
from cupynn.ragged import Ragged
from cupynn.spikes.trains import SpikeTrains

NEGATIVE = 0.02  # share of values below 0 from which a notice appears
POOR = 0.7  # error of the smoothed spikes, per mean absolute value of the signals, from which a notice appears ...
BETTER = 0.8  # ... if other arguments bring it below this part, or the gain is wrong
OFF = 0.4  # part of the largest signal that spikes can follow, or the inverse, from which a gain is called wrong

HALVED = (np.log(2) / np.pi**2) ** 0.5  # waves per step, times the root of the width, that the kernel brings to one half


class BSA(Encoder):
    """Fires for each channel of a signal, such as a cochleagram, so that its smoothed spikes approximate it.

    Signals may differ in length: a shorter one is silent after its end, a longer one is cut at the network's steps. Nothing
    is random. The defaults are those of the original program for cochleagrams of Lyon's passive ear.

    Parameters
    ----------
    gain : float
        Factor by which to multiply the signal.
    hold : int
        Steps per frame of the signal.
    length : int
        Steps of the kernel exp(-(k - length / 2)^2 / width), k = 0 .. length - 1, normalised to a sum of 1.
    width : float
        Width of the kernel, in steps squared.
    threshold : float
        Amount by which a spike must bring the smoothed train closer to the signal.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import Ragged
    >>> frames = np.full((20, 1), 5e-4, np.float32)
    >>> spikes = BSA().encode(Ragged(frames, [0], [20], 1), steps=300, seed=0, draw=0, samples=np.arange(1))
    >>> spikes.counts.item()
    185
    """

    strength = "gain"

    @classmethod
    def from_data(cls, x: Ragged, steps: int) -> "BSA":
        """Return the encoder that suits signals: the one whose smoothed spikes are closest to them.

        The longest signal fills the steps, the gain brings large values to 1, and kernel and threshold are the best of a
        grid, for 16 signals spread over the data.

        Parameters
        ----------
        x : Ragged
            Signals of the training data, as ``datasets.signals(arrays, labels).x``.
        steps : int
            Number of time steps of the network, at least 2.

        Raises
        ------
        InputError
            If the data is not signals, no value is above 0, or there are too few steps.

        Examples
        --------
        >>> from cupynn import datasets
        >>> waves = 50 * np.sin(np.arange(200) / 4)[:, None]
        >>> BSA.from_data(datasets.signals([waves], [0]).x, steps=400)
        BSA(gain=1.0, hold=2, length=10, width=4.0, threshold=0.75)
        """
        cls().check(x)
        checks.steps("steps", steps, minimum=2)
        if not bsa_fit.positive(x):
            raise InputError(
                f"no value of the signals is above 0, or all are below {bsa_fit.SMALLEST:g}: normalise them, as "
                "datasets.signals(arrays, labels) does"
            )
        return cls(**bsa_fit.chosen(cls, x, steps))

    def __init__(
        self, gain: float = 2e3, hold: int = 10, length: int = 24, width: float = 25.0, threshold: float = 0.6
    ) -> None:
        self.gain = checks.number("gain", gain, above=0)
        self.hold = checks.integer("hold", hold, minimum=1)
        self.length = checks.steps("length", length)
        self.width = checks.number("width", width, above=0)
        self.threshold = checks.number("threshold", threshold, minimum=0)

    @cached
    def kernel(self) -> np.ndarray:
        """The kernel, float64 (length,)."""
        kernel = np.exp(-((np.arange(self.length) - self.length / 2) ** 2) / self.width)
        return kernel / kernel.sum()

    def check(self, x: Ragged) -> None:
        """Raise InputError unless the data is `Ragged` signals of finite floats, frames by channels."""
        if not isinstance(x, Ragged):
            raise InputError(
                f"data is a {type(x).__name__}: BSA takes Ragged signals, as datasets.signals(arrays, labels).x; "
                "for images, pass encoder=encoders.Poisson()"
            )
        if len(x.sample_shape) != 1 or x.values.shape[1:] != x.sample_shape or x.dtype not in (np.float32, np.float64):
            raise InputError(
                f"data has frames {x.values.shape[1:]} {x.dtype} for neurons {x.sample_shape}: "
                "pass float32 or float64 frames, shape (total, channels), with sample_shape=(channels,)"
            )
        for sample in range(len(x)):
            signal = x[sample]
            if not signal.size:
                continue
            low, high = signal.min(), signal.max()
            if not (np.isfinite(low) and np.isfinite(high)):
                raise InputError(f"sample {sample} holds values that are not finite: pass finite signals")
            if max(-low, high) > checks.LARGEST:
                raise InputError(f"sample {sample} holds values beyond {checks.LARGEST:g}: pass signals in a larger unit")

    def notice(self, x: Ragged, steps: int) -> str | None:
        """Report signals that are cut, fill few of the steps, or that the spikes do not resemble, with better arguments."""
        some = bsa_fit.inspected(x)
        advice = (self._lasting(x, steps), self._negative(some), self._resembling(some, steps))
        return "; ".join(filter(None, advice)) or None

    def _negative(self, x: Ragged) -> str | None:
        """Return a notice on values below 0."""
        below = bsa_fit.negative(x)
        if below < NEGATIVE:
            return None
        return f"{below:.0%} of the values are below 0, where no spike can follow: pass datasets.signals(arrays, labels)"

    def _lasting(self, x: Ragged, steps: int) -> str | None:
        """Return a notice on signals that last too long or end early."""
        needed = x.lengths * self.hold
        if (needed > steps).any():
            cut = f"{(needed > steps).sum():,} of {len(x):,} samples"
            lasts = "" if x.rate is None else f" ({steps / self.hold / x.rate:.3g} s)"
            remedy = f"{'pass a smaller hold, or ' if self.hold > 1 else ''}create the network with more steps"
            return f"{cut} last longer than {steps} steps{lasts}, up to {needed.max():,}, and are cut: {remedy}"
        last = span.typical(needed[needed > 0], steps)
        if last is None:
            return None
        return (
            f"the signals end after {last} of {steps} steps (median): pass encoder=encoders.BSA("
            f"hold={steps // x.lengths.max()}, ...), or create the network with steps={needed.max()}"
        )

    def _resembling(self, x: Ragged, steps: int) -> str | None:
        """Return a notice on signals whose smoothed spikes are far from them, if other arguments do much better."""
        found = bsa_fit.measured(self, x, steps)
        if found.error < POOR or not bsa_fit.positive(x):
            return None
        options = bsa_fit.chosen(BSA, x, steps)
        large, what = self.gain / options["gain"], "the spikes hardly resemble the signals"
        fits = OFF < large < 1 / OFF
        if fits and bsa_fit.measured(BSA(**options), x, steps).error > BETTER * found.error:
            return None
        what = "the encoder is saturated" if large > 1 / OFF else what
        why = f"large values times gain={self.gain:g} are {large:.3g}, while spikes can follow values up to 1"
        if fits:
            halved = "" if x.rate is None else f" ({HALVED / self.width**0.5 * self.hold * x.rate:.3g} Hz is halved)"
            why = f"gain={self.gain:g}, threshold={self.threshold:g} and width={self.width:g} lose much of them{halved}"
        given = ", ".join(f"{name}={value:g}" for name, value in options.items())
        return (
            f"{what}, channels fire at {found.rate:.1%} of the steps: {why}; pass "
            f"encoder=encoders.BSA.from_data(x, steps), which is encoders.BSA({given})"
        )

    def encode(self, x: Ragged, steps: int, seed: int, draw: int, samples: np.ndarray) -> SpikeTrains:
        """Encode signals; seed, draw and samples are ignored."""
        checks.steps("steps", steps)
        events = bsa(np.asarray(x.values), x.starts, x.stops, self.gain, self.hold, self.kernel, self.threshold, steps)
        return SpikeTrains(*events, steps, x.sample_shape)
