"""The post-synaptic potential of a spike train, and where the S-PSP needs it.

The trace A_j(t) is the membrane that train j alone would produce with unit weight and no reset (the paper's micro level):

    q_j <- decay_s q_j + s_j(t - 1 - delay),    A_j <- decay_m A_j + gain q_j.

The S-PSP of train j on neuron i is e_ij = sum over i's firings of A_j(firing) - decay_m^(firing - release) A_j(release),
where `release` is the end of the refractory period before: a firing makes the membrane forget, not the synapse. Before the
first firing there is nothing to forget. Only the traces at firings and releases are ever looked at.
"""

from math import exp, expm1
from typing import NamedTuple

import numpy as np
from numba import prange

from cupynn.kernels import inline, kernel
from cupynn.spikes import SpikeTrains

PSP_KERNELS = ("exact", "srm")

# Silent neurons: the rules of the original program, without which they would neither learn to fire nor pass an error on.
SILENT_SPSP = np.float32(0.1)  # stands for e_ij in the weight gradient where i is silent and j fires
SILENT_EFFECT = np.float32(0.5)  # stands for e_ij / o_i in the self-effect h_i of a silent neuron i
SILENT_SLOPE = np.float32(1.0)  # stands for e_ij / o_j in the error of neuron j where i or j is silent


class Psp(NamedTuple):
    """Constants of the trace recursion, in float32 but for the delay in steps."""

    decay_m: np.float32
    decay_s: np.float32
    gain: np.float32
    delay: int


def psp(kind: str, tau_m: float, tau_s: float, t_ref: int) -> Psp:
    """Constants of the trace for time constants in steps.

    "exact" repeats the simulation's own recursion; "srm" is the paper's continuous kernel
    (exp(-t / tau_m) - exp(-t / tau_s)) / (1 - tau_s / tau_m), where a spike acts from `t_ref` steps on. Written as a
    recursion of gain (decay_m - decay_s) / (1 - tau_s / tau_m), it has a limit for tau_s = tau_m, which is taken there.
    """
    if kind == "exact":
        decay_m, decay_s, gain, delay = 1 - 1 / tau_m, 1 - 1 / tau_s, 1 / tau_s, 0
    else:
        decay_m, decay_s, delay = exp(-1 / tau_m), exp(-1 / tau_s), t_ref
        gap = tau_m - tau_s
        gain = decay_m / tau_m if gap == 0 else -decay_m * expm1(-gap / (tau_m * tau_s)) * tau_m / gap
    return Psp(np.float32(decay_m), np.float32(decay_s), np.float32(gain), delay)


class Traces(NamedTuple):
    """Traces of the active trains of each sample, at the steps where they are looked at, and nowhere else."""

    values: np.ndarray  # float32, each sample's (row_counts, active_counts) matrix, one after the other
    starts: np.ndarray  # (B + 1,) int64, where they begin
    rows: np.ndarray  # (B, T) int32, the matrix row of a step, or -1
    columns: np.ndarray  # (B, N) int32, the matrix column of a neuron, or -1 for a silent one
    active: np.ndarray  # (B, N) int32, the neuron of a column
    active_counts: np.ndarray  # (B,) int64
    decays: np.ndarray  # (T + 1,) float32, decay_m^n
    t_ref: int


@kernel
def _needed_steps(times, neuron_offsets, errors, steps, t_ref):
    """Firings and releases of the neurons whose error is not zero, as rows (B, T) int32 and their number (B,) int64."""
    batch, size = errors.shape
    rows = np.full((batch, steps), -1, np.int32)
    counts = np.empty(batch, np.int64)
    for b in prange(batch):
        for i in range(size):
            first, last = neuron_offsets[b * size + i], neuron_offsets[b * size + i + 1]
            if errors[b, i] != 0:
                for event in range(first, last):
                    if event == first:
                        rows[b, times[event]] = 0
                    elif times[event] > times[event - 1] + t_ref:
                        rows[b, times[event]] = 0
                        rows[b, times[event - 1] + t_ref] = 0
        count = 0
        for t in range(steps):
            if rows[b, t] == 0:
                rows[b, t] = count
                count += 1
        counts[b] = count
    return rows, counts


@kernel
def _active_columns(neuron_offsets, batch):
    """Columns (B, N) int32 of the neurons that fire at all, the neurons (B, N) int32 of the columns, their number (B,)."""
    size = (neuron_offsets.size - 1) // batch
    columns = np.full((batch, size), -1, np.int32)
    active = np.empty((batch, size), np.int32)
    counts = np.empty(batch, np.int64)
    for b in prange(batch):
        count = 0
        for j in range(size):
            if neuron_offsets[b * size + j] < neuron_offsets[b * size + j + 1]:
                columns[b, j] = count
                active[b, count] = j
                count += 1
        counts[b] = count
    return columns, active, counts


@kernel
def _fill(neurons, offsets, traces, constants):
    values, starts, rows, columns, _, active_counts, _, _ = traces
    decay_m, decay_s, gain, delay = constants
    batch, steps = rows.shape
    for b in prange(batch):
        width = active_counts[b]
        current = np.zeros(width, np.float32)
        trace = np.zeros(width, np.float32)
        for t in range(steps):
            for j in range(width):
                current[j] *= decay_s
            source = t - 1 - delay
            if source >= 0:
                for event in range(offsets[b * steps + source], offsets[b * steps + source + 1]):
                    current[columns[b, neurons[event]]] += np.float32(1)
            for j in range(width):
                trace[j] = trace[j] * decay_m + gain * current[j]
            if rows[b, t] >= 0:
                start = starts[b] + rows[b, t] * width
                values[start : start + width] = trace


def make_traces(below: SpikeTrains, above: SpikeTrains, errors: np.ndarray, constants: Psp, t_ref: int) -> Traces:
    """Traces of the trains below, at the firings and releases of the neurons above whose error (B, N) is not zero."""
    steps = below.steps
    rows, row_counts = _needed_steps(*above.by_neuron(), errors, steps, t_ref)
    columns, active, active_counts = _active_columns(below.by_neuron()[1], below.batch)
    starts = np.zeros(below.batch + 1, np.int64)
    np.cumsum(row_counts * active_counts, out=starts[1:])
    decays = (float(constants.decay_m) ** np.arange(steps + 1)).astype(np.float32)
    traces = Traces(np.empty(starts[-1], np.float32), starts, rows, columns, active, active_counts, decays, t_ref)
    _fill(below.neurons, below.offsets, traces, constants)
    return traces


@inline
def spsp_row(values, start, rows, decays, t_ref, firings, row):
    """S-PSP of a sample's active trains on one neuron, a sum over its firings (n,) -> row (width,) float32.

    values, start: the sample's matrix of traces and where it begins; rows (T,): the matrix row of a step; decays (T + 1,)
    """
    width = row.size
    for j in range(width):
        row[j] = 0
    for k in range(firings.size):
        release_step = firings[k - 1] + t_ref if k else -1
        if firings[k] <= release_step:  # in a filled-in train: the membrane is still at rest
            continue
        firing = start + rows[firings[k]] * width
        at_firing = values[firing : firing + width]
        if k == 0:
            for j in range(width):
                row[j] = at_firing[j]
        else:
            release = start + rows[release_step] * width
            at_release = values[release : release + width]
            decay = decays[firings[k] - release_step]
            for j in range(width):
                row[j] += at_firing[j] - decay * at_release[j]


@inline
def decays_of(psp, steps):
    """decay_m^n for n in 0..T, float32 (T + 1,)."""
    decays = np.empty(steps + 1, np.float32)
    power = 1.0
    for n in range(steps + 1):
        decays[n] = power
        power *= np.float64(psp.decay_m)
    return decays


@inline
def fill_traces(neurons, offsets, slots, psp, traces):
    """Traces (T, width) of one sample at every step, each neuron's in the column that `slots` (N,) gives it.

    neurons: of the batch; offsets (T + 1,): the sample's
    """
    decay_m, decay_s, gain, delay = psp
    steps, width = traces.shape
    current = np.zeros(width, np.float32)
    trace = np.zeros(width, np.float32)
    for t in range(steps):
        for j in range(width):
            current[j] *= decay_s
        source = t - 1 - delay
        if source >= 0:
            for event in range(offsets[source], offsets[source + 1]):
                current[slots[neurons[event]]] += np.float32(1)
        for j in range(width):
            trace[j] = trace[j] * decay_m + gain * current[j]
        traces[t] = trace


@inline
def spsp_field(traces, corner, pitch, firings, decays, t_ref, field):
    """S-PSP of the trains in a receptive field on one neuron with these firings -> field (kh, run) float32.

    traces (T, grid); corner: the field's first column in the grid, pitch: from one of its rows to the next. Indices are
    unsigned, which spares a check for negative ones and a slice a row: 27 ns a firing of a 5 x 5 field against 42.
    """
    kh, run = np.uint64(field.shape[0]), np.uint64(field.shape[1])
    row_step = np.uint64(pitch)
    first = np.uint64(corner)
    firing = np.uint64(firings[0])
    for ky in range(kh):
        for k in range(run):
            field[ky, k] = traces[firing, first + k]
        first += row_step
    for event in range(1, firings.size):
        released = firings[event - 1] + t_ref
        if firings[event] > released:  # else, in a filled-in train, the membrane is still at rest
            decay = decays[firings[event] - released]
            firing, release = np.uint64(firings[event]), np.uint64(released)
            first = np.uint64(corner)
            for ky in range(kh):
                for k in range(run):
                    field[ky, k] += traces[firing, first + k] - decay * traces[release, first + k]
                first += row_step
