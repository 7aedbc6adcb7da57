"""CIFAR10-DVS: 10,000 pictures of CIFAR-10, moved before an event camera of 128 x 128 pixels, 10 classes.

H. Li, H. Liu, X. Ji, G. Li, L. Shi, CIFAR10-DVS: an event-stream dataset for object classification, Frontiers in
Neuroscience 11:309, 2017. cupynn reads your own copy.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cupynn.checks import InputError
from cupynn.files import intact

from .cifar10 import CLASSES
from .dataset import Dataset
from .event_formats import aedat2
from .numbered import Numbered, last_tenth
from .packed import Recordings, packed
from .recordings import convert
from .source import VARIABLE, FolderSource, data_folder

SENSOR = (2, 128, 128)
NAME = re.compile(rf"cifar10_({'|'.join(CLASSES)})_([0-9]{{1,6}})\.aedat", re.ASCII)
WHOLE = 9000, 1000
ADDRESS = "https://figshare.com/articles/dataset/CIFAR10-DVS_New/4724671"
SOURCE = FolderSource("cifar10-dvs", None, lambda folder: _files(folder) or [*folder.glob("cifar10-dvs.*.np[yz]")])


def load() -> tuple[Dataset, Dataset]:
    """Return the recordings; the last tenth of each class, by the number in the name, are those to test on.

    The folder ``cifar10-dvs`` in the data folder holds the recordings as ``airplane/cifar10_airplane_0.aedat`` and so on.
    The dataset has no official split: this one tests on the numbers 900 to 999 of each class. The pictures are turned so
    that they are upright, as SpikingJelly does.

    The first call packs the recordings into one array in this folder, 7 bytes per event (of 8 in the files), or in the
    user's cache if the folder is not writable. The array is opened as a memory map, so that training only needs memory for
    one batch. You may remove the original files afterwards.

    Returns
    -------
    train, test : Dataset
        x is a `Ragged` of events with the fields t (microseconds from the first event), x, y, p, sensor (2, 128, 128).

    Raises
    ------
    InputError
        If recordings are missing, or one is damaged or has another format.
    """
    folder = data_folder() / "cifar10-dvs"
    found = _find(folder)
    if content := packed("cifar10-dvs", folder, found, SENSOR, WHOLE):
        return content
    raise InputError(
        f"cifar10-dvs: no recordings, such as airplane/cifar10_airplane_0.aedat, in {folder}: download airplane.zip to "
        f"truck.zip from {ADDRESS} and unpack them there, or set {VARIABLE} to the folder that contains them as cifar10-dvs"
    )


def _find(folder: Path) -> Recordings | None:
    """Return the recordings in a folder, or None for an empty one; raise InputError if those of a class are missing."""
    paths = _files(folder)
    if not paths:
        return None
    named = [(path, NAME.fullmatch(path.name)) for path in paths]
    numbered = [Numbered(path, CLASSES.index(name[1]), int(name[2])) for path, name in named]
    for label, name in enumerate(CLASSES):
        if sum(each.label == label for each in numbered) < 2:
            raise InputError(
                f"cifar10-dvs: {folder / name} has fewer than two recordings: unpack {name}.zip from {ADDRESS} there"
            )
    train, test = last_tenth(numbered)
    ordered = [*train, *test]
    return Recordings(paths, [each.label for each in ordered], len(train), CLASSES, lambda: _read(ordered), ADDRESS)


def _files(folder: Path) -> list[Path]:
    return sorted(
        path for name in CLASSES for path in folder.glob(f"{name}/cifar10_{name}_*.aedat") if NAME.fullmatch(path.name)
    )


def _read(recordings: list[Numbered]) -> Iterator[np.ndarray]:
    for path, *_ in recordings:
        with intact(str(path)):
            content = path.read_bytes()
        raw = aedat2(content, str(path))
        turned = raw.copy()
        turned["x"], turned["y"] = raw["y"], raw["x"]
        yield convert(turned, SENSOR, str(path), from_first_event=True)
