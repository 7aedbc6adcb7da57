"""What a data set's files are: for the list of what is here and what would have to be downloaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .download import candidates


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
    """

    dataset: str
    download: int
    parts: Mapping[str, tuple[str, ...]]
    own_folder: bool = False

    def present(self) -> dict[str, list[Path]]:
        """Paths of the files of each part that is here whole; they are not read."""
        found = {
            part: [candidates(self.dataset, file, self.own_folder)[:1] for file in files]
            for part, files in self.parts.items()
        }
        return {part: [path for [path] in paths] for part, paths in found.items() if all(paths)}
