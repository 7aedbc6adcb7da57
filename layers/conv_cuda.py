"""Convolutions of spiking neurons on a GPU: twin of `conv_cpu.py`. `conv.py` says what the arguments mean."""

from math import prod
from typing import Any

import numpy as np

from cupynn.kernels.cuda import blocks, parts
from cupynn.kernels.events_cuda import list_by_neuron, list_by_step, silent
from cupynn.kernels.lif import Lif
from cupynn.kernels.psp_cuda import make_traces, tables
from cupynn.kernels.rule import Rule
from cupynn.kernels.sums import BatchSum
from cupynn.kernels.update_cuda import add_parts
from cupynn.layers.synapses import ConvSynapses
from cupynn.spikes.cuda_trains import CudaTrains

_BLOCK = 128
_MAPS = 4  # of a thread, as in the source
_POTENTIALS = 1 << 24  # S-PSPs of a sample that are held at a time, 64 MB, if those of a single map are no more


def simulate(inputs: CudaTrains, synapses: ConvSynapses, neuron: Lif, membranes: Any, currents: Any) -> CudaTrains:
    """Run the layer; fills membranes and currents (B, T, N) unless they are empty."""
    import cupy

    weight, padding, (_, *image), (_, rows, columns), cuda = synapses
    maps, channels, kh, kw = weight.shape
    chunks, steps, places = blocks(maps, _MAPS), inputs.steps, rows * columns
    outputs = CudaTrains(silent(inputs.batch, steps, maps * places, neuron.max_count(steps)), steps, synapses.output_shape)
    together = cupy.zeros((chunks * _MAPS, channels, kh, kw), np.float32)
    together[:maps] = weight
    together = cupy.ascontiguousarray(together.reshape(chunks, _MAPS, -1).transpose(0, 2, 1))
    record = membranes.size > 0
    for part in parts(inputs.batch, 4 * inputs.size * inputs.bits.most):
        words, counts = outputs.bits.words[part], outputs.bits.counts[part]
        states = (membranes[part], currents[part]) if record else (membranes, currents)
        offsets, neurons = list_by_step(inputs[part].bits)
        sizes = (maps, channels, *image, kh, kw, *padding, rows, columns, steps, words.shape[2])
        block = _block(places)
        grid = (blocks(places, block), chunks, len(offsets))
        arguments = (offsets, neurons, neurons.shape[1], together, *sizes, *neuron, record, words, counts, *states)
        cuda.launch("forward", grid, block, *arguments)
    return outputs


def backward(
    inputs: CudaTrains,
    outputs: CudaTrains,
    errors: Any,
    synapses: ConvSynapses,
    rule: Rule,
    gradient: Any,
    below: Any,
    batch_sum: BatchSum,
) -> None:
    """Go on with the weight gradient (maps, channels, kh, kw); write the errors below (B, N_in) unless they are None.

    With `overshoot`, the errors of saturated neurons are lessened, in place.
    """
    import cupy

    weight, padding, (_, *image), (_, rows, columns), cuda = synapses
    maps, channels, kh, kw = weight.shape
    steps, places, entries = inputs.steps, rows * columns, channels * kh * kw
    decays, at_once = tables(rule.psp, steps).decays, _maps_at_once(weight.shape, places)
    if batch_sum.done == 0:
        gradient.fill(0)
    channel_last = cupy.ascontiguousarray(weight.transpose(0, 2, 3, 1))
    for part in parts(inputs.batch, sample_bytes(inputs.size, steps, weight.shape, places, outputs.bits.most)):
        x, o, d = inputs[part], outputs[part].bits, errors[part]
        counts_below = cupy.ascontiguousarray(x.bits.counts.reshape(x.batch, channels, -1).transpose(0, 2, 1))
        potentials = cupy.empty((x.batch, at_once, places, entries), np.float32)
        scales, partial = cupy.empty_like(d), cupy.empty((x.batch, *weight.shape), np.float32)
        traces, times = make_traces(x.bits, rule.psp, channels), list_by_neuron(o)
        trains = (traces, counts_below, times, o.counts, times.shape[2], d, channel_last, decays)
        sizes = (maps, channels, *image, kh, kw, *padding, rows, columns)
        learning = (steps, rule.t_ref, rule.v_th, rule.overshoot, batch_sum.share)
        for first in range(0, maps, at_once):
            last = min(maps, first + at_once)
            grid = (places, blocks(last - first, _BLOCK // 32), x.batch)
            cuda.launch("fields", grid, _BLOCK, *trains, first, last, *sizes, *learning, potentials, scales)
            shape = (first, maps, places, channels, kh * kw, _block(entries))
            cuda.launch("weight_gradient", (last - first, x.batch), _BLOCK, potentials, scales, *shape, partial)
            if below is not None:
                grid, seen = (blocks(inputs.size, _BLOCK), x.batch), (potentials, counts_below, o.counts, d, channel_last)
                slopes = (rule.effect_ratio, rule.silent_slope)
                cuda.launch("input_error", grid, _BLOCK, *seen, first, last, *sizes, *slopes, below[part])
        add_parts(partial, gradient)


def _block(threads: int) -> int:
    """Threads of a block, if no more than these are needed: whole warps."""
    return min(_BLOCK, 32 * blocks(threads, 32))


def _maps_at_once(weight: tuple[int, ...], places: int) -> int:
    """Maps whose S-PSPs are held at a time: what a sample takes does not grow with its pairs of neurons without bounds."""
    return min(weight[0], max(1, _POTENTIALS // (places * prod(weight[1:]))))


def sample_bytes(size: int, steps: int, weight: tuple[int, ...], places: int, most: int) -> int:
    """Bytes of the workspace: a sample's traces and counts below, and its S-PSPs, scales, firing times and gradient."""
    potentials = _maps_at_once(weight, places) * places * prod(weight[1:])
    return 4 * (size * (steps + 1) + potentials + weight[0] * places * (1 + most) + prod(weight))
