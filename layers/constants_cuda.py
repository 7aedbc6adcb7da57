"""Gradients of trained constants on a GPU: twin of `constants_cpu.py`."""

from typing import Any

import numpy as np

from cupynn.kernels.cuda import CudaSource, blocks, parts
from cupynn.kernels.events_cuda import list_by_step
from cupynn.kernels.slopes import Slopes
from cupynn.kernels.update_cuda import add_parts
from cupynn.layers.conv_cuda import block_of, side_by_side
from cupynn.layers.synapses import ConvSynapses, DenseSynapses, PoolSynapses
from cupynn.spikes.cuda_trains import CudaTrains

_CONSTANTS = CudaSource.of("cupynn.layers", "constants")
_BLOCK = 128
_SUMS = 3


def membranes(
    inputs: CudaTrains,
    outputs: CudaTrains,
    errors: Any,
    synapses: DenseSynapses | ConvSynapses | PoolSynapses,
    constants: Slopes,
) -> Any:
    """Return the sums of each neuron's membranes at firings and of their derivatives, float32 (B, 3, N_out)."""
    import cupy

    *values, t_ref, delay = constants
    groups = np.size(constants.gain)
    table = cupy.asarray(np.array(values, np.float32).reshape(len(values), groups))
    recursion = table, groups, int(t_ref), delay
    found = cupy.empty((inputs.batch, _SUMS, outputs.size), np.float32)
    launch = {DenseSynapses: _dense, ConvSynapses: _conv, PoolSynapses: _pool}[type(synapses)]
    for part in parts(inputs.batch, 4 * (inputs.size * inputs.bits.most + outputs.size * outputs.bits.most)):
        launch(inputs[part], outputs[part], synapses, recursion, found[part])
    return found


def _dense(inputs: CudaTrains, outputs: CudaTrains, synapses: DenseSynapses, recursion: tuple, found: Any) -> None:
    import cupy

    weight, lateral, inhibition, cuda, _ = synapses
    columns, (offsets, neurons), own = (
        cupy.ascontiguousarray(weight.T),
        list_by_step(inputs.bits),
        list_by_step(outputs.bits),
    )
    among = columns if lateral is None else cupy.ascontiguousarray(lateral.T)
    words = outputs.bits.words
    sizes = (len(weight), inputs.steps, words.shape[2], *recursion)
    events = (offsets, neurons, neurons.shape[1], columns, *sizes, inhibition, lateral is not None, among)
    grid = (blocks(len(weight), _BLOCK), inputs.batch)
    cuda.launch("membranes", grid, _BLOCK, *events, *own, own[1].shape[1], words, found)


def _conv(inputs: CudaTrains, outputs: CudaTrains, synapses: ConvSynapses, recursion: tuple, found: Any) -> None:
    weight, _, padding, *_, (_, *image), (_, rows, columns), cuda = synapses
    together, (offsets, neurons), words = side_by_side(synapses), list_by_step(inputs.bits), outputs.bits.words
    sizes = (*weight.shape[:2], *image, *weight.shape[2:], *padding, rows, columns, inputs.steps, words.shape[2])
    block = block_of(rows * columns)
    grid = (blocks(rows * columns, block), len(together), inputs.batch)
    cuda.launch("membranes", grid, block, offsets, neurons, neurons.shape[1], together, *sizes, *recursion, words, found)


def _pool(inputs: CudaTrains, outputs: CudaTrains, synapses: PoolSynapses, recursion: tuple, found: Any) -> None:
    size, stride, image, (_, rows, columns), cuda = synapses
    below, words = inputs.bits.words, outputs.bits.words
    sizes = (below.shape[2], *image, rows, columns, *size, *stride, inputs.steps, words.shape[2])
    cuda.launch("membranes", (blocks(outputs.size, _BLOCK), inputs.batch), _BLOCK, below, *sizes, *recursion, words, found)


def add_up(errors: Any, found: Any, rows: list[int], factors: np.ndarray, share: float, gradients: list) -> None:
    """Add to each gradient (groups,) the sum over samples and over each group's neurons of D_i times a sum of `found`."""
    import cupy

    (batch, neurons), groups = errors.shape, factors.shape[1]
    tables = cupy.asarray(np.array(rows, np.int32)), cupy.asarray(factors.astype(np.float32))
    for part in parts(batch, 1):  # bounds the samples to what a grid holds
        partial = cupy.empty((len(gradients), part.stop - part.start, groups), np.float32)
        grid = (groups, partial.shape[1], len(gradients))
        _CONSTANTS.launch("add_up", grid, _BLOCK, errors[part], found[part], *tables, neurons, groups, share, partial)
        for gradient, samples in zip(gradients, partial, strict=True):
            add_parts(samples, gradient)
