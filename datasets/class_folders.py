"""Folders with one sub-folder per class, which hold images, event recordings or sounds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cupynn import checks
from cupynn.checks import InputError

SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"}  # in any case


def walk(
    folder: Path, kind: str, find: Callable[[Path], list[Path]], deep: bool = False
) -> tuple[tuple[str, ...], list[Path], np.ndarray]:
    """Return the classes of a folder, its files class by class, and the class index of each file, int (files,).

    The classes are the sub-folders in alphabetical order, without hidden ones; files beside them are ignored. `find` lists
    the files of one class in order, with `deep` also those in its sub-folders; `kind`, such as "images", names them.
    InputError is raised if the folder is missing, or it or a class is empty or cannot be read, or the classes are one level
    deeper.
    """
    classes = class_folders(folder, kind)
    try:
        check_depth(folder, classes, kind, deep)
        files = [find(folder / name) for name in classes]
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}): make it readable") from None
    if not classes:
        raise InputError(f"{folder} has no sub-folders: put the {kind} of each class into one named after it")
    for name, found in zip(classes, files, strict=True):
        if not found:
            raise InputError(f"{folder / name} has no {kind}: add some, or remove the folder")
    labels = np.repeat(np.arange(len(classes)), [len(found) for found in files])
    return tuple(map(checks.printable, classes)), [path for found in files for path in found], labels


def class_folders(folder: Path, kind: str) -> list[str]:
    """Return the names of the sub-folders of a folder, which are its classes, as `walk` does."""
    try:
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder: pass one with a sub-folder of {kind} per class")
        return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}): make it readable") from None


def check_depth(folder: Path, classes: list[str], kind: str, deep: bool) -> None:
    """Raise InputError if sub-folders hold the folders of the classes, such as Train and Test."""
    nested = {name: found for name in classes if (found := _deeper(folder / name))}
    if nested and SPLITS.issuperset(name.lower() for name in classes):
        parts = " and ".join(str(folder / name) for name in classes)
        raise InputError(
            f"{folder}: its sub-folders hold the folders of the classes: pass {parts}{', one by one' * (len(classes) > 1)}"
        )
    for name, found in nested.items() if not deep else ():
        where = f"{folder / name} has no {kind}, but its sub-folders have, such as {found}"
        raise InputError(f"{where}: pass {folder / name}, if these are the classes, or move the {kind} one level up")


def _deeper(folder: Path) -> Path | None:
    """Return the first sub-folder that has files, if a folder has no files itself."""
    folders = []
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        if not entry.is_dir():
            return None
        folders.append(entry)
    return next((each for each in sorted(folders) if _has_files(each)), None)


def _has_files(folder: Path) -> bool:
    return any(entry.is_file() and not entry.name.startswith(".") for entry in folder.iterdir())
