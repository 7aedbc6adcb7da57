"""Read the original program's files with the weights of one layer."""

import re
from os import PathLike

import numpy as np

from cupynn.reference.text import TextFile

_SYNAPSE = re.compile(r"\s*([0-9]+)\s+\S*_([0-9]+)\s+\S*_([0-9]+)\s+(\S+)\s*")
_FORM = "`index pre_<j> post_<i> value`"


def read_weights(path: str | PathLike, shape: tuple[int, ...], sparse: bool = False) -> np.ndarray:
    """Read the weights of a convolution, whose shape has four axes, or of a dense layer."""
    return read_conv_weights(path, shape) if len(shape) == 4 else read_dense_weights(path, *shape, sparse=sparse)


def read_dense_weights(path: str | PathLike, units: int, inputs: int, sparse: bool = False) -> np.ndarray:
    """Read float32 weights of shape (units, inputs) from lines such as ``7 hidden_2 output_1 0.25``.

    Indices must be consecutive; the values of a repeated pair add up. With `sparse`, pairs may be missing: their weight is
    0. A malformed or missing line raises InputError.
    """
    file = TextFile(path, f"lines {_FORM}")
    lines, synapses = [], []
    for number, line in enumerate(file.lines, start=1):
        synapse = _SYNAPSE.fullmatch(line)
        if synapse:
            lines.append(number)
            synapses.append(synapse.groups())
        elif line.strip():
            raise file.error(number, f"{line.strip()[:60]!r}: expected {_FORM}")
    words = [[] for _ in file.lines]
    for number, synapse in zip(lines, synapses, strict=True):
        words[number - 1] = list(synapse[:3])
    index, pre, post = file.numbers(words, int).reshape(-1, 3).T
    for number, synapse in zip(lines, synapses, strict=True):
        words[number - 1] = [synapse[3]]
    values = file.numbers(words, float)
    for name, numbers, bound in (("pre", pre, inputs), ("post", post, units)):
        file.refuse(numbers >= bound, lines, numbers, f"{name}_{{}}: expected {name}_0 to {name}_{bound - 1}")
    gaps = np.diff(index) != 1
    if gaps.any():
        first = int(np.argmax(gaps))
        raise file.error(lines[first + 1], f"index {index[first + 1]} after {index[first]}: expected {index[first] + 1}")
    weight, present = np.zeros((units, inputs)), np.zeros((units, inputs), bool)
    np.add.at(weight, (post, pre), values)
    present[post, pre] = True
    if not (sparse or present.all()):
        i, j = np.argwhere(~present)[0]
        raise file.error(file.last, f"no weight from pre_{j} to post_{i}: expected all {units * inputs} pairs")
    return weight.astype(np.float32)


def read_conv_weights(path: str | PathLike, shape: tuple[int, int, int, int]) -> np.ndarray:
    """Read float32 weights of a convolution, of shape (maps, channels, height, width), from numbers in this order."""
    count = int(np.prod(shape))
    file = TextFile(path, f"{count} numbers")
    values = file.numbers(file.rows, float)
    if values.size != count:
        sizes = " x ".join(map(str, shape))
        raise file.error(file.line_of(count), f"{values.size} values in all: expected {count}, {sizes}")
    return values.reshape(shape).astype(np.float32)
