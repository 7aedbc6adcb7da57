"""Convolutions of spiking neurons on a GPU: twin of `conv_cpu.py`. `conv.py` documents the arguments."""

from typing import Any

import numpy as np

from cupynn.kernels.cuda import blocks, parts
from cupynn.kernels.each import is_array
from cupynn.kernels.each_cuda import lif_arguments, table
from cupynn.kernels.events_cuda import list_by_neuron, list_groups, silent
from cupynn.kernels.lif import Lif
from cupynn.kernels.psp_cuda import constant_trace, make_traces, tables
from cupynn.kernels.responses_cuda import responses
from cupynn.kernels.rule import Rule
from cupynn.kernels.sums import BatchSum
from cupynn.kernels.update_cuda import add_parts
from cupynn.layers.constant import with_column
from cupynn.layers.synapses import ConvSynapses
from cupynn.spikes.cuda_trains import CudaTrains

_BLOCK = 128
_MAPS = 4  # per thread, as in the source
_POTENTIALS = 1 << 24  # S-PSPs of a sample held at a time, 64 MB, or those of one map if they are more


def side_by_side(synapses: ConvSynapses) -> Any:
    """Return the weights (groups * chunks, entries + 1, _MAPS), zero beyond the last map of a group, with the bias last.

    A dilated kernel has zeros between its entries.
    """
    import cupy

    weight, groups, (down, across) = synapses.weight, synapses.groups, synapses.dilation
    own, (channels, kh, kw) = len(weight) // groups, weight.shape[1:]
    kernels = cupy.zeros((groups, own, channels, (kh - 1) * down + 1, (kw - 1) * across + 1), np.float32)
    kernels[:, :, :, ::down, ::across] = weight.reshape(groups, own, channels, kh, kw)
    kernels, chunks = kernels.reshape(groups, own, -1), blocks(own, _MAPS)
    together = cupy.zeros((groups, chunks * _MAPS, kernels.shape[2] + 1), np.float32)
    together[:, :own, :-1] = kernels
    if synapses.bias is not None:
        together[:, :own, -1] = synapses.bias.reshape(groups, own)
    return cupy.ascontiguousarray(together.reshape(groups * chunks, _MAPS, -1).transpose(0, 2, 1))


def simulate(inputs: CudaTrains, synapses: ConvSynapses, neuron: Lif, membranes: Any, currents: Any) -> CudaTrains:
    """Run the layer; fill membranes and currents (B, T, N) unless they are empty."""
    weight, _, padding, stride, (down, across), groups, (_, *image), (_, rows, columns), cuda = synapses
    maps, channels, kh, kw = weight.shape
    kh, kw = (kh - 1) * down + 1, (kw - 1) * across + 1
    chunks, steps, places = blocks(maps // groups, _MAPS), inputs.steps, rows * columns
    outputs = CudaTrains(silent(inputs.batch, steps, maps * places, neuron.max_count(steps)), steps, synapses.output_shape)
    together = side_by_side(synapses)
    record, constants = membranes.size > 0, lif_arguments(neuron)
    for part in parts(inputs.batch, 4 * (inputs.size * inputs.bits.most + (groups - 1) * (steps + 1))):
        words, counts = outputs.bits.words[part], outputs.bits.counts[part]
        states = (membranes[part], currents[part]) if record else (membranes, currents)
        offsets, neurons = list_groups(inputs[part].bits, groups)
        sizes = (maps, chunks, channels, *image, kh, kw, *padding, *stride, rows, columns, steps, words.shape[2])
        block = block_of(places)
        grid = (blocks(places, block), groups * chunks, offsets.shape[1])
        arguments = (offsets, neurons, neurons.shape[2], together, *sizes, *constants, record, words, counts, *states)
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
    """Add to the gradient (`ConvSynapses.gradient_shape`); write the errors below (B, N_in) if `below` is given.

    With `overshoot`, the errors of saturated neurons are reduced in place.
    """
    import cupy

    weight, bias, *geometry, groups, (all_channels, *image), (_, rows, columns), cuda = synapses
    (maps, channels, kh, kw), biased = weight.shape, bias is not None
    steps, places, entries = inputs.steps, rows * columns, channels * kh * kw + biased
    each, at_once = is_array(rule.psp.gain) or is_array(rule.v_th), _maps_at_once(maps, entries, places)
    decays = thresholds = table(np.full(maps, rule.v_th)) if each else tables(rule.psp, steps).decays
    if batch_sum.done == 0:
        gradient.fill(0)
    constant = constant_trace(rule.psp, steps) if biased else decays
    channel_last = cupy.ascontiguousarray(weight.transpose(0, 2, 3, 1)).reshape(maps, -1)
    channel_last = with_column(channel_last, bias) if biased else channel_last
    workspace = sample_bytes(inputs.size, steps, maps, entries, places, outputs.bits.most)
    workspace += 4 * (maps * places * steps + inputs.size * inputs.bits.most) if each else 0
    for part in parts(inputs.batch, workspace):
        x, o, d = inputs[part], outputs[part].bits, errors[part]
        counts_below = sent = _channel_last(x.bits.counts, all_channels)
        if inputs.undelayed_counts is not None:
            sent = _channel_last(inputs.undelayed_counts[part], all_channels)
        potentials = cupy.empty((x.batch, at_once, places, entries), np.float32)
        scales, partial = cupy.empty_like(d), cupy.empty((x.batch, maps, entries), np.float32)
        times = list_by_neuron(o)
        if each:
            traces, below_times = thresholds, list_by_neuron(x.bits)  # of which only the second is used
            own = responses(times, o.counts, steps, rule), below_times, below_times.shape[2]
        else:
            traces, own = make_traces(x.bits, rule.psp, all_channels), (decays, times, 0)
        trains = (traces, counts_below, times, o.counts, times.shape[2], d, channel_last, decays)
        sizes = (maps, groups, channels, *image, kh, kw, *sum(geometry, ()), rows, columns)
        learning = (steps, rule.t_ref, 0.0 if each else rule.v_th, rule.overshoot, batch_sum.share)
        learning = (*learning, *own, rule.psp.delay, thresholds, each, biased, constant)
        for first in range(0, maps, at_once):
            last = min(maps, first + at_once)
            grid = (places, blocks(last - first, _BLOCK // 32), x.batch)
            cuda.launch("fields", grid, _BLOCK, *trains, first, last, *sizes, *learning, potentials, scales)
            shape = (first, maps, places, channels, kh * kw, biased, block_of(entries))
            cuda.launch("weight_gradient", (last - first, x.batch), _BLOCK, potentials, scales, *shape, partial)
            if below is not None:
                grid, seen = (blocks(inputs.size, _BLOCK), x.batch), (potentials, sent, o.counts, d, channel_last)
                slopes = (rule.effect_ratio, rule.silent_slope, biased)
                cuda.launch("input_error", grid, _BLOCK, *seen, first, last, *sizes, *slopes, below[part])
        add_parts(partial, gradient)


def _channel_last(counts: Any, channels: int) -> Any:
    """Return counts of neurons (channels, places) channel last, (samples, places, channels)."""
    import cupy

    return cupy.ascontiguousarray(counts.reshape(len(counts), channels, -1).transpose(0, 2, 1))


def block_of(threads: int) -> int:
    """Return the block size, whole warps and at most _BLOCK, for a number of threads."""
    return min(_BLOCK, 32 * blocks(threads, 32))


def _maps_at_once(maps: int, entries: int, places: int) -> int:
    """Return how many maps' S-PSPs are held at a time, which bounds the workspace of a sample."""
    return min(maps, max(1, _POTENTIALS // (places * entries)))


def sample_bytes(size: int, steps: int, maps: int, entries: int, places: int, most: int) -> int:
    """Return the bytes of a sample's traces and counts below, and its S-PSPs, scales, firing times and gradient."""
    potentials = _maps_at_once(maps, entries, places) * places * entries
    return 4 * (size * (steps + 1) + potentials + maps * places * (1 + most) + maps * entries)
