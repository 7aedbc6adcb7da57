"""Which kind of files a folder of classes holds, found with the walk of the readers, and the parts to hold out."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cupynn.checks import InputError
from cupynn.datasets import Dataset
from cupynn.datasets.class_folders import check_depth, class_folders, walk
from cupynn.datasets.event_folder import READERS, RECORDINGS
from cupynn.datasets.image_folder import IMAGES, LITTER
from cupynn.datasets.sound_folder import SOUNDS

SUFFIXES = {
    "image-folder": {
        *(".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".pbm", ".pgm", ".pnm", ".ppm", ".tif", ".tiff"),
        ".webp",
    },
    "sound-folder": {".sph", ".wav"},
    "event-folder": set(READERS),
}
FILES = {"image-folder": IMAGES, "sound-folder": SOUNDS, "event-folder": RECORDINGS}  # how the readers walk
PROBE = 20  # files to look at
SHOWN = 10  # suffixes in a message
TEST, VALIDATION = 0.2, 0.1


class Inspected(NamedTuple):
    """A folder with a sub-folder per class."""

    kind: str  # a key of `SUFFIXES`
    classes: tuple[str, ...]
    files: list[Path]
    labels: np.ndarray

    @property
    def probe(self) -> list[Path]:
        """Some files, spread over all, after the first ones whose names the kind does not expect."""
        odd = [file for file in self.files if file.suffix.lower() not in SUFFIXES[self.kind]]
        numbers = np.unique(np.linspace(0, len(self.files) - 1, PROBE).astype(int))
        return [*odd[:PROBE], *(self.files[number] for number in numbers)]


def inspect(folder: Path) -> Inspected:
    """Return what a folder holds, as the reader of its kind will find it.

    Raises
    ------
    InputError
        If the folder has fewer than two classes, or its classes do not all hold files of the same kind.
    """
    kind = _kind(folder)
    classes, files, labels = walk(folder, *FILES[kind])
    known = [file.suffix.lower() in SUFFIXES[kind] for file in files]
    if (without := np.bincount(labels, known) == 0).any():
        name = folder / classes[int(np.argmax(without))]
        raise InputError(f"{name} has no files for kind {kind!r}, as the other classes have: add some, or remove it")
    return Inspected(kind, classes, files, labels)


def _kind(folder: Path) -> str:
    """Return the kind of which most classes have files, and the most files."""
    names = class_folders(folder, "files")
    if len(names) < 2:
        raise InputError(f"{folder} has {len(names)} sub-folders: put the files of each class into one named after it")
    try:
        suffixes = [_suffixes(folder / name) for name in names]
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}): make it readable") from None
    files = {kind: sum(found[suffix] for found in suffixes for suffix in known) for kind, known in SUFFIXES.items()}
    classes = {kind: sum(not known.isdisjoint(found) for found in suffixes) for kind, known in SUFFIXES.items()}
    *_, second, kind = sorted(SUFFIXES, key=lambda kind: (classes[kind], files[kind]))
    if 2 * classes[kind] <= len(names):
        if 2 * sum(bool(SOUNDS[1](folder / name)) for name in names) > len(names):  # at any depth
            return "sound-folder"
        check_depth(folder, names, "files", deep=False)
        found = ", ".join(sorted(set().union(*suffixes) - {""})[:SHOWN]) or "none"
        known = ", ".join(sorted(set().union(*SUFFIXES.values())))
        raise InputError(
            f"most sub-folders of {folder} contain no images, sounds or event recordings: known are {known}; "
            f"found are {found}"
        )
    if (classes[kind], files[kind]) == (classes[second], files[second]):
        raise InputError(
            f"the sub-folders of {folder} have {files[kind]} files for kind {kind!r} and as many for {second!r}: "
            "keep those of one kind"
        )
    return kind


def _suffixes(folder: Path) -> Counter[str]:
    """Return how many files of a class have each suffix."""
    visible = (entry for entry in folder.iterdir() if not entry.name.startswith(".") and entry.name not in LITTER)
    return Counter(entry.suffix.lower() for entry in visible if entry.is_file())


def held_out(found: Inspected) -> dict[str, Any]:
    """Return the parts of the samples for `test` and `validation`, which leave samples of each class to train on.

    Raises
    ------
    InputError
        If there are too few files to hold some out for the test.
    """
    labelled = np.zeros((len(found.labels), 1), np.uint8)
    rest = _rest(Dataset(labelled, found.labels, found.classes, "files"), TEST)
    if rest is None:
        sizes = np.bincount(found.labels)
        name = found.files[int(np.argmax(found.labels == sizes.argmin()))].parent
        raise InputError(
            f"{name} has {sizes.min()} of the {len(found.files)} files, too few to train on some and test on others: "
            "add files, at least two per class"
        )
    return {"test": TEST, "validation": 0 if _rest(rest, VALIDATION) is None else VALIDATION}


def _rest(data: Dataset, part: float) -> Dataset | None:
    """Return a dataset without a part of it; None if the part is empty, or a class is left without samples."""
    if not 0 < round(part * len(data)) < len(data):
        return None
    rest, _ = data.split(part)
    return rest if len(np.unique(rest.y)) == len(data.classes) else None
