"""Initial weights as a config of the original program asks for them: drawn, or from files found below a folder."""

from collections import defaultdict
from itertools import takewhile
from operator import eq
from os import PathLike
from pathlib import Path, PurePosixPath

import numpy as np

from cupynn import checks
from cupynn.cached import cached
from cupynn.checks import InputError
from cupynn.layers import Layer
from cupynn.reference.config import Block
from cupynn.reference.weights import read_conv_weights, read_dense_weights

INIT_TYPES = ("Bernoulli", "Gaussian", "Fixed", "External")
GAUSSIAN_BOUND = 3  # standard deviations beyond which Gaussian weights are cut off


class Folder:
    """A folder below which the files of a config lie, in whatever arrangement.

    Parameters
    ----------
    root : path

    Raises
    ------
    InputError
        If there is no such folder.
    """

    def __init__(self, root: str | PathLike) -> None:
        self.root = checks.path("root", root)
        if not self.root.is_dir():
            raise InputError(f"root={str(root)!r}: no such folder; pass the one that holds the weights")

    @cached
    def _files(self) -> dict[str, list[tuple[str, ...]]]:
        """Paths below the folder, in parts, by name of the file."""
        files = defaultdict(list)
        for found in self.root.rglob("*"):
            if found.is_file():
                files[found.name].append(found.relative_to(self.root).parts)
        return files

    def find(self, block: Block, key: str) -> Path:
        """The file below the folder whose path agrees with that of a key in most parts, counted from the end."""
        wanted = PurePosixPath(block.text(key).replace("\\", "/"))
        found = self._files.get(wanted.name, [])
        agreement = [sum(takewhile(bool, map(eq, reversed(parts), reversed(wanted.parts)))) for parts in found]
        best = [parts for parts, length in zip(found, agreement, strict=True) if length == max(agreement)]
        if len(best) != 1:
            candidates = ", ".join(sorted("/".join(parts) for parts in best)) or "none"
            raise block.error(key, f"expected one file {wanted.name} below {self.root}, found {candidates}")
        return self.root.joinpath(*best[0])


def set_weights(layer: Layer, block: Block, folder: Folder, rng: np.random.Generator) -> None:
    """Give a built layer the weights that its block asks for.

    Raises
    ------
    InputError
        If the block has no usable `initType` or lacks what that needs, or a file is missing or cannot be used.
    """
    arrays = layer.params | layer.buffers
    if "weight" not in arrays:
        return
    weight = arrays["weight"]
    kind = block.choice("initType", INIT_TYPES)
    if "lateral" in arrays and kind not in ("External", "Fixed"):
        raise block.error("initType", "expected External or Fixed for the weights of a reservoir")
    if kind == "External":
        file = folder.find(block, "weightPath")
        if weight.ndim == 4:
            weight[:] = read_conv_weights(file, weight.shape)
        else:
            weight[:] = read_dense_weights(file, *weight.shape, sparse="lateral" in arrays)
    elif kind == "Gaussian":
        bound = GAUSSIAN_BOUND * abs(block.number("initW"))
        weight[:] = rng.normal(0, bound / GAUSSIAN_BOUND, weight.shape).clip(-bound, bound)
    elif kind == "Fixed":
        weight[:] = _fixed(weight.shape, block, rng)
    if "lateral" in arrays and "lweightPath" in block:
        lateral = arrays["lateral"]
        lateral[:] = read_dense_weights(folder.find(block, "lweightPath"), *lateral.shape, sparse=True)


def _fixed(shape: tuple[int, ...], block: Block, rng: np.random.Generator) -> np.ndarray:
    """All weights alike or, with `weightConnect`, so many synapses of either sign from each input to random neurons."""
    strength = block.number("initW")
    if "weightConnect" not in block:
        return np.full(shape, strength)
    synapses = block.integer("weightConnect", minimum=1, maximum=max(shape[0], 1000))
    weight = np.zeros((shape[0], int(np.prod(shape[1:]))))
    inputs = np.repeat(np.arange(weight.shape[1]), synapses)
    neurons = rng.integers(shape[0], size=inputs.size)
    np.add.at(weight, (neurons, inputs), rng.choice([-strength, strength], inputs.size))
    return weight.reshape(shape)
