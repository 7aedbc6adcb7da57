"""Definitions: networks without their weights as plain tables for JSON and TOML."""

import inspect
from collections.abc import Collection
from functools import partial
from math import prod
from typing import Any, TypeVar

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.config import Faults, check_keys, make
from cupynn.device.device import Device, resolve
from cupynn.elsewhere import NETWORK
from cupynn.encoders import ENCODERS
from cupynn.layers import LAYERS, Layer
from cupynn.layers.passes import merge_pooling
from cupynn.network.network import Network

SLACK = 1 << 20  # values that a definition may declare without a file that holds them: 4 MB of weights

Made = TypeVar("Made", bound=Network)


def describe(network: Network) -> dict[str, Any]:
    """Return the table from which `build` makes the network again, with its initial weights."""
    table: dict[str, Any] = {"input_shape": list(network.input_shape), "steps": network.steps, "seed": network.seed}
    if network.encoder is not None:
        table["encoder"] = network.encoder.config()
    if network.neurons_per_class > 1:
        table["neurons_per_class"] = network.neurons_per_class
    return table | {"layers": [layer.config() for layer in network.layers]}


def unknown(network: Network) -> list[str]:
    """Return for each class of the network's layers and encoder that `build` does not know what makes it known."""
    classes = (LAYERS, map(type, network.layers)), (ENCODERS, [type(network.encoder)] if network.encoder else [])
    return [
        f"decorate the class {name} with @{registry.decorator}"
        for registry, kinds in classes
        for name in dict.fromkeys(registry.missing(kinds))
    ]


def build(kind: type[Made], table: Any, where: str, device: str | Device = "auto", held: int | None = None) -> Made:
    """Make a network of class `kind` from a table of `describe`.

    Parameters
    ----------
    kind : type
    table : dict
    where : str
        Start of error messages.
    device : str or Device
    held : int, optional
        Number of values in the file of the table; a network that needs far more is refused.

    Raises
    ------
    InputError
        If a key is unknown or missing, or a value cannot be used.
    """
    where = f"{where}: network"
    if not isinstance(table, dict):
        raise InputError(f"{where}: expected a table of keys and values, found {table!r}")
    parameters = {name: p for name, p in inspect.signature(kind).parameters.items() if name != "device"}
    faults = Faults()
    faults.collect(lambda: check_keys(table, parameters, where, NETWORK))
    arguments = table | {"layers": faults.collect(lambda: _layers(table.get("layers", []), f"{where}.layers"))}
    if "encoder" in table:
        arguments["encoder"] = faults.collect(lambda: make(ENCODERS, table["encoder"], f"{where}.encoder"))
    faults.report()
    if held is not None:
        _check_size(table, held, where)
    device = resolve(device)  # outside the block: its errors do not concern the table
    try:
        return kind(**arguments, device=device)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _layers(tables: Any, where: str) -> list[Layer]:
    """Return the layers of a list of tables; report the faults of all."""
    if not isinstance(tables, list):
        raise InputError(f"{where}: expected a list of tables, found {tables!r}")
    faults = Faults()
    layers = [faults.collect(partial(make, LAYERS, table, f"{where}[{index}]")) for index, table in enumerate(tables)]
    faults.report()
    return layers


def _check_size(table: dict[str, Any], held: int, where: str) -> None:
    """Refuse a definition that declares far more values than its file holds, before memory is allocated.

    Smaller and other errors are left to later checks, whose messages are more precise.
    """
    needed, below = 0, None
    try:
        shape = checks.shape("input_shape", table["input_shape"])
        for entry in table["layers"]:
            layer = make(LAYERS, entry, where)
            merge_pooling(below, layer)
            needed += sum(map(prod, _connect(layer, shape)))
            if needed > 2 * held + SLACK:
                break
            shape, below = layer.output_shape, layer
    except (InputError, ValueError, MemoryError):
        return
    if needed > 2 * held + SLACK:
        raise InputError(f"{where}.layers declare at least {needed:,} weights, but the file holds {held:,}: save it again")


def _connect(layer: Layer, shape: tuple[int, ...]) -> Collection[tuple[int, ...]]:
    """Return the shapes of a layer's arrays from the `connect` of the class of its `build`, or else build the layer."""
    builder = next(kind for kind in type(layer).__mro__ if "build" in vars(kind))
    if "connect" in vars(builder):
        return vars(builder)["connect"](layer, shape).values()
    layer.build(shape, np.random.default_rng(0))
    return [array.shape for array in (layer.params | layer.buffers).values()]
