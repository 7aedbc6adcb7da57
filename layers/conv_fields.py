"""The receptive fields of convolutions on the CPU.

A field is kh runs of adjacent values of a grid, in which the inputs of a sample are stored channel last and padded. So are
the weights of each map.
"""

from typing import NamedTuple

import numpy as np

from cupynn.kernels import inline
from cupynn.kernels.rule import input_error
from cupynn.kernels.simd import FEW, load, store
from cupynn.layers.synapses import ConvSynapses


class Grid(NamedTuple):
    """Layout of a sample's inputs.

    Groups of channels follow each other. In a row, every `dilation`-th column is adjacent.
    """

    slots: np.ndarray  # (N_in,), position of each input
    corners: np.ndarray  # (groups, places, kh), starts of the runs of each field
    size: int  # FEW more positions follow, since runs are padded to a multiple of FEW


def grid_of(synapses: ConvSynapses, run: int) -> Grid:
    """Return the layout for runs of `run` values, with a run of its own for the constant input of a bias."""
    weight, bias, padding, stride, dilation, groups, (_, height, width), (_, rows, columns), _ = synapses
    channels, kh = weight.shape[1:3]
    high, wide = height + 2 * padding[0], -(-(width + 2 * padding[1]) // dilation[1])
    x = np.arange(width + 2 * padding[1])
    x = (x % dilation[1] * wide + x // dilation[1]) * channels
    y = np.arange(high) * (wide * dilation[1] * channels)
    group = np.arange(groups) * (high * wide * dilation[1] * channels)
    image = np.add.outer(y[padding[0] : padding[0] + height], x[padding[1] : padding[1] + width])
    slots = np.add.outer(np.add.outer(group, np.arange(channels)), image).ravel()
    places = np.add.outer(y[: rows * stride[0] : stride[0]], x[: columns * stride[1] : stride[1]]).ravel()
    corners = np.add.outer(np.add.outer(group, places), y[: kh * dilation[0] : dilation[0]])
    size = groups * high * wide * dilation[1] * channels
    if bias is None:
        return Grid(slots, corners, size)
    constant = np.full((*corners.shape[:2], 1), size)  # a run of its own, in each field
    return Grid(np.append(slots, size), np.concatenate([corners, constant], axis=2), size + run)


def fields_of(weight: np.ndarray, run: int, bias: np.ndarray | None) -> np.ndarray:
    """Return weights (maps, channels, kh, kw) and a bias (maps,) as fields (maps, runs * run), padded with zeros."""
    maps, channels, kh, kw = weight.shape
    fields = np.zeros((maps, kh + (bias is not None), run), np.float32)
    fields[:, :kh, : kw * channels] = weight.transpose(0, 2, 3, 1).reshape(maps, kh, kw * channels)
    if bias is not None:
        fields[:, kh, 0] = bias
    return fields.reshape(maps, -1)


@inline
def gather(values, corners, group, place, factor, field):
    """Copy the values of a field, times a factor, to `field`, one run after the other."""
    runs = corners.shape[2]
    run = field.size // runs
    for part in range(runs):
        for k in range(0, run, FEW):
            store(field, part * run + k, load(values, corners[group, place, part] + k, FEW) * factor)


@inline
def scatter(field, corners, group, place, values):
    """Add `field` to the values of a field: the reverse of `gather`."""
    runs = corners.shape[2]
    run = field.size // runs
    for part in range(runs):
        for k in range(0, run, FEW):
            at = corners[group, place, part] + k
            store(values, at, load(values, at, FEW) + load(field, part * run + k, FEW))


@inline
def pass_on(sent, b, slots, by_spsp, by_weight, by_silent, rule, below):
    """Write the errors below (B, N_in) of a sample from the sums (grid,) over all fields."""
    silent_slope = np.float32(rule.silent_slope)
    for j in range(slots.size):
        slot = slots[j]
        sums = by_spsp[slot], by_weight[slot], by_silent[slot]
        below[b, j] = input_error(np.float32(sent[b, j]), *sums, rule.effect_ratio, silent_slope)
