"""NumPy's files from elsewhere, packed or not: memory grows with the bytes that come, and nothing is unpickled."""

from io import BytesIO
from math import prod
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from numpy.lib import format as npy

from .gzipped import read_up_to

PACKING = ZIP_STORED, ZIP_DEFLATED  # by which `zipfile` reads in pieces: a kB of bzip2 may become a GB at once
HEADER = 1 << 14  # bytes; NumPy itself refuses longer ones
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}  # 3.0 is for names beyond Latin-1 alone


def read_npy(path: Path) -> np.ndarray:
    """Return the array of an .npy file.

    Raises
    ------
    ValueError, OSError and others
        If the file is damaged, or holds objects.
    """
    with path.open("rb") as file:
        return _array(file, path.name)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file by name; members that are none are passed over.

    Raises
    ------
    ValueError, OSError and others
        If the file is damaged, or an array holds objects: `zipfile` raises about anything then.
    """
    arrays = {}
    with ZipFile(path) as archive:
        for info in archive.infolist():
            if info.filename.endswith(".npy"):
                if info.compress_type not in PACKING:
                    raise ValueError(f"{info.filename} is packed otherwise than NumPy does")
                with archive.open(info) as stream:
                    arrays[info.filename.removesuffix(".npy")] = _array(stream, info.filename)
    return arrays


def _array(stream: BinaryIO, name: str) -> np.ndarray:
    content = read_up_to(stream, HEADER)
    header = BytesIO(content)
    version = npy.read_magic(header)
    if version not in HEADERS:
        raise ValueError(f"{name} has version {version}")
    shape, fortran_order, dtype = HEADERS[version](header)
    if dtype.hasobject:
        raise ValueError(f"{name} holds objects")
    values = content[header.tell() :]
    size = prod(shape) * dtype.itemsize
    values += read_up_to(stream, max(0, size + 1 - len(values)))
    if len(values) != size:
        raise ValueError(f"{name} declares {size} bytes and holds {len(values) if len(values) < size else 'more'}")
    return np.frombuffer(values, dtype).reshape(shape, order="F" if fortran_order else "C")
