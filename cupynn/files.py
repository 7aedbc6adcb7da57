"""Write files whole or not at all, and read arrays from untrusted files.

A process may be killed, or the disk may fill up, at any moment of a write. Reading takes memory in proportion to the bytes
that are present, not to the size that a header declares, and never unpickles anything.
"""

import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import BytesIO
from math import prod
from pathlib import Path
from tempfile import TemporaryFile
from time import time
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from numpy.lib import format as npy

from cupynn.checks import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

DAY = 86_400  # seconds
CHUNK = 1 << 20  # bytes
HEADER = 1 << 14  # bytes of an .npy file; NumPy itself refuses longer headers
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}  # 3.0: only for names beyond Latin-1
PACKING = ZIP_STORED, ZIP_DEFLATED  # what `zipfile` reads in pieces: a kB of bzip2 may become a GB at once
INTACT = "put an intact copy in its place"


@contextmanager
def writing(path: Path, keep: Path | None = None) -> Iterator[BinaryIO]:
    """Open a file that replaces `path` once it is complete and on the disk; after an error the old file remains.

    With `keep`, the old file is renamed to that; a process killed between the two renames leaves only `keep`. InputError is
    raised if the folder does not exist or cannot be written, or the disk is full.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"cannot write {path}: it exists and is not a file; choose another name")
    with _writable(path), replacing(path.resolve() if path.is_symlink() else path, keep) as file:
        yield file


def check_writable(path: Path) -> None:
    """Raise InputError, as `writing` does, if no file can be created in the folder of `path`."""
    with _writable(path), TemporaryFile(dir=path.parent):
        pass


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; choose an existing, writable folder on a disk with free space"
        ) from error


@contextmanager
def replacing(path: Path, keep: Path | None = None, stamp: int | None = None) -> Iterator[BinaryIO]:
    """Replace a file like `writing`, but let OSError through; `stamp` sets the modification time, in seconds.

    The temporary file stays locked during the write: this tells processes, also on other hosts, that it is in use.
    """
    sweep(path.parent, path.name)
    temporary = path.with_name(f"{path.name}.{secrets.randbits(63)}.tmp")  # two containers may share a process id
    with ExitStack() as stack:
        try:
            with _open_locked(temporary, stack) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if stamp is not None:
                os.utime(temporary, (stamp, stamp))
            if keep is not None and path.exists():
                path.replace(keep)
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            with suppress(FileNotFoundError, NotADirectoryError):
                temporary.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with writing(path) as file:
        file.write(text.encode())


def write_arrays(path: Path, arrays: dict[str, np.ndarray], keep: Path | None = None) -> None:
    """Write an .npz file of arrays whole or not at all; `keep` gets the old file."""
    with writing(path, keep) as file:
        put_arrays(file, arrays)


def put_arrays(file: BinaryIO, arrays: dict[str, np.ndarray]) -> None:
    """Write the content of an .npz file of arrays to an open file."""
    try:
        np.savez(file, **{name: np.asarray(array, order="C") for name, array in arrays.items()})
    except ValueError as error:
        if "open writing handle" in str(error) and error.__context__ is not None:  # zipfile hides the original error
            raise error.__context__ from None
        raise


def put_rows(file: BinaryIO, arrays: Iterable[np.ndarray], dtype: np.dtype) -> list[int]:
    """Write one-dimensional arrays of one type to an open file, joined into one .npy array; return their lengths."""
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False}
    npy.write_array_header_1_0(file, header | {"shape": (0,)})
    lengths = [file.write(np.ascontiguousarray(array, dtype).view(np.uint8)) // dtype.itemsize for array in arrays]
    file.seek(0)
    npy.write_array_header_1_0(file, header | {"shape": (sum(lengths),)})  # as long as the first: NumPy reserves space
    return lengths


def json_array(table: dict[str, Any]) -> np.ndarray:
    """Return a table as JSON in an array of bytes, to store it beside other arrays."""
    return np.frombuffer(json.dumps(table).encode(), np.uint8)


def read_arrays(file: Path | BinaryIO, compressed: bool = True) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file by name, skipping other members of the archive.

    Without `compressed`, packed arrays are refused, so that all arrays together fit the size of the file. If the file is
    damaged or an array holds objects, this raises ValueError, OSError or almost anything else that `zipfile` raises.
    """
    arrays = {}
    with ZipFile(file) as archive:
        for info in archive.infolist():
            if info.filename.endswith(".npy"):
                if info.compress_type not in (PACKING if compressed else PACKING[:1]):
                    raise ValueError(f"{info.filename} is not packed as NumPy packs arrays")
                with archive.open(info) as stream:
                    arrays[info.filename.removesuffix(".npy")] = _array(stream, info.filename)
    return arrays


def read_array(path: Path) -> np.ndarray:
    """Return the array of an .npy file; raise ValueError, OSError and others if it is damaged or holds objects."""
    with path.open("rb") as file:
        return _array(file, path.name)


def map_array(path: Path) -> np.ndarray:
    """Return the array of an .npy file as a read-only memory map; raise the errors of `read_array`."""
    with path.open("rb") as file:
        start, shape, order, dtype = _layout(read_up_to(file, HEADER), path.name)
        held, size = os.fstat(file.fileno()).st_size - start, prod(shape) * dtype.itemsize
        if held != size:
            raise ValueError(f"{path.name} declares {size} bytes and holds {held}")
        return np.memmap(file, dtype, "r", start, shape, order).view(np.ndarray)


def _array(stream: BinaryIO, name: str) -> np.ndarray:
    """Read one array, and up to the end of the stream, where `zipfile` verifies the checksum."""
    content = read_up_to(stream, HEADER)
    start, shape, order, dtype = _layout(content, name)
    values = content[start:]
    size = prod(shape) * dtype.itemsize
    values += read_up_to(stream, max(0, size + 1 - len(values)))
    if len(values) != size:
        raise ValueError(f"{name} declares {size} bytes and holds {len(values) if len(values) < size else 'more'}")
    return np.frombuffer(values, dtype).reshape(shape, order=order)


def _layout(content: bytearray, name: str) -> tuple[int, tuple[int, ...], str, np.dtype]:
    """Return the offset of the values in an .npy file, and their shape, order and type."""
    header = BytesIO(content)
    version = npy.read_magic(header)
    if version not in HEADERS:
        raise ValueError(f"{name} has version {version}")
    shape, fortran_order, dtype = HEADERS[version](header)
    if dtype.hasobject:
        raise ValueError(f"{name} holds objects")
    return header.tell(), shape, "F" if fortran_order else "C", dtype


@contextmanager
def intact(name: str) -> Iterator[None]:
    """Turn the errors that libraries raise on a damaged file, which can be of almost any type, into an InputError."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"{name} cannot be read ({error}): {INTACT}") from None


def read_up_to(stream: BinaryIO, size: int) -> bytearray:
    """Read at most `size` bytes, taking memory in proportion to the bytes that are present."""
    content = bytearray()
    while chunk := stream.read(min(CHUNK, size - len(content))):
        content += chunk
    return content


def check_arrays(path: Path | str, arrays: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Raise InputError unless the arrays of a file have the expected names, shapes and types and are finite."""
    if arrays.keys() != expected.keys():
        raise InputError(f"{path} holds the arrays {sorted(arrays)}, its definition needs {sorted(expected)}: save it again")
    for name, parameter in expected.items():
        array = arrays[name]
        if array.shape != parameter.shape or array.dtype != parameter.dtype or not np.isfinite(array).all():
            raise InputError(
                f"{path}: {name} is {array.dtype} {array.shape}, or not finite; expected {parameter.dtype} {parameter.shape}"
            )


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove the temporary files of killed processes, of all files or of the one with this name, where possible."""
    final = r".+" if name is None else re.escape(name)
    with suppress(OSError):
        for entry in folder.iterdir():
            if re.fullmatch(rf"{final}\.\d+\.tmp", entry.name):
                with suppress(OSError):
                    _remove_abandoned(entry)


def _remove_abandoned(path: Path) -> None:
    """Remove a file unless a process is writing it; Windows does not remove open files and needs no locks."""
    if fcntl is None:
        path.unlink()
        return
    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        except OSError:  # a file system without locks
            if time() - os.fstat(file.fileno()).st_mtime < DAY:
                return
        path.unlink()


def _open_locked(path: Path, stack: ExitStack) -> BinaryIO:
    """Open a new file for writing, and lock it until the stack closes, which is after the file is closed."""
    while True:
        file = path.open("xb")
        if fcntl is None:
            return file
        descriptor = os.dup(file.fileno())
        stack.callback(os.close, descriptor)
        with suppress(OSError):  # from a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return file
        file.close()  # another process removed it before it was locked


def _sync_folder(folder: Path) -> None:
    """Flush the new name of the file to the disk, on POSIX, where folders can be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
