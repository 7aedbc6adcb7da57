"""A dataset from sound files of your own, in a folder for each class."""

import re
from collections.abc import Iterator
from math import gcd
from os import PathLike
from pathlib import Path

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.ragged import Ragged

from . import sound
from .class_folders import walk
from .cochlea import PassiveEar
from .dataset import Dataset
from .speech import cochleagrams, sound_files

NAME = re.compile(r"[^.].*\.(?:wav|sph)", re.IGNORECASE)


def from_sound_folder(path: str | Path, channels: int = 78, frame: float = 0.016, rate: int | None = None) -> Dataset:
    """Read sound files as cochleagrams; the sub-folder of a file is its class.

    Parameters
    ----------
    path : str or Path
        A folder with a sub-folder for each class, which holds WAV or NIST SPHERE files of one channel.
    channels : int
        Of the cochleagrams; see `PassiveEar`.
    frame : float
        Length of a frame, s.
    rate : int, optional
        Sampling rate to hear all files at, Hz; files of another rate are resampled. Without it they must have the same.

    Returns
    -------
    Dataset
        x Ragged, frames float32 (total, channels); classes in alphabetical order. Split it with ``dataset.split(0.2)``.

    Raises
    ------
    InputError
        If there is no such folder or a class is empty, or a file cannot be used.

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
    classes, paths, labels = walk(folder, "sound files", _sounds)
    ear = PassiveEar(sound.read(paths[0])[1] if rate is None else rate, channels, frame)
    signals = ((str(path), *sound.read(path)) for path in paths) if rate is None else _resampled(paths, ear.rate)
    frames, _ = cochleagrams(signals, ear, len(paths), folder.name, "pass rate= to resample all to one")
    return Dataset(frames, labels, classes, folder.name)


def read_sound(path: str | PathLike, rate: int, channels: int = 78, frame: float = 0.016) -> Ragged:
    """Read one sound file as a cochleagram, as `from_sound_folder` reads those of a folder.

    Parameters
    ----------
    path : str or path
        A WAV or NIST SPHERE file of one channel.
    rate : int
        Sampling rate to hear it at, Hz; a file of another is resampled.
    channels, frame : int, float
        Of the cochleagram; see `PassiveEar`.

    Returns
    -------
    Ragged
        Of one sample.

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
    """Sampling rate at which `from_sound_folder` hears a folder unless told otherwise, Hz: that of its first file.

    Parameters
    ----------
    path : str or path
        The folder.

    Raises
    ------
    InputError
        If there is no such folder, or its first file cannot be used.

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
    return sound.read(walk(checks.path("path", path), "sound files", _sounds).paths[0])[1]


def _sounds(folder: Path) -> list[Path]:
    sounds = sound_files(folder, NAME)
    if not sounds:
        raise InputError(f"{folder} holds no .wav or .sph files: add some, or remove the folder")
    return sounds


def _resampled(paths: list[Path], rate: int) -> Iterator[tuple[str, np.ndarray, int]]:
    """Name, signal and rate of each file, at the same rate."""
    from scipy.signal import resample_poly

    for path in paths:
        signal, own = sound.read(path)
        if own != rate:
            factor = gcd(own, rate)
            # The filter overshoots a little where a sound goes to its limits.
            signal = np.clip(resample_poly(signal, rate // factor, own // factor), -1, 1)
        yield str(path), signal, rate
