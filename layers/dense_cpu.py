"""Fully connected spiking neurons on the CPU, event by event. `dense.py` says what the arguments mean."""

import numba
import numpy as np
from numba import prange

from cupynn.kernels import inline, kernel
from cupynn.kernels.events import pack, sort_by_step
from cupynn.kernels.lif import BEFORE, CURRENT, FIRED, INPUT, STATE, Lif, lif_step, note_spikes
from cupynn.kernels.psp import SILENT_EFFECT, SILENT_SLOPE, SILENT_SPSP, Psp, make_traces, spsp_row
from cupynn.kernels.simd import LANES, add_rows, aligned
from cupynn.spikes import SpikeTrains

# Traces held at once, in float32 values: 16 MB, so that they come from the last-level cache and not from memory.
TRACE_VALUES = 1 << 22


@inline
def active_inputs(neurons, first, last, size):
    """Inputs that fire at all, in order of first appearance, and each event as an index into them."""
    column = np.full(size, -1, np.int32)
    active = np.empty(size, np.int32)
    event_columns = np.empty(last - first, np.uint32)
    count = 0
    for event in range(first, last):
        j = neurons[event]
        if column[j] < 0:
            column[j] = count
            active[count] = j
            count += 1
        event_columns[event - first] = column[j]
    return active[:count], event_columns


@kernel
def _simulate(neurons, offsets, weight, steps, constants, inhibition, lateral, membranes, currents):
    batch = (offsets.size - 1) // steps
    n_out, n_in = weight.shape
    blocks = (n_out + LANES - 1) // LANES
    coupled = inhibition != 0 or lateral.size > 0
    together = blocks if coupled else 1  # coupled neurons see each other at every step, others need not
    columns = np.zeros((n_in, blocks * LANES), np.float32)
    columns[:, :n_out] = weight.T
    among = np.zeros((blocks, lateral.shape[1], LANES), np.float32)
    for block in range(blocks if lateral.size else 0):
        part = lateral[block * LANES : (block + 1) * LANES]
        among[block, :, : len(part)] = part.T
    lateral_table = among.reshape(among.size)
    t_ref = np.int64(constants.t_ref)
    capacity = n_out * ((steps - 1 + t_ref) // (t_ref + 1))
    rows = np.empty((batch, capacity), np.int32)
    row_offsets = np.empty((batch, steps + 1), np.int64)
    for b in prange(batch):
        origin = offsets[b * steps]
        active, event_columns = active_inputs(neurons, origin, offsets[(b + 1) * steps], n_in)
        table = aligned(together * active.size * LANES)
        state = aligned(together * STATE)
        event_steps = np.empty(capacity, np.int32)
        event_neurons = np.empty(capacity, np.uint32)
        n = 0
        for low in range(0, blocks, together):
            for block in range(together):
                for k in range(active.size):
                    at = (block * active.size + k) * LANES
                    table[at : at + LANES] = columns[active[k], (low + block) * LANES : (low + block + 1) * LANES]
            state[:] = 0
            previous = n  # the layer's own events of the step before are previous..n-1
            for t in range(1, steps):
                first = offsets[b * steps + t - 1] - origin
                last = offsets[b * steps + t] - origin
                start, total = n, np.float32(n - previous)
                for block in range(together):
                    at, neuron = block * STATE, (low + block) * LANES
                    x, fired = state[at + INPUT : at + INPUT + LANES], state[at + FIRED : at + FIRED + LANES]
                    for i in range(LANES):
                        x[i] = inhibition * (fired[i] - total)
                    add_rows(table, block * active.size * LANES, event_columns, first, last, state, at + INPUT)
                    if lateral.size:
                        own = block * n_out * LANES
                        add_rows(lateral_table, own, event_neurons, previous, start, state, at + INPUT)
                    n = note_spikes(lif_step(state, at, constants), t, neuron, event_steps, event_neurons, n)
                    if membranes.size:
                        width = min(LANES, n_out - neuron)
                        membranes[b, t, neuron : neuron + width] = state[at + BEFORE : at + BEFORE + width]
                        currents[b, t, neuron : neuron + width] = state[at + CURRENT : at + CURRENT + width]
                previous = start
        sort_by_step(event_steps[:n], event_neurons[:n], steps, rows[b], row_offsets[b])
    return rows, row_offsets


def simulate(
    inputs: SpikeTrains,
    weight: np.ndarray,
    neuron: Lif,
    inhibition: float,
    lateral: np.ndarray | None,
    membranes: np.ndarray,
    currents: np.ndarray,
) -> SpikeTrains:
    """Run the layer; fills membranes and currents (B, T, N) unless they are empty.

    inhibition: what each spike takes from the current of all other neurons; lateral: weights (N, N) among them, or None
    """
    among = np.zeros((0, 0), np.float32) if lateral is None else lateral
    trains = (inputs.neurons, inputs.offsets, weight, inputs.steps, neuron)
    events = pack(*_simulate(*trains, np.float32(inhibition), among, membranes, currents))
    return SpikeTrains(*events, inputs.steps, (len(weight),))


def backward(
    inputs: SpikeTrains,
    outputs: SpikeTrains,
    errors: np.ndarray,
    weight: np.ndarray,
    psp: Psp,
    t_ref: int,
    v_th: float,
    inhibition: float,
    effect_ratio: bool,
    gradient: np.ndarray | None,
    below: np.ndarray | None,
) -> None:
    """Write the weight gradient (N_out, N_in) and the errors below (B, N_in), each unless it is None."""
    blocks = min(len(weight), 2 * numba.get_num_threads())
    if gradient is not None:
        gradient[:] = 0
    for part in _parts(inputs):
        x, o, d = inputs[part], outputs[part], errors[part]
        traces = make_traces(x, o, d, psp, t_ref)
        if gradient is not None:
            f = _lateral_factors(o, psp, t_ref, inhibition / v_th)
            shares = d / np.float32(inputs.batch)
            weight_gradient(*o.by_neuron(), traces, shares, f, weight, np.float32(v_th), blocks, gradient)
        if below is not None:
            counts = x.counts.reshape(x.batch, -1)
            input_error(*o.by_neuron(), counts, traces, d, weight, effect_ratio, below[part])


def _parts(inputs: SpikeTrains) -> list[slice]:
    """Split a batch so that the traces of a part stay within bounds."""
    samples = max(1, TRACE_VALUES // (inputs.steps * inputs.size))
    return [slice(first, first + samples) for first in range(0, inputs.batch, samples)]


def _lateral_factors(outputs: SpikeTrains, psp: Psp, t_ref: int, strength: float) -> np.ndarray:
    ones = np.ones((outputs.batch, outputs.size), np.float32)
    if strength == 0:
        return ones
    traces = make_traces(outputs, outputs, ones, psp, t_ref)
    return lateral_factors(*outputs.by_neuron(), traces, np.float32(strength))


@kernel
def weight_gradient(times, neuron_offsets, traces, errors, factors, weight, v_th, blocks, gradient):
    """Add sum_b D_i (1 + h_i) f_i e_ij to gradient (N_out, N_in), where h_i = sum_j w_ij e_ij / (v_th o_i).

    A block of neurons owns its rows of the gradient and takes the samples in turn, so that the sum has one order, whatever
    the number of blocks. times, neuron_offsets: the trains above, by neuron; errors: D (B, N_out); factors: f (B, N_out)
    """
    values, starts, rows, _, all_active, active_counts, decays, t_ref = traces
    batch, n_out = errors.shape
    n_in = weight.shape[1]
    for block in prange(blocks):
        low, high = block * n_out // blocks, (block + 1) * n_out // blocks
        row = np.empty(n_in, np.float32)
        silent_effect = np.zeros(high - low, np.float32)
        for i in range(low, high):
            for j in range(n_in):
                silent_effect[i - low] += weight[i, j] * SILENT_EFFECT
        for b in range(batch):
            active = all_active[b, : active_counts[b]]
            spsp = row[: active.size]
            for i in range(low, high):
                if errors[b, i] == 0:
                    continue
                firings = times[neuron_offsets[b * n_out + i] : neuron_offsets[b * n_out + i + 1]]
                if firings.size == 0:
                    spsp[:] = SILENT_SPSP
                    effect = silent_effect[i - low]
                else:
                    spsp_row(values, starts[b], rows[b], decays, t_ref, firings, spsp)
                    effect = np.float32(0)
                    for k in range(active.size):
                        effect += weight[i, active[k]] * spsp[k]
                    effect /= np.float32(firings.size)
                scale = errors[b, i] * factors[b, i] * (np.float32(1) + effect / v_th)
                for k in range(active.size):
                    gradient[i, active[k]] += scale * spsp[k]


@kernel
def input_error(times, neuron_offsets, counts, traces, errors, weight, effect_ratio, result):
    """Error of the trains below, result (B, N_in) = sum_i D_i w_ij e_ij / o_j.

    The slope e_ij / o_j is 1 where i or j is silent, and everywhere without `effect_ratio`. times, neuron_offsets: the
    trains above, by neuron; counts: o_j (B, N_in); errors: D (B, N_out)
    """
    values, starts, rows, _, all_active, active_counts, decays, t_ref = traces
    batch, n_out = errors.shape
    n_in = weight.shape[1]
    for b in prange(batch):
        active = all_active[b, : active_counts[b]]
        spsp = np.empty(active.size, np.float32)
        slope = np.empty(n_in, np.float32)
        result[b] = 0
        for i in range(n_out):
            if errors[b, i] == 0:
                continue
            slope[:] = SILENT_SLOPE
            firings = times[neuron_offsets[b * n_out + i] : neuron_offsets[b * n_out + i + 1]]
            if firings.size and effect_ratio:
                spsp_row(values, starts[b], rows[b], decays, t_ref, firings, spsp)
                for k in range(active.size):
                    slope[active[k]] = spsp[k] / counts[b, active[k]]
            for j in range(n_in):
                result[b, j] += errors[b, i] * weight[i, j] * slope[j]


@kernel
def lateral_factors(times, neuron_offsets, traces, strength):
    """Factor f (B, N) float32 of the weight gradient in an inhibited layer.

    With r_lj = e_lj / o_j, the S-PSP of neuron j's train on neuron l for each of its spikes (1 where either is silent), and
    l, j among those that fire: f_j = 1 / (1 - strength^2 sum_{l != j} r_lj r_jl), strength in units of the threshold.

    times, neuron_offsets: the layer's own trains, by neuron; traces: theirs, at their own firings
    """
    values, starts, rows, columns, all_active, active_counts, decays, t_ref = traces
    batch, size = columns.shape
    factors = np.ones((batch, size), np.float32)
    for b in prange(batch):
        active = all_active[b, : active_counts[b]]
        ratios = np.empty((active.size, active.size), np.float32)
        counts = np.empty(active.size, np.float32)
        for k in range(active.size):
            i = b * size + active[k]
            firings = times[neuron_offsets[i] : neuron_offsets[i + 1]]
            spsp_row(values, starts[b], rows[b], decays, t_ref, firings, ratios[k])
            counts[k] = firings.size
        for k in range(active.size):
            coupling = np.float32(0)
            for m in range(active.size):
                if m != k:
                    coupling += ratios[k, m] / counts[m] * ratios[m, k] / counts[k]
            factors[b, active[k]] = 1 / (1 - strength * strength * coupling)
    return factors
