"""Read HDF5 files of unknown origin: sizes are checked before memory is taken, and no other file is ever opened.

Arrays are read in this process. Strings of any length are not: from some damaged files HDF5 does not return, takes 4 GB or
crashes, so `read_apart` runs this file as a program, in a process whose time and memory are bounded. The program imports
nothing else of cupynn, which would take longer than to read.
"""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

PACKED = 1100  # most bytes that one packed byte becomes; deflate makes 1032 of it
MOST = 20_000  # entries, and strings of one entry
DEEPEST = 8  # groups within groups
PLAIN = 2, 3  # numbers of the filters that keep the size: shuffle and the checksum


class Reader:
    """Reads the entries of one file, and counts what they take.

    An HDF5 file can name other files in three ways, and their bytes would pass for its own: links, virtual datasets and
    raw storage outside the file. All three are refused.

    Parameters
    ----------
    size : int
        Bytes of the file.
    largest : int, optional
        Most bytes of all arrays together; by default what a file of this size can hold.

    Raises
    ------
    ValueError
        By its methods, for what they refuse.
    """

    def __init__(self, size: int, largest: int | None = None) -> None:
        self.size, self.largest = size, PACKED * size if largest is None else largest
        self.bytes = self.entries = 0

    def members(self, group: Any) -> Iterator[tuple[str, Any]]:
        """Yield the entries of a group with their names."""
        for name in group:
            yield name, self.member(group, name)

    def member(self, group: Any, name: str) -> Any:
        """Return one entry of a group, which must lie in the group itself."""
        import h5py

        self.entries += 1
        if self.entries > MOST:
            raise ValueError(f"more than {MOST:,} entries")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{name} is a link to elsewhere")
        return group[name]

    def array(self, name: str, dataset: Any) -> Any:
        """Read numbers, or a table whose columns are numbers."""
        if not numeric(dataset.dtype):
            raise ValueError(f"{name} holds {dataset.dtype}")
        self.check(name, dataset)
        return dataset[()]

    def table(self, group: Any, depth: int = 0) -> dict[str, Any]:
        """Read all arrays and strings of a group, and of the groups in it. Call it by `read_apart` alone."""
        import h5py

        if depth > DEEPEST:
            raise ValueError("groups are nested too deeply")
        return {
            name: self.table(entry, depth + 1) if isinstance(entry, h5py.Group) else self._value(name, entry)
            for name, entry in self.members(group)
        }

    def _value(self, name: str, entry: Any) -> Any:
        import h5py

        if h5py.check_string_dtype(entry.dtype) is None:
            if entry.dtype.names:
                raise ValueError(f"{name} holds {entry.dtype}")
            return self.array(name, entry)
        self.check(name, entry)
        if entry.size > MOST:
            raise ValueError(f"{name} holds {entry.size:,} strings")
        return entry.asstr()[()]

    def check(self, name: str, dataset: Any) -> None:
        """Raise ValueError unless a dataset lies in this file, whole, and the memory for it is within bounds."""
        if dataset.is_virtual or dataset.external:
            raise ValueError(f"{name} lies in another file")
        settings = dataset.id.get_create_plist()
        if sum(settings.get_filter(index)[0] not in PLAIN for index in range(settings.get_nfilters())) > 1:
            raise ValueError(f"{name} is packed more than once")  # where a byte becomes a million
        declared, stored = dataset.nbytes, dataset.id.get_storage_size()
        self.bytes += declared
        if stored > self.size or declared > PACKED * stored + 64 or self.bytes > self.largest:
            raise ValueError(f"{name} declares {declared:,} bytes, of which {stored:,} are stored")


def numeric(dtype: Any) -> bool:
    """Return whether values of a type are numbers, or tables whose columns are numbers."""
    columns = [dtype[name].base for name in dtype.names] if dtype.names else [dtype]
    return all(column.kind in "fiub" for column in columns)


def read_apart(path: Path, name: str, largest: int) -> dict[str, Any]:
    """Read a group of a file, as `read_group` does, in a process of its own.

    It has, on systems that can bound a process, the processor time and memory that an undamaged file of this size can need.
    It takes 0.25 s more than to read in this process.

    Raises
    ------
    Exception
        What `read_group` raises there; ValueError if the process was ended.
    """
    seconds, memory = _bounds(path.stat().st_size, largest)
    command = [sys.executable, "-P", __file__, path, name, *map(str, (largest, seconds, memory))]
    with TemporaryFile() as found:
        try:
            subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=found, stderr=subprocess.DEVNULL, timeout=10 * seconds, check=True
            )
        except subprocess.SubprocessError:
            raise ValueError("HDF5 crashes, or takes too long or too much memory to read it") from None
        found.seek(0)
        outcome = pickle.load(found)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def read_group(path: Path, name: str, largest: int) -> dict[str, Any]:
    """Read a group of a file, of `largest` bytes at most; h5py raises anything if the file is damaged."""
    import h5py

    content = path.read_bytes()
    with h5py.File(BytesIO(content), "r") as file:
        reader = Reader(len(content), largest)
        return reader.table(reader.member(file, name))


def _bounds(size: int, largest: int) -> tuple[int, int]:
    """Seconds and bytes that reading a file of this size may take: a gigabyte of zeros in a megabyte takes 5 seconds."""
    arrays = min(largest, PACKED * size)
    return 3 + 40 * arrays // (1 << 30), (256 << 20) + 2 * (size + arrays)


def _bound_this_process(seconds: int, memory: int) -> None:
    """Have the system end this process, or refuse it memory; without effect on Windows, and on memory in macOS."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        import psutil

        own = psutil.Process().memory_info().vms
        for kind, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, own + memory)):
            _, hard = resource.getrlimit(kind)
            resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _main(path: str, name: str, largest: int, seconds: int, memory: int) -> None:
    """Write a pickle of what `read_group` returns or raises."""
    import h5py  # noqa: F401  before memory is bounded

    _bound_this_process(seconds, memory)
    try:
        outcome = read_group(Path(path), name, largest)
    except Exception as error:
        outcome = error
    pickle.dump(outcome, sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    _main(*sys.argv[1:3], *map(int, sys.argv[3:]))
