"""Datasets to train on: `load("mnist")` gives (train, test); another one is a module and a line in `DATASETS`."""

if "." not in __name__:  # found through the checkout's root: every class would exist twice
    raise ImportError("this datasets folder is a part of cupynn: import cupynn.datasets")

from collections.abc import Callable
from typing import Any

from cupynn import checks

from . import digits, fsdd, mnist, sound, ti46
from .cochlea import PassiveEar
from .dataset import Dataset
from .sound_folder import from_sound_folder

__all__ = ["DATASETS", "Dataset", "PassiveEar", "from_sound_folder", "load", "sound"]

DATASETS: dict[str, Callable[..., tuple[Dataset, Dataset]]] = {
    "digits": digits.load,
    "fsdd": fsdd.load,
    "mnist": mnist.load,
    "ti46": ti46.load,
}


def load(name: str, **options: Any) -> tuple[Dataset, Dataset]:
    """Return the training and the test set of one of `DATASETS`, downloading its files where they are missing.

    Parameters
    ----------
    name : str
        A key of `DATASETS`.
    **options
        Of its own `load`, such as ``split="index"`` for "fsdd".

    Returns
    -------
    train, test : Dataset
        The dataset's own fixed split.
    """
    return DATASETS[checks.choice("dataset", name, DATASETS)](**options)
