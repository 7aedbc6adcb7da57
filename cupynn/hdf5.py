"""Read untrusted HDF5 files: check sizes before allocating memory, and never open another file.

Arrays are read in this process. Strings and lists of variable length are not: on some damaged files HDF5 hangs, takes 4 GB
or crashes, so `read_apart` and `lists_apart` run this file as a program, in a process with bounded time and memory. The
program imports nothing else from cupynn, because that would take longer than the reading.
"""

import pickle
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, NamedTuple

PACKED = 1100  # maximum number of bytes from one packed byte; deflate reaches 1032
MOST = 20_000  # entries of a file, and strings of one entry
DEEPEST = 8  # nested groups
PLAIN = 2, 3  # filters that keep the size: shuffle and the checksum
EXCEEDED = "HDF5 crashes on it, takes too long or needs too much memory"
BLOCK = 256  # lists that are read at once
OFFSET = struct.Struct("<Q")  # precedes the lists in the output of the process: where they end


class Lists(NamedTuple):
    """Entries of a file that `lists_apart` read."""

    plain: dict[str, Any]  # arrays and strings by path
    lengths: Any  # int64 (rows,): number of elements of each row
    blocks: Iterator[tuple[Any, ...]]  # the elements of the next rows, one array per column


class Reader:
    """Reader for the entries of one file of `size` bytes, which counts their sizes.

    An HDF5 file can refer to the bytes of other files in three ways: links, virtual datasets and external storage. The
    methods raise ValueError for all three, and once the arrays together exceed `largest` bytes (by default the most that
    a file of this size can hold).
    """

    def __init__(self, size: int, largest: int | None = None) -> None:
        self.size, self.largest = size, PACKED * size if largest is None else largest
        self.bytes = self.entries = self.listed = 0

    def members(self, group: Any) -> Iterator[tuple[str, Any]]:
        """Yield the names and entries of a group."""
        for name in group:
            yield name, self.member(group, name)

    def member(self, group: Any, name: str) -> Any:
        """Return one entry of a group; refuse links."""
        import h5py

        self.entries += 1
        if self.entries > MOST:
            raise ValueError(f"more than {MOST:,} entries")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{name} is a link to elsewhere")
        return group[name]

    def array(self, name: str, dataset: Any) -> Any:
        """Read an array of numbers, or a table with numeric columns."""
        if not numeric(dataset.dtype):
            raise ValueError(f"{name} holds {dataset.dtype}")
        self.check(name, dataset)
        return dataset[()]

    def table(self, group: Any, depth: int = 0) -> dict[str, Any]:
        """Read all arrays and strings of a group and its subgroups. Only for the process of `read_apart`."""
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

    def find(self, file: Any, path: str) -> Any:
        """Return the entry at a path such as "spikes/times", or None; refuse links on the way."""
        import h5py

        entry = file
        for name in path.split("/"):
            if not isinstance(entry, h5py.Group) or name not in entry:
                return None
            entry = self.member(entry, name)
        return entry

    def lists(self, columns: dict[str, Any]) -> Iterator[tuple[Any, list[Any]]]:
        """Yield the lengths of the next rows, and their elements joined, per column. Only for a separate process.

        A column is a dataset with one list of numbers per row. HDF5 stores each list once and unpacked; more bytes than the
        file has come from a damaged one.
        """
        import numpy as np

        for path, dataset in columns.items():
            self._check_lists(path, dataset)
        if len(rows := {dataset.size for dataset in columns.values()}) > 1:
            raise ValueError(f"{', '.join(columns)} have different numbers of rows")
        for start in range(0, rows.pop(), BLOCK):
            block = [dataset[start : start + BLOCK] for dataset in columns.values()]
            lengths = [np.array([len(each) for each in lists], np.int64) for lists in block]
            if any((each != lengths[0]).any() for each in lengths):
                raise ValueError(f"{', '.join(columns)} have rows of different lengths")
            values = [np.concatenate(lists) for lists in block]
            self.listed += sum(each.nbytes for each in values)
            if self.listed > self.size:
                raise ValueError("its lists have more bytes than the file")
            yield lengths[0], values

    def _check_lists(self, path: str, dataset: Any) -> None:
        import h5py

        base = h5py.check_vlen_dtype(dataset.dtype) if isinstance(dataset, h5py.Dataset) else None
        if getattr(base, "kind", "O") not in "fiu" or dataset.ndim != 1:
            raise ValueError(f"{path} does not hold lists of numbers")
        self.check(path, dataset)

    def check(self, name: str, dataset: Any) -> None:
        """Raise ValueError unless a dataset is stored completely in this file and its size is within the bounds."""
        if dataset.is_virtual or dataset.external:
            raise ValueError(f"{name} is stored in another file")
        settings = dataset.id.get_create_plist()
        if sum(settings.get_filter(index)[0] not in PLAIN for index in range(settings.get_nfilters())) > 1:
            raise ValueError(f"{name} is packed more than once")  # one byte could become a million
        declared, stored = dataset.nbytes, dataset.id.get_storage_size()
        self.bytes += declared
        if stored > self.size or declared > PACKED * stored + 64 or self.bytes > self.largest:
            raise ValueError(f"{name} declares {declared:,} bytes but stores {stored:,}")


def numeric(dtype: Any) -> bool:
    """Return True for a type of numbers, or of tables with numeric columns."""
    columns = [dtype[name].base for name in dtype.names] if dtype.names else [dtype]
    return all(column.kind in "fiub" for column in columns)


def read_apart(path: Path, name: str, largest: int) -> dict[str, Any]:
    """Run `read_group` in a separate process, and return its result or raise its error.

    Where the system supports limits, the process gets the CPU time and memory that an undamaged file of this size can
    need; if it is killed, ValueError is raised. This takes 0.25 s longer than reading in this process.
    """
    with _apart(path, largest, "group", name) as found:
        return _outcome(found)


@contextmanager
def lists_apart(path: Path, columns: Sequence[str], plain: Sequence[str]) -> Iterator[Lists]:
    """Read columns of lists, and plain arrays or strings, by their paths in a file, as `read_apart` reads a group.

    Paths that the file lacks are left out of `plain`; without one of the columns there are no rows. The blocks can be read
    until the context ends. The process keeps them in a temporary file, so that only one is in memory.
    """
    largest = path.stat().st_size + (1 << 20)
    with _apart(path, largest, "lists", ",".join(columns), ",".join(plain)) as found:
        (stop,) = OFFSET.unpack(found.read(OFFSET.size))
        found.seek(stop)
        entries, lengths = _outcome(found)
        found.seek(OFFSET.size)
        yield Lists(entries, lengths, _blocks(found, stop))


def _blocks(found: BinaryIO, stop: int) -> Iterator[tuple[Any, ...]]:
    while found.tell() < stop:
        yield tuple(pickle.load(found))


@contextmanager
def _apart(path: Path, largest: int, *job: str) -> Iterator[BinaryIO]:
    """Run this file as a program, and open its output."""
    seconds, memory = _bounds(path.stat().st_size, largest)
    command = [sys.executable, "-P", __file__, path, *map(str, (largest, seconds, memory)), *job]
    with TemporaryFile() as found:
        try:
            subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=found, stderr=subprocess.DEVNULL, timeout=10 * seconds, check=True
            )
        except subprocess.SubprocessError:
            raise ValueError(EXCEEDED) from None
        found.seek(0)
        yield found


def _outcome(found: BinaryIO) -> Any:
    outcome = pickle.load(found)
    if isinstance(outcome, MemoryError):  # of the process, whose memory is bounded
        raise ValueError(EXCEEDED)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def read_group(path: Path, name: str, largest: int) -> dict[str, Any]:
    """Read a group of a file, up to `largest` bytes; on a damaged file h5py can raise any error."""
    import h5py

    content = path.read_bytes()
    with h5py.File(BytesIO(content), "r") as file:
        reader = Reader(len(content), largest)
        return reader.table(reader.member(file, name))


def write_lists(path: Path, columns: str, plain: str, largest: int, output: BinaryIO) -> None:
    """Write the blocks of `lists_apart` to a file, and after them the plain entries and the lengths, or the error."""
    output.write(bytes(OFFSET.size))
    try:
        outcome = _put_lists(path, columns.split(","), plain.split(","), largest, output)
    except Exception as error:
        outcome = error
    stop = output.tell()
    pickle.dump(outcome, output, pickle.HIGHEST_PROTOCOL)
    output.seek(0)
    output.write(OFFSET.pack(stop))


def _put_lists(path: Path, columns: list[str], plain: list[str], largest: int, output: BinaryIO) -> tuple[dict, Any]:
    import h5py
    import numpy as np

    lengths = [np.empty(0, np.int64)]
    with h5py.File(path, "r") as file:
        reader = Reader(path.stat().st_size, largest)
        found = {each: reader.find(file, each) for each in (*columns, *plain)}
        entries = {each: reader._value(each, found[each]) for each in plain if isinstance(found[each], h5py.Dataset)}
        if all(found[each] is not None for each in columns):
            for sizes, values in reader.lists({each: found[each] for each in columns}):
                lengths.append(sizes)
                pickle.dump(values, output, pickle.HIGHEST_PROTOCOL)
    return entries, np.concatenate(lengths)


def _bounds(size: int, largest: int) -> tuple[int, int]:
    """Return the seconds and bytes allowed for a file of this size: a gigabyte of zeros in a megabyte takes 5 seconds."""
    arrays = min(largest, PACKED * size)
    return 3 + 40 * arrays // (1 << 30), (256 << 20) + 2 * (size + arrays)


def _bound_this_process(seconds: int, memory: int) -> None:
    """Limit the CPU time and memory of this process; Windows supports neither, macOS only the former."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        import psutil

        own = psutil.Process().memory_info().vms
        for kind, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, own + memory)):
            _, hard = resource.getrlimit(kind)
            resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _main(path: str, largest: int, seconds: int, memory: int, job: str, *names: str) -> None:
    """Write the result or the error of a job to stdout, as pickles."""
    import h5py  # noqa: F401  before memory is bounded

    _bound_this_process(seconds, memory)
    if job == "lists":
        return write_lists(Path(path), *names, largest, sys.stdout.buffer)
    try:
        outcome = read_group(Path(path), *names, largest)
    except Exception as error:
        outcome = error
    pickle.dump(outcome, sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    _main(sys.argv[1], *map(int, sys.argv[2:5]), *sys.argv[5:])
