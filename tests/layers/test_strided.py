"""Convolutions with stride, dilation and groups, and dense layers with the same weights spread out."""

from math import prod

import numpy as np
import oracle
import pytest
from factories import close
from hypothesis import given
from hypothesis import strategies as st

from cupynn import InputError, Sequential, encoders, layers, losses, optimizers
from cupynn.layers import SpikingConv2D, SpikingDense
from cupynn.layers.fan_out import axis
from cupynn.spikes import SpikeTrains


class Exact(SpikingDense):
    """Fires above its threshold itself, as a convolution."""

    margin = 0.0


@st.composite
def convolutions(draw):
    """Arguments of a convolution, and the shape of its input."""
    sizes = [draw(st.integers(1, 3)) for _ in range(2)]
    dilation, stride = ([draw(st.integers(1, 3)) for _ in range(2)] for _ in range(2))
    covered = [(size - 1) * step + 1 for size, step in zip(sizes, dilation, strict=True)]
    padding = [draw(st.integers(0, length - 1)) for length in covered]
    image = [max(1, length - 2 * pad) + draw(st.integers(0, 5)) for length, pad in zip(covered, padding, strict=True)]
    groups = draw(st.integers(1, 3))
    arguments = {"kernel_size": sizes, "dilation": dilation, "stride": stride, "padding": padding, "groups": groups}
    return arguments | {"maps": groups * draw(st.integers(1, 5))}, (groups * draw(st.integers(1, 3)), *image)


def pair_of(arguments, shape, seed, **options):
    """A convolution, and a dense layer with its weights spread out; which kernel entry each one is."""
    conv = SpikingConv2D(v_th=1.5, initial_weight=1.0, **arguments, **options)
    conv.build(shape, np.random.default_rng(seed))
    geometry = {name: getattr(conv, name) for name in ("padding", "stride", "dilation", "groups")}
    spread, entry = oracle.unrolled(conv.weight, shape, **geometry)
    dense = Exact(len(spread), v_th=1.5, **options)
    dense.build(shape, np.random.default_rng(0))
    dense.weight[...] = spread
    return conv, dense, entry


def compare(conv, dense, entry, shape, seed):
    rng = np.random.default_rng(seed)
    inputs = SpikeTrains.from_dense(rng.random((2, 30, *shape)) < 0.3)
    runs = conv.forward(inputs, record=True), dense.forward(inputs, record=True)
    spikes = runs[0].spikes
    assert spikes.reshape((prod(conv.output_shape),)) == runs[1].spikes
    np.testing.assert_array_equal(runs[0].membrane.reshape(runs[1].membrane.shape), runs[1].membrane)
    delta = rng.standard_normal(spikes.counts.shape).astype(np.float32)
    below = conv.backward(inputs, spikes, delta)
    close(below, dense.backward(inputs, runs[1].spikes, delta.reshape(2, -1)))
    expected = np.zeros(conv.grads["weight"].size)
    np.add.at(expected, entry[entry >= 0], dense.grads["weight"][entry >= 0])
    np.testing.assert_allclose(
        conv.grads["weight"].ravel(), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max(initial=1)
    )


@given(convolutions(), st.integers(0, 2**32))
def test_a_convolution_is_a_dense_layer_with_its_weights_spread_out(problem, seed):
    compare(*pair_of(*problem, seed), problem[1], seed)


@given(*(st.integers(1, 12), st.integers(1, 5), st.integers(0, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 8)))
def test_axis(length, kernel, padding, stride, dilation, neurons):
    found = axis(length, kernel, padding, stride, dilation, neurons)
    assert sorted(found.order) == list(range(kernel))
    for place, (first, count, neuron) in enumerate(found.seen):
        reached = {(found.order[first + k], neuron + k * found.step) for k in range(count)}
        expected = {(k, i) for k in range(kernel) for i in range(neurons) if i * stride + k * dilation - padding == place}
        assert reached == expected


GEOMETRIES = {
    "strided": {"stride": 2, "padding": 1},
    "dilated": {"dilation": (1, 2)},
    "depthwise": {"groups": 2, "stride": (1, 2)},
}


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
class TestNetwork:
    @staticmethod
    def make(geometry, device="cpu"):
        parts = [
            layers.SpikingConv2D(4, 3, v_th=1.0, **geometry),
            layers.SpikingDense(3, v_th=0.5, initial_weight=1.0),
        ]
        return Sequential(parts, (2, 7, 9), 30, encoders.Poisson(0.5), seed=1, device=device)

    def test_is_saved_and_read(self, geometry, tmp_path):
        network = self.make(geometry)
        network.save(tmp_path / "net.npz")
        again = Sequential.load(tmp_path / "net.npz", device="cpu")
        for name in geometry:
            assert getattr(again.layers[0], name) == getattr(network.layers[0], name)
        x = np.random.default_rng(0).integers(0, 256, (5, 2, 7, 9), np.uint8)
        assert again.forward(again.encode(x, np.arange(5), 0)) == network.forward(network.encode(x, np.arange(5), 0))

    def test_learns(self, geometry, device):
        network = self.make(geometry, device)
        rng = np.random.default_rng(0)
        y = np.arange(12) % 3
        x = rng.integers(0, 100, (12, 2, 7, 9), np.uint8)
        for sample, label in enumerate(y):
            x[sample, :, :, 3 * label : 3 * label + 3] += 120
        options = {"loss": losses.SpikeCount(8, 1, 1), "optimizer": optimizers.Adam(0.03), "progress": False}
        history = network.fit((x, y), epochs=8, batch_size=6, **options)
        assert history[-1].loss < 0.7 * history[0].loss


@pytest.mark.parametrize("given", [{"stride": 2}, {"dilation": (1, 2)}, {"groups": 2}, {"bias": True}])
def test_constants_are_trained_in_plain_convolutions_only(given):
    with pytest.raises(InputError, match=rf"^trainable=\('tau_m',\) with {next(iter(given))}=.*: leave out one of them"):
        SpikingConv2D(2, 3, v_th=1.0, trainable=("tau_m",), **given)


def test_defaults_stay_out_of_files():
    assert not {"stride", "dilation", "groups"} & SpikingConv2D(2, 3, v_th=1.0).config().keys()
    found = SpikingConv2D(2, 3, v_th=1.0, stride=2, groups=2).config()
    assert (found["stride"], found["groups"]) == ((2, 2), 2)
    assert "dilation" not in found
