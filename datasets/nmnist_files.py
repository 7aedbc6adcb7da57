"""Read the files of N-MNIST: Train/<digit>/<number>.bin and Test/..., in a folder or in archives."""

import hashlib
import os
import re
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import numpy as np

from cupynn.checks import InputError
from cupynn.files import INTACT, PACKING, intact, read_arrays, read_up_to

PARTS = ("Train", "Test")
NAME = re.compile(r"(Train|Test)/([0-9])/([0-9]{1,6})\.bin", re.ASCII)
RECORD = 5  # bytes of an event
OVERFLOW_LINE, OVERFLOW = 240, 1 << 13  # an event on this row adds this number of microseconds to all later times
FORMER = "n-mnist.events"  # the file in which version 0.1.0 packed all recordings
FOOTER = struct.Struct("<32sQ8s")  # at its end: SHA-256 and size of the index before it, and MAGIC
MAGIC = b"cupynn 1"
STAMP = 1_000_000_000  # modification time that packed events are given, in seconds: any later write changes it
LARGEST = 5 << 20  # bytes of a recording: the longest has some 40 kB, but an archive may declare any size


@dataclass(frozen=True)
class Member:
    """A recording that `read` returns."""

    part: str
    number: int
    digit: int
    where: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Found:
    """Recordings on disk: in `archives` or, if there are no archives, in `folder` itself.

    `files` are the (name, size, time) of the archives or recordings, which identify their state.
    """

    folder: Path
    archives: tuple[Path, ...]
    files: tuple[tuple[str, int, int], ...]

    @property
    def fingerprint(self) -> str:
        """Digest of the names, sizes and modification times."""
        return hashlib.sha256(repr(self.files).encode()).hexdigest()[:16]

    def members(self) -> list[Member]:
        """List the recordings, training ones first, each part by number.

        InputError is raised if a part is empty, two recordings have the same number, or an archive is damaged.
        """
        if self.archives:
            found = [member for path in self.archives for member in _of_archive(path)]
        else:
            found = [_member(name, str(self.folder / name), (self.folder / name).read_bytes) for name, _, _ in self.files]
        found.sort(key=lambda member: (PARTS.index(member.part), member.number))
        for part in PARTS:
            if not any(member.part == part for member in found):
                raise InputError(f"{self.folder} has no recordings {part}/<digit>/<number>.bin: {self._remedy(part)}")
        for one, other in pairwise(found):
            if (one.part, one.number) == (other.part, other.number):
                both = f"{one.where} and {other.where}"
                raise InputError(f"{self.folder} has two recordings {one.part} {one.number}, {both}: remove one")
        return found

    def _remedy(self, part: str) -> str:
        """Return where the recordings of a part are, if they have other folders, and where they should be."""
        for path in self.archives:
            with ZipFile(path) as archive:
                for name in archive.namelist():
                    if re.fullmatch(rf"(?i:(?:.*/)?{part})/[0-9]/[0-9]{{1,6}}\.bin", name):
                        return f"in {path.name} they are in {name.rpartition('/')[0]}: unpack it to {self.folder / part}"
        place = None if self.archives else misplaced(self.folder, part)
        return _move(self.folder, place) if place else "put them there"


def find(folder: Path) -> Found | None:
    """Return the recordings in a folder: those in Train and Test or, without such folders, those in all archives.

    None means that there are no recordings, or only one of the two official archives.
    """
    try:
        names = sorted(os.listdir(folder))
        if any((folder / part).is_dir() for part in PARTS):
            return Found(folder, (), tuple(_listing(folder)))
        archives = [folder / name for name in names if name.lower().endswith(".zip")]
        if not archives and (place := misplaced(folder)):
            raise InputError(f"{folder} has no folders {' and '.join(PARTS)}: {_move(folder, place)}")
        if {path.name.lower() for path in archives} < {"train.zip", "test.zip"}:
            return None
        return in_archives(folder, archives)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error}): make it readable") from None


def misplaced(folder: Path, *parts: str) -> Path | None:
    """Return a folder of digits with the name of a part in another case or place, such as train or N/Train."""
    names = {part.lower() for part in parts or PARTS}
    for pattern in ("*", "*/*"):
        for place in sorted(folder.glob(pattern)):
            right = place.parent == folder and place.name in PARTS
            if place.name.lower() in names and not right and any((place / digit).is_dir() for digit in "0123456789"):
                return place
    return None


def _move(folder: Path, place: Path) -> str:
    return f"move the folders of digits in {place} to {folder / place.name.capitalize()}"


def in_archives(folder: Path, archives: Iterable[Path]) -> Found:
    """Return the recordings in archives, which may be outside the folder of the dataset."""
    archives = tuple(archives)
    files = tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in archives)
    return Found(folder, archives, files)


def records(content: bytes, where: str) -> np.ndarray:
    """Return the unchecked events of a .bin file, structured (events,) with the fields t, x, y, p.

    The file has 40 bits per event: x, y, polarity (1 bit), microseconds (23 bits, big-endian). A record with y = 240 is
    not an event but an overflow of the clock: it adds 2^13 to the times of all later events. `where` names the file in the
    error.
    """
    if len(content) % RECORD:
        raise InputError(f"{where} ends within an event, after {len(content)} bytes: {INTACT}")
    raw = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    overflow = raw[:, 1] == OVERFLOW_LINE
    words = raw.astype(np.int64)
    events = np.empty(len(raw), [("t", np.int64), ("x", np.uint8), ("y", np.uint8), ("p", np.uint8)])
    events["t"] = ((words[:, 2] & 127) << 16 | words[:, 3] << 8 | words[:, 4]) + OVERFLOW * np.cumsum(overflow)
    events["x"], events["y"], events["p"] = raw[:, 0], raw[:, 1], raw[:, 2] >> 7
    return events[~overflow]


def read_former(path: Path, dtype: np.dtype) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
    """Return the events packed by version 0.1.0, as a read-only memory map, and their index; None if there is no valid file.

    The file consists of all events, the index as an .npz archive, and the footer. The index holds the number of events and
    the digit of each recording, the number of training recordings, and the fingerprint of the files ("source").
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            file.seek(-FOOTER.size, os.SEEK_END)
            digest, length, magic = FOOTER.unpack(file.read())
            start = status.st_size - FOOTER.size - length
            if magic != MAGIC or start < 0 or int(status.st_mtime) != STAMP:
                return None
            file.seek(start)
            content = file.read(length)
        if hashlib.sha256(content).digest() != digest:
            return None
        index = read_arrays(BytesIO(content), compressed=False)
        lengths, labels, train = index["lengths"], index["labels"], index["train"]
        fits = len(lengths) == len(labels) >= train >= 0 and (lengths >= 0).all() and lengths.sum() * dtype.itemsize == start
        if not fits or index["empty"].dtype != dtype or not re.fullmatch("[0-9a-f]{64}", str(index["source"])):
            return None
        values = np.memmap(path, dtype, "r", shape=start // dtype.itemsize) if start else np.empty(0, dtype)
        return values.view(np.ndarray), index
    except Exception:  # missing, shorter than the footer, or forged: `zipfile` can raise almost anything
        return None


def _listing(folder: Path) -> list[tuple[str, int, int]]:
    listed = []
    for part in PARTS:
        for digit in "0123456789":
            if (folder / part / digit).is_dir():
                with os.scandir(folder / part / digit) as entries:
                    for entry in entries:
                        name = f"{part}/{digit}/{entry.name}"
                        if NAME.fullmatch(name):
                            listed.append((name, entry.stat().st_size, entry.stat().st_mtime_ns))
    return sorted(listed)


def _member(name: str, where: str, read: Callable[[], bytes]) -> Member:
    part, digit, number = NAME.fullmatch(name).groups()
    return Member(part, int(number), int(digit), where, partial(_read, where, read))


def _read(where: str, read: Callable[[], bytes]) -> bytes:
    with intact(where):
        return read()


def _of_archive(path: Path) -> list[Member]:
    """Return the recordings in an archive, ignoring files with other names, such as absolute paths."""
    try:
        archive = ZipFile(path)
        infos = [info for info in archive.infolist() if NAME.fullmatch(info.filename)]
    except Exception as error:
        raise InputError(f"{path} is damaged or not a .zip archive ({error}): {INTACT}") from None
    for info in infos:
        if info.file_size > LARGEST:
            raise InputError(f"{path}: {info.filename} declares {info.file_size} bytes: {INTACT}")
        if info.compress_type not in PACKING:
            raise InputError(f"{path}: {info.filename} is not packed by deflate: create the archive again with deflate")
    return [_member(info.filename, f"{path}: {info.filename}", partial(_inflate, archive, info)) for info in infos]


def _inflate(archive: ZipFile, info: ZipInfo) -> bytes:
    """Return the content of a file, read in pieces: at once, `zipfile` could inflate it to a thousand times its size."""
    with archive.open(info) as stream:
        return bytes(read_up_to(stream, LARGEST))
