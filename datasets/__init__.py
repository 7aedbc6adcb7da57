"""Datasets to train on: `load("mnist")` gives (train, test); another one is a module and a line in `DATASETS`."""

if "." not in __name__:  # found through the checkout's root: every class would exist twice
    raise ImportError("this datasets folder is a part of cupynn: import cupynn.datasets")

from collections.abc import Callable

from cupynn import checks

from . import digits, mnist, nmnist
from .dataset import Dataset
from .event_folders import from_event_folder
from .recordings import events

__all__ = ["DATASETS", "Dataset", "events", "from_event_folder", "load"]

DATASETS: dict[str, Callable[[], tuple[Dataset, Dataset]]] = {
    "digits": digits.load,
    "mnist": mnist.load,
    "n-mnist": nmnist.load,
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
