"""What a data set's files are: for the list of what is here and what would have to be downloaded."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .download import candidates, data_folder, difference


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
        As `download.lookup` has it.
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
