"""The arrays of a network that an optimizer updates, checked."""

from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.network.network import Network

Key = tuple[str, str]  # layer and parameter


def trained_arrays(network: Network) -> dict[Key, tuple[Any, Any]]:
    """Return each parameter with its gradient, as (layer name, parameter name), without frozen layers.

    Raises
    ------
    InputError
        If one is not an array that the kernels can update.
    """
    found = {}
    for layer in network.layers:
        layer.check_gradients()
        for name, parameter in layer.params.items():
            _check_pair(f"{layer.name}/{name}", parameter, layer.grads[name])
            found[layer.name, name] = parameter, layer.grads[name]
    return found


def _check_pair(name: str, parameter: Any, gradient: Any) -> None:
    checks.array(name, parameter)
    checks.array(f"the gradient of {name}", gradient)
    checks.writable(name, parameter)
    if not parameter.shape or gradient.shape != parameter.shape or {gradient.dtype, parameter.dtype} != {np.dtype("f4")}:
        raise InputError(
            f"{name} is {parameter.dtype} {parameter.shape}, its gradient {gradient.dtype} {gradient.shape}: an update "
            "needs float32 arrays of one shape; assign values by array[...] = values"
        )


def check_moments(moments: dict[Key, tuple[Any, ...]], network: Network) -> None:
    """Raise InputError if the moments of earlier updates are of other arrays than the network trains."""
    held = {key: own[0].shape for key, own in moments.items()}
    trained = {key: (len(array), array[0].size) for key, (array, _) in trained_arrays(network).items()}
    if held != trained:
        other = sorted({"/".join(key) for key, _ in held.items() ^ trained.items()})
        raise InputError(
            f"this optimizer has updated other arrays than the network trains now ({', '.join(other)}): create a new "
            "optimizer for another network, or after freezing or unfreezing layers"
        )


def named(network: Network, moments: dict[Key, tuple[Any, ...]]) -> dict[str, Any]:
    """Return gradients, parameters and moments of a network, each with its name for messages."""
    arrays = {}
    for key, (parameter, gradient) in trained_arrays(network).items():
        name = "/".join(key)
        arrays |= {f"the gradient of {name}": gradient, f"the array {name}": parameter}
        arrays |= {f"moment {number} of the optimizer for {name}": own for number, own in enumerate(moments[key])}
    return arrays
