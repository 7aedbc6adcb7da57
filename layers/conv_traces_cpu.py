"""The backward pass of convolutions on the CPU for a few maps, with the inputs of a field side by side.

The S-PSPs of a field are those of `kernels/psp.py`, from the traces of all inputs at each firing of a neuron. With fewer
than FEW maps to share them, the responses of `conv_maps_cpu.py` take longer: 5.4 instead of 2.4 ms of a core per sample for
a depthwise convolution of 32 maps of 16 x 16 at T = 100.
"""

from typing import NamedTuple

import numpy as np

from cupynn.kernels import clear, inline, inline_always, kernel
from cupynn.kernels.psp import SILENT_EFFECT, SILENT_SPSP, decays_of, fill_traces, spsp_field
from cupynn.kernels.rule import Rule, saturation
from cupynn.kernels.simd import FEW, add_scaled, dot, load, store
from cupynn.kernels.threads import each, parallel
from cupynn.layers.conv_fields import Grid, gather, pass_on, scatter
from cupynn.spikes.trains import SpikeTrains


class Field(NamedTuple):
    """Values of the inputs of a field for the neurons at one place, float32 (field,) each."""

    spsp: np.ndarray  # e of a neuron
    silent_spsp: np.ndarray  # replaces e for silent neurons
    silent_effect: np.ndarray  # replaces e / o for silent neurons
    by_spsp: np.ndarray  # sums over the maps: see `rule.input_error`
    by_weight: np.ndarray
    by_silent: np.ndarray


@inline
def _find_alive(counts, slots, alive):
    """Find which inputs of a sample fire, `alive` (grid,) float32."""
    clear(alive)
    for j in range(slots.size):
        if counts[j]:
            alive[slots[j]] = 1


@inline_always
def _learn_place(place, corner, traces, decays, times, offsets, errors, weights, rule, batch, wanted, field, gradient):
    """Add the gradient of the neurons at one place to that of a sample and, if `wanted`, sum the errors of the field.

    traces (T, grid); times, offsets (N_out + 1,): firings of the sample's neurons; errors (N_out,); weights, gradient
    (maps * field,); batch: number of samples in the whole batch
    """
    silent_slope = np.float32(rule.silent_slope)
    size, places = field.spsp.size, errors.size // (weights.size // field.spsp.size)
    clear(field.by_spsp)
    clear(field.by_weight)
    clear(field.by_silent)
    for m in range(weights.size // size):
        i = m * places + place
        error, v_th = errors[i], np.float32(rule.v_th)
        if error == 0:
            continue
        firings = times[offsets[i] : offsets[i + 1]]
        fires = firings.size > 0
        if fires:
            spsp_field(traces, corner, firings, decays, rule.t_ref, field.spsp)
            effect = dot(weights, m * size, field.spsp) / np.float32(firings.size)
            if rule.overshoot:
                error *= saturation(effect, v_th)
                errors[i] = error
        else:
            for k in range(size):
                field.spsp[k] = field.silent_spsp[k]
            effect = dot(weights, m * size, field.silent_effect)
        scale = error * (np.float32(1) + effect / v_th) / np.float32(batch)
        add_scaled(field.spsp, scale, gradient, m * size)
        if wanted and (fires or silent_slope != 0):
            target = field.by_weight if fires else field.by_silent
            for k in range(0, size, FEW):
                share = load(weights, m * size + k, FEW) * error
                store(target, k, load(target, k, FEW) + share)
                if fires and rule.effect_ratio:
                    store(field.by_spsp, k, load(field.by_spsp, k, FEW) + share * load(field.spsp, k, FEW))


@kernel
def _backward(turns, trains, counts, above, errors, weights, grid, rule, batch, gradients, below):
    """Compute the gradients (B, maps, field) of the samples and, unless `below` is empty, the errors below (B, N_in).

    trains: events below, by step; above: (times, offsets) of the events above, by neuron; counts: of the
    trains below, and as they were before a delay; weights (maps, field), 0 where runs are padded; batch: number of samples
    in the whole batch
    """
    (neurons, offsets), (times, neuron_offsets) = trains, above
    (maps, size), (groups, places, _) = weights.shape, grid.corners.shape
    entries, neurons_in_group = maps // groups * size, maps // groups * places
    steps, length, neurons_above = (offsets.size - 1) // len(gradients), grid.size + FEW, errors.shape[1]
    traces, decays = np.zeros((steps, length), np.float32), decays_of(rule.psp, steps)
    inside = np.zeros(length, np.float32)
    for slot in grid.slots:
        inside[slot] = 1
    alive = np.empty(length, np.float32)
    sums, parts = np.empty((3, length), np.float32), np.empty((6, size), np.float32)
    by_spsp, by_weight, by_silent = sums[0], sums[1], sums[2]
    flat_sums, flat_weights = sums.reshape(3 * length), weights.reshape(maps * size)
    field = Field(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5])
    for b in each(turns):
        gradients[b] = 0
        clear(flat_sums)
        fill_traces(neurons, offsets[b * steps : (b + 1) * steps + 1], grid.slots, rule.psp, traces)
        _find_alive(counts[0][b], grid.slots, alive)
        firings = neuron_offsets[b * neurons_above : (b + 1) * neurons_above + 1]
        gradient = gradients[b].reshape(maps * size)
        for group in range(groups):
            own, first = group * entries, group * neurons_in_group
            errors_above = errors[b, first : first + neurons_in_group]
            group_firings = firings[first : first + neurons_in_group + 1]
            learned = (rule, batch, below.size > 0, field)
            sample = (traces, decays, times, group_firings, errors_above, flat_weights[own : own + entries], *learned)
            group_gradient = gradient[own : own + entries]
            for place in range(places):
                corner = grid.corners[group, place]
                gather(alive, grid.corners, group, place, SILENT_SPSP, field.silent_spsp)
                gather(inside, grid.corners, group, place, SILENT_EFFECT, field.silent_effect)
                _learn_place(place, corner, *sample, group_gradient)
                if below.size:
                    scatter(field.by_spsp, grid.corners, group, place, by_spsp)
                    scatter(field.by_weight, grid.corners, group, place, by_weight)
                    scatter(field.by_silent, grid.corners, group, place, by_silent)
        if below.size:
            pass_on(counts[1], b, grid.slots, by_spsp, by_weight, by_silent, rule, below)


def backward(
    inputs: SpikeTrains,
    outputs: SpikeTrains,
    errors: np.ndarray,
    fields: np.ndarray,
    grid: Grid,
    rule: Rule,
    batch: int,
    total: np.ndarray,
    below: np.ndarray,
) -> np.ndarray:
    """Return the sum of total (maps, field) and the gradients of the samples, added in order; see `_backward`."""
    gradients = np.empty((inputs.batch, *fields.shape), np.float32)
    counts = inputs.counts.reshape(inputs.batch, -1), inputs.sent.reshape(inputs.batch, -1)
    trains = (inputs.neurons, inputs.offsets), counts, outputs.by_neuron()
    parallel(_backward, inputs.batch, *trains, errors, fields, grid, rule, batch, gradients, below)
    with np.errstate(over="ignore", invalid="ignore"):  # training reports weights that are not finite
        for sample in gradients:
            total += sample
    return total
