"""Lyon's passive ear: a model of the response of the hair cells in the cochlea to sound.

R. F. Lyon, "A computational model of filtering, detection, and compression in the cochlea", ICASSP 1982, in the form of
M. Slaney, "Lyon's cochlear model", Apple Technical Report 13, 1988, and with the constants of his Auditory Toolbox
(`LyonPassiveEar`). `cupynn.kernels.cochlea` computes the recursion.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cupynn import checks
from cupynn.cached import cached
from cupynn.checks import InputError
from cupynn.ragged import Ragged

EAR_Q = 8.0  # ratio of centre frequency to bandwidth, far above the break frequency
STEP = EAR_Q / 32  # spacing of neighbouring channels, in bandwidths: three quarters of each filter overlap
BREAK = 1000.0  # Hz; below this, the bandwidth approaches a constant
ZERO_OFFSET = 1.5  # distance of a filter's zero above its pole, in steps
SHARPNESS = 5.0  # of the zero, relative to that of the filter
PREEMPHASIS = 300.0  # corner of the high-pass that models the outer and middle ear, Hz
GAIN_CONTROL = ((0.64, 0.0032), (0.16, 0.0016), (0.04, 0.0008), (0.01, 0.0004))  # time constant, s, and target, per stage
SMOOTHING = 3.0  # time constant of the low-pass, frames
FRONT = 2  # filters before the first channel


@dataclass(frozen=True)
class PassiveEar:
    """Model of the ear that turns sound into a cochleagram: the activity of the auditory nerve per frame and channel.

    Parameters
    ----------
    rate : int
        Sampling rate of the sound, Hz.
    channels : int
        Number of channels, from the highest frequency to the lowest. Their spacing is that of the Auditory Toolbox, a
        quarter of a bandwidth, if that results in this number (78 at 12.5 kHz); otherwise it is chosen accordingly.
    frame : float
        Length of a frame, s, rounded to whole samples. The default of 16 ms is 200 samples at 12.5 kHz, which the authors
        of HM2-BP used for TI46.

    Raises
    ------
    InputError
        If an argument cannot be used.

    Examples
    --------
    >>> ear = PassiveEar(12500)
    >>> ear.frequencies.round()[[0, 1, -1]]
    array([5959., 5773.,   79.])
    >>> ear(np.zeros(12500, np.float32)).shape
    (62, 78)
    """

    rate: int
    channels: int = 78
    frame: float = 0.016

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", checks.integer("rate", self.rate, minimum=1000, maximum=400_000))
        object.__setattr__(self, "channels", checks.integer("channels", self.channels, minimum=2, maximum=1000))
        object.__setattr__(self, "frame", checks.number("frame", self.frame, minimum=1 / self.rate, maximum=1))

    @property
    def hop(self) -> int:
        """Number of samples per frame."""
        return round(self.frame * self.rate)

    @cached
    def step(self) -> float:
        """Spacing of the channels, in bandwidths."""
        if int(_channels(self.rate, STEP)) == self.channels:
            return STEP
        wide, narrow = EAR_Q, EAR_Q / 2**16  # the wider the step, the fewer channels
        for _ in range(60):
            middle = (wide + narrow) / 2
            if _channels(self.rate, middle) < self.channels + 0.5:
                wide = middle
            else:
                narrow = middle
        return wide

    @cached
    def frequencies(self) -> np.ndarray:
        """Centre frequencies, float64 (channels,), Hz, descending: neighbours are `step` bandwidths apart."""
        place = _place(_top(self.rate, self.step)) - np.arange(1, self.channels + 1) * self.step
        return BREAK * np.sinh(place / EAR_Q)

    @cached
    def filters(self) -> np.ndarray:
        """Filters of the cascade, float64 (2 + channels, 5): the coefficients a0, a1, a2, b1, b2 of the transfer function.

        It is (a0 + a1/z + a2/z^2) / (1 + b1/z + b2/z^2). The first two filters model the outer and middle ear, and the part
        of the cochlea above the first channel.
        """
        centre, bandwidth = self.frequencies, _bandwidth(self.frequencies)
        zero = centre + bandwidth * self.step * ZERO_OFFSET
        filters = np.empty((FRONT + self.channels, 5))
        filters[0] = 1, -np.exp(-2 * np.pi * PREEMPHASIS / self.rate), 0, 0, 0
        top = _resonance(_top(self.rate, self.step), centre[0] / bandwidth[0], self.rate)
        filters[1] = 1, 0, -1, *top[1:]
        filters[FRONT:, :3] = _resonance(zero, SHARPNESS * zero / bandwidth, self.rate).T
        filters[FRONT:, 3:] = _resonance(centre, centre / bandwidth, self.rate)[1:].T
        filters[:FRONT, :3] /= _gain(filters[:FRONT], 1j)[:, None]  # gain 1 at a quarter of the sampling rate
        rising = centre[:-1] / centre[1:]  # the gain of a stage at 0 Hz compensates for the decay in the previous one
        filters[FRONT:, :3] *= (np.append(rising[0], rising) / _gain(filters[FRONT:], 1))[:, None]
        return filters

    def __call__(self, signal: np.ndarray) -> np.ndarray:
        """Return the cochleagram of one signal, float32 (samples // hop, channels).

        The signal, (samples,) of floats in [-1, 1], has at least one frame. Samples after the last whole frame are ignored.
        """
        return self.cochleagrams([signal])[0]

    def cochleagrams(self, signals: Sequence[np.ndarray]) -> Ragged:
        """Return the cochleagrams of several signals, computed in parallel: frames float32 (total, channels)."""
        from cupynn.kernels.cochlea import passive_ear

        signals = [self._checked(signal) for signal in signals]
        starts = np.cumsum([0, *(signal.size for signal in signals)])
        bounds = np.cumsum([0, *(signal.size // self.hop for signal in signals)])
        time, target = np.array(GAIN_CONTROL).T
        epsilon = -np.expm1(-1 / (time * self.rate))
        gains = np.column_stack([epsilon / target, (1 - epsilon) / 3])
        frames = np.empty((bounds[-1], FRONT + self.channels), np.float32)
        smoothing = np.exp(-1 / (SMOOTHING * self.hop))
        passive_ear(np.concatenate(signals), starts, bounds, self.hop, self.filters, gains, smoothing, frames)
        return Ragged(np.ascontiguousarray(frames[:, FRONT:]), bounds[:-1], bounds[1:], (self.channels,))

    def _checked(self, signal: np.ndarray) -> np.ndarray:
        signal = checks.as_array("signal", signal)
        if signal.ndim != 1 or signal.dtype.kind != "f":
            raise InputError(f"signal has shape {signal.shape}, {signal.dtype}: pass floats in [-1, 1], shape (samples,)")
        if signal.size < self.hop:
            raise InputError(f"signal has {signal.size} samples: pass at least one frame of {self.hop} samples")
        if not (np.abs(signal) <= 1).all():
            raise InputError("signal holds NaN, or values outside [-1, 1]: scale it to this range")
        return signal.astype(np.float32)


def _bandwidth(frequency: np.ndarray) -> np.ndarray:
    return np.hypot(frequency, BREAK) / EAR_Q


def _place(frequency: float) -> float:
    """Return the distance along the cochlea from 0 Hz, in bandwidths: the integral of 1 / bandwidth."""
    return EAR_Q * np.arcsinh(frequency / BREAK)


def _top(rate: float, step: float) -> float:
    """Return the frequency above the first channel, Hz, that keeps its filter's zero below half the sampling rate."""
    return rate / 2 - _bandwidth(rate / 2) * step * (ZERO_OFFSET - 1)


def _channels(rate: float, step: float) -> float:
    """Return the number of channels, before rounding down, until a filter no longer rings (its quality is one half)."""
    return (_place(_top(rate, step)) - _place(BREAK / np.sqrt(4 * EAR_Q**2 - 1))) / step


def _resonance(frequency: np.ndarray, quality: np.ndarray, rate: float) -> np.ndarray:
    """Return the coefficients of 1, 1/z and 1/z^2 of a damped oscillation."""
    radius = np.exp(-np.pi * frequency / quality / rate)
    angle = 2 * np.pi * frequency / rate * np.sqrt(1 - 1 / (4 * quality**2))
    return np.array([np.ones_like(radius), -2 * radius * np.cos(angle), radius**2])


def _gain(filters: np.ndarray, z: complex) -> np.ndarray:
    """Return the gain of each filter at a point of the unit circle."""
    powers = z ** -np.arange(3.0)
    return np.abs(filters[:, :3] @ powers) / np.abs(powers[0] + filters[:, 3:] @ powers[1:])
