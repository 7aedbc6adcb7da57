"""N-MNIST (Orchard, Jayawant, Cohen, Thakor 2015): MNIST recorded by a moving event camera, 60000 and 10000 recordings."""

import hashlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from cupynn import files
from cupynn.checks import InputError
from cupynn.console import Lenient
from cupynn.ragged import Ragged

from .cache import user_cache
from .dataset import Dataset
from .download import fetch
from .nmnist_files import FORMER, STAMP, Member, find, in_archives, read_former, records
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
SOURCE = FolderSource("n-mnist", 1_100_000_000, lambda folder: _files(folder))
INDEX = "lengths", "labels", "train"  # events and digit of each recording; number of training recordings


def load() -> tuple[Dataset, Dataset]:
    """Return N-MNIST's own split, in the order of MNIST, downloading missing files (1.1 GB).

    The folder `n-mnist` in the data folder holds the recordings as Train/<digit>/<number>.bin and Test/..., or as .zip
    archives of these, which are not unpacked; a subset of them is enough. The first call packs them into one array in this
    folder (2.0 GB), or in the user's cache if the folder is not writable. The array is opened as a memory map, so that
    training only needs memory for one batch. You may remove the original files afterwards.

    Returns
    -------
    train, test : Dataset
        x is a `Ragged` of events with the fields t (microseconds), x, y, p, sensor (2, 34, 34).

    Raises
    ------
    InputError
        If a file is damaged or missing, or cannot be downloaded.
    """
    folder = data_folder() / "n-mnist"
    found = find(folder)
    if found is None:
        packed = sorted(folder.glob("n-mnist.*.npz"), key=os.path.getmtime, reverse=True)
        if content := _first_packed(index.with_suffix(".npy") for index in packed) or _converted(folder):
            return _split(*content)
        official = [fetch("n-mnist", file, checksum, [url], OFFICIAL) for file, (checksum, url) in OFFICIAL.items()]
        found = in_archives(folder, official)
    places = [folder / f"n-mnist.{found.fingerprint}.npy", _user_cache(folder, found.fingerprint)]
    if content := _first_packed(places):
        return _split(*content)
    members = found.members()
    errors = []
    for place in places:
        try:
            if place.parent == folder and not may_write(folder):
                raise PermissionError("it is write-protected")
            pack(place, members)
        except OSError as error:
            errors.append(f"  {place}: {error}\n")
            continue
        if content := open_packed(place):
            return _split(*content)
        errors.append(f"  {place}: it was changed, or lost its time stamp, immediately after writing\n")
    raise InputError(
        f"the recordings in {folder} cannot be packed into one file:\n{''.join(errors)}"
        "make one of these folders writable, with 7 bytes of space per event (2.0 GB for all of N-MNIST)"
    )


def _first_packed(places: Iterable[Path]) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
    return next(filter(None, map(open_packed, places)), None)


def pack(place: Path, members: list[Member]) -> None:
    """Write the events of all recordings to an .npy file and their index beside it; then remove the files it replaces.

    The file name includes the fingerprint of the recordings. So the events and the index match whichever process wrote
    them last, and modified recordings are packed under another name. OSError is raised if the folder cannot be written.
    """
    labels = [member.digit for member in members]
    _write(place, _recordings(members), labels, sum(member.part == "Train" for member in members))
    remove_others(place)


def _write(place: Path, recordings: Iterable[np.ndarray], labels: Sequence[int], train: int) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(place, stamp=STAMP) as values, files.replacing(place.with_suffix(".npz")) as index:
        lengths = files.put_rows(values, recordings, event_type(SENSOR))
        files.put_arrays(index, {name: np.array(each) for name, each in zip(INDEX, (lengths, labels, train), strict=True)})


def _converted(folder: Path) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
    """Convert the packed events of version 0.1.0 and return them; return None if they are missing or damaged."""
    if not (former := read_former(folder / FORMER, event_type(SENSOR))):
        return None
    values, index = former
    place = folder / f"n-mnist.{str(index['source'])[:16]}.npy"
    recordings = np.split(values, np.cumsum(index["lengths"])[:-1])
    try:
        if not may_write(folder):
            raise PermissionError("it is write-protected")
        _write(place, recordings, index["labels"], int(index["train"]))
    except OSError as error:
        raise InputError(
            f"{folder / FORMER}, packed by version 0.1.0, cannot be converted to {place} ({error}): make the folder "
            f"writable, with {values.nbytes:,} bytes of space"
        ) from None
    if content := open_packed(place):
        remove_others(place)
    return content


def remove_others(place: Path) -> None:
    """Remove the files packed from other states of the recordings, by version 0.1.0, or only partially."""
    packed = rf"({place.name.partition('.')[0]}\.(?:events|[0-9a-f]{{16}}\.np[yz]))(\.\d+\.tmp)?"
    for other in place.parent.iterdir():
        found = re.fullmatch(packed, other.name)
        if found and found[2]:
            files.sweep(place.parent, found[1])
        elif found and other.stem != place.stem:
            with suppress(OSError):  # Windows does not remove open files
                other.unlink()


def open_packed(place: Path) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
    """Return the events that `pack` wrote, as a read-only memory map, and their index.

    Return None if they are missing or have changed: the checksum of the index is wrong, the size does not match, or the file
    was modified later. The events themselves are not read.
    """
    try:
        if int(place.stat().st_mtime) != STAMP:
            return None
        values, index = files.map_array(place), files.read_arrays(place.with_suffix(".npz"), compressed=False)
        lengths, labels, train = (index[name] for name in INDEX)
        fits = len(lengths) == len(labels) >= train >= 0 and (lengths >= 0).all() and lengths.sum() == len(values)
        return (values, index) if fits and values.dtype == event_type(SENSOR) else None
    except Exception:  # missing, or damaged: `zipfile` can raise almost anything
        return None


def _files(folder: Path) -> list[Path]:
    """Return the files of N-MNIST in its folder: the packed events, or archives, or single recordings."""
    for pattern in ("n-mnist.*.np[yz]", FORMER, "*.zip", "T*/[0-9]/*.bin"):
        if found := list(folder.glob(pattern)):
            return found
    return []


def _recordings(members: list[Member]) -> Iterator[np.ndarray]:
    from tqdm import tqdm

    with tqdm(members, "packing n-mnist", unit=" recordings", disable=not Lenient(sys.stderr).isatty(), leave=False) as bar:
        for member in bar:
            yield convert(records(member.read(), member.where), SENSOR, member.where)


def _user_cache(folder: Path, fingerprint: str) -> Path:
    """Return the file to pack to if `folder` is not writable."""
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return user_cache() / "packed" / f"n-mnist-{name}.{fingerprint}.npy"


def may_write(folder: Path) -> bool:
    """Return False for a folder that no user may write: even an administrator leaves it unchanged."""
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
