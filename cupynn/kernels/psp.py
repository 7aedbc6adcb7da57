"""The traces of spike trains, and the S-PSP that follows from them.

The trace A_j(t) is the membrane that train j alone would produce with unit weight and no reset (the paper's micro level):

    q_j <- decay_s q_j + s_j(t - 1 - delay),    A_j <- decay_m A_j + gain q_j.

The S-PSP of train j on neuron i is e_ij = sum over i's firings of A_j(firing) - decay_m^(firing - release) A_j(release),
where `release` is the end of the previous refractory period: a firing resets the membrane, not the synapse. The first firing
has no release before it. Only the traces at firings and releases are needed.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from math import exp, expm1
from typing import NamedTuple

import numpy as np

from cupynn.kernels import clear, inline, kernel
from cupynn.kernels.each import is_array
from cupynn.kernels.events import Trains
from cupynn.kernels.responses import spsp_each
from cupynn.kernels.simd import FEW, LANES, aligned, fill, load, store
from cupynn.kernels.slopes import slopes
from cupynn.kernels.threads import each, parallel

PSP_KERNELS = ("exact", "srm")

# Rules of the original program, without which silent neurons would not learn to fire. Layers have a third, `silent_slope`.
SILENT_SPSP = np.float32(0.1)  # replaces e_ij in the weight gradient where i is silent and j fires
SILENT_EFFECT = np.float32(0.5)  # replaces e_ij / o_i in the self-effect h_i of a silent neuron i

SPSP_VALUES = 1 << 22  # S-PSPs held at once: 16 MB in float32


class Psp(NamedTuple):
    """Constants of the trace recursion, float32 except for the delay in steps; arrays (N,) if neurons have their own."""

    decay_m: np.float32
    decay_s: np.float32
    gain: np.float32
    delay: int


@lru_cache(maxsize=256)
def psp(kind: str, tau_m: float, tau_s: float, t_ref: int) -> Psp:
    """Return the constants of the trace for time constants in steps.

    "exact" is the recursion of the simulation; "srm" is the paper's continuous kernel, delayed by `t_ref` steps,
    (exp(-t / tau_m) - exp(-t / tau_s)) / (1 - tau_s / tau_m), as a recursion with the gain
    (decay_m - decay_s) / (1 - tau_s / tau_m), or its limit if tau_s = tau_m.
    """
    if kind == "exact":
        decay_m, decay_s, gain, delay = 1 - 1 / tau_m, 1 - 1 / tau_s, 1 / tau_s, 0
    else:
        decay_m, decay_s, delay = exp(-1 / tau_m), exp(-1 / tau_s), t_ref
        gap = tau_m - tau_s
        gain = decay_m / tau_m if gap == 0 else -decay_m * expm1(-gap / (tau_m * tau_s)) * tau_m / gap
    return Psp(np.float32(decay_m), np.float32(decay_s), np.float32(gain), delay)


def psp_each(kind: str, tau_m: np.ndarray, tau_s: np.ndarray, t_ref: int) -> Psp:
    """Return the same for arrays of one length."""
    constants = slopes(kind, tau_m, tau_s, t_ref)
    return Psp(constants.decay_m, constants.decay_s, constants.gain, constants.delay)


class Spsp(NamedTuple):
    """S-PSPs of the samples of a part, as far as learning needs them.

    Each sample has a matrix with a row per neuron above that fires and has a nonzero error, and a last row for silent ones.
    Its columns are lines of FEW adjacent inputs of which at least one fires.
    """

    values: np.ndarray  # float32, one matrix after the other
    starts: np.ndarray  # (B + 1,) int64, start of each matrix
    rows: np.ndarray  # (B, N_out) int32, row of each neuron above, or -1
    lines: np.ndarray  # (B, ceil(N_in / FEW)) int32, the line of inputs in each FEW columns
    line_counts: np.ndarray  # (B,) int64, number of lines
    widths: np.ndarray  # (B,) int64, columns, padded to a multiple of LANES


@kernel
def _alive_lines(turns, neurons, offsets, steps, lines, line_counts):
    fires = np.empty(lines.shape[1], np.bool_)
    for b in each(turns):
        clear(fires)
        for event in range(offsets[b * steps], offsets[(b + 1) * steps]):
            fires[np.uint32(neurons[event]) // np.uint32(FEW)] = True
        count = 0
        for line in range(fires.size):
            if fires[line]:
                lines[b, count] = line
                count += 1
        line_counts[b] = count


@inline
def _effects(times, neuron_offsets, rows, steps, t_ref, decays, needed, firings, releases, forgotten, bounds):
    """Find the traces that each firing of a sample adds, and those of the release before that it subtracts.

    Fills firings, releases: rows in the table of traces, whose last is zeros for firings without a release; forgotten:
    decay_m^(firing - release); bounds (rows + 1,): start of each S-PSP row's firings; needed (T,): row of each step in the
    table, or -1. Returns the number of rows in the table without the last.
    """
    for t in range(steps):
        needed[t] = -1
    for i in range(rows.size):
        if rows[i] >= 0:
            for event in range(neuron_offsets[i], neuron_offsets[i + 1]):
                firing = times[event]
                if event == neuron_offsets[i]:
                    needed[firing] = 0
                elif firing > times[event - 1] + t_ref:
                    needed[firing] = 0
                    needed[times[event - 1] + t_ref] = 0
    count = 0
    for t in range(steps):
        if needed[t] == 0:
            needed[t] = count
            count += 1
    n = 0
    for i in range(rows.size):
        if rows[i] >= 0:
            bounds[rows[i]] = n
            released = np.int64(-1)
            for event in range(neuron_offsets[i], neuron_offsets[i + 1]):
                firing = np.int64(times[event])
                if released < 0:
                    firings[n], releases[n], forgotten[n] = needed[firing], count, 0
                    n += 1
                elif firing > released:  # else, in a filled-in train, the neuron is still refractory
                    firings[n], releases[n], forgotten[n] = needed[firing], needed[released], decays[firing - released]
                    n += 1
                released = firing + t_ref
            bounds[rows[i] + 1] = n
    return count


@inline
def trace_step(neurons, offsets, slots, t, psp, current, trace):
    """Advance the traces of one sample to step t, each neuron's in its place in `slots` (N,).

    neurons: of the batch; offsets (T + 1,): of the sample; current, trace (places,) float32, zero before step 0
    """
    decay_m, decay_s, gain, delay = psp
    for j in range(current.size):
        current[j] *= decay_s
    source = t - 1 - delay
    if source >= 0:
        for event in range(offsets[source], offsets[source + 1]):
            current[slots[neurons[event]]] += np.float32(1)
    for j in range(current.size):
        trace[j] = trace[j] * decay_m + gain * current[j]


@inline
def _tables(neurons, offsets, slots, psp, needed, count, current, trace, tables):
    """Compute the traces of one sample at the needed steps, in tables of LANES columns with a last row of zeros."""
    size = (count + 1) * LANES
    clear(current)
    clear(trace)
    for t in range(needed.size):
        trace_step(neurons, offsets, slots, t, psp, current, trace)
        if needed[t] >= 0:
            for first in range(0, trace.size, LANES):
                store(tables, first // LANES * size + needed[t] * LANES, load(trace, first, LANES))
    for first in range(0, trace.size, LANES):
        store(tables, first // LANES * size + count * LANES, fill(np.float32(0), LANES))


@kernel
def _spsp(turns, neurons, offsets, times, neuron_offsets, first, n_in, psp, t_ref, most, spsp):
    values, starts, rows, lines, line_counts, widths = spsp
    n_out = rows.shape[1]
    steps = (offsets.size - 1) // ((neuron_offsets.size - 1) // n_out)
    decays = decays_of(psp, steps)
    widest = 0
    for width in widths:
        widest = max(widest, width)
    slots = np.empty(n_in, np.int64)
    needed = np.empty(steps, np.int32)
    firings, releases, forgotten = np.empty(most, np.uint32), np.empty(most, np.uint32), np.empty(most, np.float32)
    bounds = np.empty(n_out + 1, np.int64)
    current, trace = aligned(widest), aligned(widest)
    tables = aligned((steps + 1) * widest)
    for b in each(turns):
        width, sample = widths[b], first + b
        for k in range(line_counts[b]):
            for lane in range(min(FEW, n_in - lines[b, k] * FEW)):
                slots[lines[b, k] * FEW + lane] = k * FEW + lane
        own = offsets[sample * steps : (sample + 1) * steps + 1]
        silent = starts[b + 1] - width
        for column in range(silent, silent + width):
            values[column] = 0
        for event in range(own[0], own[steps]):
            values[silent + slots[neurons[event]]] = SILENT_SPSP
        above = neuron_offsets[sample * n_out : (sample + 1) * n_out + 1]
        count = _effects(times, above, rows[b], steps, t_ref, decays, needed, firings, releases, forgotten, bounds)
        if starts[b] == silent:
            continue
        _tables(neurons, own, slots, psp, needed, count, current[:width], trace[:width], tables)
        for column in range(0, width, LANES):
            table = column * (count + 1)
            at = starts[b] + column
            for row in range((silent - starts[b]) // width):
                summed = fill(np.float32(0), LANES)
                for k in range(np.uint64(bounds[row]), np.uint64(bounds[row + 1])):
                    at_firing = load(tables, table + np.int64(firings[k]) * LANES, LANES)
                    summed = summed + (at_firing - load(tables, table + np.int64(releases[k]) * LANES, LANES) * forgotten[k])
                store(values, at, summed)
                at += width


def spsp(
    below: Trains,
    above: Trains,
    errors: np.ndarray,
    constants: Psp,
    t_ref: int,
    compute: Callable[..., None] | None = None,
    copies: int = 1,
) -> Iterator[tuple[slice, Spsp]]:
    """Yield the S-PSPs of trains on the neurons above whose error (B, N_out) is not zero, part by part of the batch.

    The matrices of a part have at most SPSP_VALUES values, to stay in the last-level cache until they are used. Two `copies`
    are the S-PSPs and, in the second half of the values, what another step of delay adds, which the kernel `compute` fills.
    """
    times, neuron_offsets = above.by_neuron()
    lines = np.empty((below.batch, -(-below.size // FEW)), np.int32)
    line_counts = np.empty(below.batch, np.int64)
    parallel(_alive_lines, below.batch, below.neurons, below.offsets, below.steps, lines, line_counts)
    widths = -(-line_counts * FEW // LANES) * LANES
    fires = (errors != 0) & (above.counts.reshape(errors.shape) > 0)
    rows = np.where(fires, fires.cumsum(1, dtype=np.int32) - 1, np.int32(-1)).astype(np.int32)
    sizes = widths * (fires.sum(1) + 1)
    most = int(np.diff(neuron_offsets[:: above.size]).max(initial=0))
    first = 0
    while first < below.batch:
        last = first + max(1, int(np.searchsorted(sizes[first:].cumsum(), SPSP_VALUES // copies, side="right")))
        part = slice(first, last)
        starts = np.concatenate([[0], sizes[part].cumsum()])
        values = np.empty(copies * starts[-1], np.float32)
        found = Spsp(values, starts, rows[part], lines[part], line_counts[part], widths[part])
        if is_array(constants.gain):
            trains = below.by_neuron(), (times, neuron_offsets), first, below.size, below.steps
            half = starts[-1]
            for copy in range(copies):  # the second of trains one step later
                later, own = constants._replace(delay=constants.delay + copy), values[copy * half : (copy + 1) * half]
                parallel(spsp_each, last - first, *trains, later, t_ref, SILENT_SPSP, found._replace(values=own))
            values[half:] -= values[: half * (copies - 1)]
        else:
            trains = below.neurons, below.offsets, times, neuron_offsets
            parallel(compute or _spsp, last - first, *trains, first, below.size, constants, t_ref, most, found)
        yield part, found
        first = last


def spsp_matrix(below: Trains, above: Trains, constants: Psp, t_ref: int) -> np.ndarray:
    """Return the S-PSP e_ij of every train j below on every neuron i above, float32 (B, N_out, N_in)."""
    errors = np.ones((above.batch, above.size), np.float32)
    matrices = np.zeros((above.batch, above.size, -(-below.size // FEW) * FEW), np.float32)
    for part, found in spsp(below, above, errors, constants, t_ref):
        for b, matrix in enumerate(matrices[part]):
            lines, width = found.lines[b, : found.line_counts[b]], found.widths[b]
            held = found.values[found.starts[b] : found.starts[b + 1]].reshape(-1, max(1, width))[:-1, : lines.size * FEW]
            columns = np.add.outer(lines * FEW, np.arange(FEW)).ravel()
            matrix[np.ix_(found.rows[b] >= 0, columns)] = held
    return matrices[:, :, : below.size]


@inline
def decays_of(psp, steps):
    """Return decay_m^n for n in 0..T, float32 (T + 1,)."""
    decays = np.empty(steps + 1, np.float32)
    power = 1.0
    for n in range(steps + 1):
        decays[n] = power
        power *= np.float64(psp.decay_m)
    return decays


@inline
def fill_traces(neurons, offsets, slots, psp, traces):
    """Compute the traces (T, width) of one sample, as `trace_step` does, at every step."""
    current, trace = np.zeros(traces.shape[1], np.float32), np.zeros(traces.shape[1], np.float32)
    for t in range(len(traces)):
        trace_step(neurons, offsets, slots, t, psp, current, trace)
        traces[t] = trace


@inline
def spsp_field(traces, corners, firings, decays, t_ref, field):
    """Compute the S-PSPs of the trains in a receptive field on one neuron -> field, one run after the other.

    traces (T, grid); corners (kh,): starts of the field's runs in the grid; the length of a run is a multiple of FEW
    """
    flat, grid = traces.reshape(traces.size), traces.shape[1]
    run = field.size // corners.size
    firing = firings[0] * grid
    for ky in range(corners.size):
        for k in range(0, run, FEW):
            store(field, ky * run + k, load(flat, firing + corners[ky] + k, FEW))
    for event in range(1, firings.size):
        released = firings[event - 1] + t_ref
        if firings[event] > released:  # else, in a filled-in train, the neuron is still refractory
            decay = decays[firings[event] - released]
            firing, release = firings[event] * grid, released * grid
            for ky in range(corners.size):
                for k in range(0, run, FEW):
                    at, place = ky * run + k, corners[ky] + k
                    added = load(flat, firing + place, FEW) - load(flat, release + place, FEW) * decay
                    store(field, at, load(field, at, FEW) + added)
