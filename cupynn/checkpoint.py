"""Files of networks: definition and weights in one .npz, written atomically, read without pickle."""

import json
import os
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

import cupynn
from cupynn import definition, npz
from cupynn.checks import InputError
from cupynn.device import resolve
from cupynn.network import Sequential

FORMAT = 1
_HEADER = "definition"


def save(network: Sequential, path: str | os.PathLike) -> None:
    """Write a network to `path`, whole or not at all.

    Parameters
    ----------
    network : Sequential
    path : str or path

    Raises
    ------
    InputError
        If the folder does not exist or cannot be written.
    """
    npz.write(Path(path), _HEADER, *_content(network))


def to_bytes(network: Sequential) -> bytes:
    """Return what `save` writes.

    Parameters
    ----------
    network : Sequential
    """
    file = BytesIO()
    npz.put(file, _HEADER, *_content(network))
    return file.getvalue()


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
    return _read(BytesIO(content), "the network", device)


def _content(network: Sequential) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    header = {"format": FORMAT, "version": cupynn.__version__, "network": definition.describe(network)}
    return header, {name: network.device.get(array) for name, array in network.arrays().items()}


def load(path: str | os.PathLike, device: str = "auto") -> Sequential:
    """Read a network that `save` wrote, on whatever device, for this one.

    Parameters
    ----------
    path : str or path
    device : str
        Where it shall run.

    Raises
    ------
    InputError
        If the file is missing, damaged, or of another kind.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder: pass its best.npz, or cupynn.open_run(folder).network() if it is a run's")
    if not path.is_file():
        raise InputError(f"{path}: no such file; pass a network saved by net.save(path)")
    return _read(path, path, device)


def _read(file: Path | BinaryIO, path: Path | str, device: str) -> Sequential:
    try:
        arrays = npz.read(file)
        header = json.loads(arrays.pop(_HEADER).tobytes())
        version = header["format"]
    except Exception as error:  # what a damaged file makes zipfile, NumPy and json raise is anybody's guess
        raise InputError(f"{path} is no network of cupynn's, or is damaged ({error}); save it anew with net.save") from None
    if version != FORMAT:
        raise InputError(
            f"{path} has format {version!r}, this version reads {FORMAT}: load it with the version that wrote it"
        )
    resolve(device)
    network = definition.build(header.get("network"), str(path), "cpu")
    expected = network.arrays()
    npz.check(path, arrays, expected)
    for name, parameter in expected.items():
        parameter[...] = arrays[name]
    return network.to(device)
