"""Definitions: everything that makes a network but its weights, as plain tables for JSON and TOML."""

import inspect
from collections.abc import Collection
from math import prod
from typing import Any, TypeVar

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.config import check_keys, make
from cupynn.device.device import Device, resolve
from cupynn.encoders import ENCODERS
from cupynn.layers import LAYERS, Layer
from cupynn.network.network import Network

SLACK = 1 << 20  # values that a definition may declare whether its file holds them or not: 4 MB of weights

Made = TypeVar("Made", bound=Network)


def describe(network: Network) -> dict[str, Any]:
    """Table from which `build` makes the network again, with its initial weights."""
    table: dict[str, Any] = {"input_shape": list(network.input_shape), "steps": network.steps, "seed": network.seed}
    if network.encoder is not None:
        table["encoder"] = network.encoder.config()
    return table | {"layers": [layer.config() for layer in network.layers]}


def build(kind: type[Made], table: Any, where: str, device: str | Device = "auto", held: int | None = None) -> Made:
    """Make a network of a class from a table as `describe` gives it; errors begin with `where`.

    Parameters
    ----------
    kind : type
        Class of the network.
    table : dict
    where : str
    device : str or Device
    held : int, optional
        Number of values that the file of the table holds for the network: it may not need far more.

    Raises
    ------
    InputError
        If a key is unknown or missing, or a value cannot be used.
    """
    where = f"{where}: network"
    if not isinstance(table, dict):
        raise InputError(f"{where}: expected a table of keys and values, found {table!r}")
    parameters = {name: p for name, p in inspect.signature(kind).parameters.items() if name != "device"}
    check_keys(table, parameters, where)
    if not isinstance(table["layers"], list):
        raise InputError(f"{where}.layers: expected a list of tables, found {table['layers']!r}")
    arguments = table | {
        "layers": [make(LAYERS, layer, f"{where}.layers[{index}]") for index, layer in enumerate(table["layers"])]
    }
    if "encoder" in table:
        arguments["encoder"] = make(ENCODERS, table["encoder"], f"{where}.encoder")
    if held is not None:
        _check_size(table, held, where)
    device = resolve(device)  # here, as it is no fault of the table's
    try:
        return kind(**arguments, device=device)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _check_size(table: dict[str, Any], held: int, where: str) -> None:
    """Raise InputError, before memory is taken, if a definition declares far more values than its file holds.

    What is a little wrong, or wrong otherwise, is left to the checks to come, whose messages say more.
    """
    needed = 0
    try:
        shape = checks.shape("input_shape", table["input_shape"])
        for entry in table["layers"]:
            layer = make(LAYERS, entry, where)
            needed += sum(map(prod, _connect(layer, shape)))
            if needed > 2 * held + SLACK:
                break
            shape = layer.output_shape
    except (InputError, ValueError, MemoryError):
        return
    if needed > 2 * held + SLACK:
        raise InputError(f"{where}.layers declare {needed:,} weights or more, the file holds {held:,}: save it again")


def _connect(layer: Layer, shape: tuple[int, ...]) -> Collection[tuple[int, ...]]:
    """Shapes of a layer's arrays, by the `connect` beside its `build`; a layer of a user's that has none is built."""
    builder = next(kind for kind in type(layer).__mro__ if "build" in vars(kind))
    if "connect" in vars(builder):
        return vars(builder)["connect"](layer, shape).values()
    layer.build(shape, np.random.default_rng(0))
    return [array.shape for array in (layer.params | layer.buffers).values()]
