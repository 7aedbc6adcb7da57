"""Gzipped files and tar archives: read from front to back, never unpacked to the disk, and no further than expected."""

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cupynn.checks import InputError
from cupynn.files import intact, read_up_to

INTACT = "put an intact copy in its place"
HEADERS = 1 << 20  # bytes of all headers before one file: `tarfile` reads long names and PAX records whole
LONGEST = 1 << 30  # bytes from one header to the next: one may claim 2^95, and `tarfile` would count all of them to the end
_KEPT = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


@contextmanager
def open_gzipped(path: Path) -> Iterator[BinaryIO]:
    """Open a file to read; one that is gzipped, by its content, is unpacked on the way.

    Raises
    ------
    InputError
        If the file cannot be opened, or proves damaged inside the `with` block.
    """
    try:
        with path.open("rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.open(raw) if gzipped else raw as stream:
                yield stream
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}): {INTACT}") from None


class _Header(tarfile.TarInfo):
    """A header that is refused before `tarfile` takes much memory for it: a few kB, gzipped, can make hundreds of MB."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _KEPT and self.size + archive.fileobj.tell() - archive.offset > HEADERS:
            raise ValueError(f"its headers before one file declare {self.size:,} bytes, at most {HEADERS:,} are read")
        if self.type == tarfile.GNUTYPE_SPARSE:  # a list of its parts, of any length, comes before its data
            raise ValueError(f"{self.name} is packed as a sparse file")
        return super()._proc_member(archive)


def read_tar(path: Path, wanted: Callable[[str], bool], largest: int) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of the wanted files in a gzipped tar archive.

    Parameters
    ----------
    path : Path
    wanted : callable
        Tells by its name, with the folders in the archive, whether to read a file.
    largest : int
        Bytes that such a file may have at most.

    Raises
    ------
    InputError
        If the archive cannot be read, is damaged, or a wanted file is larger.
    """
    with intact(str(path)), tarfile.open(path, "r|gz", tarinfo=_Header) as archive:
        for member in archive:
            archive.members.clear()  # it would keep all headers
            stored = archive.offset - member.offset
            regular = member.isfile() and wanted(member.name)
            if stored > LONGEST or (regular and member.size > largest):
                raise InputError(f"{path}: {member.name} declares {max(stored, member.size):,} bytes: {INTACT}")
            if regular:
                yield member.name, bytes(read_up_to(archive.extractfile(member), member.size))
