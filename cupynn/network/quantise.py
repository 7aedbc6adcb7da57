"""Weights on a grid of integers, as neuromorphic hardware stores them."""

from typing import NamedTuple, TypeVar

import numpy as np

from cupynn import checks
from cupynn.network import definition
from cupynn.network.network import Network

Made = TypeVar("Made", bound=Network)
MOST_BITS = 16


class Integers(NamedTuple):
    """Weights as integers; ``integers * scale`` are the weights on the grid."""

    integers: np.ndarray  # int8, or int16 beyond 8 bits, of the shape of the weights
    scale: np.ndarray  # float32, of shape (1, 1, ...) or, per neuron or map, (out, 1, ...)


def integers(network: Network, bits: int, per: str = "layer") -> dict[str, Integers]:
    """Return the weights as integers from -(2^(bits-1) - 1) to 2^(bits-1) - 1, with the scales that map them to weights.

    The scale makes the largest magnitude the largest integer; other weights are rounded to the nearest one, ties to even.

    Parameters
    ----------
    bits : int
        Bits of an integer with its sign, 2 to 16.
    per : {"layer", "neuron"}
        Whether all weights of a layer share a scale, or those to each neuron (in convolutions, of each map) do.

    Returns
    -------
    dict of str to Integers
        By "layer/array", such as "hidden/weight", for all arrays of weights, trained or not. Values per neuron, such as
        biases, stay as they are and are left out.

    Raises
    ------
    InputError
        If an argument is out of range, or a weight is not finite.

    Examples
    --------
    >>> from cupynn import Sequential, layers
    >>> net = Sequential([layers.SpikingDense(2, v_th=1.0, name="output")], (3,), steps=60, device="cpu")
    >>> net.layers[0].weight[:] = [[1.0, -0.5, 0.0], [0.3, 0.1, -0.2]]
    >>> found = net.integers(bits=3)["output/weight"]
    >>> found.integers.tolist(), round(float(found.scale[0, 0]), 4)
    ([[3, -2, 0], [1, 0, -1]], 0.3333)
    """
    bits = checks.integer("bits", bits, minimum=2, maximum=MOST_BITS)
    per = checks.choice("per", per, ("layer", "neuron"))
    network.check_finite()
    largest, kind = 2 ** (bits - 1) - 1, np.int8 if bits <= 8 else np.int16
    found = {}
    for name, array in network.arrays().items():
        if array.ndim < 2 or name.endswith("/mask"):  # values per neuron, or which connections there are
            continue
        weight = network.device.get(array)
        axes = tuple(range(per == "neuron", weight.ndim))
        scale = np.abs(weight).max(axes, keepdims=True) / np.float32(largest)
        steps = np.rint(weight / np.where(scale > 0, scale, np.float32(1)))
        found[name] = Integers(steps.clip(-largest, largest).astype(kind), scale)
    return found


def quantise(network: Made, bits: int, per: str = "layer") -> Made:
    """Return a copy of the network whose weights are on the grid of `integers`; `compare` tells what that changes.

    Parameters
    ----------
    bits, per
        As in `integers`.

    Raises
    ------
    InputError
        If an argument is out of range, or a weight is not finite.

    Examples
    --------
    >>> from cupynn import Sequential, datasets
    >>> net, test = Sequential.pretrained("digits", device="cpu"), datasets.load("digits")[1]
    >>> coarse = net.quantise(bits=4, per="neuron")
    >>> coarse.evaluate(test).accuracy > 0.95
    True
    """
    grid = integers(network, bits, per)
    copied = definition.build(type(network), definition.describe(network), "the network", network.device)
    for name, array in copied.arrays().items():
        weight = grid[name].integers * grid[name].scale if name in grid else network.device.get(network.arrays()[name])
        array[...] = network.device.put(np.ascontiguousarray(weight, array.dtype))
    return copied
