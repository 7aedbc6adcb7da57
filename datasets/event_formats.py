"""Decode the binary formats of event cameras: AEDAT 2.0 of jAER and 3.1 of cAER, and .dat of Prophesee.

All functions return unchecked events, structured (events,) with the fields t (microseconds), x, y, p. Memory grows with the
bytes that are present, not with the sizes that a header declares.
"""

import re
import struct

import numpy as np

from cupynn.checks import InputError
from cupynn.files import INTACT

AEDAT = b"#!AER-DAT"
END = b"#!END-HEADER"
PACKET = struct.Struct("<hhiiiiii")  # type, source, size, offset and overflow of times, capacity, number, valid
POLARITY = 1  # the type of packets with events of pixels; others hold frames, motion and triggers
WORDS = np.dtype([("data", "<u4"), ("t", "<u4")])  # of an event in both formats
PIXELS = 0, 12  # types of events of a .dat file: Event2D and EventCD
EVENTS = np.dtype([("t", np.int64), ("x", np.uint16), ("y", np.uint16), ("p", np.uint8)])


def aedat_version(start: bytes) -> str | None:
    """Return the version that the first bytes of a file declare, such as "3.1"; None if it is not an AEDAT file."""
    found = re.match(rb"#!AER-DAT(\d{1,3}\.\d{1,3})", start)
    return found and found[1].decode()


def aedat2(content: bytes, where: str) -> np.ndarray:
    """Decode AEDAT 2.0 of a DVS128: a header of text, and events of 32 bits of address and 32 bits of time, big-endian.

    In the address, bit 0 is 0 for brighter (p = 1) and 1 for darker, bits 1 to 7 are x and 8 to 14 y, counted from the lower
    right corner; here both count from the upper left one. Addresses with higher bits mark what is not an event of a pixel.
    """
    if (version := aedat_version(content[:16])) != "2.0":
        found = "has no AEDAT header" if version is None else f"is AEDAT {version}"
        raise InputError(f"{where} {found}, expected AEDAT 2.0 of jAER: {INTACT}")
    position = 0
    while content[position : position + 1] == b"#":  # the addresses of a DVS128 begin with 0
        stop = content.find(b"\n", position)
        if stop < 0:
            raise InputError(f"{where} ends in its header: {INTACT}")
        position = stop + 1
    if (len(content) - position) % WORDS.itemsize:
        raise InputError(f"{where} ends within an event: {INTACT}")
    words = np.frombuffer(content, WORDS.newbyteorder(">"), offset=position)
    words = words[words["data"] < 1 << 15]
    events = np.empty(len(words), EVENTS)
    events["t"] = words["t"]
    events["x"] = 127 - (words["data"] >> 1 & 127)
    events["y"] = 127 - (words["data"] >> 8)
    events["p"] = 1 - (words["data"] & 1)
    return events


def aedat3(content: bytes, where: str) -> np.ndarray:
    """Decode AEDAT 3.1: a header of text, and packets of events of one type, of which those of pixels are returned.

    An event is 32 bits of data (valid, polarity, 15 bits of y, 15 bits of x) and 31 bits of time, to which each overflow of
    the clock, counted by the packet, adds 2^31.
    """
    parts = [np.empty(0, EVENTS)]
    position = _after_header(content, where)
    while position < len(content):
        if len(content) < position + PACKET.size:
            raise InputError(f"{where} ends within the header of a packet: {INTACT}")
        kind, _, size, _, overflow, capacity, number, _ = PACKET.unpack_from(content, position)
        position += PACKET.size
        if size <= 0 or overflow < 0 or not 0 <= number <= capacity or (kind == POLARITY and size != WORDS.itemsize):
            raise InputError(f"{where} has a damaged packet before byte {position}: {INTACT}")
        if len(content) < position + size * capacity:
            raise InputError(f"{where} ends within a packet: {INTACT}")
        if kind == POLARITY:
            parts.append(_pixels(np.frombuffer(content, WORDS, number, position), overflow))
        position += size * capacity
    return np.concatenate(parts)


def _after_header(content: bytes, where: str) -> int:
    """Return the position of the first packet of an AEDAT 3 file."""
    position = 0
    while content[position : position + 1] == b"#":
        stop = content.find(b"\n", position)
        line = content[position : stop if stop >= 0 else None].strip()
        if stop < 0:
            raise InputError(f"{where} ends in its header: {INTACT}")
        if line.startswith(b"#Format:") and not line.endswith(b"RAW"):
            coding = line.removeprefix(b"#Format:").strip().decode("latin-1")
            raise InputError(
                f"{where} is AEDAT 3.1 with the coding {coding!r}, only RAW is read: convert it to .aedat4 with DV"
            )
        position = stop + 1
        if line == END:
            break
    return position


def _pixels(words: np.ndarray, overflow: int) -> np.ndarray:
    words = words[words["data"] & 1 == 1]  # without events that were marked as invalid
    events = np.empty(len(words), EVENTS)
    events["t"] = words["t"].astype(np.int64) + (overflow << 31)
    events["x"] = words["data"] >> 17
    events["y"] = words["data"] >> 2 & 0x7FFF
    events["p"] = words["data"] >> 1 & 1
    return events


def prophesee(content: bytes, where: str) -> np.ndarray:
    """Decode a .dat file of Prophesee: lines that begin with "% ", the type and size of its events, and the events.

    An event is 32 bits of time, and 14 bits of x, 14 bits of y and the polarity.
    """
    position, version = 0, 2
    while content[position : position + 1] == b"%":
        stop = content.find(b"\n", position)
        if found := re.match(rb"%\s*Version\s+(\d{1,3})", content[position : stop if stop >= 0 else None]):
            version = int(found[1])
        position = stop + 1 if stop >= 0 else len(content)
    if not position:
        raise InputError(f"{where} does not begin with '%', as a .dat file of Prophesee does: write t, x, y and p to .npz")
    if version != 2:
        raise InputError(
            f"{where} is version {version} of the .dat format, only version 2 is read: write t, x, y and p to .npz"
        )
    kind, size = content[position : position + 2].ljust(2, b"\0")
    if kind not in PIXELS or size != WORDS.itemsize:
        raise InputError(
            f"{where} has events of type {kind} with {size} bytes, not the events of pixels (0 or 12): {INTACT}"
        )
    body = memoryview(content)[position + 2 :]
    if len(body) % WORDS.itemsize:
        raise InputError(f"{where} ends within an event: {INTACT}")
    words = np.frombuffer(body, np.dtype([("t", "<u4"), ("data", "<u4")]))
    events = np.empty(len(words), EVENTS)
    events["t"] = words["t"]
    events["x"] = words["data"] & 0x3FFF
    events["y"] = words["data"] >> 14 & 0x3FFF
    events["p"] = words["data"] >> 28 & 1
    return events
