"""N-MNIST (Orchard, Jayawant, Cohen, Thakor 2015): MNIST seen by a moving event camera, 60000 and 10000 recordings."""

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cupynn.checks import InputError
from cupynn.console import Lenient
from cupynn.ragged import Ragged

from . import packed
from .cache import user_cache
from .dataset import Dataset
from .download import fetch
from .nmnist_files import Member, find, in_archives
from .recordings import convert, event_type
from .source import FolderSource, data_folder

SENSOR = (2, 34, 34)
SIZES = {"Train": 60000, "Test": 10000}
OFFICIAL = {
    "Train.zip": (
        "md5:20959b8e626244a1b502305a9e6e2031",
        "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/39c25547-014b-4137-a934-9d29fa53c7a0/file_downloaded",
    ),
    "Test.zip": (
        "md5:69ca8762b2fe404d9b9bad1103e97832",
        "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/05a4d654-7e03-4c15-bdfa-9bb2bcbea494/file_downloaded",
    ),
}
PACKED = "n-mnist.events"
SOURCE = FolderSource("n-mnist", 1_100_000_000, lambda folder: _files(folder))
RECORD = 5  # bytes of an event
OVERFLOW_LINE, OVERFLOW = 240, 1 << 13  # an event on this line moves all later times by so many microseconds


def load() -> tuple[Dataset, Dataset]:
    """Return N-MNIST's own split, in the order of MNIST, downloading what is missing (1.1 GB).

    The recordings lie in the folder `n-mnist` of the data folder: as Train/<digit>/<number>.bin and Test/..., or as .zip
    archives of these, which are never unpacked; a part of them will do. At the first time they are packed into one file
    beside them (2.0 GB), or in the user's cache where nothing may be written beside them. It is opened by memory map, so
    training takes the memory of a batch; after that the originals may be removed.

    Returns
    -------
    train, test : Dataset
        x is a `Ragged` of events with the fields t (microseconds), x, y, p, sensor (2, 34, 34).

    Raises
    ------
    InputError
        If a file is damaged, missing, or cannot be had.
    """
    folder = data_folder() / "n-mnist"
    beside = folder / PACKED
    found = find(folder)
    if found is None:
        if content := packed.read(beside):
            return _split(*content)
        official = [fetch("n-mnist", file, checksum, [url], OFFICIAL) for file, (checksum, url) in OFFICIAL.items()]
        found = in_archives(folder, official)
    places = [beside, _user_cache(folder)]
    for place in places:
        content = packed.read(place)
        if content and str(content[1]["source"]) == found.fingerprint:
            return _split(*content)
    members = found.members()
    index = {
        "source": np.array(found.fingerprint),
        "labels": np.array([member.digit for member in members]),
        "train": np.array(sum(member.part == "Train" for member in members)),
    }
    errors = []
    for place in places:
        try:
            if place is beside and not _may_write(folder):
                raise PermissionError("it is write-protected")
            packed.write(place, _recordings(members), event_type(SENSOR), index)
        except OSError as error:
            errors.append(f"  {place}: {error}\n")
            continue
        if content := packed.read(place):
            return _split(*content)
        errors.append(f"  {place}: it was changed, or has lost its time stamp, as soon as it was written\n")
    raise InputError(
        f"the recordings in {folder} cannot be packed into one file:\n{''.join(errors)}"
        "make one of these folders writable, with 7 bytes of space an event (2.0 GB for all of N-MNIST)"
    )


def records(content: bytes, where: str) -> np.ndarray:
    """Return the events of a recording: 40 bits each, x, y, polarity (1 bit), microseconds (23 bits, big-endian).

    An event at y = 240 is none, but says that the clock overflowed: it adds 2^13 to the times of all later ones.

    Parameters
    ----------
    content : bytes
        Of a .bin file.
    where : str
        Its name, for the error.

    Returns
    -------
    structured ndarray, shape (events,)
        With the fields t, x, y, p, still to be checked.
    """
    if len(content) % RECORD:
        raise InputError(f"{where} ends within an event, after {len(content)} bytes: put an intact copy in its place")
    raw = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    overflow = raw[:, 1] == OVERFLOW_LINE
    words = raw.astype(np.int64)
    events = np.empty(len(raw), [("t", np.int64), ("x", np.uint8), ("y", np.uint8), ("p", np.uint8)])
    events["t"] = ((words[:, 2] & 127) << 16 | words[:, 3] << 8 | words[:, 4]) + OVERFLOW * np.cumsum(overflow)
    events["x"], events["y"], events["p"] = raw[:, 0], raw[:, 1], raw[:, 2] >> 7
    return events[~overflow]


def _files(folder: Path) -> list[Path]:
    """What there is of N-MNIST in its folder: the packed file, or archives, or loose recordings."""
    for pattern in (PACKED, "*.zip", "T*/[0-9]/*.bin"):
        if files := list(folder.glob(pattern)):
            return files
    return []


def _recordings(members: list[Member]) -> Iterator[np.ndarray]:
    from tqdm import tqdm

    with tqdm(members, "packing n-mnist", unit=" recordings", disable=not Lenient(sys.stderr).isatty(), leave=False) as bar:
        for member in bar:
            yield convert(records(member.read(), member.where), SENSOR, member.where)


def _user_cache(folder: Path) -> Path:
    """Return where to pack what lies in a folder that must not be written."""
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return user_cache() / "packed" / f"n-mnist-{name}.events"


def _may_write(folder: Path) -> bool:
    """Tell whether a folder lets anybody write: a protected one is left alone, even by an administrator."""
    return bool(folder.stat().st_mode & 0o222)


def _split(values: np.ndarray, index: dict[str, np.ndarray]) -> tuple[Dataset, Dataset]:
    stops = np.cumsum(index["lengths"])
    x = Ragged(values, stops - index["lengths"], stops, SENSOR)
    train = int(index["train"])

    def part(name: str, samples: slice) -> Dataset:
        y = index["labels"][samples]
        whole = len(y) == SIZES[name]
        return Dataset(x[samples], y, tuple("0123456789"), "n-mnist" if whole else f"n-mnist, {len(y)} of {SIZES[name]}")

    return part("Train", slice(train)), part("Test", slice(train, None))
