"""Read sound files of one channel: WAV, and NIST SPHERE, the format of the Linguistic Data Consortium.

SciPy's WAV reader accepts truncated files; this one refuses files that do not hold what they declare. Memory grows with the
bytes that are present, not with the sizes that a header declares.
"""

import struct
from pathlib import Path

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.files import INTACT, intact

PCM, FLOAT, EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")  # follows the two bytes of PCM or FLOAT in extensible files
NAMES = {0x0002: "ADPCM", 0x0006: "A-law", 0x0007: "mu-law", 0x0011: "IMA ADPCM", 0x0050: "MPEG", 0x0055: "MP3"}
WAV_TYPES = {(PCM, 8): "u1", (PCM, 16): "<i2", (PCM, 24): "<i3", (PCM, 32): "<i4", (FLOAT, 32): "<f4", (FLOAT, 64): "<f8"}
STREAMED = 0xFFFFFFFF, 0x7FFFF000  # sizes that ffmpeg and SoX write to a pipe, where they cannot know the right one
SPHERE_TYPES = {"01": "<i2", "10": ">i2"}
RATES = 1000, 400_000  # Hz, as in `PassiveEar`: a damaged header may declare 4 GHz, too high for resampling


def read(path: str | Path) -> tuple[np.ndarray, int]:
    """Return the signal, float32 (samples,) in [-1, 1], and the sampling rate in Hz of a sound file.

    Parameters
    ----------
    path : str or Path
        Uncompressed WAV of 8, 16, 24 or 32 bits or floats, or NIST SPHERE of 16 bits, with one channel. The content, not
        the name, determines the format. A WAV file that was written to a pipe, without its size, is read to its end.

    Raises
    ------
    InputError
        If the file cannot be read, is damaged or empty, or has several channels or another encoding.
    """
    with intact(str(path)):
        content = checks.path("path", path).read_bytes()
    return decode(content, str(path))


def decode(content: bytes, name: str) -> tuple[np.ndarray, int]:
    """Return the signal and the sampling rate, like `read`, from the content of a file; errors begin with `name`."""
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        kind, body, rate = _wav(content, name)
    elif content[:8] == b"NIST_1A\n":
        kind, body, rate = _sphere(content, name)
    else:
        raise InputError(f"{name} starts with {content[:8]!r}, neither a WAV nor a NIST SPHERE file: pass another file")
    if not body:
        raise InputError(f"{name} holds no samples: pass a file with sound")
    if not RATES[0] <= rate <= RATES[1]:
        raise InputError(f"{name} declares a sampling rate of {rate} Hz, expected {RATES[0]} to {RATES[1]}: {INTACT}")
    return _signal(kind, body, name), rate


def _wav(content: bytes, name: str) -> tuple[str, bytes, int]:
    """Return the type, bytes and rate of the samples of a WAV file: chunks of a name, a size and a body of even length."""
    position, kind, block, rate = 12, None, 0, 0
    while position < len(content):
        if len(content) < position + 8:
            raise InputError(f"{name} ends within the header of a chunk: {INTACT}")
        chunk, size = struct.unpack_from("<4sI", content, position)
        if chunk == b"data" and (size in STREAMED or (size == 0 and content[4:8] == bytes(4))):
            size = len(content) - position - 8
        body = content[position + 8 : position + 8 + size]
        if len(body) < size and chunk in (b"fmt ", b"data"):
            raise InputError(f"{name} is truncated: {len(body)} of {size} bytes of its {chunk.decode()!r} chunk: {INTACT}")
        if chunk == b"fmt ":
            kind, block, rate = _format(body, name)
        elif chunk == b"data":
            if kind is None:
                raise InputError(f"{name} has samples before their format: {INTACT}")
            if size % block:
                raise InputError(f"{name} has {size} bytes for samples of {block} bytes: {INTACT}")
            return kind, body, rate
        position += 8 + size + size % 2
    raise InputError(f"{name} has no 'data' chunk: {INTACT}")


def _format(body: bytes, name: str) -> tuple[str, int, int]:
    """Return the type and size of a sample, and the rate, from the body of a 'fmt ' chunk."""
    if len(body) < 16:
        raise InputError(f"{name} has a 'fmt ' chunk of {len(body)} bytes, expected 16 or more: {INTACT}")
    tag, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", body)
    if tag == EXTENSIBLE and body[26:40] == SUBFORMAT:
        (tag,) = struct.unpack_from("<H", body, 24)
    _one_channel(channels, name)
    if tag not in (PCM, FLOAT):
        encoding = NAMES.get(tag, f"0x{tag:04x}")
        raise InputError(f"{name} has the encoding {encoding}: convert it to PCM, for example with ffmpeg -c:a pcm_s16le")
    if (tag, bits) not in WAV_TYPES or block != bits // 8:
        raise InputError(
            f"{name} has {bits} bits in {block} bytes per sample (format {tag}): convert it to 16-bit PCM, "
            "for example with ffmpeg -c:a pcm_s16le"
        )
    return WAV_TYPES[tag, bits], block, rate


def _sphere(content: bytes, name: str) -> tuple[str, bytes, int]:
    """Return the type, bytes and rate of the samples of a NIST SPHERE file: padded lines of key, type, value; samples."""
    length = content[8:16].strip()
    size = int(length) if length.isdigit() else 0
    lines = [line.split(None, 2) for line in content[16:size].decode("latin-1").split("\n")]
    if ["end_head"] not in lines or len(content) < size:
        raise InputError(f"{name} ends in its header, or has no header: {INTACT}")
    fields = {line[0]: line[2].strip() for line in lines[: lines.index(["end_head"])] if len(line) == 3}
    coding = fields.get("sample_coding", "pcm")
    if coding != "pcm":
        raise InputError(f"{name} has the encoding {coding!r}: convert it to 16-bit PCM, for example with sph2pipe -p")
    _one_channel(_count(fields, "channel_count", name), name)
    if (width := _count(fields, "sample_n_bytes", name)) != 2:
        raise InputError(f"{name} has {width} bytes per sample: convert it to 16-bit PCM, for example with sph2pipe -p")
    order = fields.get("sample_byte_format")
    if order not in SPHERE_TYPES:
        raise InputError(f"{name} has sample_byte_format={order!r}, expected '01' or '10': {INTACT}")
    declared = 2 * _count(fields, "sample_count", name)
    body = content[size : size + declared]
    if len(body) < declared:
        raise InputError(f"{name} is truncated: {len(body)} of {declared} bytes of samples: {INTACT}")
    return SPHERE_TYPES[order], body, _count(fields, "sample_rate", name)


def _count(fields: dict[str, str], key: str, name: str) -> int:
    value = fields.get(key)
    if value is None or not (value.isascii() and value.isdigit() and len(value) < 12):
        raise InputError(f"{name} has {key}={value!r} in its header, expected a whole number: {INTACT}")
    return int(value)


def _one_channel(channels: int, name: str) -> None:
    if channels != 1:
        raise InputError(f"{name} has {channels} channels: mix it down to one, for example with ffmpeg -ac 1")


def _signal(kind: str, body: bytes, name: str) -> np.ndarray:
    """Return the samples as float32 in [-1, 1]."""
    if kind == "u1":
        return (np.frombuffer(body, np.uint8) - np.float32(128)) / np.float32(128)
    if kind == "<i3":  # the upper three bytes of four
        padded = np.zeros((len(body) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
        kind, body = "<i4", padded.tobytes()
    values = np.frombuffer(body, kind)
    if values.dtype.kind == "i":
        return (values / -float(np.iinfo(values.dtype).min)).astype(np.float32)
    if not (np.abs(values) <= 1).all():
        raise InputError(f"{name} holds NaN, or values outside [-1, 1]: scale them to this range")
    return values.astype(np.float32)
