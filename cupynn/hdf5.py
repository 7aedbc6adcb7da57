"""Read HDF5 files of unknown origin: sizes are checked before memory is taken, and no other file is ever opened."""

from collections.abc import Iterator
from typing import Any

PACKED = 1100  # most bytes that one packed byte becomes; deflate makes 1032 of it
MOST = 20_000  # entries
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
