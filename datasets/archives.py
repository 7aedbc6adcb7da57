"""Read gzipped files and tar archives from front to back, without unpacking them to disk, and within size limits."""

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cupynn.checks import InputError
from cupynn.files import INTACT, intact, read_up_to

HEADERS = 1 << 20  # bytes of all headers before one file: `tarfile` reads long names and PAX records whole
LONGEST = 1 << 30  # bytes from one header to the next: a header may declare 2^95, and `tarfile` would read on to the end
_KEPT = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


@contextmanager
def open_gzipped(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading, decompressing it if its content is gzipped.

    InputError is raised if the file cannot be opened, or turns out to be damaged inside the `with` block.
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
    """A header that is refused before `tarfile` allocates much memory for it: a few kB gzipped can become hundreds of MB."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _KEPT and self.size + archive.fileobj.tell() - archive.offset > HEADERS:
            raise ValueError(f"its headers before one file declare {self.size:,} bytes, at most {HEADERS:,} are read")
        if self.type == tarfile.GNUTYPE_SPARSE:  # a list of parts, of any length, precedes the data
            raise ValueError(f"{self.name} is packed as a sparse file")
        return super()._proc_member(archive)


def read_tar(path: Path, wanted: Callable[[str], bool], largest: int) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of the files in a gzipped tar archive whose name, with its folders, is `wanted`.

    InputError is raised if the archive cannot be read or is damaged, or a wanted file has more than `largest` bytes.
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
