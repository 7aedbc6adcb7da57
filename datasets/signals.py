"""Make datasets from signals over time: EEG, accelerometers and other channels that are sampled regularly."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.ragged import Ragged

from .dataset import Dataset
from .iterated import iterated

NORMALISATIONS = ("split", "range")
SHARE = 0.995  # of the values are below the upper limit of a channel, so that rare artefacts do not set its scale
ORDER, PADDING = 4, 27  # of the band filter, applied forwards and backwards; frames by which a signal is continued
FINEST = 10_000  # largest denominator of the ratio of two sampling rates
LONGEST_FILTER = 1_000_000  # largest numerator of this ratio, to which the memory of the filter is proportional

Limits = tuple[np.ndarray, np.ndarray]  # lowest and highest value, each (channels,)


def signals(
    arrays: np.ndarray | Iterable[np.ndarray],
    labels: Sequence[int] | np.ndarray,
    rate: float | Sequence[float] | None = None,
    normalise: str | None = "split",
    limits: tuple[float | np.ndarray, float | np.ndarray] | None = None,
    band: tuple[float, float] | None = None,
    frame_rate: float | None = None,
    classes: Sequence[str] | None = None,
    name: str = "signals",
) -> Dataset:
    """Make a dataset from signals of any length; encode it with `cupynn.encoders.BSA`.

    Parameters
    ----------
    arrays : ndarray, shape (n, time, channels), or iterable of ndarray, shape (time,) or (time, channels)
        The signals, in any unit; all have the same channels. For (n, channels, time), as in MNE, pass ``x.swapaxes(1, 2)``.
    labels : array_like of int, shape (n,)
        Class of each signal.
    rate : float or sequence of float, optional
        Sampling rate of the arrays, or of each of them, in Hz. It is kept as ``x.rate``.
    normalise : {"split", "range", None}
        Conversion of each channel to values in [0, 1], with its `limits` low and high; values beyond them are clipped.

        - "split" makes two channels of each: how far the signal is above the middle of the limits, and how far it is below.
          First come all upper halves, then all lower ones. Both the strength and the course of a signal that swings around
          a middle, such as EEG, then show in the spikes.
        - "range" turns low into 0 and high into 1, for signals that rise from a ground, such as a rectified EMG.
        - None leaves the values as they are, for signals that are normalised already.
    limits : (low, high), optional
        Values, each a number or one per channel. By default those of these arrays, as `signal_limits` returns them. Pass
        the limits of the training data for other data of the same network.
    band : (low, high), optional
        Keep only frequencies between these, in Hz, before the normalisation. The filter, a Butterworth filter of order 4
        applied forwards and backwards, shifts no wave in time. Without it, slow drift, often the largest part of EEG, sets
        the limits.
    frame_rate : float, optional
        Resample all signals to this rate, in Hz, with a filter against aliasing. Needed if the arrays differ in `rate`.
    classes : sequence of str, optional
        Names of the classes; by default "0", "1" and so on.
    name : str
        Name of the dataset.

    Returns
    -------
    Dataset
        x is a `Ragged` of frames, float32 (total, channels).

    Raises
    ------
    InputError
        If an array has another shape, holds a value that is not finite, or another argument is invalid.

    Examples
    --------
    >>> alpha = 20e-6 * np.sin(2 * np.pi * 10 * np.arange(500) / 250)[:, None]           # volts, (time, channels)
    >>> data = signals([alpha, alpha[:400]], [0, 1], rate=250, band=(4, 40), classes=["rest", "task"])
    >>> data
    Dataset signals: 2 samples of shape (2,) float32, 2 classes of 1 to 1 samples
    >>> data.x.lengths, data.x.rate
    (array([500, 400]), 250.0)
    """
    if normalise is not None:
        checks.choice("normalise", normalise, NORMALISATIONS)
    elif limits is not None:
        raise InputError("limits with normalise=None: pass normalise='split' or 'range', or omit limits")
    frames, rate = _prepared(arrays, rate, band, frame_rate)
    if normalise is not None:
        low, high = _limits(frames) if limits is None else _given(limits, frames[0].shape[1])
        frames = [_normalised(each, normalise, low, high) for each in frames]
    stops = np.cumsum([len(each) for each in frames], dtype=np.int64)
    values = np.concatenate(frames).astype(np.float32)
    x = Ragged(values, np.append(0, stops[:-1]), stops, values.shape[1], rate)
    if classes is None:
        labels, count = checks.class_numbers("labels", labels, len(x))
        classes = tuple(map(str, range(count)))
    return Dataset(x, labels, classes, name)


def signal_limits(
    arrays: np.ndarray | Iterable[np.ndarray],
    rate: float | Sequence[float] | None = None,
    band: tuple[float, float] | None = None,
    frame_rate: float | None = None,
) -> Limits:
    """Return the lowest and the highest value of each channel, without the 0.5 % most extreme ones at each end.

    Parameters
    ----------
    arrays, rate, band, frame_rate
        As in `signals`; the limits are those after the filter and the resampling.

    Returns
    -------
    low, high : ndarray of float64, shape (channels,)

    Raises
    ------
    InputError
        If an array has another shape, holds a value that is not finite, or another argument is invalid.

    Examples
    --------
    >>> train, new = np.random.default_rng(0).normal(size=(2, 10, 500, 4))
    >>> limits = signal_limits(train)
    >>> signals(new, [0, 1] * 5, limits=limits).x.shape
    (10, 8)
    """
    return _limits(_prepared(arrays, rate, band, frame_rate)[0])


def _limits(frames: list[np.ndarray]) -> Limits:
    low, high = np.quantile(np.concatenate(frames), (1 - SHARE, SHARE), axis=0)
    return low, high


def _prepared(arrays, rate, band, frame_rate) -> tuple[list[np.ndarray], float | None]:
    """Return the signals, checked, filtered and resampled, and their rate."""
    frames = _frames(arrays)
    rates = _rates(rate, len(frames), band, frame_rate)
    if band is not None:
        frames = [_filtered(each, one, band) for each, one in zip(frames, rates, strict=True)]
    if not rates:
        return frames, None
    wanted = rates[0] if frame_rate is None else float(frame_rate)
    return [_at_rate(each, one, wanted) for each, one in zip(frames, rates, strict=True)], wanted


def _frames(arrays: np.ndarray | Iterable[np.ndarray]) -> list[np.ndarray]:
    """Return checked signals, each float64 (time, channels)."""
    if isinstance(arrays, np.ndarray) and arrays.dtype != object and arrays.ndim != 3:
        raise InputError(
            f"arrays has shape {arrays.shape}: pass (signals, time, channels), such as arrays[..., None] for one channel, "
            "or a list of arrays"
        )
    frames = []
    for index, array in enumerate(iterated("arrays", arrays, "(signals, time, channels), or a list of arrays")):
        where = f"arrays[{index}]"
        array = checks.as_array(where, array)
        if array.dtype.kind not in "biuf" or array.ndim not in (1, 2) or not array.size:
            raise InputError(f"{where} is {array.dtype} {array.shape}: pass numbers, shape (time, channels)")
        with np.errstate(over="ignore"):  # of wider floats, whose infinity is refused below
            array = array.reshape(len(array), -1).astype(np.float64)
        if frames and array.shape[1] != frames[0].shape[1]:
            hint = " (channels first? pass each array transposed)" if len(array) == len(frames[0]) else ""
            raise InputError(
                f"{where} has {array.shape[1]} channels, arrays[0] {frames[0].shape[1]}: pass shape (time, channels){hint}"
            )
        if not np.isfinite(array).all():
            raise InputError(f"{where} holds values that are not finite: leave them out, or interpolate them")
        if np.abs(array).max() > checks.LARGEST:
            raise InputError(f"{where} holds values beyond {checks.LARGEST:g}: pass it in a larger unit")
        frames.append(array)
    if not frames:
        raise InputError("arrays has no signals: pass at least one")
    return frames


def _rates(rate, signals: int, band, frame_rate) -> list[float]:
    """Return the sampling rate of each signal; without one, an empty list. Check the options that need it."""
    if frame_rate is not None:
        checks.number("frame_rate", frame_rate, above=0)
    if rate is None:
        if band is not None or frame_rate is not None:
            raise InputError(
                f"{'frame_rate' if band is None else 'band'} without rate: pass the sampling rate too, rate=..."
            )
        return []
    rate = rate.tolist() if isinstance(rate, np.ndarray) else rate
    several = isinstance(rate, list | tuple)
    if several and len(rate) != signals:
        raise InputError(f"rate has {len(rate)} values: pass one number, or one for each of the {signals} arrays")
    rates = [checks.number("rate", each, above=0) for each in (list(rate) if several else [rate] * signals)]
    if frame_rate is None and min(rates) < max(rates):
        low, high = min(rates), max(rates)
        raise InputError(f"rate ranges over {low:g}..{high:g} Hz: pass frame_rate={low:g} to resample all signals to it")
    return rates


def _filtered(frames: np.ndarray, rate: float, band) -> np.ndarray:
    if not isinstance(band, tuple | list) or len(band) != 2:
        raise InputError(f"band={band!r}: pass the lowest and the highest frequency in Hz, such as (8, 30)")
    low, high = (checks.number("band", each, above=0) for each in band)
    if not low < high < rate / 2:
        raise InputError(f"band={band!r}: pass (low, high) with low < high < {rate / 2:g} Hz, half of the sampling rate")
    from scipy.signal import butter, sosfiltfilt

    sections = butter(ORDER, (low, high), "band", fs=rate, output="sos")
    try:
        return sosfiltfilt(sections, frames, axis=0, padlen=min(PADDING, len(frames) - 1))
    except np.linalg.LinAlgError:
        raise InputError(
            f"band={band!r}: the lowest frequency is too near 0 for signals of {rate:g} Hz: pass a higher one"
        ) from None


def _at_rate(frames: np.ndarray, own: float, wanted: float) -> np.ndarray:
    if own == wanted:
        return frames
    from scipy.signal import resample_poly

    ratio = (Fraction(wanted) / Fraction(own)).limit_denominator(FINEST)
    if not ratio or ratio.numerator > LONGEST_FILTER:
        raise InputError(f"frame_rate={wanted:g} for signals of {own:g} Hz: pass a rate nearer to theirs")
    # "line": the filter continues a signal by its own line, not by zeros, which would bend both ends of one with an offset.
    return resample_poly(frames, ratio.numerator, ratio.denominator, axis=0, padtype="line")


def _given(limits, channels: int) -> Limits:
    """Return limits from the user, checked, one pair for each channel."""
    if not isinstance(limits, tuple | list) or len(limits) != 2:
        raise InputError(f"limits={limits!r}: pass (low, high), as datasets.signal_limits(arrays) returns them")
    try:
        low, high = (np.broadcast_to(np.asarray(each, np.float64), channels) for each in limits)
    except (TypeError, ValueError):
        raise InputError(f"limits={limits!r}: pass (low, high), each a number or one per channel, {channels}") from None
    if not ((low >= -checks.LARGEST).all() and (low <= high).all() and (high <= checks.LARGEST).all()):
        raise InputError(f"limits={limits!r}: pass finite numbers up to {checks.LARGEST:g}, low below high")
    return low, high


def _normalised(frames: np.ndarray, normalise: str, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return values in [0, 1]; a channel whose limits are equal carries no information and becomes 0."""
    span = np.where(high > low, high - low, np.inf)
    if normalise == "range":
        return np.clip((frames - low) / span, 0, 1)
    swing = 2 * (frames - (low + high) / 2) / span
    return np.clip(np.concatenate([swing, -swing], axis=1), 0, 1)
