"""Text files, read whole, with errors that name file and line."""

import re
from collections.abc import Sequence
from itertools import chain
from os import PathLike

import numpy as np

from cupynn import checks
from cupynn.cached import cached
from cupynn.checks import InputError

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
DTYPES = {int: np.int64, float: np.float64}
LARGEST = {int: 2.0**62, float: checks.LARGEST}  # beyond these, int64 and float32 would overflow in sums


class TextFile:
    """A text file.

    Parameters
    ----------
    path : path
    expected : str
        What the file should hold, for the errors.

    Attributes
    ----------
    lines : list of str
        Line n of the file, counted from 1, is ``lines[n - 1]``.
    last : int
        Number of the last line that is not blank.

    Raises
    ------
    InputError
        If the file cannot be read, holds no text or nothing.
    """

    def __init__(self, path: str | PathLike, expected: str) -> None:
        self.path = checks.path("path", path)
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror or error}); expected {expected}") from None
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise self.error(line, f"bytes that are no text; expected {expected}") from None
        if odd := CONTROL.search(text):
            line = text.count("\n", 0, odd.start()) + 1
            raise self.error(line, f"control character {odd.group()!r}; expected {expected}")
        self.lines = text.split("\n")
        self.last = next((n for n in range(len(self.lines), 0, -1) if self.lines[n - 1].strip()), 0)
        if self.last == 0:
            raise self.error(1, f"the file is empty; expected {expected}")

    @cached
    def rows(self) -> list[list[str]]:
        """Words of each line."""
        return [line.split() for line in self.lines]

    def error(self, line: int, problem: str) -> InputError:
        """An error at a line."""
        return InputError(f"{self.path}, line {line}: {problem}")

    def numbers(self, rows: Sequence[list[str]], kind: type[int] | type[float], first: int = 1) -> np.ndarray:
        """Words of consecutive lines as numbers.

        Parameters
        ----------
        rows : list of list of str
            The words of each line.
        kind : int or float
        first : int
            Number of the first of these lines.

        Returns
        -------
        ndarray of int64 or float64, shape (words,)

        Raises
        ------
        InputError
            If a word is no finite number of this kind.
        """
        words = list(chain.from_iterable(rows))
        try:
            values = np.fromiter(map(kind, words), DTYPES[kind], len(words))
            if ((values >= -LARGEST[kind]) & (values <= LARGEST[kind])).all() and not any("_" in word for word in words):
                return values
        except (ValueError, OverflowError):
            pass
        line, word = next((line, word) for line, row in enumerate(rows, first) for word in row if not _is_number(word, kind))
        raise self.error(line, f"{word[:40]!r}: expected a {'whole' if kind is int else 'finite'} number")

    def line_of(self, index: int) -> int:
        """Number of the line of the word with this index, or of the last word if there are not so many."""
        ends = np.cumsum([len(row) for row in self.rows])
        return int(np.searchsorted(ends, min(index + 1, ends[-1]))) + 1


def _is_number(word: str, kind: type[int] | type[float]) -> bool:
    try:
        return "_" not in word and abs(kind(word)) <= LARGEST[kind]
    except ValueError:
        return False
