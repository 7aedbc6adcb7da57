"""Read the files of the Heidelberg spiking datasets: SHD, Spiking Heidelberg Digits, and SSC, Spiking Speech Commands."""

from os import PathLike
from pathlib import Path

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.files import intact
from cupynn.hdf5 import Lists, lists_apart
from cupynn.ragged import Ragged

from .dataset import Dataset
from .event_hdf5 import library
from .recordings import LATEST, event_type

COLUMNS = "spikes/times", "spikes/units"
LABELS, KEYS = "labels", "extra/keys"
PACKED = {b"\x1f\x8b": "gunzip", b"PK": "unzip"}  # the files are published packed
MICROSECONDS = 1e6  # per second


def from_shd(path: str | PathLike, channels: int = 700, name: str | None = None) -> Dataset:
    """Read a file of SHD or SSC, such as ``shd_train.h5``: cochlea spikes of many spoken words, with their labels.

    The file is HDF5 (needs h5py), with one list per word in "spikes/times" (seconds) and "spikes/units" (channels), and the
    array "labels". If the file has "extra/keys", these are the names of the classes; otherwise they are "0", "1" and so on.
    Spike times, float16 in the published files, are rounded to microseconds. The spikes take 9 bytes each in memory: some
    0.6 GB for the training set of SHD, and ten times as much for that of SSC.

    Parameters
    ----------
    path : path
        The unpacked file.
    channels : int
        Number of channels of the cochlea.
    name : str, optional
        Name of the dataset; by default that of the file.

    Returns
    -------
    Dataset
        x is a `Ragged` of events of the sensor (1, 1, channels), for `cupynn.encoders.Events`: the fields are t
        (microseconds), x (the channel), y and p (0). Words last up to 1.4 s: 2,000 microseconds per step make 700 steps.

    Raises
    ------
    InputError
        If the file is missing, packed, damaged or has another layout, a spike has no channel or time, or h5py is missing.

    Examples
    --------
    >>> import h5py, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with h5py.File(f"{folder}/words.h5", "w") as file:
    ...         for column, kind in (("times", np.float16), ("units", np.uint16)):
    ...             rows = file.create_dataset(f"spikes/{column}", 2, h5py.vlen_dtype(kind))
    ...             rows[0], rows[1] = [0, 1], [1]
    ...         file["labels"] = [1, 0]
    ...     words = from_shd(f"{folder}/words.h5")
    >>> words
    Dataset words: 2 samples of shape (1, 1, 700) events, 2 classes of 1 to 1 samples
    >>> words.x[0]["t"]
    array([      0, 1000000], dtype=uint32)
    """
    path = checks.path("path", path)
    channels = checks.integer("channels", channels, 1, 1 << 16)  # coordinates of events are 16 bits
    _check_file(path)
    library("h5py", path)
    with intact(str(path)), lists_apart(path, COLUMNS, (LABELS, KEYS)) as found:
        labels, classes = _labels(found, path)
        x = _events(found, channels, path)
    try:
        return Dataset(x, labels, classes, path.stem if name is None else name)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path} is not a file: pass one such as shd_train.h5, from compneuro.net/datasets")
    with intact(str(path)), path.open("rb") as file:
        tool = PACKED.get(file.read(2))
    if tool:
        raise InputError(f"{path} is packed: unpack it with {tool} first")


def _labels(found: Lists, path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the labels and the names of the classes."""
    labels = found.plain.get(LABELS)
    if labels is None or not len(found.lengths):
        expected = f"{', '.join(COLUMNS)} and {LABELS}"
        raise InputError(f"{path} does not hold {expected}, or they are empty: pass a file of SHD or SSC")
    if KEYS in found.plain:
        keys = np.ravel(found.plain[KEYS]).tolist()
        names = tuple(each.decode() if isinstance(each, bytes) else str(each) for each in keys)
        if not names:
            raise InputError(f"{path}: {KEYS} holds no names of classes: pass a file of SHD or SSC")
        return checks.labels(f"{path}: {LABELS}", labels, len(names), len(found.lengths)), names
    labels, count = checks.class_numbers(f"{path}: {LABELS}", labels, len(found.lengths))
    return labels, tuple(map(str, range(count)))


def _events(found: Lists, channels: int, path: Path) -> Ragged:
    sensor = 1, 1, channels
    stops = np.cumsum(found.lengths)
    events = np.zeros(stops[-1], event_type(sensor))
    start = 0
    for times, units in found.blocks:
        part = events[start : start + len(times)]
        part["t"] = _microseconds(times, start, stops, path)
        part["x"] = _channels(units, channels, start, stops, path)
        start += len(part)
    return Ragged(events, np.append(0, stops[:-1]), stops, sensor)


def _microseconds(seconds: np.ndarray, start: int, stops: np.ndarray, path: Path) -> np.ndarray:
    if seconds.dtype.kind != "f":
        raise InputError(f"{path}: {COLUMNS[0]} has dtype {seconds.dtype}: pass times in seconds, as floats")
    with np.errstate(invalid="ignore", over="ignore"):
        times = np.rint(seconds.astype(np.float64) * MICROSECONDS)  # wide: float16 ends at 65,504
    _check(
        ~((times >= 0) & (times <= LATEST)), seconds, start, stops, f"{path}: {COLUMNS[0]}", "pass seconds from 0 to 4294"
    )
    return times


def _channels(units: np.ndarray, channels: int, start: int, stops: np.ndarray, path: Path) -> np.ndarray:
    if units.dtype.kind not in "iu":
        raise InputError(f"{path}: {COLUMNS[1]} has dtype {units.dtype}: pass whole numbers")
    remedy = f"pass 0 to {channels - 1}, or another number of channels"
    _check((units < 0) | (units >= channels), units, start, stops, f"{path}: {COLUMNS[1]}", remedy)
    return units


def _check(wrong: np.ndarray, values: np.ndarray, start: int, stops: np.ndarray, where: str, remedy: str) -> None:
    if wrong.any():
        first = int(np.argmax(wrong))
        row = int(np.searchsorted(stops, start + first, "right"))
        raise InputError(f"{where} has {values[first]} in row {row}: {remedy}")
