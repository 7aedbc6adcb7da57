"""Text files, read as a whole, with errors that name file and line."""

import re
import warnings
from collections.abc import Sequence
from itertools import chain
from os import PathLike

import numpy as np

from cupynn import checks
from cupynn.cached import cached
from cupynn.checks import InputError

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
DTYPES = {int: np.int64, float: np.float64}
LARGEST = {int: 2.0**62, float: checks.LARGEST}  # larger values could overflow int64 and float32 in sums


class TextFile:
    """A text file.

    Parameters
    ----------
    path : path
    expected : str
        Description of the expected content, for errors.

    Attributes
    ----------
    lines : list of str
        Line n of the file, counted from 1, is ``lines[n - 1]``.
    last : int
        Number of the last line that is not blank.

    Raises
    ------
    InputError
        If the file cannot be read, is empty, or is not text.
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
            raise self.error(line, f"not UTF-8 text; expected {expected}") from None
        if odd := CONTROL.search(text):
            line = text.count("\n", 0, odd.start()) + 1
            raise self.error(line, f"control character {odd.group()!r}; expected {expected}")
        self.lines = text.split("\n")
        self.last = next((n for n in range(len(self.lines), 0, -1) if self.lines[n - 1].strip()), 0)
        if self.last == 0:
            raise self.error(1, f"the file is empty; expected {expected}")

    @cached
    def rows(self) -> list[list[str]]:
        """Return the words of each line."""
        return [line.split() for line in self.lines]

    def error(self, line: int, problem: str) -> InputError:
        """Return an error that names the file and a line."""
        return InputError(f"{self.path}, line {line}: {problem}")

    def refuse(self, wrong: np.ndarray, lines: Sequence[int], values: np.ndarray, problem: str) -> None:
        """Raise an error at the line of the first wrong value, if any; `problem` contains {} for the value."""
        if wrong.any():
            first = int(np.argmax(wrong))
            raise self.error(lines[first], problem.format(values[first]))

    def keep_within(self, times: np.ndarray, steps: int, stacklevel: int = 3) -> np.ndarray:
        """Return which times are before `steps`; warn once with the number of later ones, which callers drop.

        By default, the warning points to the caller of the function that calls this one.
        """
        within = times < steps
        if late := int((~within).sum()):
            warnings.warn(
                f"{self.path}: dropped {late:,} of {times.size:,} spikes at step {steps} or later, as the original program "
                f"does: steps 0 to {steps - 1} count; pass a larger number of steps (END_TIME) to keep them",
                stacklevel=stacklevel,
            )
        return within

    def numbers(self, rows: Sequence[list[str]], kind: type[int] | type[float], first: int = 1) -> np.ndarray:
        """Convert the words of consecutive lines, from line `first` on, to an array of int64 or float64.

        A word that is not a finite number of this kind raises InputError.
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
        """Return the number of the line that contains the word with this index, or the last word if there are fewer."""
        ends = np.cumsum([len(row) for row in self.rows])
        return int(np.searchsorted(ends, min(index + 1, ends[-1]))) + 1


def _is_number(word: str, kind: type[int] | type[float]) -> bool:
    try:
        return "_" not in word and abs(kind(word)) <= LARGEST[kind]
    except ValueError:
        return False
