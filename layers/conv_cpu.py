"""Convolutions of spiking neurons on the CPU, event by event. `conv.py` documents the arguments.

Kernels store the neurons of a sample channel last, (y, x, map): an input spike then adds kh runs of adjacent weights to kh
runs of adjacent neurons (`fan_out.py`), and a receptive field is kh runs of adjacent inputs (`conv_fields.py`).
"""

from math import prod

import numpy as np

from cupynn.kernels import clear, kernel
from cupynn.kernels.each import is_array, of_neurons
from cupynn.kernels.events import event_rows, list_named, pack
from cupynn.kernels.lif import STATE, Lif, advance, record
from cupynn.kernels.rule import Rule
from cupynn.kernels.simd import FEW, LANES, aligned
from cupynn.kernels.sums import BatchSum
from cupynn.kernels.threads import each, parallel
from cupynn.layers import conv_maps_cpu, conv_traces_cpu
from cupynn.layers.constant import with_constant
from cupynn.layers.conv_fields import fields_of, grid_of
from cupynn.layers.fan_out import add_spikes, layout
from cupynn.layers.synapses import ConvSynapses
from cupynn.spikes.trains import SpikeTrains


@kernel
def _simulate(turns, trains, fan_out, weights, bias, canonical, constants, states, packed, packed_offsets):
    (neurons, offsets, steps), (membranes, currents) = trains, states
    blocks = (canonical.size + LANES - 1) // LANES
    total, state = aligned(blocks * LANES), aligned(blocks * STATE)
    before = aligned(blocks * LANES if membranes.size else 0)
    fired, resting = np.empty((min(np.int64(constants.t_ref), steps) + 1) * blocks, np.int64), np.empty(blocks, np.int64)
    marks = np.zeros((canonical.size + 63) // 64, np.int64)
    for b in each(turns):
        clear(total)
        clear(state)
        clear(fired)
        clear(resting)
        row, n = packed[b], 0
        packed_offsets[b, :2] = 0
        for t in range(1, steps):
            for i in range(bias.size):
                total[i] = bias[i]
            add_spikes(neurons, offsets[b * steps + t - 1], offsets[b * steps + t], fan_out, weights, total)
            here = advance(total, state, before, constants, t, fired, resting)
            n = list_named(fired, here, blocks, canonical, marks, row, n)
            packed_offsets[b, t + 1] = n
            if membranes.size:
                record(state, before, membranes[b, t], currents[b, t])


def simulate(
    inputs: SpikeTrains, synapses: ConvSynapses, neuron: Lif, membranes: np.ndarray, currents: np.ndarray
) -> SpikeTrains:
    """Run the layer; fill membranes and currents (B, T, N) unless they are empty."""
    bias, shape = synapses.bias, synapses.output_shape
    fan_out, weights, canonical = layout(synapses)
    maps = canonical // prod(shape[1:])
    starts = np.zeros(0, np.float32) if bias is None else bias[maps]
    events = event_rows(inputs.batch, prod(shape) * neuron.max_count(inputs.steps), inputs.steps)
    trains, states = (inputs.neurons, inputs.offsets, inputs.steps), (membranes, currents)
    constants = of_neurons(neuron, maps)
    parallel(_simulate, inputs.batch, trains, fan_out, weights, starts, canonical, constants, states, *events)
    if membranes.size:
        for state in states:
            state[:, :, canonical] = state.copy()
    return SpikeTrains(*pack(*events), inputs.steps, shape)


def side_by_side(maps: int) -> bool:
    """Return whether the backward pass computes the maps of a group side by side, or one after the other."""
    return maps >= FEW


def backward(
    inputs: SpikeTrains,
    outputs: SpikeTrains,
    errors: np.ndarray,
    synapses: ConvSynapses,
    rule: Rule,
    gradient: np.ndarray,
    below: np.ndarray | None,
    batch_sum: BatchSum,
) -> None:
    """Add to the gradient (`ConvSynapses.gradient_shape`); write the errors below (B, N_in) if `below` is given.

    With `overshoot`, the errors of saturated neurons are reduced in place.
    """
    weight, bias = synapses[:2]
    maps, channels, kh, kw = weight.shape
    run = -(-kw * channels // FEW) * FEW
    grid, result = grid_of(synapses, run), below
    if bias is not None:
        inputs = with_constant(inputs)
        result = None if below is None else np.empty((inputs.batch, inputs.size), np.float32)
    result = np.empty((0, 0), np.float32) if result is None else result
    kernels, constants = (gradient, None) if bias is None else (gradient[:, :-1].reshape(weight.shape), gradient[:, -1])
    fields = fields_of(weight, run, bias)
    total = fields_of(kernels, run, constants) if batch_sum.done else np.zeros(fields.shape, np.float32)
    have_each = is_array(rule.psp.gain) or is_array(rule.v_th)
    kernel = conv_maps_cpu if side_by_side(maps // synapses.groups) or have_each else conv_traces_cpu
    total = kernel.backward(inputs, outputs, errors, fields, grid, rule, batch_sum.batch, total, result)
    if bias is not None and below is not None:
        below[...] = result[:, :-1]
    runs = total.reshape(maps, -1, run)
    kernels[...] = runs[:, :kh, : kw * channels].reshape(maps, kh, kw, channels).transpose(0, 3, 1, 2)
    if bias is not None:
        constants[...] = runs[:, kh, 0]
