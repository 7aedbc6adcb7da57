"""Files of arrays: written whole or not at all; read without pickle, checksums and sizes checked."""

import json
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZIP_STORED, ZipFile

import numpy as np
from numpy.lib import format as npy

from cupynn.atomic import writing
from cupynn.checks import InputError
from cupynn.interrupt import handler_error


def read(file: Path | BinaryIO) -> dict[str, np.ndarray]:
    """Return the arrays of an uncompressed .npz file by name.

    Raises
    ------
    ValueError, OSError and others
        If the file is damaged: `zipfile` raises about anything then.
    """
    with ZipFile(file) as archive:
        return {info.filename.removesuffix(".npy"): _array(archive, info) for info in archive.infolist()}


def _array(archive, info) -> np.ndarray:
    if info.compress_type != ZIP_STORED:
        raise ValueError(f"{info.filename} is compressed")
    content = archive.read(info)
    stream = BytesIO(content)
    if npy.read_magic(stream) != (1, 0):
        raise ValueError(f"{info.filename} has an unknown version")
    shape, fortran_order, dtype = npy.read_array_header_1_0(stream)
    start = stream.tell()
    if dtype.hasobject or fortran_order or prod(shape) * dtype.itemsize != len(content) - start:
        raise ValueError(f"{info.filename} is not what its header says")
    return np.frombuffer(content, dtype, offset=start).reshape(shape)


def write(path: Path, name: str, header: dict[str, Any], arrays: dict[str, np.ndarray], keep: Path | None = None) -> None:
    """Write arrays, and a header of this name, whole or not at all; `keep` gets what the file held."""
    with writing(path, keep) as file:
        put(file, name, header, arrays)


def put(file: BinaryIO, name: str, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write arrays, and a header of this name, to an open file."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    try:
        np.savez(file, **{name: np.frombuffer(json.dumps(header).encode(), np.uint8)}, **contiguous)
    except ValueError as error:  # of a ZIP file that an interrupt, or a full disk, has left open
        raise handler_error(error) from None


def check(path: Path, arrays: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Raise InputError unless a file holds arrays of these names, shapes and types, all finite."""
    if arrays.keys() != expected.keys():
        raise InputError(f"{path} holds the arrays {sorted(arrays)}, its definition wants {sorted(expected)}: save it anew")
    for name, parameter in expected.items():
        array = arrays[name]
        if array.shape != parameter.shape or array.dtype != parameter.dtype or not np.isfinite(array).all():
            raise InputError(
                f"{path}: {name} is {array.dtype} {array.shape}, or not finite; expected {parameter.dtype} {parameter.shape}"
            )
