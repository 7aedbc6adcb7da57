"""Files written whole or not at all, so that a process may be killed, or a disk be full, at any moment."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from cupynn.checks import InputError


@contextmanager
def writing(path: Path, keep: Path | None = None) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` once it is written and on the disk; an error leaves the old one.

    The old one is renamed to `keep`, if that is given. Killed between the two renamings, a process leaves it there alone.

    Raises
    ------
    InputError
        If the folder does not exist or cannot be written, or the disk is full.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if keep is not None and path.exists():
                path.replace(keep)
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            with suppress(FileNotFoundError, NotADirectoryError):
                temporary.unlink()
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; choose a folder that exists and is yours, on a disk with room"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with writing(path) as file:
        file.write(text.encode())


def sweep(folder: Path, names: str = "*") -> None:
    """Remove what a killed process left half-written of the files of these names."""
    for left in folder.glob(f"{names}.tmp"):
        left.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Have the new name itself on the disk; only POSIX opens folders."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
