"""The S-PSPs of neurons that have their own constants, found from each neuron's response to an input spike.

A spike that arrives at step t adds the response r(t) to the sum of the neuron's membranes at its later firings, and an S-PSP
is such a sum. Backwards in time, with g(t) for the effect of the membrane before its reset,

    g <- 1 where the neuron fires, else decay_m g,    g <- 0 where it rests,    r <- decay_s r + gain g.

So e_ij is the sum of r_i over the arrivals of train j, for any constants of the other neurons.
"""

import numpy as np

from cupynn.kernels import inline, kernel
from cupynn.kernels.simd import FEW, LANES, aligned, fill, load, mask_of, select, store
from cupynn.kernels.threads import each


@inline
def mark(times, t_ref, lane, fired, rests):
    """Set a lane's bit in fired, rests (T,) int64 where a neuron with these firing times fires or rests.

    Return the steps up to its last firing.
    """
    bit = np.int64(1) << lane
    for firing in times:
        fired[firing] |= bit
        for t in range(firing + 1, min(fired.size, firing + t_ref + 1)):
            rests[t] |= bit
    return np.int64(times[times.size - 1]) + 1 if times.size else np.int64(0)


@inline
def respond(fired, rests, decay_m, decay_s, gain, responses):
    """Compute the responses of LANES neurons at the first steps -> responses (steps * LANES,); constants: vectors.

    fired (steps,); rests (T,)
    """
    zero, one = fill(np.float32(0), LANES), fill(np.float32(1), LANES)
    effect, response = zero, zero
    for back in range(1, fired.size + 1):
        t = fired.size - back
        effect = effect * decay_m
        if fired[t]:
            effect = select(mask_of(fired[t]), one, effect)
        if rests[t]:
            effect = select(mask_of(rests[t]), zero, effect)
        response = response * decay_s + effect * gain
        store(responses, t * LANES, response)


@inline
def answer(spikes, delay, responses):
    """Return the S-PSPs of a train, with ascending spike times, on LANES neurons, as a vector.

    responses: up to the last firing; later arrivals have no effect
    """
    summed = fill(np.float32(0), LANES)
    for spike in spikes:
        arrival = np.int64(spike) + 1 + delay
        if arrival * LANES >= responses.size:
            break
        summed = summed + load(responses, arrival * LANES, LANES)
    return summed


@kernel
def spsp_each(turns, below, above, first, n_in, steps, psp, t_ref, silent_spsp, spsp):
    """Fill the S-PSPs of a part, as `psp.spsp` describes them.

    below, above: (times, offsets) by neuron of all samples; first: sample at which the part begins; psp: arrays (N_out,)
    """
    (spikes, spike_offsets), (times, neuron_offsets) = below, above
    values, starts, rows, lines, line_counts, widths = spsp
    n_out = rows.shape[1]
    widest = 0
    for width in widths:
        widest = max(widest, width)
    fired, rests, members = np.empty(steps, np.int64), np.empty(steps, np.int64), np.empty(n_out, np.int64)
    responses, found = aligned(steps * LANES), aligned(widest * LANES)
    own = np.zeros(3 * LANES, np.float32)
    for b in each(turns):
        width, sample = widths[b], first + b
        silent = starts[b + 1] - width
        for i in range(n_out):
            if rows[b, i] >= 0:
                members[rows[b, i]] = i
        count = (silent - starts[b]) // max(1, width)
        for column in range(silent, silent + width):
            values[column] = 0
        for k in range(line_counts[b]):
            for lane in range(min(FEW, n_in - lines[b, k] * FEW)):
                j = sample * n_in + lines[b, k] * FEW + lane
                if spike_offsets[j + 1] > spike_offsets[j]:
                    values[silent + k * FEW + lane] = silent_spsp
        for low in range(0, count, LANES):
            for t in range(steps):
                fired[t] = rests[t] = 0
            held, end = min(LANES, count - low), np.int64(0)
            for lane in range(held):
                i = members[low + lane]
                own[lane], own[LANES + lane], own[2 * LANES + lane] = psp.decay_m[i], psp.decay_s[i], psp.gain[i]
                at = sample * n_out + i
                end = max(end, mark(times[neuron_offsets[at] : neuron_offsets[at + 1]], t_ref, lane, fired, rests))
            constants = load(own, 0, LANES), load(own, LANES, LANES), load(own, 2 * LANES, LANES)
            answers = responses[: end * LANES]
            respond(fired[:end], rests, constants[0], constants[1], constants[2], answers)
            for column in range(width):
                line, lane = column // FEW, column % FEW
                summed = fill(np.float32(0), LANES)
                if line < line_counts[b] and lines[b, line] * FEW + lane < n_in:
                    j = sample * n_in + lines[b, line] * FEW + lane
                    summed = answer(spikes[spike_offsets[j] : spike_offsets[j + 1]], psp.delay, answers)
                store(found, column * LANES, summed)
            for lane in range(held):
                at = starts[b] + (low + lane) * width
                for column in range(width):
                    values[at + column] = found[column * LANES + lane]
