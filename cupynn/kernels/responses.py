"""The S-PSPs of neurons that have their own constants, found from each neuron's response to an input spike.

A spike that arrives at step t adds the response r(t) to the sum of the neuron's membranes at its later firings, and an S-PSP
is such a sum. Backwards in time, with g(t) for the effect of the membrane before its reset,

    g <- 1 where the neuron fires, else decay_m g,    g <- 0 where it rests,    r <- decay_s r + gain g.

So e_ij is the sum of r_i over the arrivals of train j, for any constants of the other neurons.
"""

import numpy as np

from cupynn.kernels import inline, kernel
from cupynn.kernels.simd import FEW, LANES, PART, aligned, fill, load, mask_of, select, store
from cupynn.kernels.threads import each

ALL = (0,) * (LANES // PART)


@inline
def mark(times, first, last, t_ref, lane, fired, rests):
    """Set a lane's bit in fired, rests (T,) int64 where a neuron fires or rests; return the steps up to its last firing.

    times: of which first..last-1, ascending, are the neuron's firings
    """
    bit, firing = np.int64(1) << lane, np.int64(-1)
    for event in range(first, last):
        firing = np.int64(times[event])
        fired[firing] |= bit
        for t in range(firing + 1, min(fired.size, firing + t_ref + 1)):
            rests[t] |= bit
    return firing + 1


@inline
def respond(fired, rests, end, decay_m, decay_s, gain, width, responses):
    """Compute the responses of neurons side by side at the first steps -> responses (end * lanes,).

    fired, rests (T,); constants: vectors, or numbers that all share; width: of the vectors, see `simd.width_of`
    """
    zero, one, lanes = fill(np.float32(0), width), fill(np.float32(1), width), PART * len(width)
    effect, response = zero, zero
    for back in range(1, end + 1):
        t = end - back
        effect = select(mask_of(fired[t], width), one, effect * decay_m)
        effect = select(mask_of(rests[t], width), zero, effect)
        response = response * decay_s + effect * gain
        store(responses, t * lanes, response)


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
                end = max(end, mark(times, neuron_offsets[at], neuron_offsets[at + 1], t_ref, lane, fired, rests))
            constants = load(own, 0, LANES), load(own, LANES, LANES), load(own, 2 * LANES, LANES)
            respond(fired, rests, end, constants[0], constants[1], constants[2], ALL, responses)
            for column in range(width):
                line, lane = column // FEW, column % FEW
                summed = fill(np.float32(0), LANES)  # no function computes it: calls in a loop count references to arrays
                if line < line_counts[b] and lines[b, line] * FEW + lane < n_in:
                    j = sample * n_in + lines[b, line] * FEW + lane
                    for spike in range(np.uint64(spike_offsets[j]), np.uint64(spike_offsets[j + 1])):
                        arrival = np.int64(spikes[spike]) + 1 + psp.delay
                        if arrival >= end:
                            break
                        summed = summed + load(responses, arrival * LANES, LANES)
                store(found, column * LANES, summed)
            for lane in range(held):
                at = starts[b] + (low + lane) * width
                for column in range(width):
                    values[at + column] = found[column * LANES + lane]
