"""IDX files, the format of the MNIST family: a big-endian header of magic number and sizes, then the values."""

import math
from pathlib import Path

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.files import read_up_to

from .archives import open_gzipped

UINT8 = 0x08


def read(path: str | Path, ndim: int) -> np.ndarray:
    """Read an IDX file of uint8 values, gzipped or not.

    Memory grows with the bytes that are there, never with the sizes that a header only claims.

    Parameters
    ----------
    path : str or Path
        The file; gzip is told by its content.
    ndim : int
        The number of axes that the file must have: 1 for labels, 3 for images.

    Returns
    -------
    ndarray
        The values, uint8, writable.

    Raises
    ------
    InputError
        If the file is missing or damaged, or holds something else.
    """
    path = checks.path("path", path)
    sizes, values = _sizes_and_values(path, ndim)
    declared = math.prod(sizes)
    if len(values) != declared:
        found = len(values) if len(values) < declared else "more"
        raise InputError(
            f"{path} declares {declared} values, sizes {sizes}, and holds {found}: put an intact copy in its place"
        )
    return np.frombuffer(values, np.uint8).reshape(sizes)


def _sizes_and_values(path: Path, ndim: int) -> tuple[list[int], bytearray]:
    """Return the declared sizes, and the values up to one more than declared."""
    with open_gzipped(path) as stream:
        header = stream.read(4 * (1 + ndim))
        if len(header) >= 4 and header[:4] != bytes([0, 0, UINT8, ndim]):
            raise InputError(
                f"{path} starts with the magic number 0x{header[:4].hex()}, expected 0x0000{UINT8:02x}{ndim:02x} "
                f"(IDX, uint8 values only, {ndim} axes): pass another file"
            )
        if len(header) < 4 * (1 + ndim):
            raise InputError(
                f"{path} ends within its header, after {len(header)} bytes of {4 * (1 + ndim)}: "
                "put an intact copy in its place"
            )
        sizes = np.frombuffer(header, ">u4")[1:].tolist()
        if 0 in sizes:
            raise InputError(f"{path} declares the sizes {sizes}, expected positive ones: pass another file")
        return sizes, read_up_to(stream, math.prod(sizes) + 1)
