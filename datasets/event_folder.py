"""Read recordings of event cameras, in several formats, from a folder with one sub-folder per class."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.files import intact, read_array, read_arrays
from cupynn.ragged import Ragged

from . import event_formats, event_hdf5
from .class_folders import walk
from .dataset import Dataset
from .event_hdf5 import library
from .nmnist_files import records
from .recordings import convert, join, structured


def from_event_folder(
    path: str | PathLike, sensor: tuple[int, int, int], name: str | None = None, from_first_event: bool = True
) -> Dataset:
    """Read event recordings from a folder with one sub-folder per class, ``path/wave/17.npy``.

    Recordings may differ in length and format:

    - .bin, .bs2: the 40-bit events of N-MNIST and N-Caltech101;
    - .npy: a structured array; .npz: one structured array, or one array for each of t, x, y, p;
    - .h5, .hdf5: the same as .npz, at the root or in a group "events", and the files of v2e, e2vid and Metavision (needs
      h5py);
    - .aedat, .aedat4: AEDAT 3.1, and AEDAT 4 (needs aedat); convert older AEDAT files first;
    - .dat: Prophesee, version 2, such as N-CARS.

    Parameters
    ----------
    path : path
        The folder.
    sensor : tuple of int
        (polarities, height, width); with one polarity, the polarities of events are ignored.
    name : str, optional
        Name of the dataset; by default that of the folder.
    from_first_event : bool
        Count the times of each recording from its earliest event, because the clocks of cameras start at arbitrary times.

    Returns
    -------
    Dataset
        x is a `Ragged` of events with the fields t (microseconds), x, y, p; classes and recordings in alphabetical order.

    Raises
    ------
    InputError
        If there are no classes, a class has no recordings, a file is damaged or has another format, an event is outside
        the sensor, or a library is missing.

    Examples
    --------
    >>> import tempfile
    >>> events = np.array([(0, 3, 2, 1), (600, 3, 2, 0)], [("t", int), ("x", int), ("y", int), ("p", int)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for gesture in ("clap", "wave"):
    ...         (Path(folder) / gesture).mkdir()
    ...         np.save(f"{folder}/{gesture}/1.npy", events)
    ...     from_event_folder(folder, sensor=(2, 34, 34), name="gestures")
    Dataset gestures: 2 samples of shape (2, 34, 34) events, 2 classes of 1 to 1 samples
    """
    folder, sensor = checks.path("path", path), checks.sensor("sensor", sensor)
    from_first_event = checks.flag("from_first_event", from_first_event)
    classes, files, labels = walk(folder, *RECORDINGS)
    recordings = (convert(read_file(file), sensor, str(file), from_first_event) for file in files)
    return Dataset(join(recordings, sensor), labels, classes, folder.resolve().name if name is None else name)


def read_events(path: str | PathLike, sensor: tuple[int, int, int], from_first_event: bool = True) -> Ragged:
    """Read a single recording into a `Ragged` of one sample, as `from_event_folder` does.

    Parameters
    ----------
    path : str or path
        A file in one of the formats that `from_event_folder` lists.
    sensor, from_first_event : tuple of int, bool
        As in `from_event_folder`.

    Raises
    ------
    InputError
        If the file is damaged or has another format, an event is outside the sensor, or a library is missing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     events = np.array([(90, 3, 2, 1), (690, 3, 2, 0)], [("t", int), ("x", int), ("y", int), ("p", int)])
    ...     np.save(f"{folder}/1.npy", events)
    ...     read_events(f"{folder}/1.npy", sensor=(2, 34, 34))[0]["t"]
    array([  0, 600], dtype=uint32)
    """
    path, sensor = checks.path("path", path), checks.sensor("sensor", sensor)
    return join([convert(read_file(path), sensor, str(path), checks.flag("from_first_event", from_first_event))], sensor)


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))


RECORDINGS = "recordings", _files  # for `walk`


def read_file(path: Path) -> np.ndarray:
    """Return the unchecked events of a file in one of the formats of `READERS`; InputError if it is damaged."""
    suffix = path.suffix.lower()
    if suffix not in READERS:
        hint = f"; {_CONVERT[suffix]}" if suffix in _CONVERT else ""
        known = ", ".join(READERS)
        raise InputError(f"{path}: the format is not one of {known}{hint}: remove it, or pass its events to datasets.events")
    with intact(str(path)):
        _check_content(path, suffix)
        return READERS[suffix](path)


def _check_content(path: Path, suffix: str) -> None:
    """Raise InputError for a file with the content of another format than that of its name."""
    with path.open("rb") as file:
        start = file.read(16)
    for magic, (suffixes, title) in _MAGIC.items():
        if start.startswith(magic) and suffix not in suffixes:
            raise InputError(f"{path} is {title}, not what its name says: rename it to {suffixes[0]}")


def _bin(path: Path) -> np.ndarray:
    return records(path.read_bytes(), str(path))


def _dat(path: Path) -> np.ndarray:
    return event_formats.prophesee(path.read_bytes(), str(path))


def _aedat(path: Path) -> np.ndarray:
    with path.open("rb") as file:
        version = event_formats.aedat_version(file.read(16))
    if version == "3.1":
        return event_formats.aedat3(path.read_bytes(), str(path))
    if version == "4.0":
        return _aedat4(path)
    found = "has no AEDAT header" if version is None else f"is AEDAT {version}"
    raise InputError(f"{path} {found}, only AEDAT 3.1 and 4.0 are read: {_CONVERT['.aedat2']}")


def _npz(path: Path) -> np.ndarray:
    return structured(read_arrays(path), path)


def _aedat4(path: Path) -> np.ndarray:
    aedat = library("aedat", path)
    try:
        packets = [packet["events"] for packet in aedat.Decoder(path) if "events" in packet]
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # raised by Rust, and not derived from Exception
            raise ValueError(error) from None
        raise
    if not packets:
        raise InputError(f"{path} has no events: remove it")
    events = np.concatenate(packets)
    return structured({"t": events["t"], "x": events["x"], "y": events["y"], "p": events["on"]}, path)


READERS: dict[str, Callable[[Path], np.ndarray]] = {
    ".bin": _bin,
    ".bs2": _bin,
    ".npy": read_array,
    ".npz": _npz,
    ".h5": event_hdf5.read,
    ".hdf5": event_hdf5.read,
    ".dat": _dat,
    ".aedat": _aedat,
    ".aedat4": _aedat,
}
_CONVERT = {
    ".aedat2": "convert it to .aedat4 with DV, the software of iniVation",
    ".raw": "convert it to .dat with metavision_file_to_dat, of Prophesee's Metavision SDK",
    ".mat": "write t, x, y and p to .npz with scipy.io.loadmat and np.savez",
    ".txt": "write t, x, y and p to .npz with np.loadtxt and np.savez",
    ".csv": "write t, x, y and p to .npz with np.loadtxt and np.savez",
}
_MAGIC = {  # first bytes of formats that have them, longer than a record of .bin
    b"\x89HDF\r\n\x1a\n": ((".h5", ".hdf5"), "HDF5"),
    b"\x93NUMPY": ((".npy",), "an array of NumPy"),
    event_formats.AEDAT: ((".aedat", ".aedat4"), "AEDAT"),
}
