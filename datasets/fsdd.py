"""The Free Spoken Digit Dataset: 3,000 recordings of ten digits by six speakers, 8 kHz.

Jackson et al., github.com/Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0.
"""

import re
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np

from cupynn import checks
from cupynn.checks import InputError

from .cochlea import PassiveEar
from .dataset import Dataset
from .download import fetch
from .source import FolderSource, data_folder
from .speech import cached_cochleagrams, sound_files

RATE = 8000  # Hz
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
TEST_SPEAKERS = ("theo", "yweweler")
TAKES, TEST_TAKES = 50, 5  # of each digit by each speaker
NAME = re.compile(rf"([0-9])_({'|'.join(SPEAKERS)})_([0-9]|[1-4][0-9])\.wav")
URL = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz"

SOURCE = FolderSource("fsdd", 16_000_000, lambda folder: sound_files(folder, NAME) or folder.glob("*.tar.gz"))


def load(split: Literal["index", "speaker"] = "index", channels: int = 78, frame: float = 0.016) -> tuple[Dataset, Dataset]:
    """Return the recordings as cochleagrams, computed once and kept in the user's cache.

    The folder ``fsdd`` in the data folder may hold the recordings or an archive of them; otherwise the authors' archive is
    downloaded (16 MB).

    Parameters
    ----------
    split : {"index", "speaker"}
        "index" is the authors' own split, which tests on takes 0 to 4 of each digit by each speaker (2,700 and 300);
        "speaker" tests on two speakers, theo and yweweler, who do not occur in training (2,000 to train, 1,000 to test).
    channels, frame : int, float
        As in `PassiveEar`.

    Returns
    -------
    train, test : Dataset
        x Ragged, frames float32 (total, channels).
    """
    checks.choice("split", split, ("index", "speaker"))
    frames, names = cached_cochleagrams("fsdd", _place(), NAME, PassiveEar(RATE, channels, frame), _check)
    digits, speakers, takes = np.array([name.groups() for name in names]).T
    whole = Dataset(frames, digits.astype(np.int64), tuple("0123456789"), "fsdd")
    test = np.isin(speakers, TEST_SPEAKERS) if split == "speaker" else takes.astype(np.int64) < TEST_TAKES
    return whole[~test], whole[test]


def _place() -> Path:
    """Return the folder or archive of the recordings, downloading the archive if there is neither."""
    folder = data_folder() / "fsdd"
    if sound_files(folder, NAME):
        return folder
    archives = sorted(folder.glob("*.tar.gz"))
    if len(archives) > 1:
        raise InputError(f"{folder} holds several archives, {', '.join(path.name for path in archives)}: keep one of them")
    # Its host guarantees no checksum, so each recording in it is checked.
    return archives[0] if archives else fetch("fsdd", "fsdd.tar.gz", None, (URL,))


def _check(names: list[re.Match]) -> None:
    """Raise InputError if a recording is missing or duplicated."""
    found = sorted(name.groups() for name in names)
    expected = sorted(product("0123456789", SPEAKERS, map(str, range(TAKES))))
    if found != expected:
        wrong = sorted(set(expected) - set(found)) or [take for take in found if found.count(take) > 1]
        raise InputError(
            f"fsdd has {len(found):,} recordings, expected {len(expected):,}; {'_'.join(wrong[0])}.wav is missing or "
            f"duplicated: put a complete copy into {data_folder() / 'fsdd'}"
        )
