"""Find the files that a config of the original program names."""

import os
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path, PurePosixPath

from cupynn import checks
from cupynn.checks import InputError
from cupynn.reference.config import Block

LISTED = 5  # files of the same name that an error lists


class Folder:
    """The folder that the paths of a config start from.

    A path of a config is used as it is written, or else relative to `root`. The root can also be a folder that the path goes
    through: with the root ``copy/cnn_mnist``, ``test/golden/cnn_mnist/weights/w.txt`` is ``copy/cnn_mnist/weights/w.txt``. A
    file in another place is never used, even if it has the same name: it may belong to another network.
    """

    def __init__(self, root: str | PathLike) -> None:
        self.root = checks.path("root", root)
        if not self.root.is_dir():
            raise InputError(f"root={str(root)!r}: no such folder; pass the folder that the paths of the config start from")

    def find(self, block: Block, key: str, text: str | None = None) -> Path:
        """Return the file that the value of a key, or `text`, names."""
        return self._find(block, key, text, os.path.isfile, "file")

    def find_data(self, block: Block, key: str) -> Path:
        """Return the file or folder that the value of a key names."""
        return self._find(block, key, None, os.path.exists, "file or folder")

    def _find(self, block: Block, key: str, text: str | None, exists: Callable[[Path], bool], kind: str) -> Path:
        wanted = PurePosixPath((block.text(key) if text is None else text).replace("\\", "/"))
        for place in self._places(wanted):
            if exists(place):  # False for a path that is too long, where Path.is_file() raises OSError
                return place
        raise block.error(key, f"no such {kind}, as written or relative to {self.root}{self._remedy(wanted.name)}")

    def _places(self, wanted: PurePosixPath) -> Iterator[Path]:
        yield Path(wanted)
        yield self.root / wanted
        own_name = self.root.resolve().name
        for index, part in enumerate(wanted.parts[:-1], start=1):
            if part == own_name:
                yield self.root.joinpath(*wanted.parts[index:])

    def _remedy(self, name: str) -> str:
        """Return the end of an error, with the files below the root that have this name."""
        found = sorted(path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.name == name)
        if not found:
            return "; pass as root the folder that the paths start from (--root)"
        more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
        listed = ", ".join(found[:LISTED])
        return f"; files of this name there: {listed}{more}; correct the path, or pass another root (--root)"
