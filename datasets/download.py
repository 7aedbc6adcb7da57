"""Download missing data files from mirrors, resume interrupted downloads, and verify checksums."""

import os
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cupynn import checks
from cupynn.checks import InputError
from cupynn.console import Lenient

from .source import VARIABLE, data_folder, difference, lookup

if TYPE_CHECKING:
    from filelock import FileLock

OFFLINE = "CUPYNN_OFFLINE"
TIMEOUT = 20  # seconds to connect, and to wait for more bytes
ATTEMPTS = 5  # at one address, while each makes progress
CHUNK = 1 << 16  # bytes; an incomplete chunk is fetched again


def fetch(
    dataset: str,
    file: str,
    checksum: str | None,
    mirrors: Sequence[str],
    needed: Collection[str] = (),
    own_folder: bool = False,
) -> Path:
    """Return the path of a verified data file, downloading it if it is missing.

    An interrupted download resumes from its `.part` file. If two processes need the same file, one downloads it and the
    other waits. With the environment variable CUPYNN_OFFLINE=1 nothing is downloaded.

    Parameters
    ----------
    dataset, file, checksum, own_folder
        As in `lookup`.
    mirrors : sequence of str
        The addresses to try in turn; the name of the file is appended to each that ends in "/".
    needed : collection of str, optional
        The names of all files of the dataset, for the instructions to download them by hand.

    Raises
    ------
    InputError
        If the file cannot be downloaded, or is damaged in a folder that the user chose.
    """
    if found := lookup(dataset, file, checksum, own_folder):
        return found
    path = data_folder() / dataset / file
    by_hand = _by_hand(path, mirrors[0], needed)
    state = "is damaged" if path.is_file() else "is missing"
    if _offline():
        raise InputError(f"{dataset}: {path} {state}, and {OFFLINE}=1 forbids downloads. {by_hand}")
    with locked(path.parent):
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
    """Return instructions for downloading a file by hand."""
    if mirror.endswith("/"):
        what = f"{', '.join(needed or (path.name,))} by hand from {mirror} and put"
    else:
        what = f"{mirror} by hand as {path.name}, and put"
    them = "them" if len(needed) > 1 else "it"
    return f"To continue, download {what} {them} into {path.parent}, or set {VARIABLE} to the folder that has {them}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Create a data folder and lock it against other processes; raise InputError if it cannot be written.

    After an error the lock file is removed, and so are the folders created for it if they are empty.
    """
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    lock = _take_lock(folder)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # Windows does not remove open files
            os.unlink(lock.lock_file)
        lock.release()
        with suppress(OSError):  # one is not empty: another process uses it, or part of a file was downloaded
            for each in new:
                each.rmdir()
        raise
    lock.release()


def _take_lock(folder: Path) -> "FileLock":
    """Create the folder and wait for its lock."""
    from filelock import FileLock

    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise InputError(
                f"{folder}, the download folder, cannot be written ({error}): "
                f"make it writable, or set {VARIABLE} to another folder"
            ) from None
        lock = FileLock(folder / ".lock")
        try:
            _wait_for(lock, folder)
        except FileNotFoundError:
            continue  # the previous holder failed and removed the folder
        if os.path.exists(lock.lock_file):
            return lock
        lock.release()  # the previous holder removed the file, so this lock protects nothing


def _wait_for(lock: "FileLock", folder: Path) -> None:
    from filelock import Timeout

    try:
        lock.acquire(timeout=0)
    except Timeout:
        if Lenient(sys.stderr).isatty():
            print(f"waiting for another process that is downloading to {folder}", file=sys.stderr)
        lock.acquire()


def _download(url: str, path: Path, checksum: str | None) -> Path:
    part = path.with_name(path.name + ".part")
    resumed = part.is_file()
    complete(url, part)
    if resumed and difference(part, checksum):  # the old part belonged to another file
        part.unlink()
        complete(url, part)
    if wrong := difference(part, checksum):
        part.unlink()
        raise ValueError(f"the download {wrong}")
    os.replace(part, path)
    return path


def _offline() -> bool:
    return checks.choice(OFFLINE, os.environ.get(OFFLINE) or "0", ("0", "1")) == "1"


def complete(url: str, part: Path) -> None:
    """Download the rest of a file to `part`, or all of it if `part` is missing or the server cannot resume.

    Interrupted connections are retried. After an OSError, `part` keeps the bytes received. The caller verifies them.
    """
    import requests

    for attempt in range(1, ATTEMPTS + 1):
        start = _size(part)
        try:
            _request(url, part, start)
            return
        except requests.RequestException:
            if attempt == ATTEMPTS or _size(part) <= start:
                raise


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _request(url: str, part: Path, start: int) -> None:
    """Request the bytes from `start` on, and write them to `part`."""
    import requests
    from tqdm import tqdm

    headers = {"Accept-Encoding": "identity"}  # offsets in a compressed stream would be useless
    if start:
        headers["Range"] = f"bytes={start}-"
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if start and response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # the part is complete
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise OSError(f"the server sent other bytes than those requested, from {start} on")
        start = start if resumed else 0
        length = response.headers.get("Content-Length", "")
        with (
            part.open("ab" if resumed else "wb") as file,
            tqdm(
                desc=part.stem,
                initial=start,
                total=start + int(length) if length.isdecimal() else None,
                unit="B",
                unit_scale=True,
                file=sys.stderr,
                disable=not Lenient(sys.stderr).isatty(),
            ) as bar,
        ):
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
