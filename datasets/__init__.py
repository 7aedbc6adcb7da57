"""Datasets to train on: those that `load("mnist")` and the like return as (train, test), and your own files.

Import what is public, `__all__`, from here: `load`, the readers of folders and files (`from_image_folder`, `read_image` and
their like), `events` and `from_npz` for arrays, `Dataset`, which all of them return, and `PassiveEar` for sound. The room
reads, checks and caches samples; it encodes and trains nothing, and imports only files, kernels and what is below them.

A module with a `load` and a `SOURCE`, its files, and a line in `DATASETS` add a dataset.
"""

if "." not in __name__:  # found through the checkout's root: every class would exist twice
    raise ImportError("this datasets folder is a part of cupynn: import cupynn.datasets")

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

from cupynn import checks
from cupynn.checks import InputError

from . import cifar10, digits, emnist, fashion_mnist, fsdd, mnist, nmnist, sound, ti46
from .arrays import from_npz
from .cochlea import PassiveEar
from .dataset import Dataset
from .event_folder import from_event_folder, read_events
from .image_folder import from_image_folder, read_image
from .recordings import events
from .sound_folder import first_rate, from_sound_folder, read_sound

__all__ = [
    "DATASETS",
    "Dataset",
    "PassiveEar",
    "check_options",
    "events",
    "first_rate",
    "from_event_folder",
    "from_image_folder",
    "from_npz",
    "from_sound_folder",
    "load",
    "options",
    "read_events",
    "read_image",
    "read_sound",
    "sound",
]

DATASETS: dict[str, Callable[..., tuple[Dataset, Dataset]]] = {
    "cifar10": cifar10.load,
    "digits": digits.load,
    "emnist": emnist.load,
    "fashion-mnist": fashion_mnist.load,
    "fsdd": fsdd.load,
    "mnist": mnist.load,
    "n-mnist": nmnist.load,
    "ti46": ti46.load,
}


def load(name: str, /, **options: Any) -> tuple[Dataset, Dataset]:
    """Return the training and the test set of one of `DATASETS`, downloading its files where they are missing.

    Parameters
    ----------
    name : str
        A key of `DATASETS`.
    **options
        Those of the dataset's own `load`, such as ``split="letters"`` of "emnist".

    Returns
    -------
    train, test : Dataset
        The dataset's own fixed split.

    Raises
    ------
    InputError
        If the name, an option or its value is unknown, or files are damaged or cannot be had.

    Examples
    --------
    >>> train, test = load("digits")
    >>> test
    Dataset digits: 359 samples of shape (8, 8) uint8, 10 classes of 35 to 37 samples
    """
    check_options(name, options)
    return DATASETS[name](**options)


def options(name: str) -> Mapping[str, inspect.Parameter]:
    """Return the options of a dataset: the parameters of its own `load`.

    Parameters
    ----------
    name : str
        A key of `DATASETS`.

    Raises
    ------
    InputError
        If there is no such dataset.

    Examples
    --------
    >>> list(options("emnist"))
    ['split']
    """
    return inspect.signature(DATASETS[checks.choice("dataset", name, DATASETS)]).parameters


def check_options(name: str, given: Mapping[str, Any]) -> None:
    """Refuse options that a dataset does not have, and values that are none of those an option lists; nothing is loaded.

    Parameters
    ----------
    name : str
        A key of `DATASETS`.
    given : mapping of str to values
        The options.

    Raises
    ------
    InputError
        If one is unknown, or its value.

    Examples
    --------
    >>> check_options("emnist", {"split": "letters"})
    """
    known = options(name)
    for option, value in given.items():
        if option not in known:
            raise InputError(f"dataset {name!r}: unknown option {option!r}: known are {', '.join(known) or 'none'}")
        if get_origin(known[option].annotation) is Literal:
            checks.choice(option, value, get_args(known[option].annotation))
