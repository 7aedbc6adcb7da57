"""Backward pass of trained recurrent weights on the CPU. `lateral.py` explains it."""

import numpy as np

from cupynn.kernels import kernel
from cupynn.kernels.psp import SILENT_EFFECT, Spsp, spsp
from cupynn.kernels.rule import Rule
from cupynn.kernels.simd import FEW, fill, load, store, total
from cupynn.kernels.sums import BatchSum
from cupynn.kernels.threads import each, parallel
from cupynn.layers.dense_cpu import _input_error, add_slopes, found_with_slopes
from cupynn.layers.synapses import DenseSynapses
from cupynn.spikes.trains import SpikeTrains

ITERATIONS = 5  # of the solve: the change of the last was 4 % of the first error, see `lateral.INITIAL_SCALE`


@kernel
def _add_effects(turns, spsp, counts, weight, effects):
    """Add sum_j w_ij e_ij / o_i to the effects (B, N_out); e_ij / o_i is SILENT_EFFECT where i is silent."""
    values, starts, rows, lines, line_counts, widths = spsp
    own_weight = np.zeros(lines.shape[1] * FEW, np.float32)
    for i in each(turns):
        silent_effect = np.float32(0)
        for j in range(weight.shape[1]):
            own_weight[j] = weight[i, j]
            silent_effect += weight[i, j] * SILENT_EFFECT
        for b in range(len(effects)):
            if counts[b, i] == 0:
                effects[b, i] += silent_effect
            elif rows[b, i] >= 0:
                at = starts[b] + rows[b, i] * widths[b]
                summed = fill(np.float32(0), FEW)
                for k in range(line_counts[b]):
                    summed = summed + load(own_weight, np.int64(lines[b, k]) * FEW, FEW) * load(values, at + k * FEW, FEW)
                effects[b, i] += total(summed) / np.float32(counts[b, i])


@kernel
def _add_gradient(turns, spsp, scales, gradient):
    """Add sum_b scale_i e_ij to gradient (N_out, N_in), the samples in order. scales: (B, N_out), 0 without a row."""
    values, starts, rows, lines, line_counts, widths = spsp
    n_in = gradient.shape[1]
    own_gradient = np.zeros(lines.shape[1] * FEW, np.float32)
    for i in each(turns):
        for j in range(n_in):
            own_gradient[j] = gradient[i, j]
        for b in range(len(scales)):
            scale = scales[b, i]
            if scale == 0:
                continue
            at = starts[b + 1] - widths[b] if rows[b, i] < 0 else starts[b] + rows[b, i] * widths[b]
            for k in range(line_counts[b]):
                line = np.int64(lines[b, k]) * FEW
                store(own_gradient, line, load(own_gradient, line, FEW) + load(values, at + k * FEW, FEW) * scale)
        for j in range(n_in):
            gradient[i, j] = own_gradient[j]


def backward(
    inputs: SpikeTrains,
    outputs: SpikeTrains,
    delta: np.ndarray,
    synapses: DenseSynapses,
    rule: Rule,
    gradients: tuple[np.ndarray, np.ndarray] | None,
    errors: np.ndarray,
    below: np.ndarray | None,
    batch_sum: BatchSum,
    solve: bool,
) -> np.ndarray:
    """Write the errors D (B, N); add to the gradients (N, N_in) and (N, N), and write the errors below (B, N_in), if given.

    Return the samples whose error grows in the solve, bool (B,): they use the error `delta` (B, N) of the counts alone.
    """
    weight, lateral = synapses.weight, synapses.lateral
    if gradients and batch_sum.done == 0:
        for gradient in gradients:
            gradient[:] = 0
    firings = outputs.counts.reshape(delta.shape)
    counts = None if below is None else inputs.sent.reshape(inputs.batch, inputs.size)
    amplified, batch = np.zeros(len(delta), bool), np.float32(max(1, batch_sum.batch))
    for part, own in spsp(outputs, outputs, np.ones_like(delta), rule.psp, rule.t_ref):
        error, effects = delta[part], np.zeros_like(delta[part])
        if solve:
            error, amplified[part] = solved(own, error, firings[part], lateral, rule)
        errors[part] = error / np.float32(rule.v_th)
        if gradients:
            parallel(_add_effects, len(weight), own, firings[part], lateral, effects)
        for inner, found, *slopes in found_with_slopes(inputs[part], outputs[part], errors[part], rule, synapses.slopes):
            place = slice(part.start + inner.start, part.start + inner.stop)
            if gradients:
                parallel(_add_effects, len(weight), found, firings[place], weight, effects[inner])
                scales = _scales(errors[place], effects[inner], rule, batch)
                parallel(_add_gradient, len(weight), found, scales, gradients[0])
            if below is not None:
                parallel(_input_error, len(found.rows), found, errors[place], counts[place], weight, rule, below[place])
            if slopes:
                add_slopes(slopes[0], errors[place], weight, rule, synapses.slopes[place])
        if gradients:
            parallel(_add_gradient, len(weight), own, _scales(errors[part], effects, rule, batch), gradients[1])
    return amplified


def _scales(errors: np.ndarray, effects: np.ndarray, rule: Rule, batch: np.float32) -> np.ndarray:
    """Return D_i (1 + h_i) / batch, where h_i = a_i / (v_th o_i) for the drive a_i by inputs and recurrence."""
    return errors / batch * (np.float32(1) + effects / np.float32(rule.v_th))


def solved(
    own: Spsp, delta: np.ndarray, counts: np.ndarray, lateral: np.ndarray, rule: Rule
) -> tuple[np.ndarray, np.ndarray]:
    """Solve g = delta + K^T g by ITERATIONS steps from g = delta, each sample for itself.

    own: S-PSPs of the layer's trains on itself; delta, counts (B, N); lateral (N, N)

    Returns
    -------
    g : ndarray of float32, shape (B, N)
        `delta` where the last step changes it by more than the first.
    amplified : ndarray of bool, shape (B,)
        Those samples.
    """
    rule = recurrent(rule)
    total, change, first = delta, None, None
    returned = np.empty_like(delta)
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(ITERATIONS):
            parallel(_input_error, len(delta), own, total / np.float32(rule.v_th), counts, lateral, rule, returned)
            before, total = total, delta + returned
            change = np.abs(total - before).max(1)
            first = change if first is None else first
    amplified = ~(change <= first) | ~np.isfinite(change)
    return np.where(amplified[:, None], delta, total), amplified


def recurrent(rule: Rule) -> Rule:
    """Return the rule by which errors pass within a layer: silent neurons pass on none.

    A small change of another count does not make a silent neuron fire. With a slope such as 0.5, every weight from or to one
    of the silent neurons, often most, would add to K, until the solve diverges.
    """
    return rule._replace(silent_slope=0.0)
