"""Load datasets to train on: known ones, such as `load("mnist")`, as (train, test), and your own files.

Import the public names, `__all__`, from here: `load`; the readers of folders and single files (`from_image_folder`,
`read_image` and others); `from_shd` for spoken words as spikes; `events` and `signals` for arrays, `from_npz` and
`from_signals` for arrays in files; the class `Dataset`; and `PassiveEar` for sound. This package reads, checks and caches
samples, but does not encode them. It imports only files, kernels and lower-level modules.

To add a dataset, add a module with a `load` function and a `SOURCE`, its files, and a line in `DATASETS`.
"""

if "." not in __name__:  # imported from the root of the checkout, where every class would exist twice
    raise ImportError("this datasets folder is a part of cupynn: import cupynn.datasets")

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

from cupynn import checks
from cupynn.checks import InputError

from . import (
    cifar10,
    cifar10_dvs,
    digits,
    dvs_gesture,
    emnist,
    fashion_mnist,
    fsdd,
    mnist,
    ncaltech101,
    nmnist,
    sound,
    spiking_commands,
    spiking_digits,
    ti46,
)
from .arrays import from_npz
from .cochlea import PassiveEar
from .dataset import Dataset
from .event_folder import from_event_folder, read_events
from .event_tables import from_event_tables
from .image_folder import from_image_folder, read_image
from .recordings import events
from .shd import from_shd
from .signal_files import from_signals, read_signals
from .signals import signal_limits, signals
from .sound_folder import first_rate, from_sound_folder, read_sound

__all__ = [
    "DATASETS",
    "Dataset",
    "PassiveEar",
    "check_options",
    "events",
    "first_rate",
    "from_event_folder",
    "from_event_tables",
    "from_image_folder",
    "from_npz",
    "from_shd",
    "from_signals",
    "from_sound_folder",
    "load",
    "options",
    "read_events",
    "read_image",
    "read_signals",
    "read_sound",
    "signal_limits",
    "signals",
    "sound",
]

DATASETS: dict[str, Callable[..., tuple[Dataset, Dataset]]] = {
    "cifar10": cifar10.load,
    "cifar10-dvs": cifar10_dvs.load,
    "digits": digits.load,
    "dvs-gesture": dvs_gesture.load,
    "emnist": emnist.load,
    "fashion-mnist": fashion_mnist.load,
    "fsdd": fsdd.load,
    "mnist": mnist.load,
    "n-caltech101": ncaltech101.load,
    "n-mnist": nmnist.load,
    "shd": spiking_digits.load,
    "ssc": spiking_commands.load,
    "ti46": ti46.load,
}


def load(name: str, /, **options: Any) -> tuple[Dataset, Dataset]:
    """Return the training set and the test set of a known dataset, downloading missing files.

    Parameters
    ----------
    name : str
        A key of `DATASETS`.
    **options
        Options of the dataset, such as ``split="letters"`` for "emnist".

    Returns
    -------
    train, test : Dataset
        The fixed split of the dataset.

    Raises
    ------
    InputError
        If the name, an option or its value is unknown, or files are damaged or cannot be downloaded.

    Examples
    --------
    >>> train, test = load("digits")
    >>> test
    Dataset digits: 359 samples of shape (8, 8) uint8, 10 classes of 35 to 37 samples
    """
    check_options(name, options)
    return DATASETS[name](**options)


def options(name: str) -> Mapping[str, inspect.Parameter]:
    """Return the options of a dataset, a key of `DATASETS`: the parameters of its own `load` function.

    Parameters
    ----------
    name : str
        The dataset.

    Raises
    ------
    InputError
        If the dataset is unknown.

    Examples
    --------
    >>> list(options("emnist"))
    ['split']
    """
    return inspect.signature(DATASETS[checks.choice("dataset", name, DATASETS)]).parameters


def check_options(name: str, given: Mapping[str, Any]) -> None:
    """Check options for a dataset without loading it.

    Parameters
    ----------
    name : str
        A key of `DATASETS`.
    given : mapping of str to values
        The options.

    Raises
    ------
    InputError
        If an option is unknown, or its value is not one of those that the option allows.

    Examples
    --------
    >>> check_options("emnist", {"split": "letters"})
    """
    known = options(name)
    checks.only("given", given, Mapping, "a table of options")
    for option, value in given.items():
        if option not in known:
            raise InputError(f"dataset {name!r}: unknown option {option!r}: known are {', '.join(known) or 'none'}")
        if get_origin(known[option].annotation) is Literal:
            checks.choice(option, value, get_args(known[option].annotation))
