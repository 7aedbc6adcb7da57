"""The files of a dataset: their names, folders and checksums."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cupynn.checks import InputError

from .cache import user_cache

VARIABLE = "CUPYNN_DATA"


def data_folder() -> Path:
    """Return the folder of the data files: that of the environment variable CUPYNN_DATA, or the user's cache."""
    if _chosen_by_user():
        return Path(os.environ[VARIABLE]).expanduser()
    return user_cache()


def candidates(dataset: str, file: str, own_folder: bool = False) -> list[Path]:
    """Return the existing files among those that `lookup` considers, without reading them."""
    folder = data_folder()
    paths = [folder / dataset / file]
    if _chosen_by_user() and not own_folder:
        paths.append(folder / file)
    return [path for path in paths if path.is_file()]


def lookup(dataset: str, file: str, checksum: str | None, own_folder: bool = False) -> Path | None:
    """Return the path of a data file that exists and is intact, or None.

    The path is `data_folder() / dataset / file`. In a folder chosen by CUPYNN_DATA, `data_folder() / file` is accepted too,
    unless `own_folder` forbids this because another dataset has a file of the same name. InputError is raised for a damaged
    file in a folder that the user chose; in the cache, a damaged file counts as missing.

    `checksum` is the file's SHA-256 in hexadecimal, or "md5:" and its MD5 if only that is published, or None if nothing is
    published: then the reader of the file must detect damage from its content.
    """
    for path in candidates(dataset, file, own_folder):
        wrong = difference(path, checksum)
        if wrong is None:
            return path
        if _chosen_by_user():
            raise InputError(
                f"{path} {wrong}: replace it by an intact copy, "
                "or remove it (or move it, if it belongs to another dataset) to download it again"
            )
    return None


def difference(path: Path, checksum: str | None) -> str | None:
    """Describe how a file differs from its checksum; return None if it does not, or has no checksum."""
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
    """The files of a dataset, whose name is also that of its folder.

    `download` is the number of bytes to download if all files are missing; `parts` lists the files of each part of the
    dataset, which may share files; `own_folder` is as in `lookup`; `checksums` are those of files that are small enough to
    be verified whenever datasets are listed.
    """

    dataset: str
    download: int
    parts: Mapping[str, tuple[str, ...]]
    own_folder: bool = False
    checksums: Mapping[str, str] = field(default_factory=dict)

    def present(self) -> dict[str, list[Path]]:
        """Return the paths of the files of each complete part, without reading them."""
        found = {
            part: [candidates(self.dataset, file, self.own_folder)[:1] for file in files]
            for part, files in self.parts.items()
        }
        return {part: [path for [path] in paths] for part, paths in found.items() if all(paths)}

    def damaged(self) -> list[Path]:
        """Return the paths of the existing files that differ from their checksum."""
        paths = (path for file in self.checksums for path in candidates(self.dataset, file, self.own_folder)[:1])
        return [path for path in paths if difference(path, self.checksums[path.name])]


@dataclass(frozen=True)
class FolderSource:
    """The files of a dataset that consists of any recordings, or archives of them, in its folder.

    `find` returns the files in a folder that belong to the dataset. `download` is the number of bytes to download if it
    finds nothing, 0 if their size is not published, or None if users must provide their own copy.
    """

    dataset: str
    download: int | None
    find: Callable[[Path], Iterable[Path]]

    def present(self) -> dict[str, list[Path]]:
        """Return the paths of the files, if there are any, as the part "all", without reading them."""
        paths = sorted(self.find(data_folder() / self.dataset))
        return {"all": paths} if paths else {}

    def damaged(self) -> list[Path]:
        """Return an empty list: damage in a recording is detected when it is read."""
        return []
