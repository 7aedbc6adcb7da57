"""The strings of an HDF5 file, read without HDF5: from some that are damaged it does not come back, or takes 4 GB.

A dataset of strings of any length holds, for each, its length, and where it lies: the address of a global heap and the index
of an object there. A heap is a header (signature, version, size), then objects, each with a header of its own, all in
multiples of 8 bytes; index 0 is free space. Source: HDF5 File Format Specification, III.E.
"""

import struct

SIGNATURE = b"\x89HDF\r\n\x1a\n"
REFERENCE = struct.Struct("<IQI")  # length, address, index
HEAP = b"GCOL\x01"  # signature and version
HEADER = struct.Struct("<5s3xQ")  # of a heap
OBJECT = struct.Struct("<HH4xQ")  # index, references, size


class Strings:
    """Finds the strings in the content of a file.

    Raises
    ------
    ValueError
        If the content does not begin as that of HDF5 does, with numbers of 8 bytes.
    """

    def __init__(self, content: bytes) -> None:
        if content[:8] != SIGNATURE or len(content) < 16:
            raise ValueError("it does not begin as HDF5 does")
        if (content[13:15] if content[8] < 2 else content[9:11]) != b"\x08\x08":
            raise ValueError("its numbers are not of 8 bytes")
        self.content = content
        self._heaps: dict[int, dict[int, bytes]] = {}

    def at(self, offset: int, count: int) -> list[str]:
        """So many strings, whose references begin at an offset.

        Raises
        ------
        ValueError, struct.error
            If they do not lie within the file.
        """
        return [self._one(*REFERENCE.unpack_from(self.content, offset + k * REFERENCE.size)) for k in range(count)]

    def _one(self, length: int, address: int, index: int) -> str:
        if length == 0:
            return ""
        if address not in self._heaps:
            self._heaps[address] = self._heap(address)
        found = self._heaps[address].get(index, b"")
        if len(found) < length:
            raise ValueError(f"a string of {length:,} bytes does not lie where it should")
        return found[:length].decode()

    def _heap(self, start: int) -> dict[int, bytes]:
        signature, size = HEADER.unpack_from(self.content, start)
        place, end = start + HEADER.size, start + size
        if signature != HEAP or end > len(self.content):
            raise ValueError("a heap of strings is damaged")
        objects = {}
        while end - place >= OBJECT.size:
            index, _, length = OBJECT.unpack_from(self.content, place)
            if index == 0:
                break
            place += OBJECT.size
            objects[index] = self.content[place : min(end, place + length)]
            place += -(-length // 8) * 8
        return objects
