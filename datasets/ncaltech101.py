"""N-Caltech101: 8,709 pictures of Caltech-101, recorded by a moving event camera of 240 x 180 pixels, 101 classes.

G. Orchard, A. Jayawant, G. K. Cohen, N. Thakor, Converting static image datasets to spiking neuromorphic datasets using
saccades, Frontiers in Neuroscience 9:437, 2015. cupynn reads your own copy.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cupynn.checks import InputError
from cupynn.files import intact

from .dataset import Dataset
from .nmnist_files import records
from .numbered import Numbered, last_tenth
from .packed import Recordings, packed
from .recordings import convert
from .source import VARIABLE, FolderSource, data_folder

SENSOR = (2, 180, 240)
COUNT = 101  # classes
NAME = re.compile(r"image_([0-9]{1,6})\.bin", re.ASCII)
ADDRESS = "https://www.garrickorchard.com/datasets/n-caltech101"
SOURCE = FolderSource("n-caltech101", None, lambda folder: _files(folder) or [*folder.glob("n-caltech101.*.np[yz]")])


def load() -> tuple[Dataset, Dataset]:
    """Return the recordings; the last tenth of each class, by the number in the name, are those to test on.

    The folder ``n-caltech101`` in the data folder holds the unpacked archive, ``Caltech101/accordion/image_0001.bin`` and so
    on. The dataset has no official split. The classes are its 101 folders: 100 objects, among them ``Faces_easy``, and
    ``BACKGROUND_Google``, pictures of anything, which counts as a class.

    The first call packs the recordings into one array in this folder, 7 bytes per event (5 in the files), or in the
    user's cache if the folder is not writable. The array is opened as a memory map, so that training only needs memory for
    one batch. You may remove the original files afterwards.

    Returns
    -------
    train, test : Dataset
        x is a `Ragged` of events with the fields t (microseconds), x, y, p, sensor (2, 180, 240).

    Raises
    ------
    InputError
        If recordings are missing, or one is damaged.
    """
    folder = data_folder() / "n-caltech101"
    found = _find(folder)
    if content := packed("n-caltech101", folder, found, SENSOR):
        return content
    raise InputError(
        f"n-caltech101: no recordings, such as Caltech101/accordion/image_0001.bin, in {folder}: unpack Caltech101.zip from "
        f"{ADDRESS} there, or set {VARIABLE} to the folder that contains it as n-caltech101"
    )


def _find(folder: Path) -> Recordings | None:
    """Return the recordings in a folder, or None for an empty one; raise InputError if not all classes are there."""
    paths = _files(folder)
    if not paths:
        return None
    classes = sorted({path.parent.name for path in paths})
    numbered = [Numbered(path, classes.index(path.parent.name), int(NAME.fullmatch(path.name)[1])) for path in paths]
    place = folder / "Caltech101"
    if len(classes) != COUNT:
        raise InputError(
            f"n-caltech101: {place} has recordings of {len(classes)} classes, expected {COUNT}: unpack all of "
            f"Caltech101.zip from {ADDRESS}"
        )
    for label, name in enumerate(classes):
        if sum(each.label == label for each in numbered) < 2:
            raise InputError(
                f"n-caltech101: {place / name} has fewer than two recordings: unpack all of Caltech101.zip from {ADDRESS}"
            )
    train, test = last_tenth(numbered)
    ordered = [*train, *test]
    return Recordings(paths, [each.label for each in ordered], len(train), tuple(classes), lambda: _read(ordered), ADDRESS)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("Caltech101/*/image_*.bin") if NAME.fullmatch(path.name))


def _read(recordings: list[Numbered]) -> Iterator[np.ndarray]:
    for path, *_ in recordings:
        with intact(str(path)):
            content = path.read_bytes()
        yield convert(records(content, str(path)), SENSOR, str(path))
