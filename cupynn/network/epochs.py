"""A folder with the network after each epoch of a training: a file per epoch, which `Sequential.load` reads as well."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, NamedTuple

from cupynn.checks import InputError
from cupynn.network import storage
from cupynn.network.definition import Made
from cupynn.network.network import Network
from cupynn.results.history import Epoch

NAME = re.compile(r"epoch-(\d{3,})\.npz")
TIMES = ("seconds", "samples_per_second")  # left out, so that a repeated training writes the same


class Kept(NamedTuple, Generic[Made]):
    """The network after an epoch.

    Attributes
    ----------
    network : Sequential
    figures : dict
        The fields of `Epoch` without times.
    """

    network: Made
    figures: dict[str, Any]


def place(folder: Path, number: int) -> Path:
    """Return the path of the file of an epoch."""
    return folder / f"epoch-{number:03d}.npz"


def numbers(folder: Path) -> list[int]:
    """Return the numbers of the epochs in a folder, in order; none if there is no folder."""
    found = [NAME.fullmatch(path.name) for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(match[1]) for match in found if match)


def save(network: Network, folder: Path, epoch: Epoch) -> None:
    """Write the network after an epoch, and its figures."""
    figures = {name: value for name, value in asdict(epoch).items() if name not in TIMES}
    storage.save_epoch(network, place(folder, epoch.number), epoch.number, figures=figures)


def load(kind: type[Made], folder: Path, number: int, device: str = "cpu") -> Kept[Made]:
    """Read the network after an epoch.

    Raises
    ------
    InputError
        If the file is missing or damaged, or another program of this package wrote it.
    """
    path = place(folder, number)
    network = storage.load(kind, path, device)
    figures = storage.header(path).get("figures")
    if not isinstance(figures, dict) or figures.get("number") != number:
        raise InputError(
            f"{path} is not epoch {number} of a training: keep the epochs again, with --keep-epochs or KeepEpochs"
        )
    return Kept(network, figures)
