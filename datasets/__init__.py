"""Datasets to train on: `load("mnist")` gives (train, test); another one is a module and a line in `DATASETS`."""

if "." not in __name__:  # found through the checkout's root: every class would exist twice
    raise ImportError("this datasets folder is a part of cupynn: import cupynn.datasets")

from collections.abc import Callable

from cupynn import checks

from . import digits, mnist
from .dataset import Dataset

__all__ = ["DATASETS", "Dataset", "load"]

DATASETS: dict[str, Callable[[], tuple[Dataset, Dataset]]] = {
    "digits": digits.load,
    "mnist": mnist.load,
}


def load(name: str) -> tuple[Dataset, Dataset]:
    """Return the training and the test set of one of `DATASETS`, downloading its files where they are missing.

    Parameters
    ----------
    name : str
        A key of `DATASETS`.

    Returns
    -------
    train, test : Dataset
        The dataset's own fixed split.
    """
    return DATASETS[checks.choice("dataset", name, DATASETS)]()
