"""Fully connected spiking neurons on the CPU, event by event. `dense.py` documents the arguments."""

import numpy as np

from cupynn.kernels import clear, inline, kernel
from cupynn.kernels.delay import spsp_and_slopes
from cupynn.kernels.each import is_array, of_neurons, one
from cupynn.kernels.events import event_rows, list_bits, pack
from cupynn.kernels.lif import STATE, Lif, lif_step, record, rest
from cupynn.kernels.psp import SILENT_EFFECT, Spsp, spsp
from cupynn.kernels.rule import Rule, input_error, saturation
from cupynn.kernels.simd import FEW, LANES, aligned, fill, load, mask_of, select, store, total
from cupynn.kernels.sums import BatchSum
from cupynn.kernels.threads import each, parallel
from cupynn.layers.synapses import DenseSynapses
from cupynn.spikes.trains import SpikeTrains


def side_by_side(weight: np.ndarray) -> np.ndarray:
    """Return weights (N_out, N_in) as flat tables (blocks * N_in * LANES,), a row per input and block of LANES neurons."""
    n_out, n_in = weight.shape
    blocks, whole = -(-n_out // LANES), n_out // LANES
    tables = aligned(blocks * n_in * LANES).reshape(blocks, n_in, LANES)
    tables[:whole] = weight[: whole * LANES].reshape(whole, LANES, n_in).transpose(0, 2, 1)
    tables[whole:, :, : n_out % LANES] = weight[whole * LANES :].T
    tables[whole:, :, n_out % LANES :] = 0
    return tables.reshape(-1)


@inline
def add_rows(x, table, origin, picks, first, last):
    """Add the rows of events first..last-1, in order, to a vector; the table, LANES wide, begins at `origin`.

    A row takes 1.3 ns with `x` in registers, and 3 to 4 ns with `x` in an array (Xeon, 2.7 GHz).
    """
    for event in range(np.uint64(first), np.uint64(last)):
        x = x + load(table, origin + np.int64(picks[event]) * LANES, LANES)
    return x


@kernel
def _simulate(turns, trains, table, n_in, n_out, constants, inhibition, lateral, states, rows, row_offsets):
    (neurons, offsets, steps), (membranes, currents) = trains, states
    blocks = (n_out + LANES - 1) // LANES
    coupled = inhibition != 0 or lateral.size > 0
    together = blocks if coupled else 1  # coupled neurons receive each other's spikes at every step
    zero, one = fill(np.float32(0), LANES), fill(np.float32(1), LANES)
    state, resting = aligned(together * STATE), np.empty(together, np.int64)
    before = aligned(LANES if membranes.size else 0)
    fired, t_ref = np.zeros(steps * blocks, np.int64), np.int64(constants.t_ref)  # a bit per neuron of a block, at each step
    for b in each(turns):
        row = rows[b]
        row_offsets[b, :2] = 0
        for low in range(0, blocks, together):
            clear(state)
            clear(resting)
            last = offsets[b * steps]
            for t in range(1, steps):
                first, last = last, offsets[b * steps + t]
                own = row_offsets[b, t - 1], row_offsets[b, t]  # the layer's own events of the previous step, if coupled
                for k in range(together):
                    block = low + k
                    x = zero
                    if coupled:
                        spikes = np.float32(own[1] - own[0])
                        x = (select(mask_of(fired[(t - 1) * blocks + block], LANES), one, zero) - spikes) * inhibition
                    x = add_rows(x, table, block * n_in * LANES, neurons, first, last)
                    if lateral.size:
                        x = add_rows(x, lateral, block * n_out * LANES, row, own[0], own[1])
                    spikes_here, membrane = lif_step(x, state, k * STATE, resting[k], constants, block * LANES)
                    fired[t * blocks + block] = spikes_here
                    released = fired[(t - t_ref) * blocks + block] if t > t_ref else np.int64(0)
                    resting[k] = rest(resting[k], spikes_here, released)
                    if membranes.size:
                        store(before, 0, membrane)
                        low_neuron, high = block * LANES, min((block + 1) * LANES, n_out)
                        states_here = membranes[b, t, low_neuron:high], currents[b, t, low_neuron:high]
                        record(state[k * STATE :], before, states_here[0], states_here[1])
                if coupled:
                    row_offsets[b, t + 1] = list_bits(fired, t * blocks, blocks, row, own[1])
        if not coupled:
            for t in range(1, steps):
                row_offsets[b, t + 1] = list_bits(fired, t * blocks, blocks, row, row_offsets[b, t])


def simulate(
    inputs: SpikeTrains, synapses: DenseSynapses, neuron: Lif, membranes: np.ndarray, currents: np.ndarray
) -> SpikeTrains:
    """Run the layer; fill membranes and currents (B, T, N) unless they are empty."""
    weight, lateral, inhibition, _, _ = synapses
    n_out, n_in = weight.shape
    among = np.zeros(0, np.float32) if lateral is None else side_by_side(lateral)
    trains = (inputs.neurons, inputs.offsets, inputs.steps)
    constants = of_neurons(neuron, np.arange(n_out))
    tables = (side_by_side(weight), n_in, n_out, constants, np.float32(inhibition), among)
    rows = event_rows(inputs.batch, n_out * neuron.max_count(inputs.steps), inputs.steps)
    parallel(_simulate, inputs.batch, trains, *tables, (membranes, currents), *rows)
    return SpikeTrains(*pack(*rows), inputs.steps, (n_out,))


def backward(
    inputs: SpikeTrains,
    outputs: SpikeTrains,
    errors: np.ndarray,
    synapses: DenseSynapses,
    rule: Rule,
    gradient: np.ndarray | None,
    below: np.ndarray | None,
    batch_sum: BatchSum,
) -> None:
    """Add to the weight gradient (N_out, N_in) and write the errors below (B, N_in), each if given.

    With `overshoot`, which requires a gradient, the errors of saturated neurons are reduced in place.
    """
    weight = synapses.weight
    if gradient is not None and batch_sum.done == 0:
        gradient[:] = 0
    factors = _lateral_factors(outputs, rule, synapses.inhibition)
    firings = outputs.counts.reshape(outputs.batch, outputs.size)
    counts = None if below is None else inputs.sent.reshape(inputs.batch, inputs.size)  # counts need a sort
    for part, found, *slopes in found_with_slopes(inputs, outputs, errors, rule, synapses.slopes):
        if gradient is not None:
            own = (errors[part], firings[part], factors[part])
            batch = np.float32(max(1, batch_sum.batch))
            parallel(_weight_gradient, len(weight), found, *own, weight, rule, batch, gradient)
        if below is not None:
            parallel(_input_error, len(found.rows), found, errors[part], counts[part], weight, rule, below[part])
        if slopes:
            add_slopes(slopes[0], errors[part], weight, rule, synapses.slopes[part])


def found_with_slopes(inputs, outputs, errors, rule, slopes):
    """Return the parts of `psp.spsp`, or those of `delay.spsp_and_slopes` if there is an array for slopes."""
    return (spsp if slopes is None else spsp_and_slopes)(inputs, outputs, errors, rule.psp, rule.t_ref)


def add_slopes(found: Spsp, errors: np.ndarray, weight: np.ndarray, rule: Rule, slopes: np.ndarray) -> None:
    """Write sum_i D_i w_ij times the slope of e_ij in the delay of input j to slopes (samples, N_in).

    It is the error below, with slopes for S-PSPs, before the division by counts.

    found: the slopes; errors: D (samples, N_out)
    """
    rule, ones = rule._replace(effect_ratio=True, silent_slope=0.0), np.ones(slopes.shape, np.int32)
    parallel(_input_error, len(found.rows), found, errors, ones, weight, rule, slopes)


def _lateral_factors(outputs: SpikeTrains, rule: Rule, inhibition: float) -> np.ndarray:
    factors = np.ones((outputs.batch, outputs.size), np.float32)
    if inhibition:
        first = rule.v_th[0] if is_array(rule.v_th) else rule.v_th
        relative, strength = np.float32(first / rule.v_th), np.float32(inhibition / first)
        for part, found in spsp(outputs, outputs, factors, rule.psp, rule.t_ref):
            counts = outputs.counts[part]
            parallel(_coupling, found.rows.shape[0], found, counts, strength, relative, factors[part])
    return factors


@kernel
def _weight_gradient(turns, spsp, errors, counts, factors, weight, rule, batch, gradient):
    """Add sum_b D_i (1 + h_i) f_i e_ij to gradient (N_out, N_in), where h_i = sum_j w_ij e_ij / (v_th o_i).

    Each row of the gradient sums the samples in order, so that the number of threads does not change the result; it stays in
    the first-level cache with its row of weights. errors: D (B, N_out), reduced in place where a neuron overshoots, with
    `rule.overshoot`; counts: o (B, N_out); factors: f (B, N_out); batch: number of samples
    """
    values, starts, rows, lines, line_counts, widths = spsp
    overshoot = rule.overshoot
    n_in = weight.shape[1]
    padded = lines.shape[1] * FEW
    own_weight, own_gradient = np.zeros(padded, np.float32), np.zeros(padded, np.float32)
    for i in each(turns):
        v_th, silent_effect = one(rule.v_th, i), np.float32(0)
        for j in range(n_in):
            own_weight[j], own_gradient[j] = weight[i, j], gradient[i, j]
            silent_effect += weight[i, j] * SILENT_EFFECT
        for b in range(len(errors)):
            if errors[b, i] == 0:
                continue
            if rows[b, i] < 0:
                at = starts[b + 1] - widths[b]
                effect = silent_effect
            else:
                at = starts[b] + rows[b, i] * widths[b]
                summed = fill(np.float32(0), FEW)
                for k in range(line_counts[b]):
                    summed = summed + load(own_weight, np.int64(lines[b, k]) * FEW, FEW) * load(values, at + k * FEW, FEW)
                effect = total(summed) / np.float32(counts[b, i])
                if overshoot:
                    errors[b, i] *= saturation(effect, v_th)
            scale = errors[b, i] / batch * factors[b, i] * (np.float32(1) + effect / v_th)
            for k in range(line_counts[b]):
                line = np.int64(lines[b, k]) * FEW
                store(own_gradient, line, load(own_gradient, line, FEW) + load(values, at + k * FEW, FEW) * scale)
        for j in range(n_in):
            gradient[i, j] = own_gradient[j]


@kernel
def _input_error(turns, spsp, errors, counts, weight, rule, result):
    """Write the error below, result (B, N_in): see `rule.input_error`. errors: D (B, N_out); counts: o_j (B, N_in)."""
    values, starts, rows, lines, line_counts, widths = spsp
    effect_ratio, silent_slope = rule.effect_ratio, np.float32(rule.silent_slope)
    n_in = weight.shape[1]
    padded = lines.shape[1] * FEW
    by_spsp = np.empty(padded, np.float32)  # sum of D w e over firing neurons
    by_weight = np.empty((2, n_in), np.float32)  # sums of D w over silent and over firing neurons
    share = np.zeros(padded, np.float32)
    for b in each(turns):
        clear(by_spsp)
        by_weight[:] = 0
        for i in range(len(weight)):
            error = errors[b, i]
            if error == 0:
                continue
            fires = rows[b, i] >= 0
            if not fires and silent_slope == 0:  # most neurons are silent
                continue
            target = np.int64(fires)
            for j in range(n_in):
                share[j] = error * weight[i, j]
                by_weight[target, j] += share[j]
            if fires and effect_ratio:
                at = starts[b] + rows[b, i] * widths[b]
                for k in range(line_counts[b]):
                    line = np.int64(lines[b, k]) * FEW
                    added = load(share, line, FEW) * load(values, at + k * FEW, FEW)
                    store(by_spsp, line, load(by_spsp, line, FEW) + added)
        for j in range(n_in):
            sums = by_spsp[j], by_weight[1, j], by_weight[0, j]
            result[b, j] = input_error(np.float32(counts[b, j]), *sums, effect_ratio, silent_slope)


@kernel
def _coupling(turns, spsp, counts, strength, relative, factors):
    """Compute the factor f (B, N) float32 of the weight gradient in a layer with lateral inhibition.

    f_j = 1 / (1 - strength^2 sum_{l != j} r_lj r_jl) over the neurons that fire, where r_lj = e_lj / o_j is the S-PSP of
    neuron j on neuron l per spike, and strength is in units of the threshold; f_j = 1 if j is silent.

    spsp: of the layer's trains on itself; counts: o (B, N); relative: 1, or (N,) if neurons have their own thresholds:
    strength_j strength_l takes the place of strength^2
    """
    values, starts, rows, lines, line_counts, widths = spsp
    size = factors.shape[1]
    slots = np.empty(lines.shape[1] * FEW, np.int64)
    for b in each(turns):
        for k in range(line_counts[b]):
            for lane in range(FEW):
                slots[lines[b, k] * FEW + lane] = k * FEW + lane
        for j in range(size):
            if rows[b, j] < 0:
                continue
            coupling = np.float32(0)
            for m in range(size):
                if m != j and rows[b, m] >= 0:
                    there = values[starts[b] + rows[b, j] * widths[b] + slots[m]] / np.float32(counts[b, m])
                    back = values[starts[b] + rows[b, m] * widths[b] + slots[j]] / np.float32(counts[b, j])
                    coupling += there * back * one(relative, m)
            factors[b, j] = 1 / (1 - strength * strength * one(relative, j) * coupling)
