"""Backward pass of fully connected neurons that have their own constants, on a GPU: twin of `dense_cpu.py`."""

from typing import Any

import numpy as np

from cupynn.kernels.cuda import GROUP, CudaSource, blocks, parts
from cupynn.kernels.events_cuda import Bits, list_by_neuron
from cupynn.kernels.responses_cuda import responses
from cupynn.kernels.rule import Rule
from cupynn.kernels.sums import BatchSum
from cupynn.kernels.update_cuda import add_groups, group_sums
from cupynn.layers.synapses import DenseSynapses
from cupynn.spikes.cuda_trains import CudaTrains

_EACH = CudaSource.of("cupynn.layers", "dense_each")
_BLOCK = 128


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
    weight, inhibition = synapses.weight, synapses.inhibition
    if gradient is not None and batch_sum.done == 0:
        gradient.fill(0)
    workspace = sample_bytes(inputs.steps, inputs.size, len(weight), inputs.size * inputs.bits.most, inhibition != 0)
    workspace += 0 if synapses.slopes is None else 16 * weight.size
    for part in parts(inputs.batch, workspace, batch_sum.done):
        x, o, d = inputs[part].bits, outputs[part].bits, errors[part]
        found = responses(list_by_neuron(o), o.counts, inputs.steps, rule)
        matrix = potentials(found, x, o, d, rule)
        if gradient is not None:
            factors = _lateral_factors(found, o, rule, inhibition)
            add_gradient(matrix, o, d, factors, weight, rule, gradient, batch_sum, batch_sum.done + part.start)
        if below is not None:
            sent = x._replace(counts=inputs.sent.reshape(inputs.batch, inputs.size)[part])
            pass_on(matrix, sent, o, d, weight, rule, below[part])
        if synapses.slopes is not None:
            delay_slopes(found, matrix, x, o, d, weight, rule, synapses.slopes[part])


def delay_slopes(
    found: Any, matrix: Any, below: Bits, above: Bits, errors: Any, weight: Any, rule: Rule, slopes: Any
) -> None:
    """Write sum_i D_i w_ij times the slope of e_ij in the delay of input j to slopes (samples, N_in).

    found: of `responses`; matrix: of `potentials`; errors: D (samples, N_out)
    """
    import cupy

    later = potentials(found, below, above, errors, rule._replace(psp=rule.psp._replace(delay=rule.psp.delay + 1)))
    shares = errors[:, :, None] * weight
    slopes[...] = cupy.where(shares != 0, shares * (later - matrix), np.float32(0)).sum(1)


def add_gradient(
    matrix: Any,
    outputs: Bits,
    errors: Any,
    factors: Any,
    weight: Any,
    rule: Rule,
    gradient: Any,
    batch_sum: BatchSum,
    done: int,
) -> None:
    """Add to the weight gradient (N_out, N_in) of a part of a batch, after `done` samples; matrix: of `potentials`."""
    import cupy

    batch, n_out, n_in = matrix.shape
    thresholds = cupy.asarray(np.full(n_out, rule.v_th, np.float32))
    partial = group_sums(batch_sum, done, batch, gradient)
    sizes = (batch, GROUP, done % GROUP, n_out, n_in, rule.overshoot, batch_sum.share)
    arguments = (matrix, outputs.counts, errors, factors, weight, thresholds, *sizes, partial)
    _EACH.launch("weight_gradient", (n_out, len(partial)), _BLOCK, *arguments)
    add_groups(partial, batch_sum, done + batch, gradient)


def pass_on(matrix: Any, inputs: Bits, outputs: Bits, errors: Any, weight: Any, rule: Rule, below: Any) -> None:
    """Write the errors below (B, N_in)."""
    batch, n_out, n_in = matrix.shape
    arguments = (matrix, inputs.counts, outputs.counts, errors, weight, n_out, n_in, rule.effect_ratio, rule.silent_slope)
    _EACH.launch("input_error", (blocks(n_in, _BLOCK), batch), _BLOCK, *arguments, below)


def sample_bytes(steps: int, n_in: int, n_out: int, room: int, inhibited: bool) -> int:
    """Return the bytes of a sample's lists of spikes, with `room` for those below, responses, S-PSPs, and share of a sum."""
    pairs = n_out * (n_in + (n_out if inhibited else 0) + n_in // GROUP + 1)
    return 4 * (room + 2 * n_out * steps + pairs)


def potentials(found: Any, below: Bits, above: Bits, errors: Any, rule: Rule) -> Any:
    """Return the S-PSPs (B, N_out, N_in) of trains on neurons with these responses, where the error is not 0."""
    import cupy

    (batch, n_out, steps), n_in, times = found.shape, below.counts.shape[1], list_by_neuron(below)
    matrix = cupy.empty((batch, n_out, n_in), np.float32)
    trains = (times, below.counts, times.shape[2], above.counts, errors)
    grid = (blocks(n_in, _BLOCK), n_out, batch)
    _EACH.launch("potentials", grid, _BLOCK, found, *trains, n_out, n_in, steps, rule.psp.delay, matrix)
    return matrix


def _lateral_factors(found: Any, outputs: Bits, rule: Rule, inhibition: float) -> Any:
    import cupy

    batch, size = outputs.counts.shape
    factors = cupy.ones((batch, size), np.float32)
    if inhibition:
        matrix = potentials(found, outputs, outputs, factors, rule)
        strengths = cupy.asarray(np.full(size, inhibition / rule.v_th, np.float32))
        grid = (blocks(size, _BLOCK), batch)
        factors = cupy.empty((batch, size), np.float32)
        _EACH.launch("lateral_factors", grid, _BLOCK, matrix, outputs.counts, strengths, size, factors)
    return factors
