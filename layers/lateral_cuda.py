"""Backward pass of trained recurrent weights on a GPU: twin of `lateral_cpu.py`. `lateral.py` explains it."""

from typing import Any

import numpy as np

from cupynn.kernels.cuda import GROUP, CudaSource, blocks, parts, shared_limit
from cupynn.kernels.delay_cuda import delay_slopes
from cupynn.kernels.each import is_array
from cupynn.kernels.events_cuda import list_active, list_by_neuron
from cupynn.kernels.psp_cuda import make_traces, tables
from cupynn.kernels.responses_cuda import responses
from cupynn.kernels.rule import Rule
from cupynn.kernels.sums import BatchSum
from cupynn.kernels.update_cuda import add_groups, group_sums
from cupynn.layers.dense_each_cuda import add_gradient, pass_on, potentials
from cupynn.layers.dense_each_cuda import delay_slopes as slopes_each
from cupynn.layers.lateral_cpu import ITERATIONS
from cupynn.layers.synapses import DenseSynapses
from cupynn.spikes.cuda_trains import CudaTrains

_LATERAL = CudaSource.of("cupynn.layers", "lateral")
_BLOCK = 128


def backward(
    inputs: CudaTrains,
    outputs: CudaTrains,
    delta: Any,
    synapses: DenseSynapses,
    rule: Rule,
    gradients: tuple[Any, Any] | None,
    errors: Any,
    below: Any,
    batch_sum: BatchSum,
    solve: bool,
) -> Any:
    """Write the errors D (B, N); add to the gradients (N, N_in) and (N, N), and write the errors below (B, N_in), if given.

    Return the samples whose error grows in the solve, bool (B,): they use the error `delta` (B, N) of the counts alone.
    """
    import cupy

    (weight, lateral, _, cuda, slopes), (n_out, n_in) = synapses, synapses.weight.shape
    steps, each = inputs.steps, is_array(rule.psp.gain) or is_array(rule.v_th)
    decays = None if each else tables(rule.psp, inputs.steps).decays
    both = None if gradients is None else cupy.concatenate(gradients, axis=1)  # of a neuron, one after the other
    if both is not None and batch_sum.done == 0:
        both.fill(0)
    amplified = cupy.zeros(len(delta), bool)
    workspace = sample_bytes(steps, n_in, n_out, n_out * outputs.bits.most, both is not None)
    workspace += 8 * n_out * (n_in + n_out) if each else 0
    for part in parts(inputs.batch, workspace, batch_sum.done):
        x, o, error = inputs[part], outputs[part].bits, delta[part]
        times = list_by_neuron(o)
        trains = (times, o.counts, times.shape[2])
        if each:
            found = responses(times, o.counts, steps, rule)
            matrix = potentials(found, o, o, cupy.ones_like(error), rule)
        else:
            matrix = _matrix(o, trains, decays, rule)
        if solve:
            error, amplified[part] = _solved(matrix, error, o.counts, lateral, rule)
        own = errors[part] = error / _thresholds(rule)
        if each:
            inner = potentials(found, x.bits, o, own, rule)
            if both is not None:
                pairs, weights = cupy.concatenate((inner, matrix), axis=2), cupy.concatenate((weight, lateral), axis=1)
                whole = (pairs, o, own, cupy.ones_like(own), weights, rule, both, batch_sum, batch_sum.done + part.start)
                add_gradient(*whole)
            if below is not None:
                sent = x.bits._replace(counts=inputs.sent.reshape(inputs.batch, n_in)[part])
                pass_on(inner, sent, o, own, weight, rule, below[part])
            if slopes is not None:
                slopes_each(found, inner, x.bits, o, own, weight, rule, slopes[part])
            continue
        traces = make_traces(x.bits, rule.psp)
        if both is not None:
            done = batch_sum.done + part.start
            partial = group_sums(batch_sum, done, x.batch, both)
            fits = 4 * n_in <= shared_limit()
            sizes = (x.batch, GROUP, done % GROUP, n_out, n_in, steps, rule.t_ref, rule.v_th, batch_sum.share, fits)
            arguments = (traces, *list_active(x.bits), matrix, *trains, own, weight, lateral, decays, *sizes, partial)
            shared = 4 * n_in if fits else 0
            _LATERAL.launch("gradients", (n_out, len(partial)), _BLOCK, *arguments, shared=shared)
            add_groups(partial, batch_sum, done + x.batch, both)
        if below is not None:
            sizes = (n_out, n_in, steps, rule.t_ref, rule.effect_ratio, rule.silent_slope)
            sent = inputs.sent.reshape(inputs.batch, n_in)[part]
            arguments = (traces, sent, *trains, own, weight, decays, *sizes, below[part])
            cuda.launch("input_error", (blocks(n_in, _BLOCK), x.batch), _BLOCK, *arguments)
        if slopes is not None:
            delay_slopes(traces, trains, own, weight, decays, rule.t_ref, slopes[part])
    if both is not None:
        gradients[0][...], gradients[1][...] = both[:, :n_in], both[:, n_in:]
    return amplified


def sample_bytes(steps: int, n_in: int, n_out: int, room: int, summed: bool) -> int:
    """Return the bytes of a sample's traces, list of spikes, S-PSPs among the neurons, and its share of a sum."""
    shared = n_in + 1 + n_out * ((n_in + n_out) // GROUP + 1) if summed else 0
    return 4 * (steps * (n_in + n_out) + room + n_out * (n_out + 6) + shared)


def _thresholds(rule):
    import cupy

    return cupy.asarray(rule.v_th) if is_array(rule.v_th) else np.float32(rule.v_th)


def _matrix(outputs, trains, decays, rule):
    """Return the S-PSPs of the trains of a layer on itself (samples, N, N), with those for silent neurons."""
    import cupy

    batch, size = outputs.counts.shape
    matrix = cupy.empty((batch, size, size), np.float32)
    traces, sizes = make_traces(outputs, rule.psp), (size, outputs.words.shape[1], rule.t_ref)
    _LATERAL.launch("own_spsp", (blocks(size, _BLOCK), size, batch), _BLOCK, traces, *trains, decays, *sizes, matrix)
    return matrix


def _solved(matrix, delta, counts, lateral, rule):
    """Solve g = delta + K^T g as `lateral_cpu.solved` does, which documents it."""
    import cupy

    total, first, size = delta, None, delta.shape[1]
    returned = cupy.empty_like(delta)
    for _ in range(ITERATIONS):
        errors = total / _thresholds(rule)
        arguments = (matrix, counts, errors, lateral, size, rule.effect_ratio, returned)
        _LATERAL.launch("pass_among", (blocks(size, _BLOCK), len(delta)), _BLOCK, *arguments)
        before, total = total, delta + returned
        change = cupy.abs(total - before).max(1)
        first = change if first is None else first
    amplified = ~(change <= first) | ~cupy.isfinite(change)
    return cupy.where(amplified[:, None], delta, total), amplified
