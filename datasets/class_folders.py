"""Folders with one sub-folder per class, the layout in which images, recordings of events and sounds are read."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cupynn.checks import InputError


class ClassFolders(NamedTuple):
    """The files of all classes.

    Attributes
    ----------
    classes : tuple of str
        The names of the sub-folders, in alphabetical order.
    paths : list of Path
        The files, class by class.
    labels : ndarray of int, shape (files,)
        The class of each file.
    """

    classes: tuple[str, ...]
    paths: list[Path]
    labels: np.ndarray


def walk(folder: Path, kind: str, find: Callable[[Path], list[Path]]) -> ClassFolders:
    """List the files of each class; hidden sub-folders, and files beside the sub-folders, are passed over.

    Parameters
    ----------
    folder : Path
    kind : str
        What the files are, such as "images", for the errors.
    find : callable
        Returns the files of a class, in order, from its sub-folder, or raises an InputError if there are none.

    Raises
    ------
    InputError
        If there is no such folder, it has no sub-folders, or one of them cannot be used.
    """
    try:
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder: pass one with a sub-folder of {kind} per class")
        classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        files = [find(folder / name) for name in classes]
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}): make it readable") from None
    if not classes:
        raise InputError(f"{folder} has no sub-folders: put the {kind} of each class into one named after it")
    labels = np.repeat(np.arange(len(classes)), [len(found) for found in files])
    return ClassFolders(tuple(classes), [path for found in files for path in found], labels)
