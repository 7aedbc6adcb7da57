"""Network files: definition and weights in one .npz, written atomically and read without pickle."""

import json
import os
import warnings
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
    """Write the definition and the weights of a network to an .npz file, whole or not at all.

    Parameters
    ----------
    network : Sequential
    path : str or path

    Raises
    ------
    InputError
        If a weight is not finite, or the folder does not exist or cannot be written.

    Warns
    -----
    UserWarning
        If a layer or the encoder is of a class that is not registered, so the file cannot be loaded yet.
    """
    files.write_arrays(checks.path("path", path), _content(network))


def save_epoch(network: Network, path: Path, epoch: int, keep: Path | None = None, **more: Any) -> None:
    """Write a network with the number of its epoch and `more` entries of the header; move the previous file to `keep`."""
    files.write_arrays(path, _content(network, epoch=epoch, **more), keep)


def header(path: Path) -> dict[str, Any]:
    """Return the header of a file: format, version, definition, and what `save_epoch` added."""
    return _parts(path, path)[0]


def restore_epoch(path: Path, before: Path, epoch: int) -> None:
    """Make `path` hold the network of an epoch, from the previous file `before` if `path` holds a later one.

    Files of version 0.1.0 have no epoch number and are kept.

    Raises
    ------
    InputError
        If neither file holds it.
    """
    for file in (path, before):
        with suppress(InputError):  # a missing or damaged file
            if _parts(file, file)[0].get("epoch", epoch) == epoch:
                file.replace(path)
                return
    raise InputError(f"{path} does not hold the network of epoch {epoch}, the best so far: start a new training run")


def to_bytes(network: Network, half: bool = False) -> bytes:
    """Return the bytes of the file that `save` writes.

    Parameters
    ----------
    network : Sequential
    half : bool
        Whether to round float32 arrays to half precision; `load` makes them float32 again.
    """
    file, content = BytesIO(), _content(network)
    if half:
        content = {name: array.astype(np.float16) if array.dtype == np.float32 else array for name, array in content.items()}
    files.put_arrays(file, content)
    return file.getvalue()


def from_bytes(kind: type[Made], content: bytes, device: str = "cpu") -> Made:
    """Make a network of a class from the result of `to_bytes`."""
    checks.only("content", content, bytes | bytearray | memoryview, "the bytes that checkpoint.to_bytes(net) returned")
    return _read(kind, BytesIO(content), "the network", device)


def _content(network: Network, **more: Any) -> dict[str, np.ndarray]:
    checks.only("network", network, Network, "a network, such as Sequential.load(path) returns")
    network.check_finite()
    for remedy in definition.unknown(network):
        warnings.warn(f"to load this network again, {remedy}", stacklevel=3)
    head = {"format": FORMAT, "version": cupynn.__version__, "network": definition.describe(network)} | more
    arrays = {name: network.device.get(array) for name, array in network.arrays().items()}
    return {_HEADER: files.json_array(head)} | arrays


def load(kind: type[Made], path: str | os.PathLike, device: str = "auto") -> Made:
    """Read a network from a file, which may have been saved on another device.

    Parameters
    ----------
    path : str or path
    device : str
        Where the network runs, as in `Sequential`.

    Raises
    ------
    InputError
        If the file is missing, damaged, or not a network.
    """
    path = checks.path("path", path)
    if path.is_dir():
        raise InputError(f"{path} is a folder: pass its best.npz or, for a run, call cupynn.open_run(folder).network()")
    if not path.is_file():
        raise InputError(f"{path}: no such file; pass a network saved by net.save(path)")
    return _read(kind, path, path, device)


def _read(kind: type[Made], file: Path | BinaryIO, path: Path | str, device: str) -> Made:
    head, arrays = _parts(file, path)
    resolve(device)
    network = definition.build(
        kind, head.get("network"), str(path), "cpu", held=sum(array.size for array in arrays.values())
    )
    expected = network.arrays()
    arrays = {name: array.astype(np.float32) if array.dtype == np.float16 else array for name, array in arrays.items()}
    files.check_arrays(path, arrays, expected)
    for name, parameter in expected.items():
        parameter[...] = arrays[name]
    return network.to(device)


def _parts(file: Path | BinaryIO, path: Path | str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        arrays = files.read_arrays(file, compressed=False)
        head = json.loads(arrays.pop(_HEADER).tobytes())
        version = head["format"]
    except Exception as error:  # zipfile, NumPy and json raise all kinds of errors for a damaged file
        raise InputError(f"{path} is damaged or not a cupynn network ({error}); save it again with net.save") from None
    if version != FORMAT:
        raise InputError(f"{path} has format {version!r}, this version reads {FORMAT}: use the version that wrote it")
    return head, arrays
