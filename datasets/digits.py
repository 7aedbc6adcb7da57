"""The 8x8 handwritten digits included in scikit-learn: 1797 samples, no download."""

import numpy as np

from .dataset import Dataset

HELD_OUT = 0.2
SEED = 0
SOURCE = None  # no files of its own


def load() -> tuple[Dataset, Dataset]:
    """Return the digits as a fixed, stratified split: 1438 to train, 359 to test.

    Returns
    -------
    train, test : Dataset
        x (n, 8, 8) uint8: scikit-learn's 0..16 scaled to 0..255.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    return Dataset(x, bunch.target, tuple("0123456789"), "digits").split(HELD_OUT, SEED)
