"""The files of a data set: which they are, where they lie, and whether they are intact."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cupynn.checks import InputError

from .cache import user_cache

VARIABLE = "CUPYNN_DATA"


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


def _chosen_by_user() -> bool:
    return bool(os.environ.get(VARIABLE))


@dataclass(frozen=True)
class Source:
    """The files of a data set.

    Parameters
    ----------
    dataset : str
        The data set's name, which is that of its folder.
    download : int
        Bytes to download where the files are missing.
    parts : mapping of str to tuple of str
        The names of the files, by the part of the data set that they make up whole. Parts may share files.
    own_folder : bool
        As `lookup` has it.
    checksums : mapping of str to str
        Of files that are so small that they may be read for the list.
    """

    dataset: str
    download: int
    parts: Mapping[str, tuple[str, ...]]
    own_folder: bool = False
    checksums: Mapping[str, str] = field(default_factory=dict)

    def present(self) -> dict[str, list[Path]]:
        """Paths of the files of each part that is here whole; they are not read."""
        found = {
            part: [candidates(self.dataset, file, self.own_folder)[:1] for file in files]
            for part, files in self.parts.items()
        }
        return {part: [path for [path] in paths] for part, paths in found.items() if all(paths)}

    def damaged(self) -> list[Path]:
        """Paths of files that are here and are not what they should be, of those with a checksum."""
        paths = (path for file in self.checksums for path in candidates(self.dataset, file, self.own_folder)[:1])
        return [path for path in paths if difference(path, self.checksums[path.name])]


@dataclass(frozen=True)
class FolderSource:
    """A data set that is whatever recordings, or archives of them, lie in its folder.

    Parameters
    ----------
    dataset : str
        The data set's name, which is that of its folder.
    download : int or None
        Bytes to download where there are none; None if it must be a copy of the user's own.
    find : callable
        From the folder to the files in it that belong to the data set.
    """

    dataset: str
    download: int | None
    find: Callable[[Path], Iterable[Path]]

    def present(self) -> dict[str, list[Path]]:
        """Paths of the files under "all", if there are any; they are not read."""
        paths = sorted(self.find(data_folder() / self.dataset))
        return {"all": paths} if paths else {}

    def damaged(self) -> list[Path]:
        """Nothing: whether a recording is whole is seen when it is read."""
        return []
