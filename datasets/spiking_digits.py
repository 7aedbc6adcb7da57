"""SHD, Spiking Heidelberg Digits: 10,420 spoken digits, English and German, as spikes of a cochlea, 20 classes.

B. Cramer, Y. Stradmann, J. Schemmel, F. Zenke, IEEE Transactions on Neural Networks and Learning Systems 33, 2022,
zenkelab.org, CC BY 4.0.
"""

from .dataset import Dataset
from .heidelberg import load_files, local_files
from .source import FolderSource

FILES = "shd_train.h5", "shd_test.h5"
SOURCE = FolderSource("shd", 0, lambda folder: local_files(folder.name, FILES))


def load() -> tuple[Dataset, Dataset]:
    """Return the words with the split of the authors, 8,156 to train and 2,264 to test, which needs h5py.

    The folder ``shd`` in the data folder holds ``shd_train.h5`` and ``shd_test.h5``, or these packed as ``.h5.zip`` or
    ``.h5.gz``; they are unpacked there. Missing files are downloaded. Two of the twelve speakers occur in the test set only.
    The spikes take some 0.8 GB in memory.

    Returns
    -------
    train, test : Dataset
        x is a `Ragged` of events of the sensor (1, 1, 700), as from `from_shd`.

    Raises
    ------
    InputError
        If a file cannot be downloaded, is damaged or has another layout, or h5py is missing.
    """
    return load_files("shd", FILES, 20)
