"""Files written whole or not at all, so that a process may be killed, or a disk be full, at any moment."""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import time
from typing import BinaryIO

from cupynn.checks import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

DAY = 86_400  # seconds


@contextmanager
def writing(path: Path, keep: Path | None = None) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` once it is written and on the disk; an error leaves the old one.

    The old one is renamed to `keep`, if that is given. Killed between the two renamings, a process leaves it there alone.

    Raises
    ------
    InputError
        If the folder does not exist or cannot be written, or the disk is full.
    """
    try:
        with replacing(path, keep) as file:
            yield file
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; choose a folder that exists and is yours, on a disk with room"
        ) from error


@contextmanager
def replacing(path: Path, keep: Path | None = None, stamp: int | None = None) -> Iterator[BinaryIO]:
    """Do the work of `writing`, for who handles OSError; `stamp` becomes the time of the last change, in seconds.

    The file is locked while its process is at work on it, so that others, on other hosts as well, know that it lives.
    """
    sweep(path.parent, path.name)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with ExitStack() as stack:
        try:
            with _open_locked(temporary, stack) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if stamp is not None:
                os.utime(temporary, (stamp, stamp))
            if keep is not None and path.exists():
                path.replace(keep)
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            with suppress(FileNotFoundError, NotADirectoryError):
                temporary.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with writing(path) as file:
        file.write(text.encode())


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove what killed processes left half-written of all files, or of those of a name; what cannot be removed stays."""
    of = r".+" if name is None else re.escape(name)
    with suppress(OSError):
        for left in folder.iterdir():
            if re.fullmatch(rf"{of}\.\d+\.tmp", left.name):
                with suppress(OSError):
                    _remove_abandoned(left)


def _remove_abandoned(path: Path) -> None:
    """Remove a file unless a process is at work on it; Windows removes none that is open, and needs no locks."""
    if fcntl is None:
        path.unlink()
        return
    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        except OSError:  # a file system without locks
            if time() - os.fstat(file.fileno()).st_mtime < DAY:
                return
        path.unlink()


def _open_locked(path: Path, stack: ExitStack) -> BinaryIO:
    """Open a file to write to, and lock it for as long as the stack lasts: longer than the file is open."""
    while True:
        file = path.open("wb")
        if fcntl is None:
            return file
        descriptor = os.dup(file.fileno())
        stack.callback(os.close, descriptor)
        with suppress(OSError):  # of a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return file
        file.close()  # swept before it was locked


def _sync_folder(folder: Path) -> None:
    """Have the new name itself on the disk; only POSIX opens folders."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
