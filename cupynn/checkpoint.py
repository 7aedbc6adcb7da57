"""Networks as files and bytes: definition and weights in one .npz, written whole or not at all, read without pickle."""

from cupynn.network import storage
from cupynn.network.storage import save, to_bytes
from cupynn.sequential import Sequential

__all__ = ["from_bytes", "load", "save", "to_bytes"]

load = Sequential.load


def from_bytes(content: bytes, device: str = "cpu") -> Sequential:
    """Make a network from the result of `to_bytes`.

    Parameters
    ----------
    content : bytes
    device : str
        Device of the network, as in `Sequential`.

    Raises
    ------
    InputError
        If the content is damaged or not a network.
    """
    return storage.from_bytes(Sequential, content, device)
