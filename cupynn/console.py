"""What is printed: text that may be lost where a stream is closed or its disk full, and commands that can be pasted."""

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
    """A text stream, or what Python has in its place where it is closed, None; used as the stream is.

    Parameters
    ----------
    stream : text stream or None
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write text; return its length."""
        self._call("write", text)
        return len(text)

    def flush(self) -> None:
        """Have what was written sent."""
        self._call("flush")

    def isatty(self) -> bool:
        """Return whether a terminal shows it."""
        try:
            return self.stream.isatty()
        except (AttributeError, ValueError):  # of a closed one
            return False

    def silence(self) -> None:
        """Send what is left in the stream nowhere: Python tries once more when it ends, and would complain."""
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
    """A stream that loses what cannot be written: for messages about work in progress."""

    def _call(self, name: str, *arguments: str) -> None:
        with suppress(OSError, ValueError):  # the latter of a stream that was closed
            super()._call(name, *arguments)


class Strict(Stream):
    """A stream that raises CannotPrint from the first failure on: for words that are what a user has asked for."""

    failure: OSError | None = None  # argparse passes over it where it is raised first

    def _call(self, name: str, *arguments: str) -> None:
        try:
            if self.failure is not None:
                raise self.failure
            super()._call(name, *arguments)
        except OSError as error:
            self.failure = error
            raise CannotPrint(error.errno, error.strerror) from None


def occupy_closed() -> None:
    """Give closed standard streams a file that cannot be written: a result might else be opened in their place."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # takes the lowest number that is free


def command(*words: str | os.PathLike) -> str:
    """Return a command as a shell reads it, with quotes where its words need them.

    Parameters
    ----------
    *words : str or path
        A path that begins with a hyphen would be read as an option, and is written as one below ``.``.
    """
    texts = [f".{os.sep}{word}" if isinstance(word, os.PathLike) and str(word)[0] == "-" else str(word) for word in words]
    return subprocess.list2cmdline(texts) if os.name == "nt" else shlex.join(texts)


def say(text: str = "") -> None:
    """Print a line about work in progress at once; a line that cannot be printed is lost.

    Parameters
    ----------
    text : str
    """
    print(text, file=Lenient(sys.stdout), flush=True)
