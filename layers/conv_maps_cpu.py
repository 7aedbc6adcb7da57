"""The backward pass of convolutions on the CPU, with maps side by side.

All maps of a group see the same inputs at a place. The responses of its neurons (`kernels/responses.py`) are rows of lanes,
and each input spike adds a row to the S-PSPs of all maps at once. Inputs that do not fire cost nothing. In the second
convolution of 15C5-P2-40C5-P2-300-10 that takes 1.7 ms of a core per sample at T = 400, and 0.7 at T = 25; with the traces
of the whole field at each firing (`conv_traces_cpu.py`), which come from the third-level cache, it took 3.4 and 1.0.
"""

from typing import NamedTuple

import numpy as np

from cupynn.kernels import clear, inline, inline_always, kernel
from cupynn.kernels.each import is_array, lanes, one
from cupynn.kernels.psp import SILENT_EFFECT, SILENT_SPSP, Psp
from cupynn.kernels.responses import mark, respond
from cupynn.kernels.rule import Rule, saturation
from cupynn.kernels.simd import FEW, LANES, PART, aligned, dot, fill, load, lowest, mask_of, select, store, total
from cupynn.kernels.threads import each, parallel
from cupynn.layers.conv_fields import Grid, gather, pass_on, scatter
from cupynn.spikes.trains import SpikeTrains


class Lanes(NamedTuple):
    """How the maps of a group are dealt out to lanes."""

    maps: int  # of a group
    chunks: int
    held: int  # maps in each chunk but the last
    width: tuple[int, ...]  # of vectors: see `simd.width_of`

    @classmethod
    def of(cls, maps: int) -> "Lanes":
        """Return as few chunks as fit into LANES. Their width is a power of two: 48 lanes are three times as slow as 64."""
        chunks = -(-maps // LANES)
        held = -(-maps // chunks)
        parts = -(-held // PART)
        return cls(maps, chunks, held, (0,) * (1 << (parts - 1).bit_length()))

    def deal(self, fields: np.ndarray, groups: int) -> np.ndarray:
        """Return weights (maps, field) as (groups, chunks, field, lanes), with zeros in lanes without a map."""
        dealt = np.zeros((groups, self.chunks, fields.shape[1], PART * len(self.width)), np.float32)
        for k in range(self.chunks):
            part = fields.reshape(groups, self.maps, -1)[:, k * self.held : (k + 1) * self.held]
            dealt[:, k, :, : part.shape[1]] = part.transpose(0, 2, 1)
        return dealt

    def collect(self, dealt: np.ndarray) -> np.ndarray:
        """Return weights as they were before `deal`."""
        groups, _, size, _ = dealt.shape
        fields = dealt[..., : self.held].transpose(0, 1, 3, 2).reshape(groups, -1, size)
        return fields[:, : self.maps].reshape(groups * self.maps, size)


class Alive(NamedTuple):
    """The inputs of a sample that fire, in the order of the grid."""

    inputs: np.ndarray  # number of each
    positions: np.ndarray
    before: np.ndarray  # (grid + 1,), how many there are before each position


class Place(NamedTuple):
    """What is known of the neurons at one place, lane by lane, and of the inputs in their field."""

    fired: np.ndarray  # (T,) int64, a bit per lane
    rests: np.ndarray
    responses: np.ndarray  # (T * lanes,)
    spsps: np.ndarray  # (alive inputs * lanes,)
    effects: np.ndarray  # (lanes,), sums of weights times S-PSPs
    errors: np.ndarray
    scales: np.ndarray  # of the S-PSPs in the gradient
    silent_effect: np.ndarray  # (field,), replaces e / o for silent neurons
    by_spsp: np.ndarray  # sums over the maps: see `rule.input_error`
    by_weight: np.ndarray
    by_silent: np.ndarray


@inline
def _find_alive(offsets, b, slots, alive):
    """Find the inputs of a sample that fire; offsets: of the batch's spikes by neuron; slots (N_in,): see `Grid`."""
    clear(alive.before)
    for j in range(slots.size):
        at = b * slots.size + j
        if offsets[at + 1] > offsets[at]:
            alive.before[slots[j] + 1] = 1 + j
    count = 0
    for position in range(alive.before.size - 1):
        j = alive.before[position + 1] - 1
        if j >= 0:
            alive.inputs[count], alive.positions[count] = j, position
            count += 1
        alive.before[position + 1] = count


@inline
def _read_errors(offsets, first, stride, held, errors, b, work):
    """Copy the errors of the neurons at a place, lane by lane; return who fires, as bits.

    offsets: of the batch's neurons, of which held neurons of sample b from `first` on, `stride` apart, are lanes
    """
    own_errors, firing, before = work.errors, np.int64(0), b * errors.shape[1]
    for lane in range(held):
        i = first + lane * stride
        own_errors[lane] = errors[b, i]
        if own_errors[lane] != 0 and offsets[before + i + 1] > offsets[before + i]:
            firing |= np.int64(1) << lane
    return firing


@inline
def _mark_all(times, offsets, first, stride, firing, t_ref, work):
    """Mark when the neurons that fire do so, and rest; return the steps up to the last firing; first: in the batch."""
    fired, rests, end = work.fired, work.rests, np.int64(0)
    for t in range(fired.size):
        fired[t] = rests[t] = 0
    while firing:
        lane = lowest(firing)
        at = first + lane * stride
        end = max(end, mark(times, offsets[at], offsets[at + 1], t_ref, lane, fired, rests))
        firing &= firing - 1
    return end


@inline
def _is_alive(before, corners, group, place, run):
    """Return whether an input in a field fires; before: see `Alive`."""
    for part in range(corners.shape[2]):
        corner = corners[group, place, part]
        if before[corner + run] > before[corner]:
            return True
    return False


@inline
def _find_silent(fields, first_map, held, firing, work):
    """Find the self-effects of silent neurons; fields (maps * field,): weights."""
    for lane in range(held):
        if work.errors[lane] != 0 and not (firing >> lane) & 1:
            work.effects[lane] = dot(fields, (first_map + lane) * work.by_spsp.size, work.silent_effect)


@inline
def _sum_by_weight(fields, first_map, held, firing, work):
    """Sum the errors of the neurons that fire, and of the silent ones, by weights alone."""
    size = work.by_spsp.size
    clear(work.by_weight)
    clear(work.by_silent)
    for lane in range(held):
        error, at = work.errors[lane], (first_map + lane) * size
        if error != 0:
            target = work.by_weight if (firing >> lane) & 1 else work.by_silent
            for k in range(0, size, FEW):
                store(target, k, load(target, k, FEW) + load(fields, at + k, FEW) * error)


@inline_always
def _find_spsps(spikes, offsets, first_input, alive, corners, group, place, weights, entry, shift, end, firing, width, work):
    """Find the S-PSPs of the alive inputs in a field, and from them the self-effects of the neurons that fire.

    spikes, offsets: of the inputs; first_input: of the sample; weights: by lanes, those of the field begin at `entry`. The
    loop over spikes is not a function: Numba counts references to arrays at each call, which takes longer than the loop.
    """
    step, runs, zero = PART * len(width), corners.shape[2], fill(np.float32(0), width)
    inputs, positions, before, spsps, responses = alive.inputs, alive.positions, alive.before, work.spsps, work.responses
    run, effect, at = work.by_spsp.size // runs, zero, 0
    for part in range(runs):
        corner = corners[group, place, part]
        for n in range(before[corner], before[corner + run]):
            spsp, j = zero, first_input + inputs[n]
            for spike in range(np.uint64(offsets[j]), np.uint64(offsets[j + 1])):
                arrival = np.int64(spikes[spike]) + shift
                if arrival >= end:
                    break
                spsp = spsp + load(responses, arrival * step, width)
            store(spsps, at, spsp)
            effect = effect + load(weights, entry + (part * run + positions[n] - corner) * step, width) * spsp
            at += step
    store(work.effects, 0, select(mask_of(firing, width), effect, load(work.effects, 0, width)))


@inline
def _find_scales(offsets, first, stride, held, errors, b, first_map, rule, batch, work):
    """Find the factor of each neuron's S-PSPs in the gradient; with `overshoot`, reduce its error."""
    before = b * errors.shape[1] + first
    for lane in range(held):
        error = work.errors[lane]
        work.scales[lane] = 0
        if error == 0:
            continue
        count = offsets[before + lane * stride + 1] - offsets[before + lane * stride]
        effect, v_th = work.effects[lane], one(rule.v_th, first_map + lane)
        if count:
            effect /= np.float32(count)
            if rule.overshoot:
                error *= saturation(effect, v_th)
                work.errors[lane] = errors[b, first + lane * stride] = error
        work.scales[lane] = error * (np.float32(1) + effect / v_th) / np.float32(batch)


@inline_always
def _learn(alive, corners, group, place, weights, entry, firing, width, gradient, passes, work):
    """Add the gradient of the neurons at a place to that of a sample; if errors pass by S-PSPs, sum them.

    weights, gradient: by lanes, those of the field begin at `entry`
    """
    step, runs = PART * len(width), corners.shape[2]
    run, at = work.by_spsp.size // runs, 0
    positions, before, spsps, by_spsp = alive.positions, alive.before, work.spsps, work.by_spsp
    fires, silent_spsp = mask_of(firing, width), fill(SILENT_SPSP, width)
    scale, passed = load(work.scales, 0, width), select(fires, load(work.errors, 0, width), fill(np.float32(0), width))
    for part in range(runs):
        corner = corners[group, place, part]
        for n in range(before[corner], before[corner + run]):
            k = part * run + positions[n] - corner
            own, spsp = entry + k * step, load(spsps, at, width)
            store(gradient, own, load(gradient, own, width) + select(fires, spsp, silent_spsp) * scale)
            if passes:
                by_spsp[k] = total(load(weights, own, width) * spsp * passed)
            at += step


@kernel
def _backward(turns, trains, sent, above, errors, fields, weights, grid, dealt, width, rule, steps, batch, gradients, below):
    """Compute the gradients (B, entries) of the samples and, unless `below` is empty, the errors below (B, N_in).

    trains, above: (times, offsets) of the events below and above by neuron; sent (B, N_in): counts of the trains below,
    before a delay; errors (B, N_out); fields (maps, field): weights, 0 where runs are padded; weights (entries,), gradients:
    by lanes, as `Lanes.deal` returns them; dealt: maps of a group, chunks, and maps of a chunk; batch: number of samples in
    the whole batch
    """
    (spikes, spike_offsets), (times, offsets), (own_maps, chunks, most) = trains, above, dealt
    slots, corners, length = grid
    (groups, places, runs), inputs, size = corners.shape, grid.slots.size, fields.shape[1]
    run = size // runs
    length += FEW
    step, wanted, passes = PART * len(width), below.size > 0, below.size > 0 and rule.effect_ratio
    shift, flat_fields = 1 + rule.psp.delay, fields.reshape(fields.size)
    inside, sums = np.zeros(length, np.float32), np.empty((3, length), np.float32)
    for slot in slots:
        inside[slot] = 1
    by_spsp, by_weight, by_silent, flat_sums = sums[0], sums[1], sums[2], sums.reshape(3 * length)
    alive = Alive(np.empty(inputs, np.int64), np.empty(inputs, np.int64), np.empty(length + 1, np.int64))
    marks, parts = np.empty((2, steps), np.int64), np.empty((4, size), np.float32)
    effects, own_errors, scales = aligned(step), aligned(step), aligned(step)
    work = Place(
        marks[0], marks[1], aligned(steps * step), aligned(size * step), effects, own_errors, scales,
        parts[0], parts[1], parts[2], parts[3],
    )  # fmt: skip
    for b in each(turns):
        gradient = gradients[b]
        clear(gradient)
        clear(flat_sums)
        _find_alive(spike_offsets, b, slots, alive)
        for turn in range(groups * chunks):
            group, chunk = turn // chunks, turn % chunks
            entry, first_map = turn * size * step, group * own_maps + chunk * most
            held = min(most, own_maps - chunk * most)
            clear(effects)
            clear(own_errors)
            clear(scales)
            decay_m, decay_s = lanes(rule.psp.decay_m, first_map, width), lanes(rule.psp.decay_s, first_map, width)
            gain = lanes(rule.psp.gain, first_map, width)
            for place in range(places):
                first = first_map * places + place
                firing = _read_errors(offsets, first, places, held, errors, b, work)
                clear(work.by_spsp)
                if _is_alive(alive.before, corners, group, place, run):
                    end = _mark_all(times, offsets, b * errors.shape[1] + first, places, firing, rule.t_ref, work)
                    respond(work.fired, work.rests, end, decay_m, decay_s, gain, width, work.responses)
                    gather(inside, corners, group, place, SILENT_EFFECT, work.silent_effect)
                    _find_silent(flat_fields, first_map, held, firing, work)
                    place_there = (alive, corners, group, place, weights, entry)
                    _find_spsps(spikes, spike_offsets, b * inputs, *place_there, shift, end, firing, width, work)
                    _find_scales(offsets, first, places, held, errors, b, first_map, rule, batch, work)
                    _learn(*place_there, firing, width, gradient, passes, work)
                if wanted:
                    _sum_by_weight(flat_fields, first_map, held, firing, work)
                    scatter(work.by_spsp, corners, group, place, by_spsp)
                    scatter(work.by_weight, corners, group, place, by_weight)
                    scatter(work.by_silent, corners, group, place, by_silent)
        if wanted:
            pass_on(sent, b, slots, by_spsp, by_weight, by_silent, rule, below)


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
    groups = len(grid.corners)
    dealt = Lanes.of(len(fields) // groups)
    weights, summed = dealt.deal(fields, groups), dealt.deal(total, groups)
    found, sent = np.empty((inputs.batch, weights.size), np.float32), inputs.sent.reshape(inputs.batch, -1)
    rest = np.zeros(LANES, np.float32)  # constants of maps are read LANES at once
    rule = rule._replace(psp=Psp(*(np.append(value, rest) if is_array(value) else value for value in rule.psp)))
    trains = inputs.by_neuron(), sent, outputs.by_neuron()
    layout = errors, fields, weights.reshape(-1), grid, (dealt.maps, dealt.chunks, dealt.held), dealt.width
    parallel(_backward, inputs.batch, *trains, *layout, rule, inputs.steps, batch, found, below)
    with np.errstate(over="ignore", invalid="ignore"):  # training reports weights that are not finite
        for sample in found:
            summed += sample.reshape(summed.shape)
    return dealt.collect(summed)
