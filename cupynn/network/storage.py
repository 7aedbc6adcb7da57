"""Files of networks: definition and weights in one .npz, written atomically, read without pickle."""

import json
import os
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

import cupynn
from cupynn import checks, files
from cupynn.checks import InputError
from cupynn.device.device import resolve
from cupynn.network import definition
from cupynn.network.definition import Made
from cupynn.network.network import Network

FORMAT = 1
_HEADER = "definition"


def save(network: Network, path: str | os.PathLike) -> None:
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
    files.write_arrays(checks.path("path", path), _content(network))


def save_epoch(network: Network, path: Path, epoch: int, keep: Path | None = None) -> None:
    """Write the network of an epoch, whose number is noted.

    Parameters
    ----------
    network : Sequential
    path : Path
    epoch : int
    keep : Path, optional
        Gets what the file held.
    """
    files.write_arrays(path, _content(network, epoch=epoch), keep)


def restore_epoch(path: Path, before: Path, epoch: int) -> None:
    """Have a file hold the network of an epoch; a later one, which the state of the training does not know, gives way.

    Parameters
    ----------
    path : Path
    before : Path
        Holds what that file held before.
    epoch : int
        A file of version 0.1.0 does not say which it has, and is left as it is.

    Raises
    ------
    InputError
        If neither has it.
    """
    for file in (path, before):
        with suppress(InputError):  # one that is missing or damaged
            if _parts(file, file)[0].get("epoch", epoch) == epoch:
                file.replace(path)
                return
    raise InputError(f"{path} does not hold the network of epoch {epoch}, the best until now: begin a new training")


def to_bytes(network: Network) -> bytes:
    """Return what `save` writes.

    Parameters
    ----------
    network : Sequential
    """
    file = BytesIO()
    files.put_arrays(file, _content(network))
    return file.getvalue()


def from_bytes(kind: type[Made], content: bytes, device: str = "cpu") -> Made:
    """Make the network that `to_bytes` was given.

    Parameters
    ----------
    kind : type
        Class of the network.
    content : bytes
    device : str
        As in `Sequential`.

    Raises
    ------
    InputError
        If the content is damaged, or of another kind.
    """
    return _read(kind, BytesIO(content), "the network", device)


def _content(network: Network, **more: Any) -> dict[str, np.ndarray]:
    header = {"format": FORMAT, "version": cupynn.__version__, "network": definition.describe(network)} | more
    arrays = {name: network.device.get(array) for name, array in network.arrays().items()}
    return {_HEADER: files.json_array(header)} | arrays


def load(kind: type[Made], path: str | os.PathLike, device: str = "auto") -> Made:
    """Read a network from a file, which may have been saved on another device.

    Parameters
    ----------
    kind : type
        Class of the network.
    path : str or path
    device : str
        Where it runs.

    Raises
    ------
    InputError
        If the file is missing, damaged, or of another kind.
    """
    path = checks.path("path", path)
    if path.is_dir():
        raise InputError(f"{path} is a folder: pass its best.npz, or cupynn.open_run(folder).network() if it is a run's")
    if not path.is_file():
        raise InputError(f"{path}: no such file; pass a network saved by net.save(path)")
    return _read(kind, path, path, device)


def _read(kind: type[Made], file: Path | BinaryIO, path: Path | str, device: str) -> Made:
    header, arrays = _parts(file, path)
    resolve(device)
    network = definition.build(
        kind, header.get("network"), str(path), "cpu", held=sum(array.size for array in arrays.values())
    )
    expected = network.arrays()
    files.check_arrays(path, arrays, expected)
    for name, parameter in expected.items():
        parameter[...] = arrays[name]
    return network.to(device)


def _parts(file: Path | BinaryIO, path: Path | str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        arrays = files.read_arrays(file, compressed=False)
        header = json.loads(arrays.pop(_HEADER).tobytes())
        version = header["format"]
    except Exception as error:  # what a damaged file makes zipfile, NumPy and json raise is anybody's guess
        damage = f"{path} is not a network of cupynn's, or is damaged ({error})"
        raise InputError(f"{damage}; save it again with net.save") from None
    if version != FORMAT:
        raise InputError(
            f"{path} has format {version!r}, this version reads {FORMAT}: load it with the version that wrote it"
        )
    return header, arrays
