"""Printing to streams that may be closed or full, and commands that can be pasted into a shell."""

import errno
import os
import shlex
import subprocess
import sys
from contextlib import suppress
from typing import Any


class CannotPrint(OSError):
    """Standard output cannot be written."""


class Stream:
    """A wrapper of a text stream, or of None, which Python has in place of a closed stream."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write text, and return its length."""
        self._call("write", text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._call("flush")

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        try:
            return self.stream.isatty()
        except (AttributeError, ValueError):  # a closed stream
            return False

    def silence(self) -> None:
        """Discard buffered text: Python would flush it at exit, and print an error."""
        with suppress(AttributeError, OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())

    def _call(self, name: str, *arguments: str) -> None:
        if self.stream is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        getattr(self.stream, name)(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def __eq__(self, other: object) -> bool:
        return self.stream is getattr(other, "stream", other)  # tqdm asks whether it is sys.stdout

    def __hash__(self) -> int:
        return hash(self.stream)


class Lenient(Stream):
    """A stream that drops text that cannot be written: for messages about progress."""

    def _call(self, name: str, *arguments: str) -> None:
        with suppress(OSError, ValueError):  # ValueError: the stream was closed
            super()._call(name, *arguments)


class Strict(Stream):
    """A stream that raises CannotPrint from its first failure on: for the output that the user requested."""

    failure: OSError | None = None  # argparse ignores the first one

    def _call(self, name: str, *arguments: str) -> None:
        try:
            if self.failure is not None:
                raise self.failure
            super()._call(name, *arguments)
        except OSError as error:
            self.failure = error
            raise CannotPrint(error.errno, error.strerror) from None


def occupy_closed() -> None:
    """Open closed standard streams on a read-only file, or a result file might get their descriptors."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # gets the lowest free number


def command(*words: str | os.PathLike) -> str:
    """Return a command line for a shell, with quotes around words that need them.

    A path that begins with a hyphen gets the prefix ``./``, or it would be an option.
    """
    texts = [f".{os.sep}{word}" if isinstance(word, os.PathLike) and str(word)[0] == "-" else str(word) for word in words]
    return subprocess.list2cmdline(texts) if os.name == "nt" else shlex.join(texts)


def say(text: str = "") -> None:
    """Print a line about progress at once; a line that cannot be printed is dropped."""
    print(text, file=Lenient(sys.stdout), flush=True)
