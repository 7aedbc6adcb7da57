"""Read IDX files, the format of MNIST: a big-endian header of magic number and sizes, then the values."""

import math
from pathlib import Path

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.files import INTACT, read_up_to

from .archives import open_gzipped

UINT8 = 0x08


def read(path: str | Path, ndim: int) -> np.ndarray:
    """Return the values of an IDX file with `ndim` axes, gzipped or not, as a writable array of uint8.

    Memory grows with the bytes that are present, not with the sizes that the header declares. InputError is raised if the
    file is missing, damaged, or has another type or number of axes.
    """
    path = checks.path("path", path)
    with open_gzipped(path) as stream:
        header = stream.read(4 * (1 + ndim))
        if len(header) >= 4 and header[:4] != bytes([0, 0, UINT8, ndim]):
            raise InputError(
                f"{path} starts with the magic number 0x{header[:4].hex()}, expected 0x0000{UINT8:02x}{ndim:02x} "
                f"(IDX, uint8 values only, {ndim} axes): pass another file"
            )
        if len(header) < 4 * (1 + ndim):
            raise InputError(f"{path} ends in its header, after {len(header)} bytes of {4 * (1 + ndim)}: {INTACT}")
        sizes = np.frombuffer(header, ">u4")[1:].tolist()
        if 0 in sizes:
            raise InputError(f"{path} declares the sizes {sizes}, expected positive ones: pass another file")
        declared = math.prod(sizes)
        values = read_up_to(stream, declared + 1)
    if len(values) != declared:
        found = len(values) if len(values) < declared else "more"
        raise InputError(f"{path} declares {declared} values, sizes {sizes}, and holds {found}: {INTACT}")
    return np.frombuffer(values, np.uint8).reshape(sizes)
