"""Download and unpack the files of the Heidelberg spiking datasets, SHD and SSC."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from zipfile import ZipFile

from cupynn.checks import InputError
from cupynn.files import CHUNK, INTACT, PACKING, intact, writing

from .dataset import Dataset
from .download import fetch, locked
from .event_hdf5 import library
from .shd import from_shd
from .source import candidates, data_folder

MIRRORS = ("https://zenkelab.org/datasets/", "https://compneuro.net/datasets/")
MD5 = {  # of the packed files, as SpikingJelly and tonic know them
    "shd_train.h5.zip": "f3252aeb598ac776c1b526422d90eecb",
    "shd_test.h5.zip": "1503a5064faa34311c398fb0a1ed0a6f",
    "ssc_train.h5.zip": "d102be95e7144fcc0553d1f45ba94170",
    "ssc_valid.h5.zip": "b4eee3516a4a90dd0c71a6ac23a8ae43",
    "ssc_test.h5.zip": "a35ff1e9cffdd02a20eb850c17c37748",
}
LARGEST = 1 << 35  # bytes of an unpacked file: an archive may hold any size


def load_files(dataset: str, names: tuple[str, str], classes: int) -> tuple[Dataset, Dataset]:
    """Return the words of a file to train on and of one to test on, downloading and unpacking missing files.

    InputError is raised if h5py is missing, a file cannot be downloaded, is damaged or has another layout, or the two do not
    have the same classes.
    """
    library("h5py", data_folder() / dataset / names[0])
    paths = [_unpacked(dataset, name, names) for name in names]
    parts = []
    for path in paths:
        try:
            part = from_shd(path, name=dataset)
        except InputError as error:
            raise InputError(f"{dataset}: {error}; the files are at {MIRRORS[0]}") from None
        if len(part.classes) != classes:
            raise InputError(
                f"{dataset}: {path} has {len(part.classes)} classes, expected {classes}: replace it by {path.name} from "
                f"{MIRRORS[0]}"
            )
        parts.append(part)
    train, test = parts
    if train.classes != test.classes:
        raise InputError(f"{dataset}: {paths[0]} and {paths[1]} name their classes differently: get both from {MIRRORS[0]}")
    return train, test


def local_files(dataset: str, names: tuple[str, ...]) -> list[Path]:
    """Return the files that are here, packed or not; an empty list if one of them is missing."""
    found = [[path for ending in ("", ".zip", ".gz") for path in candidates(dataset, name + ending)] for name in names]
    return [paths[0] for paths in found] if all(found) else []


def _unpacked(dataset: str, name: str, needed: tuple[str, ...]) -> Path:
    """Return the path of an unpacked file; unpack it into the folder of the dataset, and download it, if necessary."""
    if here := candidates(dataset, name):
        return here[0]
    archive, gzipped = f"{name}.zip", candidates(dataset, f"{name}.gz")
    if gzipped and not candidates(dataset, archive):
        packed = gzipped[0]
    else:
        packed = fetch(dataset, archive, f"md5:{MD5[archive]}", MIRRORS, [f"{each}.zip" for each in needed])
    path = data_folder() / dataset / name
    with locked(path.parent):
        if not path.is_file():  # another process may just have unpacked it
            with writing(path) as file:
                for chunk in _content(packed, name):
                    file.write(chunk)
    return path


def _content(path: Path, name: str) -> Iterator[bytes]:
    """Yield the content of a packed file in pieces."""
    size = 0
    with intact(str(path)), _opened(path, name) as stream:
        while chunk := stream.read(CHUNK):
            size += len(chunk)
            if size > LARGEST:
                raise InputError(f"{path} holds more than {LARGEST:,} bytes: {INTACT}, from {MIRRORS[0]}")
            yield chunk


@contextmanager
def _opened(path: Path, name: str) -> Iterator[BinaryIO]:
    if path.suffix == ".gz":
        with gzip.open(path) as stream:
            yield stream
        return
    with ZipFile(path) as archive:
        members = [info for info in archive.infolist() if info.filename.rpartition("/")[2] == name]
        if len(members) != 1 or members[0].compress_type not in PACKING:
            raise InputError(f"{path} does not hold one file {name}, packed by deflate: {INTACT}, from {MIRRORS[0]}")
        with archive.open(members[0]) as stream:
            yield stream
