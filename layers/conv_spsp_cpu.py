"""The S-PSPs of a convolution's receptive fields on the CPU, with constants that all neurons share or that each map has.

With shared constants they come from the traces of the inputs (`kernels/psp.py`), and else from the responses of the neurons
(`kernels/responses.py`). Kernels are compiled for either: a function without a body stands for
the code that its `overload` compiles.
"""

from typing import NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from cupynn.kernels import inline
from cupynn.kernels.psp import decays_of, fill_traces, spsp_field
from cupynn.kernels.responses import answer, mark, respond
from cupynn.kernels.simd import FEW, LANES, fill, load, store


class Traces(NamedTuple):
    """Traces of a sample's inputs."""

    traces: np.ndarray  # (T, grid)
    decays: np.ndarray  # (T + 1,)


class Responses(NamedTuple):
    """Responses of the neurons at a place, LANES maps at a time, and their S-PSPs."""

    fired: np.ndarray  # (T,) int64, a bit per map
    rests: np.ndarray
    responses: np.ndarray  # (T * LANES,)
    inputs: np.ndarray  # (grid,), input at each position, or -1
    found: np.ndarray  # (field * LANES,), of some maps
    spsp: np.ndarray  # (maps * field,)


@inline
def _traces(psp, steps, slots, length, size):
    return Traces(np.zeros((steps, length), np.float32), decays_of(psp, steps))


@inline
def _responses(psp, steps, slots, length, size):
    inputs = np.full(length, -1, np.int64)
    for j in range(slots.size):
        inputs[slots[j]] = j
    bits = np.empty((2, steps), np.int64)
    found, spsp = np.empty(size * LANES, np.float32), np.empty(psp.gain.size * size, np.float32)
    return Responses(bits[0], bits[1], np.empty(steps * LANES, np.float32), inputs, found, spsp)


def workspace(psp, steps, slots, length, size):
    """Return an empty workspace for a grid of some length, with inputs at `slots`, and fields of some size."""


@overload(workspace)
def _workspace(psp, steps, slots, length, size):
    make = _responses if isinstance(psp[2], types.Array) else _traces
    return lambda psp, steps, slots, length, size: make(psp, steps, slots, length, size)


def begin_sample(work, neurons, offsets, slots, psp):
    """Prepare a workspace for a sample with these events."""


@overload(begin_sample)
def _begin_sample(work, neurons, offsets, slots, psp):
    if work.instance_class is Responses:
        return lambda work, neurons, offsets, slots, psp: None
    return lambda work, neurons, offsets, slots, psp: fill_traces(neurons, offsets, slots, psp, work.traces)


@inline
def _answer_place(work, place, corner, spikes, above, psp, t_ref):
    """Compute the S-PSPs on the neurons at one place.

    spikes, above: (times, offsets) by neuron of the sample's inputs and neurons
    """
    (spike_times, spike_offsets), (times, offsets) = spikes, above
    maps, zero = psp.gain.size, fill(np.float32(0), LANES)
    places, size = (offsets.size - 1) // maps, work.found.size // LANES
    run = size // corner.size
    own = np.zeros(3 * LANES, np.float32)
    for low in range(0, maps, LANES):
        for t in range(work.fired.size):
            work.fired[t] = work.rests[t] = 0
        held, end = min(LANES, maps - low), np.int64(0)
        for lane in range(held):
            i = (low + lane) * places + place
            end = max(end, mark(times[offsets[i] : offsets[i + 1]], t_ref, lane, work.fired, work.rests))
            own[lane], own[LANES + lane] = psp.decay_m[low + lane], psp.decay_s[low + lane]
            own[2 * LANES + lane] = psp.gain[low + lane]
        if end == 0:  # all are silent
            continue
        constants = load(own, 0, LANES), load(own, LANES, LANES), load(own, 2 * LANES, LANES)
        answers = work.responses[: end * LANES]
        respond(work.fired[:end], work.rests, constants[0], constants[1], constants[2], answers)
        for ky in range(corner.size):
            for k in range(run):
                j, summed = work.inputs[corner[ky] + k], zero
                if j >= 0:
                    summed = answer(spike_times[spike_offsets[j] : spike_offsets[j + 1]], psp.delay, answers)
                store(work.found, (ky * run + k) * LANES, summed)
        for lane in range(held):
            i = (low + lane) * places + place
            for k in range(size if offsets[i + 1] > offsets[i] else 0):
                work.spsp[(low + lane) * size + k] = work.found[k * LANES + lane]


def begin_place(work, place, corner, spikes, above, psp, t_ref):
    """Prepare a workspace for the neurons at one place."""


@overload(begin_place, inline="always")
def _begin_place(work, place, corner, spikes, above, psp, t_ref):
    if work.instance_class is Responses:
        return lambda work, place, corner, spikes, above, psp, t_ref: _answer_place(
            work, place, corner, spikes, above, psp, t_ref
        )
    return lambda work, place, corner, spikes, above, psp, t_ref: None


def find_spsp(work, m, corner, firings, t_ref, field):
    """Write the S-PSPs of the inputs in a field on its neuron of map m to `field`."""


@overload(find_spsp, inline="always", jit_options={"error_model": "numpy"})
def _find_spsp(work, m, corner, firings, t_ref, field):
    if work.instance_class is Traces:
        return lambda work, m, corner, firings, t_ref, field: spsp_field(
            work.traces, corner, firings, work.decays, t_ref, field
        )

    def copy(work, m, corner, firings, t_ref, field):
        for k in range(0, field.size, FEW):
            store(field, k, load(work.spsp, m * field.size + k, FEW))

    return copy
