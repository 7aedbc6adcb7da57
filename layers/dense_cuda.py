"""Fully connected spiking neurons on a GPU: twin of `dense_cpu.py`. `dense.py` documents the arguments."""

from typing import Any

import numpy as np

from cupynn.kernels.cuda import GROUP, blocks, parts, shared_bytes, shared_limit
from cupynn.kernels.delay_cuda import delay_slopes
from cupynn.kernels.each import is_array
from cupynn.kernels.each_cuda import lif_arguments
from cupynn.kernels.events_cuda import list_active, list_by_neuron, list_by_step, silent
from cupynn.kernels.lif import Lif
from cupynn.kernels.psp_cuda import make_traces, tables
from cupynn.kernels.rule import Rule
from cupynn.kernels.sums import BatchSum
from cupynn.kernels.update_cuda import add_groups, group_sums
from cupynn.layers import dense_each_cuda
from cupynn.layers.synapses import DenseSynapses
from cupynn.spikes.cuda_trains import CudaTrains

_BLOCK = 128
_LARGEST_BLOCK = 1024


def simulate(inputs: CudaTrains, synapses: DenseSynapses, neuron: Lif, membranes: Any, currents: Any) -> CudaTrains:
    """Run the layer; fill membranes and currents (B, T, N) unless they are empty."""
    import cupy

    weight, lateral, inhibition, cuda, _ = synapses
    n_out, steps = len(weight), inputs.steps
    outputs = CudaTrains(silent(inputs.batch, steps, n_out, neuron.max_count(steps)), steps, (n_out,))
    columns = cupy.ascontiguousarray(weight.T)
    among = columns if lateral is None else cupy.ascontiguousarray(lateral.T)
    record, constants = membranes.size > 0, lif_arguments(neuron)
    for part in parts(inputs.batch, 4 * inputs.size * inputs.bits.most):
        spikes = outputs.bits.words[part], outputs.bits.counts[part]
        states = (membranes[part], currents[part]) if record else (membranes, currents)
        offsets, neurons = list_by_step(inputs[part].bits)
        sizes = (n_out, steps, spikes[0].shape[2])
        events = (offsets, neurons, neurons.shape[1], columns, *sizes, *constants)
        if inhibition == 0 and lateral is None:
            grid = (blocks(n_out, _BLOCK), len(offsets))
            cuda.launch("forward", grid, _BLOCK, *events, record, *spikes, *states)
        else:
            shared = shared_bytes(16 * n_out + 12 * spikes[0].shape[2], f"a layer of {n_out} coupled neurons")
            block = min(_LARGEST_BLOCK, 32 * blocks(n_out, 32))
            coupled = (*events, inhibition, lateral is not None, among)
            cuda.launch("forward_coupled", (len(offsets),), block, *coupled, record, *spikes, *states, shared=shared)
    return outputs


def backward(
    inputs: CudaTrains,
    outputs: CudaTrains,
    errors: Any,
    synapses: DenseSynapses,
    rule: Rule,
    gradient: Any,
    below: Any,
    batch_sum: BatchSum,
) -> None:
    """Add to the weight gradient (N_out, N_in) and write the errors below (B, N_in), each if given.

    With `overshoot`, which requires a gradient, the errors of saturated neurons are reduced in place.
    """
    if is_array(rule.psp.gain) or is_array(rule.v_th):
        dense_each_cuda.backward(inputs, outputs, errors, synapses, rule, gradient, below, batch_sum)
        return
    (weight, _, inhibition, cuda, slopes), (n_out, n_in) = synapses, synapses.weight.shape
    steps, decays = inputs.steps, tables(rule.psp, inputs.steps).decays
    if gradient is not None and batch_sum.done == 0:
        gradient.fill(0)
    workspace = sample_bytes(steps, n_in, n_out, n_out * outputs.bits.most, gradient is not None, inhibition != 0)
    for part in parts(inputs.batch, workspace, batch_sum.done):
        x, o, d = inputs[part], outputs[part].bits, errors[part]
        traces, times = make_traces(x.bits, rule.psp), list_by_neuron(o)
        trains = (times, o.counts, times.shape[2])
        if gradient is not None:
            factors = _lateral_factors(cuda, o, times, rule, inhibition / rule.v_th)
            done = batch_sum.done + part.start
            partial = group_sums(batch_sum, done, x.batch, gradient)
            fits = 4 * n_in <= shared_limit()
            sizes = (x.batch, GROUP, done % GROUP, n_out, n_in, steps, rule.t_ref)
            learning = (rule.v_th, rule.overshoot, batch_sum.share, fits)
            arguments = (traces, *list_active(x.bits), *trains, d, factors, weight, decays, *sizes, *learning, partial)
            shared = 4 * n_in if fits else 0
            cuda.launch("weight_gradient", (n_out, len(partial)), _BLOCK, *arguments, shared=shared)
            add_groups(partial, batch_sum, done + x.batch, gradient)
        if below is not None:
            sizes = (n_out, n_in, steps, rule.t_ref, rule.effect_ratio, rule.silent_slope)
            grid = (blocks(n_in, _BLOCK), x.batch)
            sent = inputs.sent.reshape(inputs.batch, n_in)[part]
            cuda.launch("input_error", grid, _BLOCK, traces, sent, *trains, d, weight, decays, *sizes, below[part])
        if slopes is not None:
            delay_slopes(traces, trains, d, weight, decays, rule.t_ref, slopes[part])


def sample_bytes(steps: int, n_in: int, n_out: int, room: int, summed: bool, inhibited: bool) -> int:
    """Return the bytes of a sample's traces, its list of spikes and, if gradients are summed, its share of a sum."""
    shared = n_in + 1 + n_out * (n_in // GROUP + 1) if summed else 0
    return 4 * (steps * (n_in + (n_out if inhibited else 0)) + room + shared)


def _lateral_factors(cuda, outputs, times, rule, strength):
    import cupy

    batch, size = outputs.counts.shape
    if strength == 0:
        return cupy.ones((batch, size), np.float32)
    steps, factors = outputs.words.shape[1], cupy.empty((batch, size), np.float32)
    traces, decays = make_traces(outputs, rule.psp), tables(rule.psp, steps).decays
    sizes = (times.shape[2], decays, size, steps, rule.t_ref, float(strength))
    grid = (blocks(size, _BLOCK), batch)
    cuda.launch("lateral_factors", grid, _BLOCK, traces, times, outputs.counts, *sizes, factors)
    return factors
