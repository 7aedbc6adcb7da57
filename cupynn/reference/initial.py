"""Initial weights of a config of the original program: drawn, or read from files."""

import numpy as np

from cupynn.layers import Layer
from cupynn.reference.config import Block
from cupynn.reference.folder import Folder
from cupynn.reference.weights import read_dense_weights, read_weights

INIT_TYPES = ("Bernoulli", "Gaussian", "Fixed", "External")
GAUSSIAN_BOUND = 3  # standard deviations beyond which Gaussian weights are cut off


def set_weights(layer: Layer, block: Block, folder: Folder, rng: np.random.Generator) -> None:
    """Set the weights of a built layer as its block specifies; raise InputError if a key or file cannot be used."""
    arrays = layer.params | layer.buffers
    if "weight" not in arrays:
        return
    weight = arrays["weight"]
    kind = block.choice("initType", INIT_TYPES)
    if "lateral" in arrays and kind not in ("External", "Fixed"):
        raise block.error("initType", "expected External or Fixed for the weights of a reservoir")
    if kind == "External":
        weight[:] = read_weights(folder.find(block, "weightPath"), weight.shape, sparse="lateral" in arrays)
    elif kind == "Gaussian":
        bound = GAUSSIAN_BOUND * abs(block.number("initW"))
        weight[:] = rng.normal(0, bound / GAUSSIAN_BOUND, weight.shape).clip(-bound, bound)
    elif kind == "Fixed":
        weight[:] = _fixed(weight.shape, block, rng)
    if "lateral" in arrays and "lweightPath" in block:
        lateral = arrays["lateral"]
        lateral[:] = read_dense_weights(folder.find(block, "lweightPath"), *lateral.shape, sparse=True)


def _fixed(shape: tuple[int, ...], block: Block, rng: np.random.Generator) -> np.ndarray:
    """Return equal weights or, with `weightConnect`, that number of random synapses per input, of either sign."""
    strength = block.number("initW")
    if "weightConnect" not in block:
        return np.full(shape, strength)
    synapses = block.integer("weightConnect", minimum=1, maximum=max(shape[0], 1000))
    weight = np.zeros((shape[0], int(np.prod(shape[1:]))))
    inputs = np.repeat(np.arange(weight.shape[1]), synapses)
    neurons = rng.integers(shape[0], size=inputs.size)
    np.add.at(weight, (neurons, inputs), rng.choice([-strength, strength], inputs.size))
    return weight.reshape(shape)
