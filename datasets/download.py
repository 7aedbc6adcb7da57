"""Data files: looked up, verified by checksum, and downloaded from mirrors where they are missing."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from cupynn.checks import InputError

VARIABLE = "CUPYNN_DATA"
TIMEOUT = 20  # seconds to connect, and to wait for more bytes


def data_folder() -> Path:
    """Return the folder of the data files: the environment variable CUPYNN_DATA, else the user's cache."""
    if _chosen_by_user():
        return Path(os.environ[VARIABLE]).expanduser()
    import pooch

    return pooch.os_cache("cupynn")


def fetch(dataset: str, file: str, checksum: str, mirrors: Sequence[str], needed: Collection[str] = ()) -> Path:
    """Return the path of a verified data file, downloading it where it is missing.

    It lies at `data_folder() / dataset / file`; in a folder chosen by CUPYNN_DATA also `data_folder() / file` will do.
    A damaged file is refused in a folder that the user chose, and downloaded again in our own cache.

    Parameters
    ----------
    dataset : str
        The name of the dataset, which is that of its folder.
    file : str
        The name of the file.
    checksum : str
        Its SHA-256 in hexadecimal; or "md5:" and its MD5, where no other is published.
    mirrors : sequence of str
        The addresses to try in turn; the name of the file is appended to each that ends in "/".
    needed : collection of str, optional
        The names of all files of the dataset, for the message that asks to download them by hand.

    Returns
    -------
    Path
        A file with that checksum.
    """
    path = data_folder() / dataset / file
    for candidate in (path, data_folder() / file) if _chosen_by_user() else (path,):
        if candidate.is_file():
            found = _digest(candidate, checksum)
            if found == checksum:
                return candidate
            if _chosen_by_user():
                raise InputError(
                    f"{candidate} has the checksum {found}, expected {checksum}: "
                    "replace it by an intact copy, or remove it to have it downloaded"
                )
    _check_writable(path.parent)
    errors = {}
    for url in (mirror + file if mirror.endswith("/") else mirror for mirror in mirrors):
        try:
            return _download(url, path, checksum)
        except (OSError, ValueError) as error:  # a failed request is an OSError, a wrong checksum a ValueError
            errors[url] = str(error)
    state = "is damaged and " if path.is_file() else ""
    raise InputError(
        f"{dataset}: {file} {state}could not be downloaded: you seem to be offline, or the mirrors are down:\n"
        + "".join(f"  {url}: {error}\n" for url, error in errors.items())
        + f"To go on, download {', '.join(needed or (file,))} by hand and put them into {path.parent}, "
        f"or set {VARIABLE} to the folder that has them"
    )


def _chosen_by_user() -> bool:
    return bool(os.environ.get(VARIABLE))


def _digest(path: Path, checksum: str) -> str:
    """Checksum of a file, of the kind of `checksum`."""
    kind = "md5" if checksum.startswith("md5:") else "sha256"
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}): make it readable") from None
    return f"md5:{found}" if kind == "md5" else found


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"{folder} is the folder to download to and cannot be written ({error}): "
            f"make it writable, or set {VARIABLE} to another folder"
        ) from None


def _download(url: str, path: Path, checksum: str) -> Path:
    import pooch

    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=1 << 16, timeout=TIMEOUT)
    return Path(pooch.retrieve(url, checksum, path.name, path.parent, downloader=downloader))
