"""Trained networks that come with cupynn. `Sequential.pretrained` loads them, `card` tells what they can and cannot do.

Each is a folder, NAME, with the files of a run: the definition, the figures of each epoch, the result and the network. Its
weights are stored in half precision, and the result is that of the stored weights. `card.toml` holds what a run does not
know. ``tests/bench/pretrain.py`` writes such a folder from a run.
"""

from pathlib import Path
from typing import TypeVar

from cupynn import checks
from cupynn.network import storage
from cupynn.network.network import Network
from cupynn.pretrained.cards import CARD, Card

__all__ = ["CARD", "Card", "card", "folder", "load", "names"]

_HERE = Path(__file__).parent
Made = TypeVar("Made", bound=Network)


def names() -> list[str]:
    """Return the names of the trained networks.

    Examples
    --------
    >>> "digits" in names()
    True
    """
    return sorted(path.parent.name for path in _HERE.glob(f"*/{CARD}"))


def folder(name: str) -> Path:
    """Return the folder of a trained network, which `cupynn.open_run` opens.

    Parameters
    ----------
    name : str
        One of `names`.

    Raises
    ------
    InputError
        If there is no such network.
    """
    return _HERE / checks.choice("name", name, names())


def card(name: str) -> Card:
    """Return the card of a trained network: its task, recipe, test accuracy, weaknesses and the licence of its data.

    Parameters
    ----------
    name : str
        One of `names`.

    Raises
    ------
    InputError
        If there is no such network.

    Examples
    --------
    >>> card("digits").samples
    359
    """
    return Card.read(folder(name))


def load(kind: type[Made], name: str, device: str = "auto") -> Made:
    """Return a trained network that comes with cupynn.

    Parameters
    ----------
    name : str
        One of `cupynn.pretrained.names`; ``print(cupynn.pretrained.card(name))`` tells what it can do.
    device : str
        Where the network runs, as in `Sequential`.

    Raises
    ------
    InputError
        If there is no such network.

    Examples
    --------
    >>> from cupynn import Sequential, datasets
    >>> net = Sequential.pretrained("digits", device="cpu")
    >>> net.predict(datasets.load("digits")[1].x[:5]).tolist()
    [2, 3, 1, 3, 5]
    """
    return storage.load(kind, folder(name) / "best.npz", device)
