"""Gradients of trained constants on the CPU: a pass like the simulation, for fixed trains. See `kernels/slopes.py`."""

from math import prod

import numpy as np

from cupynn.kernels import clear, inline, kernel
from cupynn.kernels.each import of_neurons
from cupynn.kernels.simd import LANES, aligned, fill, load, mask_of, select, store
from cupynn.kernels.slopes import STATE, SUM, Slopes, slope_step
from cupynn.kernels.threads import each, parallel
from cupynn.layers import fan_out, pool_cpu
from cupynn.layers.dense_cpu import add_rows, side_by_side
from cupynn.layers.synapses import ConvSynapses, DenseSynapses, PoolSynapses
from cupynn.spikes.trains import SpikeTrains

SUMS = 3  # of the membranes at firings, and of their derivatives by tau_m and tau_s


@inline
def _mark(times, offsets, first, last, errors, fired):
    """Set bit i - first of fired[t] where neuron i, first <= i < last, fires; return the last such step, if with an error.

    times, offsets: of the neurons of a sample; errors (N,)
    """
    for t in range(fired.size):
        fired[t] = 0
    end = np.int64(-1)
    for i in range(first, last):
        for event in range(offsets[i], offsets[i + 1]):
            fired[times[event]] |= np.int64(1) << (i - first)
            if errors[i] != 0:
                end = max(end, np.int64(times[event]))
    return end


@inline
def _write(state, block, order, found):
    """Write the sums of LANES neurons to found (SUMS, N), neuron k of the block as order[k]."""
    for row in range(SUMS):
        for lane in range(min(LANES, order.size - block * LANES)):
            found[row, order[block * LANES + lane]] = state[SUM + row * LANES + lane]


@kernel
def _dense(turns, trains, table, n_in, constants, inhibition, lateral, above, errors, found):
    (neurons, offsets, steps), (own_neurons, own_offsets, times, neuron_offsets) = trains, above
    n_out = errors.shape[1]
    order = np.arange(n_out)
    zero, one = fill(np.float32(0), LANES), fill(np.float32(1), LANES)
    state, fired = aligned(STATE), np.empty(steps, np.int64)
    for b in each(turns):
        firings = neuron_offsets[b * n_out : (b + 1) * n_out + 1]
        for block in range((n_out + LANES - 1) // LANES):
            clear(state)
            end = _mark(times, firings, block * LANES, min(n_out, (block + 1) * LANES), errors[b], fired)
            for t in range(end + 1):
                x, source = zero, t - 1 - constants.delay
                if source >= 0:
                    row = b * steps + source
                    if inhibition != 0:
                        spikes = np.float32(own_offsets[row + 1] - own_offsets[row])
                        x = (select(mask_of(fired[source], LANES), one, zero) - spikes) * inhibition
                    x = add_rows(x, table, block * n_in * LANES, neurons, offsets[row], offsets[row + 1])
                    if lateral.size:
                        own = own_offsets[row], own_offsets[row + 1]
                        x = add_rows(x, lateral, block * n_out * LANES, own_neurons, own[0], own[1])
                slope_step(x, state, 0, t, fired[t], constants, block * LANES)
            _write(state, block, order, found[b])


@inline
def _advance(total, state, fired, ends, now, constants):
    """Advance blocks of LANES neurons by one step with the inputs `total`, up to the step in `ends` for each block.

    Set the inputs, and who fires, to zero.
    """
    zero = fill(np.float32(0), LANES)
    for block in range(fired.size):
        x = load(total, block * LANES, LANES)
        store(total, block * LANES, zero)
        if now <= ends[block]:
            slope_step(x, state, block * STATE, now, fired[block], constants, block * LANES)
        fired[block] = 0


@inline
def _fire(events, places, fired):
    """Set the bits of the neurons of some events, which are at `places` (N,) in the blocks."""
    for i in events:
        place = places[i]
        fired[place // LANES] |= np.int64(1) << (place % LANES)


@inline
def _find_ends(neurons, offsets, places, errors, ends):
    """Find the last step at which a neuron with an error fires, for each block, or -1; return the last of all.

    neurons, offsets (T + 1,): events of a sample's neurons; errors (N,)
    """
    last = np.int64(-1)
    for block in range(ends.size):
        ends[block] = -1
    for t in range(offsets.size - 1):
        for event in range(offsets[t], offsets[t + 1]):
            if errors[neurons[event]] != 0:
                ends[places[neurons[event]] // LANES] = t
                last = t
    return last


@kernel
def _conv(turns, trains, fan, weights, canonical, places, constants, above, errors, found):
    (neurons, offsets, steps), (own_neurons, own_offsets) = trains, above
    blocks = (canonical.size + LANES - 1) // LANES
    total, state, fired = aligned(blocks * LANES), aligned(blocks * STATE), np.zeros(blocks, np.int64)
    ends = np.empty(blocks, np.int64)
    for b in each(turns):
        clear(total)
        clear(state)
        row = b * steps
        end = _find_ends(own_neurons, own_offsets[row : row + steps + 1], places, errors[b], ends)
        for t in range(end + 1):
            source = t - 1 - constants.delay
            if source >= 0:
                fan_out.add_spikes(neurons, offsets[row + source], offsets[row + source + 1], fan, weights, total)
            _fire(own_neurons[own_offsets[row + t] : own_offsets[row + t + 1]], places, fired)
            _advance(total, state, fired, ends, t, constants)
        for block in range(blocks):
            _write(state[block * STATE :], block, canonical, found[b])


@kernel
def _pool(turns, trains, windows, columns, constants, above, errors, found):
    (neurons, offsets, steps), (own_neurons, own_offsets) = trains, above
    order = np.arange(found.shape[2])
    blocks = (order.size + LANES - 1) // LANES
    total, state, fired = aligned(blocks * LANES), aligned(blocks * STATE), np.zeros(blocks, np.int64)
    ends = np.empty(blocks, np.int64)
    for b in each(turns):
        clear(total)
        clear(state)
        row = b * steps
        end = _find_ends(own_neurons, own_offsets[row : row + steps + 1], order, errors[b], ends)
        for t in range(end + 1):
            source = t - 1 - constants.delay
            if source >= 0:
                pool_cpu.add_spikes(neurons, offsets[row + source], offsets[row + source + 1], windows, columns, total)
            _fire(own_neurons[own_offsets[row + t] : own_offsets[row + t + 1]], order, fired)
            _advance(total, state, fired, ends, t, constants)
        for block in range(blocks):
            _write(state[block * STATE :], block, order, found[b])


def membranes(
    inputs: SpikeTrains,
    outputs: SpikeTrains,
    errors: np.ndarray,
    synapses: DenseSynapses | ConvSynapses | PoolSynapses,
    constants: Slopes,
) -> np.ndarray:
    """Return the sums of each neuron's membranes at firings and of their derivatives by tau_m and tau_s.

    Returns
    -------
    ndarray of float32, shape (B, 3, N_out)
        0 for silent neurons; undefined where the error (B, N_out) is 0.
    """
    found = np.empty((inputs.batch, SUMS, outputs.size), np.float32)
    order = np.arange(outputs.size)
    if isinstance(synapses, ConvSynapses):
        fan, weights, order = fan_out.layout(synapses)
    places = 1 if isinstance(synapses, DenseSynapses) else prod(synapses.output_shape[1:])
    constants = of_neurons(constants, order // places)
    trains, above = (inputs.neurons, inputs.offsets, inputs.steps), (outputs.neurons, outputs.offsets)
    if isinstance(synapses, DenseSynapses):
        lateral = np.zeros(0, np.float32) if synapses.lateral is None else side_by_side(synapses.lateral)
        tables = side_by_side(synapses.weight), synapses.weight.shape[1], constants, np.float32(synapses.inhibition), lateral
        parallel(_dense, inputs.batch, trains, *tables, (*above, *outputs.by_neuron()), errors, found)
    elif isinstance(synapses, ConvSynapses):
        parallel(_conv, inputs.batch, trains, fan, weights, order, np.argsort(order), constants, above, errors, found)
    else:
        parallel(
            _pool,
            inputs.batch,
            trains,
            pool_cpu.extents(synapses),
            synapses.output_shape[2],
            constants,
            above,
            errors,
            found,
        )
    return found


@kernel
def _add_up(turns, errors, found, rows, factors, share, gradients):
    groups = gradients.shape[1]
    size = errors.shape[1] // groups
    for turn in each(turns):
        k, group = turn // groups, turn % groups
        for b in range(len(errors)):
            total = 0.0
            for i in range(group * size, (group + 1) * size):
                if errors[b, i] != 0:
                    total += np.float64(errors[b, i]) * np.float64(found[b, rows[k], i])
            gradients[k, group] += np.float32(total * factors[k, group] * share)


def add_up(
    errors: np.ndarray, found: np.ndarray, rows: list[int], factors: np.ndarray, share: float, gradients: list
) -> None:
    """Add to each gradient (groups,) the sum over samples and over the neurons of each group of D_i times a sum of `found`.

    Parameters
    ----------
    errors : ndarray of float32, shape (B, N_out)
        D.
    found : ndarray
        Result of `membranes`.
    rows : list of int
        Which of the sums belongs to each gradient.
    factors : ndarray of float64, shape (gradients, groups)
    share : float
        Weight of a sample.
    gradients : list of ndarray of float32, shape (groups,)
        Samples are added in order, so that parts of a batch give the same bits.
    """
    sums = np.array(gradients)
    parallel(_add_up, sums.size, errors, found, np.array(rows), factors, share, sums)
    for gradient, total in zip(gradients, sums, strict=True):
        gradient[:] = total
