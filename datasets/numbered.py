"""Split recordings that are numbered within their class, where a dataset has no official split."""

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple


class Numbered(NamedTuple):
    """A recording: its file, its class and its number within the class."""

    path: Path
    label: int
    number: int


def last_tenth(recordings: Iterable[Numbered]) -> tuple[list[Numbered], list[Numbered]]:
    """Return the recordings to train on and those to test on: the last tenth of each class by number, at least one.

    Both parts are in the order of classes and numbers.
    """
    train, test = [], []
    for _, each in groupby(sorted(recordings, key=attrgetter("label", "number")), attrgetter("label")):
        of_class = list(each)
        held_out = max(1, len(of_class) // 10)
        train += of_class[:-held_out]
        test += of_class[-held_out:]
    return train, test
