"""Layers whose constants are trained, as the oracle knows them."""

from dataclasses import dataclass, field

import numpy as np
import oracle
import pytest
from factories import slow

from cupynn.layers import SpikingConv2D, SpikingDense, SpikingPool2D, SpikingRecurrent
from cupynn.spikes import SpikeTrains

NAMES = ("v_th", "tau_m", "tau_s")


def trains_of(shape, rate=0.3, steps=40, samples=3, seed=0):
    """Trains with a silent neuron, and some on step 0."""
    dense = (np.random.default_rng(seed).random((samples, steps, *shape)) < rate).astype(np.uint8)
    dense.reshape(samples, steps, -1)[:, :, -1] = 0
    return dense


@dataclass(frozen=True)
class Case:
    """A layer, the shape of its input, and its constants."""

    kind: type
    shape: tuple
    arguments: dict
    v_th: float = 1.5
    tau_m: float = 20.0
    tau_s: float = 5.0
    t_ref: int = 2
    psp_kernel: str = "exact"
    more: dict = field(default_factory=dict)

    def layer(self, **options):
        constants = {name: getattr(self, name) for name in ("v_th", "tau_m", "tau_s", "t_ref", "psp_kernel")}
        layer = self.kind(**self.arguments | constants | {"trainable": NAMES, "name": "own"} | self.more | options)
        layer.build(self.shape, np.random.default_rng(3))
        return layer

    def matrices(self, layer):
        """Weights as those of a dense layer, those among its own neurons, and the share of an error."""
        if self.kind is SpikingPool2D:
            (channels, height, width), (down, across) = self.shape, layer.stride
            maps, rows, columns = layer.output_shape
            weight = np.zeros((maps, rows, columns, channels, height, width))
            for m, row, column in np.ndindex(maps, rows, columns):
                y, x = row * down, column * across
                weight[m, row, column, m, y : y + layer.kernel_size[0], x : x + layer.kernel_size[1]] = 1
            return weight.reshape(maps * rows * columns, -1), None
        weight = layer.weight.astype(float)
        if self.kind is SpikingConv2D:
            return oracle.unrolled(weight, self.shape, layer.padding)[0], None
        among = -layer.lateral_inhibition * (1 - np.eye(layer.units)) if layer.lateral_inhibition else layer.lateral
        return weight, among

    def expected(self, layer, inputs, outputs, delta):
        """The oracle's mean gradients by the constants themselves, (3, N)."""
        weight, among = self.matrices(layer)
        constants = (self.v_th, self.psp_kernel, self.tau_m, self.tau_s, self.t_ref, among)
        flat = (len(inputs), inputs.shape[1], -1)
        samples = zip(inputs.reshape(flat), outputs.reshape(flat), delta.reshape(len(inputs), -1), strict=True)
        overshoot = {"overshoot": layer.overshoot}
        return np.mean([oracle.constant_gradients(x, o, d, weight, *constants, **overshoot) for x, o, d in samples], 0)


LATERAL = np.random.default_rng(5).normal(scale=0.3, size=(6, 6)).astype(np.float32)
CONV = {"maps": 3, "kernel_size": (3, 2), "padding": (1, 0), "initial_weight": 1.0}
POOL = {"kernel_size": (2, 3), "stride": (2, 1)}
CASES = {
    "dense": Case(SpikingDense, (5,), {"units": 4, "initial_weight": 1.5}),
    "dense, srm": Case(SpikingDense, (5,), {"units": 4, "initial_weight": 1.5}, psp_kernel="srm"),
    "dense, srm, nearly equal": Case(SpikingDense, (5,), {"units": 4}, psp_kernel="srm", tau_m=8.0, tau_s=7.99),
    "dense, no rest": Case(SpikingDense, (5,), {"units": 4, "initial_weight": 1.5}, t_ref=0, tau_s=1.5),
    "dense, long rest": Case(SpikingDense, (5,), {"units": 4, "initial_weight": 1.5}, t_ref=9),
    "dense, tau_s greater": Case(SpikingDense, (5,), {"units": 4, "initial_weight": 1.5}, v_th=0.3, tau_m=4.0, tau_s=9.0),
    "dense, silent": Case(SpikingDense, (5,), {"units": 4}, v_th=1000.0, more={"initial_weight": 1.0}),
    "dense, saturated": Case(SpikingDense, (5,), {"units": 4, "initial_weight": 4.0}, v_th=0.4, more={"overshoot": True}),
    "dense, 70 units": Case(SpikingDense, (3,), {"units": 70, "initial_weight": 2.0}),
    "inhibited": Case(SpikingDense, (5,), {"units": 5, "initial_weight": 1.5, "lateral_inhibition": 0.3}),
    "inhibited, srm": Case(
        SpikingDense, (5,), {"units": 5, "initial_weight": 1.5, "lateral_inhibition": 0.3}, psp_kernel="srm"
    ),
    "recurrent": Case(SpikingRecurrent, (5,), {"units": 6, "initial_weight": 1.5, "lateral": LATERAL}),
    "recurrent, srm": Case(
        SpikingRecurrent, (5,), {"units": 6, "initial_weight": 1.5, "lateral": LATERAL}, psp_kernel="srm"
    ),
    "conv": Case(SpikingConv2D, (2, 4, 3), CONV),
    "conv, srm": Case(SpikingConv2D, (2, 4, 3), CONV, psp_kernel="srm"),
    "conv, saturated": Case(SpikingConv2D, (2, 4, 3), CONV, v_th=0.3, more={"overshoot": True}),
    "conv, 5 maps": Case(SpikingConv2D, (1, 5, 5), CONV | {"maps": 5, "kernel_size": 2, "padding": 0}),
    "pool": Case(SpikingPool2D, (2, 4, 5), POOL, v_th=1.0),
    "pool, srm": Case(SpikingPool2D, (2, 4, 5), POOL, v_th=1.0, psp_kernel="srm"),
    "pool, 98 neurons": Case(SpikingPool2D, (2, 7, 7), {"kernel_size": 2, "stride": 1}),
}


def passed(case, layer, **options):
    """Inputs, outputs and errors of a layer, some of them zero."""
    inputs = trains_of(case.shape, **options)
    outputs = layer.forward(SpikeTrains.from_dense(inputs)).spikes
    delta = np.random.default_rng(7).normal(size=(len(inputs), *layer.output_shape)).astype(np.float32)
    delta.reshape(len(inputs), -1)[:, ::5] = 0
    return inputs, outputs, delta


SLOW = "pool, 98 neurons"  # its oracle takes seconds
EVERY = pytest.mark.parametrize(
    "case", [slow(case, id=name) if name == SLOW else pytest.param(case, id=name) for name, case in CASES.items()]
)
