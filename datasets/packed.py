"""One file for many recordings: opened by memory map, so that what is read is what is used.

The values of all recordings, one after the other; an index, an .npz archive; then the SHA-256 of the index, its length in
bytes, and a magic word.
"""

import hashlib
import os
import struct
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import numpy as np

from cupynn.files import read_arrays, replacing

MAGIC = b"cupynn 1"
FOOTER = struct.Struct("<32sQ8s")
STAMP = 1_000_000_000  # time of last change that a file is given, in seconds: after any later write it has another


def write(path: Path, recordings: Iterable[np.ndarray], kind: np.dtype, index: dict[str, np.ndarray]) -> None:
    """Write recordings with values of one kind, and an index of one's own, whole or not at all.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, stamp=STAMP) as file:
        lengths = [_append(file, values, kind) for values in recordings]
        content = BytesIO()
        np.savez(content, lengths=np.array(lengths, np.int64), empty=np.empty(0, kind), **index)
        digest = hashlib.sha256(content.getbuffer()).digest()
        file.write(content.getbuffer())
        file.write(FOOTER.pack(digest, content.getbuffer().nbytes, MAGIC))


def _append(file, values: np.ndarray, kind: np.dtype) -> int:
    file.write(np.ascontiguousarray(values, kind).view(np.uint8))
    return len(values)


def read(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
    """Return values and index of a file that `write` wrote, the values as a read-only memory map.

    Returns
    -------
    values : ndarray, shape (total,)
    index : dict of str to ndarray
        With the number of values of each recording as "lengths".

    None if there is no such file, or it is not as it was written: its index has another checksum, its size does not fit,
    or it was written to later. The values themselves are not read for it.
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
        index = read_arrays(BytesIO(content))
        kind = index.pop("empty").dtype
        if start != index["lengths"].sum() * kind.itemsize:
            return None
        if not start:
            return np.empty(0, kind), index
        return np.memmap(path, kind, "r", shape=start // kind.itemsize).view(np.ndarray), index
    except Exception:  # missing, shorter than the footer, or forged: what `zipfile` raises then is anybody's guess
        return None
