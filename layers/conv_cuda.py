"""Convolutions of spiking neurons on a GPU: twin of `conv_cpu.py`. `conv.py` says what the arguments mean."""

from math import prod
from typing import Any

import numpy as np

from cupynn.kernels.cuda import Source, blocks, parts, shared_bytes
from cupynn.kernels.events_cuda import list_by_neuron, list_by_step, silent
from cupynn.kernels.footprint import Load, Phase, float32, phase_cuda
from cupynn.kernels.lif import Lif
from cupynn.kernels.psp import Psp
from cupynn.kernels.psp_cuda import make_traces, tables
from cupynn.kernels.sums import Sum
from cupynn.kernels.update_cuda import add_parts
from cupynn.spikes_cuda import CudaTrains

_CONV = Source("cupynn.layers", "conv")
_BLOCK = 128
_MAPS = 4  # of a thread, as in the source

Shapes = tuple[tuple[int, int, int], tuple[int, int, int]]


def simulate(
    inputs: CudaTrains, weight: Any, shapes: Shapes, padding: tuple[int, int], neuron: Lif, membranes: Any, currents: Any
) -> CudaTrains:
    """Run the layer; fills membranes and currents (B, T, N) unless they are empty."""
    import cupy

    maps, channels, kh, kw = weight.shape
    (_, *image), (_, *places) = shapes
    chunks, steps = blocks(maps, _MAPS), inputs.steps
    outputs = CudaTrains(silent(inputs.batch, steps, maps * places[0] * places[1], neuron.most(steps)), steps, shapes[1])
    together = cupy.zeros((chunks * _MAPS, channels, kh, kw), np.float32)
    together[:maps] = weight
    together = cupy.ascontiguousarray(together.reshape(chunks, _MAPS, -1).transpose(0, 2, 1))
    record = membranes.size > 0
    for part in parts(inputs.batch, 4 * inputs.size * inputs.bits.most):
        words, counts = outputs.bits.words[part], outputs.bits.counts[part]
        states = (membranes[part], currents[part]) if record else (membranes, currents)
        offsets, neurons = list_by_step(inputs[part].bits)
        sizes = (maps, channels, *image, kh, kw, *padding, *places, steps, words.shape[2])
        grid = (blocks(places[0] * places[1], _BLOCK), chunks, len(offsets))
        arguments = (offsets, neurons, neurons.shape[1], together, *sizes, *neuron, record, words, counts, *states)
        _CONV.launch("forward", grid, _BLOCK, *arguments)
    return outputs


def backward(
    inputs: CudaTrains,
    outputs: CudaTrains,
    errors: Any,
    weight: Any,
    shapes: Shapes,
    padding: tuple[int, int],
    psp: Psp,
    t_ref: int,
    v_th: float,
    effect_ratio: bool,
    silent_slope: float,
    overshoot: bool,
    gradient: Any,
    below: Any,
    over: Sum,
) -> None:
    """Go on with the weight gradient (maps, channels, kh, kw); write the errors below (B, N_in) unless they are None.

    With `overshoot`, the errors of saturated neurons are lessened, in place.
    """
    import cupy

    maps, channels, kh, kw = weight.shape
    (_, *image), (_, *places) = shapes
    steps, decays = inputs.steps, tables(psp, inputs.steps).decays
    if over.done == 0:
        gradient.fill(0)
    for part in parts(inputs.batch, 4 * (steps * inputs.size + outputs.size * outputs.bits.most + weight.size)):
        x, o = inputs[part], outputs[part].bits
        traces, times = make_traces(x.bits, psp), list_by_neuron(o)
        partial = cupy.zeros((x.batch, *weight.shape), np.float32)
        trains = (traces, x.bits.counts, times, o.counts, times.shape[2], errors[part], weight, decays)
        sizes = (maps, channels, *image, kh, kw, *padding, *places, steps, t_ref)
        entries = channels * kh * kw
        block = 32 if entries <= 32 else _BLOCK
        shared = shared_bytes(4 * entries, f"a kernel of {entries} weights")
        _CONV.launch(
            "weight_gradient", (maps, x.batch), block, *trains, *sizes, v_th, overshoot, over.share, partial, shared=shared
        )
        add_parts(partial, gradient)
        if below is not None:
            grid = (blocks(inputs.size, _BLOCK), x.batch)
            _CONV.launch("input_error", grid, _BLOCK, *trains, *sizes, effect_ratio, silent_slope, below[part])


def phases(load: Load, weight: tuple[int, ...], shapes: Shapes, padding: tuple[int, int]) -> tuple[Phase, ...]:
    """Bytes that `simulate` and `backward` need, for weights of this shape."""
    forward = phase_cuda(float32(3 * prod(weight)), 0, float32(load.room_below, load.steps + 1))
    if not load.training:
        return (forward,)
    size = prod(shapes[0])
    return forward, phase_cuda(0, float32(size, 3 * prod(shapes[1])), float32(load.steps * size, load.room, prod(weight)))
