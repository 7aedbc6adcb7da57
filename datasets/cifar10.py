"""CIFAR-10 (Krizhevsky 2009): small colour photographs in ten classes, 50000 to train and 10000 to test."""

from pathlib import Path

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.files import INTACT, read_up_to

from .archives import open_gzipped, read_tar
from .dataset import Dataset
from .download import fetch
from .source import Source

MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)
ARCHIVE = "cifar-10-binary.tar.gz"
ARCHIVE_MD5 = "md5:c32a1d4ab5d03f1284b67883e8d87530"
FOLDER = "cifar-10-batches-bin"  # in the archive
FILES = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")
IMAGES = 10_000  # per file
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32  # bytes: the label, then red, green and blue

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
    """Return CIFAR-10's own split, in the binary version, downloading its archive (170 MB) if necessary.

    The archive is not unpacked to disk. Its files (`data_batch_1.bin` and so on) are used instead if they are present,
    gzipped or not, in the folder of the dataset or in `cifar-10-batches-bin` below it.

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
    """Return the images (n, 3, 32, 32) and labels (n,), both uint8, of one file of the binary version, gzipped or not.

    The file may hold any number of images up to 10000. InputError is raised if it is missing, damaged or something else.
    """
    path = checks.path("path", path)
    with open_gzipped(path) as stream:
        return _records(read_up_to(stream, IMAGES * RECORD + 1), str(path))


def read_archive(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read the files in the archive, in the order of `FILES`, each like `read`, without unpacking them to disk."""
    found = {}
    wanted = {f"{FOLDER}/{file}": file for file in FILES}
    for name, content in read_tar(path, wanted.__contains__, IMAGES * RECORD):
        found[wanted[name]] = _whole(path, *_records(content, f"{path}: {name}"))
    missing = [file for file in FILES if file not in found]
    if missing:
        raise InputError(f"{path} has no {FOLDER}/{missing[0]}: {INTACT}")
    return [found[file] for file in FILES]


def _records(content: bytes | bytearray, name: str) -> tuple[np.ndarray, np.ndarray]:
    images, rest = divmod(len(content), RECORD)
    if rest or not images:
        found = len(content) if images < IMAGES else "more"
        raise InputError(f"{name} holds {found} bytes, expected up to {IMAGES} records of {RECORD} bytes: {INTACT}")
    records = np.frombuffer(content, np.uint8).reshape(images, RECORD)
    wrong = records[:, 0] >= len(CLASSES)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise InputError(f"{name} has the label {records[first, 0]} in record {first}, expected 0..9: pass another file")
    return records[:, 1:].reshape(images, *SHAPE), records[:, 0].copy()


def _whole(path: Path, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(y) != IMAGES:
        raise InputError(f"{path} holds {len(y)} images, expected {IMAGES}: {INTACT}")
    return x, y
