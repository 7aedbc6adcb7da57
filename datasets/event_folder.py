"""A dataset from recordings of event cameras, in a folder for each class and in the formats that they come in."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from types import ModuleType

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.files import intact, read_array, read_arrays
from cupynn.hdf5 import Reader, numeric
from cupynn.ragged import Ragged

from .class_folders import walk
from .dataset import Dataset
from .nmnist_files import records
from .recordings import convert, join


def from_event_folder(
    path: str | PathLike, sensor: tuple[int, int, int], name: str | None = None, from_first_event: bool = True
) -> Dataset:
    """Read recordings that lie in a folder with one sub-folder a class, whose name is that of the class.

    Recordings may differ in length and in format:

    - .bin: the 40-bit events of N-MNIST and N-Caltech101;
    - .npy: a structured array; .npz: one structured array, or one array for each of t, x, y, p;
    - .h5, .hdf5: the same as .npz, at the root or in a group "events" (needs h5py);
    - .aedat4: AEDAT 4 (needs aedat); older AEDAT is to be converted to it.

    Parameters
    ----------
    path : path
        The folder.
    sensor : tuple of int
        (polarities, height, width); with one polarity, both are taken for the same.
    name : str, optional
        What the dataset is called; by default as the folder.
    from_first_event : bool
        Count the times of each recording from its earliest event, as the clock of a camera starts anywhere.

    Returns
    -------
    Dataset
        x is a `Ragged` of events with the fields t (microseconds), x, y, p; classes and recordings by name.

    Raises
    ------
    InputError
        If there are no classes, a class has no recordings, a file is damaged or of another kind, an event lies outside the
        sensor, or a library is missing.

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
    classes, files, labels = walk(folder, "recordings", _files)
    recordings = (convert(_read(file), sensor, str(file), from_first_event) for file in files)
    return Dataset(join(recordings, sensor), labels, classes, folder.resolve().name if name is None else name)


def read_events(path: str | PathLike, sensor: tuple[int, int, int], from_first_event: bool = True) -> Ragged:
    """Read one recording, as `from_event_folder` reads those of a folder.

    Parameters
    ----------
    path : str or path
        Of any of the formats that `from_event_folder` lists.
    sensor : tuple of int
        (polarities, height, width).
    from_first_event : bool
        Count the times from the earliest event.

    Returns
    -------
    Ragged
        Of one sample.

    Raises
    ------
    InputError
        If the file is damaged or of another kind, an event lies outside the sensor, or a library is missing.

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
    return join([convert(_read(path), sensor, str(path), checks.flag("from_first_event", from_first_event))], sensor)


def _files(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    if not files:
        raise InputError(f"{folder} has no recordings: put some there, or remove it")
    return files


def _read(path: Path) -> np.ndarray:
    read = _READERS.get(path.suffix.lower())
    if read is None:
        hint = "; convert it to .aedat4 with DV" if path.suffix.lower() == ".aedat" else ""
        raise InputError(f"{path} is none of {', '.join(_READERS)}{hint}: remove it, or pass its events to datasets.events")
    with intact(str(path)):
        return read(path)


def _bin(path: Path) -> np.ndarray:
    return records(path.read_bytes(), str(path))


def _npz(path: Path) -> np.ndarray:
    return _structured(read_arrays(path), path)


def _hdf5(path: Path) -> np.ndarray:
    h5py = _library("h5py", path)
    with h5py.File(path, "r") as file:
        reader = Reader(path.stat().st_size)
        events = reader.member(file, "events") if "events" in file else None
        entries = reader.members(events if isinstance(events, h5py.Group) else file)
        numbers = ((name, entry) for name, entry in entries if isinstance(entry, h5py.Dataset) and numeric(entry.dtype))
        return _structured({name: reader.array(name, entry) for name, entry in numbers}, path)


def _aedat4(path: Path) -> np.ndarray:
    aedat = _library("aedat", path)
    try:
        packets = [packet["events"] for packet in aedat.Decoder(path) if "events" in packet]
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # of a library in Rust: it is no Exception
            raise ValueError(error) from None
        raise
    if not packets:
        raise InputError(f"{path} has no events: remove it")
    events = np.concatenate(packets)
    return _structured({"t": events["t"], "x": events["x"], "y": events["y"], "p": events["on"]}, path)


def _structured(arrays: dict[str, np.ndarray], path: Path) -> np.ndarray:
    """Return the only structured array there is, or make one of the arrays t, x, y, p."""
    structured = [array for array in arrays.values() if array.dtype.names]
    if len(structured) == 1:
        return structured[0]
    columns = {name: arrays[name] for name in checks.EVENT_FIELDS if name in arrays}
    sizes = {array.shape for array in columns.values()}
    if len(sizes) != 1 or any(len(shape) != 1 for shape in sizes):
        shapes = ", ".join(f"{key} {array.shape}" for key, array in arrays.items()) or "nothing"
        raise InputError(f"{path} holds {shapes}: expected one structured array, or t, x, y and p of equal length")
    events = np.empty(sizes.pop(), [(name, array.dtype) for name, array in columns.items()])
    for name, array in columns.items():
        events[name] = array
    return events


def _library(name: str, path: Path) -> ModuleType:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise InputError(f'{path} needs the library {name}: pip install "cupynn[events]"') from None


_READERS: dict[str, Callable[[Path], np.ndarray]] = {
    ".bin": _bin,
    ".npy": read_array,
    ".npz": _npz,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".aedat4": _aedat4,
}
