"""CIFAR-10 (Krizhevsky 2009): small colour photographs of ten kinds, 50000 to train and 10000 to test."""

from pathlib import Path

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.files import read_up_to

from .archives import open_gzipped, read_tar
from .dataset import Dataset
from .download import fetch
from .source import Source

MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)
ARCHIVE = "cifar-10-binary.tar.gz"
ARCHIVE_MD5 = "md5:c32a1d4ab5d03f1284b67883e8d87530"
FOLDER = "cifar-10-batches-bin"  # of the files, within the archive
FILES = (
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
)
IMAGES = 10_000  # in each file
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32  # bytes: the label, then the values of red, green and blue

SOURCE = Source(
    "cifar10",
    170_052_171,
    {"archive": (ARCHIVE,)}
    | {
        f"{folder or 'files'}{suffix}": tuple(f"{folder}{file}{suffix}" for file in FILES)
        for folder in ("", f"{FOLDER}/")
        for suffix in ("", ".gz")
    },
)


def load() -> tuple[Dataset, Dataset]:
    """Return CIFAR-10's own split, from the binary version, downloading its archive (170 MB) where it is missing.

    The archive is read as it is. The files in it (`data_batch_1.bin` and so on), or these gzipped, will also do: in
    the data set's folder, or in a folder `cifar-10-batches-bin`.

    Returns
    -------
    train, test : Dataset
        x (n, 3, 32, 32) uint8: red, green, blue.
    """
    unpacked = {part: paths for part, paths in SOURCE.present().items() if part != "archive"}
    if unpacked:
        *train, test = (_whole(path, *read(path)) for path in next(iter(unpacked.values())))
    else:
        *train, test = read_archive(fetch("cifar10", ARCHIVE, ARCHIVE_MD5, MIRRORS))
    x, y = (np.concatenate(arrays) for arrays in zip(*train, strict=True))
    return Dataset(x, y, CLASSES, "cifar10"), Dataset(*test, CLASSES, "cifar10")


def read(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read one file of the binary version, gzipped or not.

    Parameters
    ----------
    path : str or Path
        The file; it may hold any number of images up to 10000.

    Returns
    -------
    x : ndarray of uint8, shape (n, 3, 32, 32)
    y : ndarray of uint8, shape (n,)

    Raises
    ------
    InputError
        If the file is missing or damaged, or holds something else.
    """
    path = checks.path("path", path)
    with open_gzipped(path) as stream:
        return _records(read_up_to(stream, IMAGES * RECORD + 1), str(path))


def read_archive(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read the files within the archive, in the order of `FILES`, each as `read` gives it; nothing is unpacked to disk."""
    found = {}
    wanted = {f"{FOLDER}/{file}": file for file in FILES}
    for name, content in read_tar(path, wanted.__contains__, IMAGES * RECORD):
        found[wanted[name]] = _whole(path, *_records(content, f"{path}: {name}"))
    missing = [file for file in FILES if file not in found]
    if missing:
        raise InputError(f"{path} has no {FOLDER}/{missing[0]}: put an intact copy in its place")
    return [found[file] for file in FILES]


def _records(content: bytes | bytearray, name: str) -> tuple[np.ndarray, np.ndarray]:
    images, rest = divmod(len(content), RECORD)
    if rest or not images:
        raise InputError(
            f"{name} holds {len(content) if images < IMAGES else 'more'} bytes, expected records of {RECORD} bytes, "
            f"up to {IMAGES} of them: put an intact copy in its place"
        )
    records = np.frombuffer(content, np.uint8).reshape(images, RECORD)
    wrong = records[:, 0] >= len(CLASSES)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise InputError(f"{name} has the label {records[first, 0]} in record {first}, expected 0..9: pass another file")
    return records[:, 1:].reshape(images, *SHAPE), records[:, 0].copy()


def _whole(path: Path, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(y) != IMAGES:
        raise InputError(f"{path} holds {len(y)} images, expected {IMAGES}: put an intact copy in its place")
    return x, y
