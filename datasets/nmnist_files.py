"""The files of N-MNIST: Train/<digit>/<number>.bin and Test/..., in a folder or in archives; and their events."""

import hashlib
import os
import re
import struct
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import numpy as np

from cupynn.checks import InputError
from cupynn.files import PACKING, intact, read_arrays, read_up_to

PARTS = ("Train", "Test")
NAME = re.compile(r"(Train|Test)/([0-9])/([0-9]{1,6})\.bin", re.ASCII)
RECORD = 5  # bytes of an event
OVERFLOW_LINE, OVERFLOW = 240, 1 << 13  # an event on this line moves all later times by so many microseconds
FORMER = "n-mnist.events"  # in which version 0.1.0 packed all recordings
FOOTER = struct.Struct("<32sQ8s")  # at its end: SHA-256 and bytes of the index before it, and the word below
MAGIC = b"cupynn 1"
STAMP = 1_000_000_000  # time of last change that packed events are given, in seconds: after any later write it is another
LARGEST = 5 << 20  # bytes of a recording: the longest has some 40 kB, and an archive may claim any size


@dataclass(frozen=True)
class Member:
    """A recording that can be read."""

    part: str
    number: int
    digit: int
    where: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Found:
    """Recordings on disk.

    Attributes
    ----------
    folder : Path
        Where they are.
    archives : tuple of Path
        The archives that hold them; none if they lie in the folder itself.
    files : tuple of (name, size, time)
        What tells this state of the files from any other: of the archives, or else of the recordings.
    """

    folder: Path
    archives: tuple[Path, ...]
    files: tuple[tuple[str, int, int], ...]

    @property
    def fingerprint(self) -> str:
        """Digest of names, sizes and times of last change."""
        return hashlib.sha256(repr(self.files).encode()).hexdigest()[:16]

    def members(self) -> list[Member]:
        """List the recordings, those to train first, by number in each part.

        Raises
        ------
        InputError
            If a part has none, two have the same number, or an archive is damaged.
        """
        if self.archives:
            found = [member for path in self.archives for member in _of_archive(path)]
        else:
            found = [_member(name, str(self.folder / name), (self.folder / name).read_bytes) for name, _, _ in self.files]
        found.sort(key=lambda member: (PARTS.index(member.part), member.number))
        for part in PARTS:
            if not any(member.part == part for member in found):
                raise InputError(f"{self.folder} has no recordings {part}/<digit>/<number>.bin: put them there")
        twins = [key for key, count in Counter((member.part, member.number) for member in found).items() if count > 1]
        if twins:
            part, number = twins[0]
            names = " and ".join(member.where for member in found if (member.part, member.number) == twins[0])
            raise InputError(f"{self.folder} has two recordings {part} {number}, {names}: remove one")
        return found


def find(folder: Path) -> Found | None:
    """Return the recordings in a folder, or None if there are none, or no more than half of the official archives.

    The folders Train and Test come first, then all archives.
    """
    try:
        names = sorted(os.listdir(folder))
        if any((folder / part).is_dir() for part in PARTS):
            return Found(folder, (), tuple(_listing(folder)))
        archives = [folder / name for name in names if name.lower().endswith(".zip")]
        if {path.name.lower() for path in archives} < {"train.zip", "test.zip"}:
            return None
        return in_archives(folder, archives)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error}): make it readable") from None


def in_archives(folder: Path, archives: Iterable[Path]) -> Found:
    """Return the recordings in archives, which may lie elsewhere than in the folder of the data set."""
    archives = tuple(archives)
    files = tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in archives)
    return Found(folder, archives, files)


def records(content: bytes, where: str) -> np.ndarray:
    """Return the events of a recording: 40 bits each, x, y, polarity (1 bit), microseconds (23 bits, big-endian).

    An event at y = 240 is none, but says that the clock overflowed: it adds 2^13 to the times of all later ones.

    Parameters
    ----------
    content : bytes
        Of a .bin file.
    where : str
        Its name, for the error.

    Returns
    -------
    structured ndarray, shape (events,)
        With the fields t, x, y, p, still to be checked.
    """
    if len(content) % RECORD:
        raise InputError(f"{where} ends within an event, after {len(content)} bytes: put an intact copy in its place")
    raw = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    overflow = raw[:, 1] == OVERFLOW_LINE
    words = raw.astype(np.int64)
    events = np.empty(len(raw), [("t", np.int64), ("x", np.uint8), ("y", np.uint8), ("p", np.uint8)])
    events["t"] = ((words[:, 2] & 127) << 16 | words[:, 3] << 8 | words[:, 4]) + OVERFLOW * np.cumsum(overflow)
    events["x"], events["y"], events["p"] = raw[:, 0], raw[:, 1], raw[:, 2] >> 7
    return events[~overflow]


def read_former(path: Path, dtype: np.dtype) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
    """Return the events that version 0.1.0 packed, as a read-only memory map, and their index; None if it wrote none so.

    The file has all events, one after the other, then the index, an .npz archive, and the footer. The index has the number
    of events and the digit of each recording, how many come to train on, and the fingerprint of the files ("source").
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
    except Exception:  # missing, shorter than the footer, or forged: what `zipfile` raises then is anybody's guess
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
    """Recordings of an archive; members of any other name, such as absolute ones, are passed over."""
    try:
        archive = ZipFile(path)
        infos = [info for info in archive.infolist() if NAME.fullmatch(info.filename)]
    except Exception as error:
        raise InputError(f"{path} is no .zip archive, or damaged ({error}): put an intact copy in its place") from None
    for info in infos:
        if info.file_size > LARGEST:
            raise InputError(f"{path}: {info.filename} claims {info.file_size} bytes: put an intact copy in its place")
        if info.compress_type not in PACKING:
            raise InputError(f"{path}: {info.filename} is packed otherwise than by deflate: pack the archive anew")
    return [_member(info.filename, f"{path}: {info.filename}", partial(_inflate, archive, info)) for info in infos]


def _inflate(archive: ZipFile, info: ZipInfo) -> bytes:
    """Content of a member, in pieces: all at once, `zipfile` inflates a thousand times its size, whatever it claims."""
    with archive.open(info) as stream:
        return bytes(read_up_to(stream, LARGEST))
