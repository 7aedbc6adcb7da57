"""Convolution and pooling against the oracle: each is a dense layer whose weights are shared, or fixed at one."""

from dataclasses import dataclass
from math import prod

import numpy as np
import oracle
import pytest

from cupynn import InputError
from cupynn.layers import SpikingConv2D, SpikingPool2D
from cupynn.spikes import SpikeTrains

TAU_M, TAU_S = 64.0, 8.0


@dataclass(frozen=True)
class Case:
    """A layer and its input."""

    shape: tuple  # of the input
    size: tuple  # of the kernel, or of a window
    maps: int = 3
    padding: tuple = (0, 0)
    stride: tuple = (1, 1)
    dilation: tuple = (1, 1)
    groups: int = 1
    bias: bool = False
    steps: int = 40
    t_ref: int = 2
    rate: float = 0.15
    v_th: float = 2.0
    psp_kernel: str = "exact"
    effect_ratio: bool = True
    silent_slope: float = 1.0
    overshoot: bool = False
    seed: int = 3

    def spikes(self):
        """Trains with a silent neuron, and some on step 0."""
        dense = (np.random.default_rng(self.seed).random((3, self.steps, *self.shape)) < self.rate).astype(np.uint8)
        dense.reshape(3, self.steps, -1)[:, :, -1] = 0
        return dense

    @property
    def geometry(self):
        """What tells the inputs of a convolution's neuron."""
        return {"padding": self.padding, "stride": self.stride, "dilation": self.dilation, "groups": self.groups}

    @property
    def constants(self):
        return {"v_th": self.v_th, "t_ref": self.t_ref, "psp_kernel": self.psp_kernel} | self.rule

    @property
    def rule(self):
        """What passes the error on."""
        own = {"overshoot": True} if self.overshoot else {}  # which pooling does not know
        return {"effect_ratio": self.effect_ratio, "silent_slope": self.silent_slope} | own


def compare(case, layer, dense_weight, share, margin):
    """Run layer and oracle; return the oracle's gradients of the dense weights, summed over samples."""
    dense = case.spikes()
    inputs = SpikeTrains.from_dense(dense)
    run = layer.forward(inputs, record=True)
    delta = np.random.default_rng(7).normal(size=(3, *layer.output_shape)).astype(np.float32)
    delta.reshape(3, -1)[:, ::5] = 0
    below = layer.backward(inputs, run.spikes, delta)
    assert below.dtype == np.float32
    gradients = np.zeros_like(dense_weight)
    for b in range(3):
        pre = dense[b].reshape(case.steps, -1).astype(float)
        if case.bias:  # an input that fires at every step
            pre = np.concatenate([pre, np.ones((case.steps, 1))], axis=1)
        post, membrane, current = oracle.simulate(pre, dense_weight, case.v_th, TAU_M, TAU_S, case.t_ref, margin=margin)
        flat = (case.steps, -1)
        np.testing.assert_array_equal(run.spikes.to_dense()[b].reshape(flat), post)
        np.testing.assert_allclose(run.membrane[b].reshape(flat), membrane, atol=3e-5)
        np.testing.assert_allclose(run.current[b].reshape(flat), current, atol=3e-5)
        gradient, error = oracle.backward(
            pre,
            post,
            delta[b].ravel() * share,
            dense_weight,
            case.v_th,
            case.psp_kernel,
            TAU_M,
            TAU_S,
            case.t_ref,
            **case.rule,
        )
        np.testing.assert_allclose(below[b].ravel(), error[: below[b].size], rtol=1e-4, atol=1e-5)
        gradients += gradient / 3
    return gradients


CONVOLUTIONS = {
    "plain": Case((2, 5, 6), (3, 2)),
    "image of two axes": Case((6, 5), (2, 3)),
    "one pixel": Case((1, 1, 1), (1, 1), maps=1, rate=0.5, v_th=0.5),
    "whole image": Case((2, 3, 4), (3, 4), maps=5),
    "padded": Case((1, 4, 4), (3, 3), padding=(1, 2), psp_kernel="srm"),
    "padded to the full": Case((3, 3, 3), (3, 3), padding=(2, 2), maps=5, steps=30),
    "beyond a block of neurons": Case((1, 7, 7), (2, 2), maps=4, steps=25),
    "no rest": Case((2, 4, 4), (2, 2), t_ref=0, rate=0.3, v_th=0.7, steps=25),
    "long rest": Case((2, 4, 4), (2, 2), t_ref=7, psp_kernel="srm"),
    "one step": Case((2, 4, 4), (2, 2), steps=1),
    "silent input": Case((2, 4, 4), (2, 2), rate=0.0),
    "slope one": Case((2, 4, 4), (2, 3), effect_ratio=False),
    "nothing by silent neurons": Case((2, 4, 4), (2, 3), silent_slope=0.0),
    "slope one, less by silent neurons": Case((2, 4, 4), (2, 3), effect_ratio=False, silent_slope=0.25),
    "saturated": Case((2, 4, 4), (2, 3), overshoot=True, v_th=0.3, rate=0.5, t_ref=0),
    "saturated, slope one": Case((2, 4, 4), (2, 3), overshoot=True, effect_ratio=False, v_th=0.3, rate=0.5, seed=5),
    "biased": Case((2, 4, 4), (2, 3), bias=True, padding=(1, 0)),
    "biased, saturated": Case((2, 4, 4), (2, 3), bias=True, maps=5, overshoot=True, v_th=0.3, rate=0.5, t_ref=0),
    "biased, srm": Case((1, 5, 5), (3, 3), bias=True, psp_kernel="srm", silent_slope=0.5, stride=(2, 1), seed=6),
    "biased, one step": Case((1, 3, 3), (3, 3), bias=True, steps=1),
    "strided": Case((2, 6, 7), (3, 2), stride=(2, 2), padding=(1, 1)),
    "strided, with a rest": Case((1, 8, 7), (2, 3), stride=(3, 4), maps=5),
    "stride beyond the kernel": Case((1, 7, 8), (2, 1), stride=(3, 2), psp_kernel="srm"),
    "dilated": Case((1, 6, 7), (3, 2), dilation=(2, 3), padding=(2, 1)),
    "dilated and strided": Case((2, 9, 8), (3, 3), dilation=(2, 3), stride=(2, 2), padding=(3, 6), maps=5, steps=25),
    "dilation divides the stride": Case((1, 9, 9), (2, 3), dilation=(2, 2), stride=(4, 2), overshoot=True),
    "all of it": Case((4, 7, 6), (2, 3), dilation=(1, 2), stride=(2, 3), groups=2, maps=4, padding=(0, 2), steps=30),
    "depthwise": Case((3, 4, 5), (2, 2), groups=3, maps=3),
    "groups": Case((4, 4, 4), (2, 3), groups=2, maps=6, padding=(1, 0), silent_slope=0.5),
    "depthwise, strided, of height one": Case((2, 1, 12), (1, 4), groups=2, maps=4, stride=(1, 2), padding=(0, 2)),
}


@pytest.mark.parametrize("case", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_convolution_is_the_oracles(case, on_device):
    layer = SpikingConv2D(
        case.maps, case.size, initial_weight=1.5, name="conv", bias=case.bias, **case.geometry, **case.constants
    )
    layer.build(case.shape, np.random.default_rng(case.seed))
    weight = layer.params["weight"].astype(float)
    image = case.shape if len(case.shape) == 3 else (1, *case.shape)
    dense_weight, entry = oracle.unrolled(weight, image, **case.geometry)
    if case.bias:
        bias = layer.params["bias"]
        bias[:] = np.linspace(-0.1, 0.3, case.maps)
        places = len(entry) // case.maps
        dense_weight = np.column_stack([dense_weight, np.repeat(bias.astype(float), places)])
        entry = np.column_stack([entry, weight.size + np.repeat(np.arange(case.maps), places)])
    gradients = compare(case, on_device(layer), dense_weight, 1.0, margin=0.0)
    found = np.concatenate([gradient.ravel() for gradient in layer.grads.values()])
    expected = np.zeros(found.size)
    np.add.at(expected, entry[entry >= 0], gradients[entry >= 0])
    close = {"rtol": 1e-4, "atol": 1e-5 * np.abs(expected).max(initial=1e-3)}
    np.testing.assert_allclose(found, expected, **close)
    assert layer.grads["weight"].dtype == np.float32


POOLS = {
    "plain": Case((2, 4, 6), (2, 2), stride=(2, 2)),
    "overlapping": Case((2, 5, 7), (3, 2), stride=(2, 1), psp_kernel="srm"),
    "overhanging": Case((1, 5, 5), (2, 2), stride=(2, 2)),
    "with gaps": Case((1, 5, 5), (2, 2), stride=(3, 3), t_ref=0),
    "larger than the image": Case((1, 2, 3), (5, 5), stride=(5, 5)),
    "image of two axes": Case((4, 4), (2, 2), stride=(2, 2)),
    "beyond a block of neurons": Case((1, 9, 9), (2, 2), stride=(1, 1), steps=20),
    "one step": Case((1, 4, 4), (2, 2), stride=(2, 2), steps=1),
    "silent input": Case((1, 4, 4), (2, 2), stride=(2, 2), rate=0.0),
    "long rest": Case((1, 4, 4), (2, 2), stride=(2, 2), t_ref=9, rate=0.4),
    "slope one": Case((1, 4, 4), (2, 2), stride=(2, 2), effect_ratio=False),
    "nothing by silent neurons": Case((1, 4, 4), (2, 2), stride=(2, 2), silent_slope=0.0),
    "slope one, less by silent neurons": Case((1, 4, 4), (2, 2), stride=(2, 2), effect_ratio=False, silent_slope=0.25),
}


@pytest.mark.parametrize("case", POOLS.values(), ids=POOLS)
def test_pooling_is_the_oracles(case, on_device):
    layer = SpikingPool2D(case.size, stride=case.stride, name="pool", **case.constants)
    layer.build(case.shape, np.random.default_rng(0))
    _, height, width = case.shape if len(case.shape) == 3 else (1, *case.shape)
    maps, rows, columns = layer.output_shape
    assert (rows, columns) == (-(-height // case.stride[0]), -(-width // case.stride[1]))
    dense_weight = np.zeros((maps * rows * columns, maps * height * width))
    for m, row, column in np.ndindex(maps, rows, columns):
        for dy, dx in np.ndindex(*case.size):
            y, x = row * case.stride[0] + dy, column * case.stride[1] + dx
            if y < height and x < width:
                dense_weight[(m * rows + row) * columns + column, (m * height + y) * width + x] = 1
    compare(case, on_device(layer), dense_weight, case.v_th / prod(case.size), margin=oracle.MARGIN)
    assert not layer.params


def test_a_convolution_fires_above_its_threshold_itself(on_device):
    """A pool, or a dense layer, fires at it already."""
    ones = SpikeTrains.from_dense(np.ones((1, 3, 1, 1, 1)))
    at, above = SpikingConv2D(1, 1, 2.0, tau_m=1, tau_s=1), SpikingConv2D(1, 1, 2.0, tau_m=1, tau_s=1)
    for layer, weight in ((at, 2.0), (above, np.nextafter(np.float32(2), np.float32(3)))):
        layer.build((1, 1, 1), np.random.default_rng(0))
        layer.params["weight"][:] = weight
    assert on_device(at).forward(ones).spikes.neurons.size == 0
    assert on_device(above).forward(ones).spikes.neurons.size == 1
    pool = SpikingPool2D(1, 1.0, tau_m=1, tau_s=1)
    pool.build((1, 1, 1), np.random.default_rng(0))
    assert on_device(pool).forward(ones).spikes.neurons.size == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpikingConv2D(0, 3, 1.0), "maps=0"),
        (lambda: SpikingConv2D(1, 0, 1.0), r"kernel_size\[0\]=0"),
        (lambda: SpikingConv2D(1, (3, 3, 3), 1.0), r"kernel_size=\(3, 3, 3\)"),
        (lambda: SpikingConv2D(1, 3, 1.0, padding=3), "padding=3.*less than kernel_size=3"),
        (lambda: SpikingConv2D(1, 3, 1.0, padding=-1), r"padding\[0\]=-1"),
        (lambda: SpikingConv2D(1, 3, -1.0), "v_th=-1"),
        (lambda: SpikingConv2D(1, 3, 1.0, stride=0), r"stride\[0\]=0"),
        (lambda: SpikingConv2D(1, 3, 1.0, stride=(2, 1, 1)), r"stride=\(2, 1, 1\)"),
        (lambda: SpikingConv2D(1, 3, 1.0, groups=0), "groups=0"),
        (lambda: SpikingConv2D(1, 3, 1.0, dilation=(1, 0)), r"dilation\[1\]=0"),
        (
            lambda: SpikingConv2D(1, 3, 1.0, padding=5, dilation=2),
            r"padding=5: pass less than .* dilation=2 covers, \(5, 5\)",
        ),
        (
            lambda: SpikingConv2D(1, 3, 1.0, dilation=2).build((4, 5), np.random.default_rng(0)),
            r"kernel_size=\(3, 3\) with dilation=\(2, 2\) covers \(5, 5\) and exceeds the input \(4, 5\)",
        ),
        (lambda: SpikingConv2D(3, 3, 1.0, groups=2), "groups=2: pass a divisor of maps=3"),
        (
            lambda: SpikingConv2D(4, 2, 1.0, groups=2).build((3, 4, 4), np.random.default_rng(0)),
            "groups=2: pass a divisor of the 3 channels",
        ),
        (lambda: SpikingPool2D(0, 1.0), r"kernel_size\[0\]=0"),
        (lambda: SpikingPool2D(2, 1.0, stride=0), r"stride\[0\]=0"),
        (lambda: SpikingPool2D(2, 1.0, tau_s=0.5), r"tau_s=0\.5"),
        (lambda: SpikingConv2D(1, 3, 1.0).build((2, 4), np.random.default_rng(0)), "exceeds the input"),
        (lambda: SpikingConv2D(1, 3, 1.0).build((16,), np.random.default_rng(0)), "channels, height, width"),
        (lambda: SpikingPool2D(2, 1.0).build((1, 2, 4, 4), np.random.default_rng(0)), "channels, height, width"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(InputError, match=message):
        make()
