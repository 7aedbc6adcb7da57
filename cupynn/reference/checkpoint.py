"""Checkpoints of the original program: the values of all layers, from first to last, in one text file."""

from collections.abc import Collection
from math import prod
from os import PathLike

import numpy as np

from cupynn import checks
from cupynn.layers import Layer
from cupynn.reference.text import TextFile
from cupynn.sequential import Sequential


def load_checkpoint(network: Sequential, path: str | PathLike, lateral: Collection[str] = ()) -> None:
    """Load the weights of a checkpoint into a network; an error leaves the network unchanged.

    The file must contain finite biases, which are ignored unless the layer has ADD_BIAS.

    Parameters
    ----------
    network : Sequential
        Network with the layers that the checkpoint was written for.
    path : path
    lateral : collection of str
        Names of layers whose lateral weights are in the file even if the strength of their inhibition is 0.

    Raises
    ------
    InputError
        If a value is not a finite number, there are too few or too many values, or the lateral weights differ from the
        layer's inhibition.
    """
    checks.only("network", network, Sequential)
    file = TextFile(path, "numbers separated by blanks")
    values = file.numbers(file.rows, float)
    parts = [_parts(layer, layer.name in lateral) for layer in network.layers]
    sizes = [sum(map(prod, shapes.values())) for shapes in parts]
    ends = np.cumsum(sizes)
    if values.size < ends[-1]:
        short = int(np.argmax(ends > values.size))
        wanted = ", ".join(f"{name} {prod(shape)}" for name, shape in parts[short].items())
        span = f"values {ends[short] - sizes[short] + 1} to {ends[short]} ({wanted})"
        raise file.error(file.last, f"{values.size} values in all: layer {network.layers[short].name!r} expects {span}")
    if values.size > ends[-1]:
        wanted = ", ".join(f"{layer.name} {size}" for layer, size in zip(network.layers, sizes, strict=True) if size)
        raise file.error(file.line_of(ends[-1]), f"{values.size} values in all: expected {ends[-1]} ({wanted})")
    loaded = []
    for layer, shapes, begin in zip(network.layers, parts, ends - sizes, strict=True):
        arrays = layer.params | layer.buffers
        for name, shape in shapes.items():
            part = values[begin : begin + prod(shape)].reshape(shape)
            if name in arrays:
                loaded.append((layer.params if name in layer.params else layer.buffers, name, part))
            elif name == "lateral":
                strength = layer.lateral_inhibition
                if not np.allclose(part, strength * (np.eye(len(part)) - 1), rtol=0, atol=1e-5):
                    problem = f"the lateral weights of layer {layer.name!r} differ from the config"
                    raise file.error(file.line_of(begin), f"{problem}: expected -{strength:g}, diagonal 0")
            begin += prod(shape)
    for home, name, part in loaded:
        home[name] = network.device.put(part.astype(np.float32))


def _parts(layer: Layer, coupled: bool) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a layer's values in the order of the file; empty for a layer without weights."""
    arrays = layer.params | layer.buffers
    if "weight" not in arrays:
        return {}
    units = len(arrays["weight"])
    lateral = coupled or "lateral" in arrays or getattr(layer, "lateral_inhibition", 0)
    return {"weight": arrays["weight"].shape} | ({"lateral": (units, units)} if lateral else {}) | {"bias": (units,)}
