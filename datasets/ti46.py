"""TI46-Word, its spoken letters: 26 letters by 16 speakers, 12.5 kHz, the paper's speech task.

M. Liberman et al., TI 46-Word, LDC93S9, Linguistic Data Consortium, 1993. The corpus needs a licence: cupynn reads your
own copy.
"""

import re
import string

import numpy as np

from cupynn.checks import InputError

from .cochlea import PassiveEar
from .dataset import Dataset
from .source import VARIABLE, FolderSource, data_folder
from .speech import cached_cochleagrams, sound_files

RATE = 12500  # Hz
# Word, speaker, session and take: 0af1set0.wav is a training "a" by speaker f1, 0af1s1t0.wav one from session 1.
NAME = re.compile(r"0([a-z])([fm][1-8])(se|s[1-8])t([0-9])\.(?:wav|sph)", re.IGNORECASE)

SOURCE = FolderSource("ti46", None, lambda folder: sound_files(folder, NAME))


def load(channels: int = 78, frame: float = 0.016) -> tuple[Dataset, Dataset]:
    """Return the spoken letters as cochleagrams, computed once and kept in the user's cache.

    Files are recognized by name, at any depth below ``ti46`` in the data folder, so ``ti46`` may be a copy of the disc. The
    split is that of the corpus: ten takes of each letter to train, and those of eight later sessions to test.

    Parameters
    ----------
    channels, frame : int, float
        As in `PassiveEar`.

    Returns
    -------
    train, test : Dataset
        x Ragged, frames float32 (total, channels); 26 classes, a to z.
    """
    folder = data_folder() / "ti46"
    if not sound_files(folder, NAME):
        raise InputError(
            f"ti46: no spoken letters (such as ti_alpha/train/f1/0af1set0.wav) below {folder}: TI46-Word, catalogue number "
            "LDC93S9 of the Linguistic Data Consortium (https://catalog.ldc.upenn.edu/LDC93S9), needs a licence; put your "
            f"copy there, or set {VARIABLE} to the folder that contains it as ti46"
        )
    frames, names = cached_cochleagrams("ti46", folder, NAME, PassiveEar(RATE, channels, frame), _check)
    letters = [string.ascii_lowercase.index(name[1].lower()) for name in names]
    train = np.array([name[3].lower() == "se" for name in names])
    whole = Dataset(frames, np.array(letters), tuple(string.ascii_lowercase), "ti46")
    return whole[train], whole[~train]


def _check(names: list[re.Match]) -> None:
    """Raise InputError if one part has no recordings, or a recording occurs twice."""
    train = {name[3].lower() == "se" for name in names}
    for part, missing in (("train", True not in train), ("test", False not in train)):
        if missing:
            raise InputError(f"ti46: no recordings to {part} on: copy both folders, train and test")
    found = [name[0].lower().rpartition(".")[0] for name in names]
    if len(set(found)) < len(found):
        double = next(name for name in found if found.count(name) > 1)
        raise InputError(f"ti46: there are two recordings {double}: keep one copy below {data_folder() / 'ti46'}")
