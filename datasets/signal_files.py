"""Read signals over time from .npz files: EEG, accelerometers and other channels that are sampled regularly."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.files import read_array, read_arrays
from cupynn.ragged import Ragged

from .dataset import Dataset
from .signals import signal_limits, signals

REMEDY = "write it with np.savez(path, x=signals, y=labels), x of shape (signals, time, channels)"
NONE = "none"  # TOML has no None


def from_signals(
    path: str | PathLike,
    rate: float | Sequence[float] | None = None,
    normalise: str | None = "split",
    limits: tuple[float | np.ndarray, float | np.ndarray] | str | PathLike | None = None,
    band: tuple[float, float] | None = None,
    frame_rate: float | None = None,
    name: str | None = None,
) -> Dataset:
    """Read signals and labels that ``np.savez(path, x=signals, y=labels)`` wrote; encode them with `cupynn.encoders.BSA`.

    Parameters
    ----------
    path : path
        An .npz file with the arrays x, (n, time, channels), and y, (n,) integers. For signals of different lengths, x holds
        them one after the other, (total, channels), and an array "lengths" their lengths, (n,). Optional arrays are "rate",
        the sampling rate of all signals or of each, in Hz, and "classes", the names of the classes.
    rate, band, frame_rate
        As in `signals`; by default `rate` is that of the file.
    normalise : {"split", "range", "none"}
        As in `signals`, with "none" for None.
    limits : (low, high) or path, optional
        As in `signals`; or the path of another such file, that of the training data, whose limits are used, and whose rate
        if there is no other.
    name : str, optional
        Name of the dataset; by default that of the file.

    Returns
    -------
    Dataset
        x is a `Ragged` of frames, float32 (total, channels).

    Raises
    ------
    InputError
        If the file is missing or damaged, lacks an array, or its arrays cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     waves = np.sin(np.arange(60).reshape(2, 30, 1) / 4)
    ...     np.savez(f"{folder}/eeg.npz", x=waves, y=[0, 1], rate=250, classes=["rest", "task"])
    ...     data = from_signals(f"{folder}/eeg.npz", band=(4, 40))
    >>> data, data.x.rate
    (Dataset eeg: 2 samples of shape (2,) float32, 2 classes of 1 to 1 samples, 250.0)
    """
    path = checks.path("path", path)
    arrays = _arrays(path)
    if "y" not in arrays:
        raise InputError(f"{path} holds the arrays {', '.join(arrays)}, but no labels y: {REMEDY}")
    return _made(path, arrays, rate, normalise, limits, band, frame_rate, path.stem if name is None else name)


def read_signals(
    path: str | PathLike,
    rate: float | Sequence[float] | None = None,
    normalise: str | None = "split",
    limits: tuple[float | np.ndarray, float | np.ndarray] | str | PathLike | None = None,
    band: tuple[float, float] | None = None,
    frame_rate: float | None = None,
) -> Ragged:
    """Read signals without labels, as `from_signals` does.

    Parameters
    ----------
    path : path
        An .npz file as for `from_signals`, or an .npy file of x. An x of shape (time, channels) is one signal.
    rate, normalise, limits, band, frame_rate
        As in `from_signals`.

    Raises
    ------
    InputError
        As in `from_signals`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/new.npy", np.sin(np.arange(30))[:, None])
    ...     read_signals(f"{folder}/new.npy", limits=(-1, 1))
    Ragged(shape=(1, 2), float32, 30 values)
    """
    path = checks.path("path", path)
    arrays = _arrays(path)
    if "lengths" not in arrays and arrays["x"].ndim == 2:
        arrays["x"] = arrays["x"][None]
    arrays["y"] = np.zeros(len(arrays.get("lengths", np.atleast_1d(arrays["x"]))), np.int64)
    return _made(path, arrays, rate, normalise, limits, band, frame_rate, "signals").x


def _made(path: Path, arrays: dict[str, np.ndarray], rate, normalise, limits, band, frame_rate, name: str) -> Dataset:
    normalise = None if isinstance(normalise, str) and normalise == NONE else normalise
    given, rate = rate, arrays.get("rate") if rate is None else rate
    if isinstance(limits, str | PathLike):
        other = checks.path("limits", limits)
        training = _arrays(other)
        with _errors_of(other):
            own = training.get("rate") if given is None else given
            limits = signal_limits(_each(training), own, band, frame_rate)
        rate = own if rate is None and np.ndim(own) == 0 else rate
    classes = tuple(np.atleast_1d(arrays["classes"]).astype(str).tolist()) if "classes" in arrays else None
    with _errors_of(path):
        return signals(_each(arrays), arrays["y"], rate, normalise, limits, band, frame_rate, classes, name)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file by name, at least x."""
    if not path.is_file():
        raise InputError(f"{path}: no such file: {REMEDY}")
    try:
        arrays: dict[str, Any] = {"x": read_array(path)} if path.suffix.lower() == ".npy" else read_arrays(path)
    except Exception as error:  # NumPy, zipfile and zlib can raise almost anything on a damaged file
        raise InputError(f"{path} cannot be read ({error}): {REMEDY}") from None
    if "x" not in arrays:
        raise InputError(f"{path} holds the arrays {', '.join(arrays) or 'none'}: {REMEDY}")
    return arrays


def _each(arrays: dict[str, np.ndarray]) -> np.ndarray | list[np.ndarray]:
    """Return the signals: x, or its parts if they differ in length."""
    x = arrays["x"]
    if "lengths" not in arrays:
        return x
    lengths = arrays["lengths"]
    whole = lengths.ndim == 1 and lengths.dtype.kind in "iu" and lengths.size and (lengths > 0).all()
    if not whole or x.ndim not in (1, 2) or sum(lengths.tolist()) != len(x):
        raise InputError(
            f"lengths has shape {lengths.shape}, {lengths.dtype}, and x has {x.shape}: pass the length of each signal, "
            "whole numbers with the sum len(x)"
        )
    return np.split(x, np.cumsum(lengths)[:-1])


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """Begin errors with the path."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
