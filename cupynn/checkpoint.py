"""Files of networks: definition and weights in one .npz, written atomically, read without pickle."""

import json
import os
from pathlib import Path

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

    Raises
    ------
    InputError
        If the folder does not exist or cannot be written.
    """
    path = Path(path)
    header = {"format": FORMAT, "version": cupynn.__version__, "network": definition.describe(network)}
    arrays = {name: np.ascontiguousarray(network.device.get(array)) for name, array in _arrays(network).items()}
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        try:
            with temporary.open("wb") as file:
                np.savez(file, **{_HEADER: np.frombuffer(json.dumps(header).encode(), np.uint8)}, **arrays)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; choose a folder that exists and is yours"
        ) from error


def load(path: str | os.PathLike, device: str = "auto") -> Sequential:
    """Read a network that `save` wrote, on whatever device, for this one.

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
    try:
        arrays = npz.read(path)
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
    expected = _arrays(network)
    if arrays.keys() != expected.keys():
        raise InputError(f"{path} holds the arrays {sorted(arrays)}, its definition wants {sorted(expected)}: save it anew")
    for name, parameter in expected.items():
        array = arrays[name]
        if array.shape != parameter.shape or array.dtype != parameter.dtype or not np.isfinite(array).all():
            raise InputError(
                f"{path}: {name} is {array.dtype} {array.shape}, or not finite; expected {parameter.dtype} {parameter.shape}"
            )
        parameter[...] = array
    return network.to(device)


def _arrays(network: Sequential) -> dict[str, np.ndarray]:
    """All arrays of the layers, trained and fixed, by layer and name."""
    return {
        f"{layer.name}/{name}": array for layer in network.layers for name, array in (layer.params | layer.buffers).items()
    }
