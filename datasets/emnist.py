"""EMNIST (Cohen, Afshar, Tapson, van Schaik 2017): handwritten letters and digits, up to 814255 images in six splits."""

import shutil
import zipfile
import zlib
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Literal, get_args

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.files import INTACT, replacing

from .dataset import Dataset
from .download import fetch, locked
from .idx import read
from .source import Source, data_folder, difference, lookup

MIRRORS = ("https://biometrics.nist.gov/cs_links/EMNIST/",)
ARCHIVE = "gzip.zip"
ARCHIVE_MD5 = "md5:58c8d27c78d21e728a6bc7b3cc06412e"
MD5 = {  # of the files in the archive: train images, train labels, test images, test labels
    "balanced": (
        "4041b0d6f15785d3fa35263901b5496b",
        "7a35cc7b2b7ee7671eddf028570fbd20",
        "6818d20fe2ce1880476f747bbc80b22b",
        "acd3694070dcbf620e36670519d4b32f",
    ),
    "byclass": (
        "712dda0bd6f00690f32236ae4325c377",
        "ee299a3ee5faf5c31e9406763eae7e43",
        "1435209e34070a9002867a9ab50160d7",
        "7a0f934bd176c798ecba96b36fda6657",
    ),
    "bymerge": (
        "4a792d4df261d7e1ba27979573bf53f3",
        "491be69ef99e1ab1f5b7f9ccc908bb26",
        "8eb5d34c91f1759a55831c37ec2a283f",
        "c13f4cd5211cdba1b8fa992dae2be992",
    ),
    "digits": (
        "d2662ecdc47895a6bbfce25de9e9a677",
        "2223fcfee618ac9c89ef20b6e48bcf9e",
        "a159b8b3bd6ab4ed4793c1cb71a2f5cc",
        "8afde66ea51d865689083ba6bb779fac",
    ),
    "letters": (
        "8795078f199c478165fe18db82625747",
        "c16de4f1848ddcdddd39ab65d2a7be52",
        "382093a19703f68edac6d01b8dfdfcad",
        "d4108920cd86601ec7689a97f2de7f59",
    ),
    "mnist": (
        "3663598a39195d030895b6304abb5065",
        "6c092f03c9bb63e678f80f8bc605fe37",
        "fb51b6430fc4dd67deaada1bf25d4524",
        "ae7f6be798a9a5d5f2bd32e078a402dd",
    ),
}
MERGED = digits + ascii_uppercase + "abdefghnqrt"  # the other lower-case letters are merged with their capitals
CLASSES = {
    "balanced": MERGED,
    "byclass": digits + ascii_uppercase + ascii_lowercase,
    "bymerge": MERGED,
    "digits": digits,
    "letters": ascii_uppercase,
    "mnist": digits,
}
BYMERGE_TEST_TRAINING = 97_523  # of the 116323 images in the by-merge test file

Split = Literal["balanced", "byclass", "bymerge", "digits", "letters", "mnist", "bymerge-test"]


def load(split: Split = "balanced") -> tuple[Dataset, Dataset]:
    """Return one of EMNIST's splits, downloading the archive of all splits (562 MB) if its files are missing.

    Images, which the files store transposed, are turned upright. The files keep their names in the archive (`gzip.zip`),
    such as `emnist-balanced-train-images-idx3-ubyte.gz`. You may delete the archive once they are extracted.

    Parameters
    ----------
    split : {"balanced", "byclass", "bymerge", "digits", "letters", "mnist", "bymerge-test"}
        "balanced" has 47 classes with 2400 images each to train and 400 to test. "byclass" (62 classes) and "bymerge"
        (47) have all 814255 images, distributed unevenly. "letters" has 26 classes, "digits" and "mnist" ten.

        "bymerge-test" only needs the test file of "bymerge", whose images are in random order: it trains on the first
        97523 and tests on the last 18800. This split is specific to cupynn: do not compare results with published ones.

    Returns
    -------
    train, test : Dataset
        x (n, 28, 28) uint8, background 0; each class is named after its character.
    """
    checks.choice("split", split, get_args(Split))
    if split == "bymerge-test":
        whole = _part("bymerge", "test", split)
        return whole[:BYMERGE_TEST_TRAINING], whole[BYMERGE_TEST_TRAINING:]
    return _part(split, "train", split), _part(split, "test", split)


def _files(split: str) -> dict[str, str]:
    """Return the names and checksums of the files of an official split."""
    kinds = ((part, kind) for part in ("train", "test") for kind in ("images-idx3", "labels-idx1"))
    names = (f"emnist-{split}-{part}-{kind}-ubyte.gz" for part, kind in kinds)
    return {name: f"md5:{md5}" for name, md5 in zip(names, MD5[split], strict=True)}


SOURCE = Source(
    "emnist",
    561_753_746,
    {"archive of all": (ARCHIVE,)}
    | {split: tuple(_files(split)) for split in MD5}
    | {"bymerge-test": tuple(_files("bymerge"))[2:]},
)


def _part(official: str, part: str, split: str) -> Dataset:
    images = _upright(read(_path(official, f"emnist-{official}-{part}-images-idx3-ubyte.gz"), ndim=3))
    labels = read(_path(official, f"emnist-{official}-{part}-labels-idx1-ubyte.gz"), ndim=1)
    if official == "letters":
        labels = labels - np.uint8(1)  # the file counts from 1
    return Dataset(images, labels, tuple(CLASSES[official]), f"emnist-{split}")


def _upright(images: np.ndarray) -> np.ndarray:
    """Transpose each image in place, as a copy of the largest split would take another 550 MB."""
    for first in range(0, len(images), 1000):
        images[first : first + 1000] = images[first : first + 1000].transpose(0, 2, 1).copy()
    return images


def _path(split: str, file: str) -> Path:
    """Return the path of a verified file, extracting it from the archive if it is missing."""
    checksum = _files(split)[file]
    if found := lookup("emnist", file, checksum):
        return found
    archive = fetch("emnist", ARCHIVE, ARCHIVE_MD5, MIRRORS)
    return take_out(archive, file, data_folder() / "emnist" / file, checksum)


def take_out(archive: Path, file: str, path: Path, checksum: str) -> Path:
    """Extract one file from the archive to `path`, complete and verified, or not at all.

    InputError is raised if the archive is damaged or lacks the file, or the folder of `path` cannot be written.
    """
    with locked(path.parent):
        try:
            with zipfile.ZipFile(archive) as members, members.open(f"gzip/{file}") as member, replacing(path) as copy:
                shutil.copyfileobj(member, copy)
                copy.flush()
                if wrong := difference(Path(copy.name), checksum):
                    raise ValueError(f"the content {wrong}")
                return path
        except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, OSError, RuntimeError, ValueError) as error:
            raise InputError(f"{archive}: gzip/{file} cannot be extracted ({error}): {INTACT}") from None
