"""Read sound files from a folder with one sub-folder per class."""

import re
from collections.abc import Iterator
from math import gcd
from os import PathLike
from pathlib import Path

import numpy as np

from cupynn import checks
from cupynn.ragged import Ragged

from . import sound
from .class_folders import walk
from .cochlea import PassiveEar
from .dataset import Dataset
from .speech import cochleagrams, sound_files

NAME = re.compile(r"[^.].*\.(?:wav|sph)", re.IGNORECASE)
SOUNDS = ".wav or .sph files", lambda folder: sound_files(folder, NAME), True  # for `walk`


def from_sound_folder(path: str | Path, channels: int = 78, frame: float = 0.016, rate: int | None = None) -> Dataset:
    """Read sound files as cochleagrams from a folder with one sub-folder per class, ``path/bark/17.wav``.

    Parameters
    ----------
    path : str or Path
        The folder, with WAV or NIST SPHERE files of one channel.
    channels, frame : int, float
        Number of channels and length of a frame in seconds, as in `PassiveEar`.
    rate : int, optional
        Resample all files to this sampling rate, Hz. Without it, all must have the same rate.

    Returns
    -------
    Dataset
        x Ragged, frames float32 (total, channels); classes in alphabetical order. Split it with ``dataset.split(0.2)``.

    Raises
    ------
    InputError
        If the folder is missing, a class is empty, or a file cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> from scipy.io import wavfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for bark in ("large", "small"):
    ...         (Path(folder) / bark).mkdir()
    ...         wavfile.write(f"{folder}/{bark}/1.wav", 8000, np.zeros(4000, np.int16))
    ...     data = from_sound_folder(folder)
    >>> data.classes, data.x
    (('large', 'small'), Ragged(shape=(2, 78), float32, 62 values))
    """
    folder = checks.path("path", path).resolve()  # "." has no name
    classes, paths, labels = walk(folder, *SOUNDS)
    ear = PassiveEar(sound.read(paths[0])[1] if rate is None else rate, channels, frame)
    signals = ((str(path), *sound.read(path)) for path in paths) if rate is None else _resampled(paths, ear.rate)
    frames, _ = cochleagrams(signals, ear, len(paths), folder.name, "pass rate= to resample all to one")
    return Dataset(frames, labels, classes, folder.name)


def read_sound(path: str | PathLike, rate: int, channels: int = 78, frame: float = 0.016) -> Ragged:
    """Read a single sound file into a `Ragged` with one cochleagram, as `from_sound_folder` does.

    Parameters
    ----------
    path : str or path
        A WAV or NIST SPHERE file of one channel.
    rate : int
        Sampling rate to resample the file to, Hz.
    channels, frame : int, float
        As in `PassiveEar`.

    Raises
    ------
    InputError
        If the file cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> from scipy.io import wavfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     wavfile.write(f"{folder}/1.wav", 16000, np.zeros(8000, np.int16))
    ...     read_sound(f"{folder}/1.wav", rate=8000)
    Ragged(shape=(1, 78), float32, 31 values)
    """
    return cochleagrams(_resampled([checks.path("path", path)], rate), PassiveEar(rate, channels, frame), 1, str(path))[0]


def first_rate(path: str | PathLike) -> int:
    """Return the sampling rate that `from_sound_folder` uses by default, Hz: that of the first file.

    Parameters
    ----------
    path : str or path
        The folder.

    Raises
    ------
    InputError
        If the folder is missing, or its first file cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> from scipy.io import wavfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (Path(folder) / "bark").mkdir()
    ...     wavfile.write(f"{folder}/bark/1.wav", 8000, np.zeros(4000, np.int16))
    ...     first_rate(folder)
    8000
    """
    _, paths, _ = walk(checks.path("path", path), *SOUNDS)
    return sound.read(paths[0])[1]


def _resampled(paths: list[Path], rate: int) -> Iterator[tuple[str, np.ndarray, int]]:
    """Yield the name, signal and rate of each file, resampled to `rate`."""
    from scipy.signal import resample_poly

    for path in paths:
        signal, own = sound.read(path)
        if own != rate:
            factor = gcd(own, rate)
            # The filter overshoots slightly where a sound reaches its limits.
            signal = np.clip(resample_poly(signal, rate // factor, own // factor), -1, 1)
        yield str(path), signal, rate
