"""Checkpoints of the original program: all layers' values, from the first layer to the last, in one text file."""

from collections.abc import Collection
from math import prod
from os import PathLike

import numpy as np

from cupynn import checks
from cupynn.layers import Layer
from cupynn.reference.text import TextFile
from cupynn.sequential import Sequential


def load_checkpoint(network: Sequential, path: str | PathLike, lateral: Collection[str] = ()) -> None:
    """Load the weights of a checkpoint into a network; all or none.

    Biases must be there and finite, and are not used.

    Parameters
    ----------
    network : Sequential
        Of the layers that the checkpoint was written for.
    path : path
    lateral : collection of str
        Names of layers whose lateral weights stand in the file even if their inhibition has a strength of 0.

    Raises
    ------
    InputError
        If a word is no finite number, there are too few or too many values, or the lateral weights are not those of the
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
            elif name == "lateral" and not np.allclose(part, _inhibition(layer, len(part)), rtol=0, atol=1e-5):
                problem = f"the lateral weights of layer {layer.name!r} are others than in the config"
                raise file.error(file.line_of(begin), f"{problem}: expected -{layer.lateral_inhibition:g}, diagonal 0")
            begin += prod(shape)
    for home, name, part in loaded:
        home[name] = network.device.put(part.astype(np.float32))


def _parts(layer: Layer, coupled: bool) -> dict[str, tuple[int, ...]]:
    """Shapes of a layer's values in the order of the file; a layer without weights has none."""
    arrays = layer.params | layer.buffers
    if "weight" not in arrays:
        return {}
    units = len(arrays["weight"])
    lateral = coupled or "lateral" in arrays or getattr(layer, "lateral_inhibition", 0)
    return {"weight": arrays["weight"].shape} | ({"lateral": (units, units)} if lateral else {}) | {"bias": (units,)}


def _inhibition(layer: Layer, units: int) -> np.ndarray:
    return layer.lateral_inhibition * (np.eye(units) - 1)
