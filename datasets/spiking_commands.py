"""SSC, Spiking Speech Commands: 105,829 spoken words of Speech Commands as spikes of a cochlea, 35 classes.

B. Cramer, Y. Stradmann, J. Schemmel, F. Zenke, IEEE Transactions on Neural Networks and Learning Systems 33, 2022,
zenkelab.org, CC BY 4.0.
"""

from typing import Literal

from cupynn import checks

from .dataset import Dataset
from .heidelberg import load_files, local_files
from .source import FolderSource

TRAIN = "ssc_train.h5"
SOURCE = FolderSource(
    "ssc",
    0,
    lambda folder: local_files(folder.name, (TRAIN, "ssc_test.h5")) or local_files(folder.name, (TRAIN, "ssc_valid.h5")),
)


def load(split: Literal["test", "valid"] = "test") -> tuple[Dataset, Dataset]:
    """Return the words with the split of the authors, which needs h5py.

    The folder ``ssc`` in the data folder holds ``ssc_train.h5``, ``ssc_valid.h5`` and ``ssc_test.h5``, or these packed as
    ``.h5.zip`` or ``.h5.gz``; they are unpacked there. Missing files are downloaded. The spikes take some 8 GB in memory.

    Parameters
    ----------
    split : {"test", "valid"}
        The file to test on, beside 75,466 words to train: 20,382 words ("test"), or the 9,981 of the validation file
        ("valid"), to choose a network by. The validation file is never joined to the training set.

    Returns
    -------
    train, test : Dataset
        x is a `Ragged` of events of the sensor (1, 1, 700), as from `from_shd`.

    Raises
    ------
    InputError
        If `split` is unknown, a file cannot be downloaded, is damaged or has another layout, or h5py is missing.
    """
    checks.choice("split", split, ("test", "valid"))
    return load_files("ssc", (TRAIN, f"ssc_{split}.h5"), 35)
