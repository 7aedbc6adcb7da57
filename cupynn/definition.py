"""Definitions: everything that makes a network but its weights, as plain tables for JSON and TOML."""

import inspect
from typing import Any

from cupynn.checks import InputError
from cupynn.config import check_keys, make
from cupynn.device import Device, resolve
from cupynn.encoders import ENCODERS
from cupynn.layers import LAYERS
from cupynn.network import Sequential


def describe(network: Sequential) -> dict[str, Any]:
    """Table from which `build` makes the network again, with its initial weights."""
    table: dict[str, Any] = {"input_shape": list(network.input_shape), "steps": network.steps, "seed": network.seed}
    if network.encoder is not None:
        table["encoder"] = network.encoder.config()
    return table | {"layers": [layer.config() for layer in network.layers]}


def build(table: Any, where: str, device: str | Device = "auto") -> Sequential:
    """Make a network from a table as `describe` gives it; errors begin with `where`.

    Raises
    ------
    InputError
        If a key is unknown or missing, or a value cannot be used.
    """
    where = f"{where}: network"
    if not isinstance(table, dict):
        raise InputError(f"{where}: expected a table of keys and values, found {table!r}")
    parameters = {name: p for name, p in inspect.signature(Sequential).parameters.items() if name != "device"}
    check_keys(table, parameters, where)
    if not isinstance(table["layers"], list):
        raise InputError(f"{where}.layers: expected a list of tables, found {table['layers']!r}")
    arguments = table | {
        "layers": [make(LAYERS, layer, f"{where}.layers[{index}]") for index, layer in enumerate(table["layers"])]
    }
    if "encoder" in table:
        arguments["encoder"] = make(ENCODERS, table["encoder"], f"{where}.encoder")
    device = resolve(device)  # here, as it is no fault of the table's
    try:
        return Sequential(**arguments, device=device)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
