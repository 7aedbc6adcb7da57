"""The parts of a network, checked: its list of layers, each built for the output of the layer before."""

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.layers import Layer

BEYOND_ADDRESSES = "array is too big", "Maximum allowed dimension"  # NumPy errors for sizes beyond any memory


def build(layer: Layer, input_shape: tuple[int, ...], rng: np.random.Generator) -> tuple[int, ...]:
    """Build a layer and return its output shape; refuse sizes beyond any memory."""
    try:
        layer.build(input_shape, rng)
        layer.arrange()  # the weights of a layer of users
    except InputError:
        raise
    except (MemoryError, ValueError) as error:
        if isinstance(error, ValueError) and not any(words in str(error) for words in BEYOND_ADDRESSES):
            raise
        raise InputError(
            f"{layer.name}: the weights of {layer!r} for an input of {input_shape} do not fit into memory ({error}): "
            "make the layer or its input smaller"
        ) from error
    return countable(f"{layer.name}: the output of {layer!r}", layer.output_shape)


def listed(layers: Any) -> list[Layer]:
    """Return layers, at least one, as a list."""
    if isinstance(layers, Layer | np.ndarray) or not isinstance(layers, Iterable):
        raise InputError(f"layers is a {type(layers).__name__}: pass a list, [layer]")
    found = [checks.only(f"layers[{index}]", layer, Layer) for index, layer in enumerate(layers)]
    if not found:
        raise InputError("layers is empty: pass at least one layer")
    return found


def countable(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape; refuse one of more neurons than kernels can count."""
    if prod(shape) > checks.LARGEST_INT:
        raise InputError(f"{name} has shape {shape}: pass at most {checks.LARGEST_INT:,} neurons")
    return shape
