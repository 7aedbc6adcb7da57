"""Pooling by spiking neurons on a GPU: twin of `pool_cpu.py`. `pool.py` documents the arguments."""

from typing import Any

from cupynn.kernels.cuda import blocks, parts
from cupynn.kernels.each import is_array
from cupynn.kernels.each_cuda import lif_arguments, table
from cupynn.kernels.events_cuda import list_by_neuron, silent
from cupynn.kernels.lif import Lif
from cupynn.kernels.psp_cuda import tables
from cupynn.kernels.rule import Rule
from cupynn.kernels.sums import BatchSum
from cupynn.layers.synapses import PoolSynapses
from cupynn.spikes.cuda_trains import CudaTrains

_BLOCK = 128


def simulate(inputs: CudaTrains, synapses: PoolSynapses, neuron: Lif, membranes: Any, currents: Any) -> CudaTrains:
    """Run the layer; fill membranes and currents (B, T, N) unless they are empty."""
    size, stride, (channels, *image), (_, rows, columns), cuda = synapses
    neurons, steps = channels * rows * columns, inputs.steps
    outputs = CudaTrains(silent(inputs.batch, steps, neurons, neuron.max_count(steps)), steps, synapses.output_shape)
    record, constants = membranes.size > 0, lif_arguments(neuron)
    for part in parts(inputs.batch, 1):  # bounds the samples to what a grid holds
        below, words, counts = inputs.bits.words[part], outputs.bits.words[part], outputs.bits.counts[part]
        states = (membranes[part], currents[part]) if record else (membranes, currents)
        sizes = (channels, *image, rows, columns, *size, *stride, steps, words.shape[2])
        grid = (blocks(neurons, _BLOCK), len(below))
        cuda.launch("forward", grid, _BLOCK, below, below.shape[2], *sizes, *constants, record, words, counts, *states)
    return outputs


def backward(
    inputs: CudaTrains,
    outputs: CudaTrains,
    errors: Any,
    synapses: PoolSynapses,
    rule: Rule,
    gradient: None,
    below: Any,
    batch_sum: BatchSum,
) -> None:
    """Write the errors below (B, N_in); there are no weights to learn."""
    window, stride, (channels, *image), (_, rows, columns), cuda = synapses
    powers, geometry = tables(rule.psp, inputs.steps), (channels, *image, rows, columns, *window, *stride)
    own = is_array(rule.psp.gain)  # of each map
    gains = (0.0, table(rule.psp.gain), channels) if own else (rule.psp.gain, powers.decays, 0)
    for part in parts(inputs.batch, 4 * (inputs.size * inputs.bits.most + outputs.size * outputs.bits.most)):
        x, o = inputs[part].bits, outputs[part].bits
        arguments = [errors[part], *powers, *gains, rule.psp.delay, rule.t_ref, inputs.steps, *geometry]
        for bits in (o, x):
            times = list_by_neuron(bits)
            arguments = [times, bits.counts, times.shape[2], *arguments]
        grid = (blocks(inputs.size, _BLOCK), len(x.counts))
        cuda.launch("input_error", grid, _BLOCK, *arguments, rule.effect_ratio, rule.silent_slope, below[part])
