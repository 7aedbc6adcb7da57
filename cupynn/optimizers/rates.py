"""Options that change the rate of an update: a warm-up, and factors by layer."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

from cupynn import checks
from cupynn.checks import InputError
from cupynn.network.network import Network


def checked(rates: Any) -> dict[str, float] | None:
    """Return factors of the learning rate by layer, or None for none.

    Raises
    ------
    InputError
        If they are not a dict of names and positive numbers.
    """
    if rates is None:
        return None
    if not isinstance(rates, Mapping) or not all(isinstance(name, str) for name in rates):
        raise InputError(f"rates={rates!r}: pass a dict of factors by layer, such as {{'hidden': 0.1}}")
    numbers = {name: factor for name, factor in rates.items() if isinstance(factor, Real) and not isinstance(factor, bool)}
    frozen = next((name for name, factor in numbers.items() if factor == 0), None)
    if frozen is not None:
        raise InputError(f"rates[{frozen!r}]=0: to freeze a layer, set its attribute trained = False")
    return {name: checks.number(f"rates[{name!r}]", factor, above=0) for name, factor in rates.items()}


def check(rates: Mapping[str, float], network: Network) -> None:
    """Refuse factors without an effect on a network.

    Raises
    ------
    InputError
        If a name is not that of a layer, or of "layer/array", or training does not change the layer.
    """
    trained = {name for layer in network.layers for key in layer.params for name in (layer.name, f"{layer.name}/{key}")}
    names = {layer.name for layer in network.layers}
    for name in rates:
        if name.partition("/")[0] in names - trained:
            raise InputError(f"rates[{name!r}]: this layer has no trained arrays: leave it out of rates")
        if name not in trained:
            known = ", ".join(layer.name for layer in network.layers if layer.name in trained)
            raise InputError(f"rates has an unknown layer {name!r}{checks.nearest(name, trained)}: known are {known}")


def factor(rates: Mapping[str, float] | None, key: tuple[str, str]) -> float:
    """Return the factor of an array, (layer, array): its own, or else that of its layer, or 1."""
    layer, name = key
    return 1.0 if rates is None else rates.get(f"{layer}/{name}", rates.get(layer, 1.0))


def warm(warmup: int | None, updates: int) -> float:
    """Return the factor of the warm-up after a number of updates: it rises by equal steps to 1 in update `warmup`."""
    return 1.0 if warmup is None else min(1.0, (updates + 1) / warmup)
