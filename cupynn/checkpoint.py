"""Networks in files, and as bytes: definition and weights in one .npz, written whole or not at all, read without pickle."""

from os import PathLike

from cupynn.network import storage
from cupynn.sequential import Sequential


def save(network: Sequential, path: str | PathLike) -> None:
    """Write a network to a file, whole or not at all.

    Parameters
    ----------
    network : Sequential
    path : str or path

    Raises
    ------
    InputError
        If the folder does not exist or cannot be written.
    """
    storage.save(network, path)


def load(path: str | PathLike, device: str = "auto") -> Sequential:
    """Read a network from a file, which may have been saved on another device.

    Parameters
    ----------
    path : str or path
    device : str
        Where it runs, as in `Sequential`.

    Raises
    ------
    InputError
        If the file is missing, damaged, or of another kind.
    """
    return storage.load(Sequential, path, device)


def to_bytes(network: Sequential) -> bytes:
    """Return what `save` writes.

    Parameters
    ----------
    network : Sequential
    """
    return storage.to_bytes(network)


def from_bytes(content: bytes, device: str = "cpu") -> Sequential:
    """Make the network that `to_bytes` was given.

    Parameters
    ----------
    content : bytes
    device : str
        As in `Sequential`.

    Raises
    ------
    InputError
        If the content is damaged, or of another kind.
    """
    return storage.from_bytes(Sequential, content, device)
