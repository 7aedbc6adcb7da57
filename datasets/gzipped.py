"""Files that may be gzipped: opened as what is inside, read no further than is believed."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cupynn.checks import InputError


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file to read, unpacking it on the way; gzip is told by its content.

    Raises
    ------
    InputError
        If the file cannot be opened, or proves damaged inside the `with` block.
    """
    try:
        with path.open("rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.open(raw) if gzipped else raw as stream:
                yield stream
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}): put an intact copy in its place") from None
