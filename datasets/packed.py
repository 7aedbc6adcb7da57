"""Pack the recordings of a large dataset into one array, once, and open it as a memory map.

So training only needs memory for one batch, and each file is read only once. `nmnist` does the same for N-MNIST.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cupynn import files
from cupynn.checks import InputError
from cupynn.console import Lenient
from cupynn.ragged import Ragged

from .cache import user_cache
from .dataset import Dataset
from .nmnist import may_write, open_packed, remove_others
from .nmnist_files import STAMP
from .recordings import event_type


class Recordings(NamedTuple):
    """The recordings of a dataset, before they are read; those to train on come first.

    `files` are all files that the samples depend on, `read` yields the events of each sample as `event_type`, `train` is
    the number of samples to train on, and `address` is where users get an intact copy.
    """

    files: Sequence[Path]
    labels: Sequence[int]
    train: int
    classes: tuple[str, ...]
    read: Callable[[], Iterable[np.ndarray]]
    address: str


@contextmanager
def naming(name: str, address: str) -> Iterator[None]:
    """Add the name of the dataset, and the address of an intact copy, to the errors of its files."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{name}: {error}; the dataset is at {address}") from None


def packed(
    name: str,
    folder: Path,
    found: Recordings | None,
    sensor: tuple[int, int, int],
    whole: tuple[int, int] | None = None,
) -> tuple[Dataset, Dataset] | None:
    """Return the training and test set of recordings, packing them first if this has not been done yet.

    The array is written into the folder of the dataset, or into the user's cache if the folder is not writable. Its name
    includes a digest of the names, sizes and times of the files, so that modified recordings are packed again.

    Parameters
    ----------
    name : str
        The dataset.
    folder : Path
        The folder of the dataset.
    found : Recordings or None
        The recordings; without them, what was packed before is returned, or None if nothing was.
    sensor : tuple of int
        (polarities, height, width), at most 256 pixels per axis.
    whole : tuple of int, optional
        Number of samples of the complete training and test set; the names of incomplete ones tell how many they have.

    Raises
    ------
    InputError
        If a recording is damaged, or the array cannot be written.
    """
    if found is None:
        newest = sorted(folder.glob(f"{name}.*.npz"), key=os.path.getmtime, reverse=True)
        places = [index.with_suffix(".npy") for index in newest]
    else:
        with files.intact(str(folder)):
            digest = _digest(folder, found.files)
        where = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
        places = [folder / f"{name}.{digest}.npy", user_cache() / "packed" / f"{name}-{where}.{digest}.npy"]
    content = next(filter(None, map(open_packed, places)), None)
    if content is None and found is not None:
        content = _pack(name, folder, places, found, sensor)
    return content and _split(name, *content, sensor, whole)


def _digest(folder: Path, listed: Sequence[Path]) -> str:
    states = [(path.relative_to(folder).as_posix(), path.stat().st_size, path.stat().st_mtime_ns) for path in listed]
    return hashlib.sha256(repr(states).encode()).hexdigest()[:16]


def _pack(
    name: str, folder: Path, places: list[Path], found: Recordings, sensor: tuple[int, int, int]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    errors = []
    for place in places:
        try:
            if place.parent == folder and not may_write(folder):
                raise PermissionError("it is write-protected")
            with naming(name, found.address):
                _write(place, name, found, sensor)
        except OSError as error:
            errors.append(f"  {place}: {error}\n")
            continue
        if content := open_packed(place):
            remove_others(place)
            return content
        errors.append(f"  {place}: it was changed, or lost its time stamp, immediately after writing\n")
    raise InputError(
        f"the recordings in {folder} cannot be packed into one file:\n{''.join(errors)}"
        "make one of these folders writable, with as much free space as the recordings take"
    )


def _write(place: Path, name: str, found: Recordings, sensor: tuple[int, int, int]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(place, stamp=STAMP) as values, files.replacing(place.with_suffix(".npz")) as index:
        lengths = files.put_rows(values, _shown(name, found), event_type(sensor))
        arrays = {"lengths": lengths, "labels": found.labels, "train": found.train, "classes": found.classes}
        files.put_arrays(index, {key: np.array(value) for key, value in arrays.items()})


def _shown(name: str, found: Recordings) -> Iterator[np.ndarray]:
    from tqdm import tqdm

    total, hidden = len(found.labels), not Lenient(sys.stderr).isatty()
    with tqdm(found.read(), f"packing {name}", total, unit=" recordings", disable=hidden, leave=False) as bar:
        yield from bar


def _split(
    name: str,
    values: np.ndarray,
    index: dict[str, np.ndarray],
    sensor: tuple[int, int, int],
    whole: tuple[int, int] | None,
) -> tuple[Dataset, Dataset]:
    stops = np.cumsum(index["lengths"])
    x = Ragged(values, stops - index["lengths"], stops, sensor)
    classes, train = tuple(index["classes"].tolist()), int(index["train"])

    parts = [(x[part], index["labels"][part]) for part in (slice(train), slice(train, None))]
    expected = whole or [len(y) for _, y in parts]
    titles = [
        name if len(y) == count else f"{name}, {len(y)} of {count}" for (_, y), count in zip(parts, expected, strict=True)
    ]
    first, second = (Dataset(*part, classes, title) for part, title in zip(parts, titles, strict=True))
    return first, second
