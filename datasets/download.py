"""Data files: looked up, verified by checksum, and downloaded from mirrors where they are missing."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from cupynn import checks
from cupynn.checks import InputError
from cupynn.console import Lenient

from . import http
from .cache import user_cache

if TYPE_CHECKING:
    from filelock import FileLock

VARIABLE = "CUPYNN_DATA"
OFFLINE = "CUPYNN_OFFLINE"


def data_folder() -> Path:
    """Return the folder of the data files: the environment variable CUPYNN_DATA, else the user's cache."""
    if _chosen_by_user():
        return Path(os.environ[VARIABLE]).expanduser()
    return user_cache()


def candidates(dataset: str, file: str, own_folder: bool = False) -> list[Path]:
    """Return the files that exist where `lookup` would take one from; nothing is read."""
    folder = data_folder()
    paths = [folder / dataset / file]
    if _chosen_by_user() and not own_folder:
        paths.append(folder / file)
    return [path for path in paths if path.is_file()]


def lookup(dataset: str, file: str, checksum: str | None, own_folder: bool = False) -> Path | None:
    """Return the path of a verified data file that is here already, or None.

    It lies at `data_folder() / dataset / file`; in a folder chosen by CUPYNN_DATA also `data_folder() / file` will do.

    Parameters
    ----------
    dataset : str
        The name of the dataset, which is that of its folder.
    file : str
        The name of the file.
    checksum : str or None
        Its SHA-256 in hexadecimal; or "md5:" and its MD5, where no other is published; or None, where none is: then
        whoever reads it must see by its content whether it is whole.
    own_folder : bool
        Look only into the dataset's own folder, as another dataset has a file of the same name.

    Raises
    ------
    InputError
        If a file in a folder that the user chose is damaged; in our own cache such a file counts as missing.
    """
    for path in candidates(dataset, file, own_folder):
        wrong = difference(path, checksum)
        if wrong is None:
            return path
        if _chosen_by_user():
            raise InputError(
                f"{path} {wrong}: replace it by an intact copy, "
                "or remove it (or put it elsewhere, if it is another dataset's) to have it downloaded"
            )
    return None


def fetch(
    dataset: str,
    file: str,
    checksum: str | None,
    mirrors: Sequence[str],
    needed: Collection[str] = (),
    own_folder: bool = False,
) -> Path:
    """Return the path of a verified data file, downloading it where it is missing.

    A download that broke off goes on from its `.part` file. Two processes may ask for the same file at once: one
    downloads, the other waits. With the environment variable CUPYNN_OFFLINE=1 nothing is ever downloaded.

    Parameters
    ----------
    dataset, file, checksum, own_folder
        As `lookup` has them.
    mirrors : sequence of str
        The addresses to try in turn; the name of the file is appended to each that ends in "/".
    needed : collection of str, optional
        The names of all files of the dataset, for the message that asks to download them by hand.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the file is damaged in a folder that the user chose, or cannot be had.
    """
    if found := lookup(dataset, file, checksum, own_folder):
        return found
    path = data_folder() / dataset / file
    by_hand = _by_hand(path, mirrors[0], needed)
    state = "is damaged" if path.is_file() else "is missing"
    if _offline():
        raise InputError(f"{dataset}: {path} {state}, and {OFFLINE}=1 forbids to download it. {by_hand}")
    with writing(path.parent):
        if path.is_file() and difference(path, checksum) is None:
            return path  # another process has just downloaded it
        errors = {}
        for mirror in mirrors:
            url = mirror + file if mirror.endswith("/") else mirror
            try:
                return _download(url, path, checksum)
            except (OSError, ValueError) as error:  # a failed request is an OSError, a wrong checksum a ValueError
                errors[url] = str(error)
        raise InputError(
            f"{dataset}: {file} {state} and could not be downloaded: you seem to be offline, or the mirrors are down:\n"
            + "".join(f"  {url}: {error}\n" for url, error in errors.items())
            + by_hand
        )


def _by_hand(path: Path, mirror: str, needed: Collection[str]) -> str:
    """How to bring a file here without this program."""
    if mirror.endswith("/"):
        what = f"{', '.join(needed or (path.name,))} by hand from {mirror} and put"
    else:
        what = f"{mirror} by hand as {path.name}, and put"
    them = "them" if len(needed) > 1 else "it"
    return f"To go on, download {what} {them} into {path.parent}, or set {VARIABLE} to the folder that has {them}"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make a data folder, or refuse one that cannot be written, and keep other processes from writing to it meanwhile.

    Where nothing was written, because of an error, nothing is left: neither the lock's file nor the folders made for it.
    """
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    lock = _locked(folder)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # Windows removes no file that is open
            os.unlink(lock.lock_file)
        lock.release()
        with suppress(OSError):  # one is not empty: another process is at work there, or part of a file has come
            for each in new:
                each.rmdir()
        raise
    lock.release()


def _locked(folder: Path) -> "FileLock":
    """Make the folder and take its lock, when it is free."""
    from filelock import FileLock

    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise InputError(
                f"{folder} is the folder to download to and cannot be written ({error}): "
                f"make it writable, or set {VARIABLE} to another folder"
            ) from None
        lock = FileLock(folder / ".lock")
        try:
            _wait_for(lock, folder)
        except FileNotFoundError:
            continue  # whoever had it failed, and removed the folder
        if os.path.exists(lock.lock_file):
            return lock
        lock.release()  # whoever had it removed it: it locks nothing any more


def _wait_for(lock: "FileLock", folder: Path) -> None:
    from filelock import Timeout

    try:
        lock.acquire(timeout=0)
    except Timeout:
        if Lenient(sys.stderr).isatty():
            print(f"waiting for another process that downloads to {folder}", file=sys.stderr)
        lock.acquire()


def store(stream: BinaryIO, path: Path, checksum: str) -> Path:
    """Write a data file whole or not at all; ValueError if it is not the one with that checksum."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        while chunk := stream.read(1 << 20):
            file.write(chunk)
    return _accept(part, path, checksum)


def _download(url: str, path: Path, checksum: str | None) -> Path:
    part = path.with_name(path.name + ".part")
    resumed = part.is_file()
    http.download(url, part)
    if resumed and difference(part, checksum):  # what was left belonged to something else
        part.unlink()
        http.download(url, part)
    return _accept(part, path, checksum)


def _accept(part: Path, path: Path, checksum: str | None) -> Path:
    if found := difference(part, checksum):
        part.unlink()
        raise ValueError(f"what came {found}")
    os.replace(part, path)
    return path


def _chosen_by_user() -> bool:
    return bool(os.environ.get(VARIABLE))


def _offline() -> bool:
    return checks.choice(OFFLINE, os.environ.get(OFFLINE) or "0", ("0", "1")) == "1"


def difference(path: Path, checksum: str | None) -> str | None:
    """What sets a file apart from the one with that checksum; None if nothing does, or no checksum is known."""
    if checksum is None:
        return None
    kind, expected = checksum.split(":") if ":" in checksum else ("sha256", checksum)
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}): make it readable") from None
    return None if found == expected else f"has the {kind} {found}, expected {expected}"
