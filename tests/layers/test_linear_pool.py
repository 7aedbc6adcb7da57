"""Pooling without neurons: a dense layer whose weights are the product with the matrix of the pooling."""

from math import prod

import numpy as np
import oracle
import pytest
from factories import LOSS, close
from hypothesis import given
from hypothesis import strategies as st

from cupynn import InputError, Sequential, SpikeTrains, encoders, layers, optimizers
from cupynn.layers.linear_pool import Windows

EIGHTHS = 8  # weights are multiples of an eighth, and windows have 1, 2 or 4 inputs: all sums are exact


class Exact(layers.SpikingDense):
    """Fires above its threshold itself, as a convolution."""

    margin = 0.0


def matrix(pool, shape):
    """The pooling as a matrix (pooled inputs, inputs)."""
    channels, height, width = shape
    (high, wide), (down, across) = pool.kernel_size, pool.stride
    rows, columns = (height - high) // down + 1, (width - wide) // across + 1
    found = np.zeros((channels, rows, columns, channels, height, width))
    for c, r, s in np.ndindex(channels, rows, columns):
        found[c, r, s, c, r * down : r * down + high, s * across : s * across + wide] = 1 / (high * wide if pool.mean else 1)
    return found.reshape(channels * rows * columns, -1)


def network(pool, above, shape, seed):
    net = Sequential([pool, above], shape, 40, device="cpu")
    weight = above.params["weight"]
    weight[...] = np.random.default_rng(seed).integers(-4, 8, weight.shape) / EIGHTHS
    return net


def compare(net, spread, entry, seed):
    """The network and a dense layer with the weights `spread`; entry: number of the weight that each one is, or -1."""
    pool, above = net.layers
    dense = Exact(len(spread), above.v_th, overshoot=above.overshoot)
    dense.margin = above.margin
    dense.build(net.input_shape, np.random.default_rng(0))
    whole = matrix(pool, net.input_shape)
    dense.weight[...] = spread @ whole
    rng = np.random.default_rng(seed)
    inputs = SpikeTrains.from_dense(rng.random((2, 40, *net.input_shape)) < 0.3)
    spikes, expected = net.forward(inputs), dense.forward(inputs).spikes
    assert spikes.reshape((len(spread),)) == expected
    delta = rng.standard_normal(spikes.counts.shape).astype(np.float32)
    below = above.backward(inputs, spikes, delta)
    close(below, dense.backward(inputs, expected, delta.reshape(2, -1)).reshape(below.shape))
    gradients = dense.grads["weight"].astype(float) @ whole.T
    found = np.zeros(above.weight.size)
    np.add.at(found, entry[entry >= 0], gradients[entry >= 0])
    close(above.grads["weight"].ravel(), found)
    return spikes


@st.composite
def pools(draw):
    kind = draw(st.sampled_from([layers.AveragePool2D, layers.SumPool2D]))
    size = draw(st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 2), (4, 1)]))
    stride = tuple(draw(st.integers(1, 3)) for _ in range(2))
    return kind(size, stride), (size[0] + draw(st.integers(0, 6)), size[1] + draw(st.integers(3, 6)))


@given(pools(), st.integers(1, 3), st.booleans(), st.integers(0, 2**32))
def test_a_dense_layer_above(pool, channels, overshoot, seed):
    pool, image = pool
    net = network(pool, layers.SpikingDense(5, v_th=2.0, overshoot=overshoot), (channels, *image), seed)
    above = net.layers[1]
    assert above.weight.shape == (5, prod(pool.pooled_shape))
    compare(net, above.weight.astype(float), np.arange(above.weight.size).reshape(above.weight.shape), seed)


@given(pools(), st.data())
def test_a_convolution_above(pool, data):
    pool, image = pool
    groups, seed = data.draw(st.integers(1, 2)), data.draw(st.integers(0, 2**32))
    shape = (2 * groups, *image)
    places = matrix(pool, (1, *image)).shape[0]
    rows = (image[0] - pool.kernel_size[0]) // pool.stride[0] + 1
    sizes = [data.draw(st.integers(1, min(3, length))) for length in (rows, places // rows)]
    dilation = [data.draw(st.integers(1, 2)) if size == 1 else 1 for size in sizes]
    stride = [data.draw(st.integers(1, 2)) for _ in range(2)]
    conv = layers.SpikingConv2D(2 * groups, sizes, v_th=2.0, stride=stride, dilation=dilation, groups=groups)
    net = network(pool, conv, shape, seed)
    pooled = (shape[0], rows, places // rows)
    assert pool.pooled_shape == pooled
    spread, entry = oracle.unrolled(conv.weight, pooled, conv.padding, conv.stride, conv.dilation, groups)
    compare(net, spread, entry, seed)


def test_a_padded_convolution_above_windows_that_fit():
    conv = layers.SpikingConv2D(3, 3, v_th=2.0, padding=(1, 2), dilation=(1, 2))
    net = network(layers.SumPool2D((2, 1), stride=(2, 2)), conv, (2, 8, 12), 0)
    spread, entry = oracle.unrolled(conv.weight, net.layers[0].pooled_shape, conv.padding, conv.stride, conv.dilation)
    assert compare(net, spread, entry, 1).total


@given(st.tuples(*[st.integers(1, 3)] * 2), st.tuples(*[st.integers(1, 3)] * 2), st.tuples(*[st.integers(1, 4)] * 2))
def test_gathering_reverses_spreading(size, stride, places):
    """<spread(w), g> = <w, gather(g)>."""
    windows, rng = Windows(size, stride, 0.5, places), np.random.default_rng(0)
    lengths = [(count - 1) * step + window + 1 for count, step, window in zip(places, stride, size, strict=True)]
    weight = rng.standard_normal((2, 3, *places)).astype(np.float32)
    gradient = rng.standard_normal((2, 3, *lengths)).astype(np.float32)
    found = (weight * windows.gather(gradient, weight.shape)).sum()
    assert found == pytest.approx((windows.spread(weight, lengths) * gradient).sum(), rel=1e-4, abs=1e-4)


def make(device="cpu", **options):
    parts = [
        layers.SpikingConv2D(4, 3, v_th=0.6, **options),
        layers.AveragePool2D(2, name="mean"),
        layers.SpikingConv2D(4, 2, v_th=0.2, initial_weight=0.7, bias=True, **options),
        layers.SumPool2D((2, 1), stride=1),
        layers.SpikingDense(3, v_th=0.2, initial_weight=1.0, bias=True, **options),
    ]
    return Sequential(parts, (8, 10), 30, encoders.Poisson(0.6), seed=1, device=device)


def draw():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (12, 8, 10), np.uint8), np.arange(12) % 3


def test_it_is_shown_where_it_has_something_to_show(device, capsys):
    net, (x, y) = make(device), draw()
    firing = ["conv_1", "conv_3", "dense_5"]
    recording = net.record(x[:2])
    assert list(recording.spikes) == ["input", *firing]
    assert list(recording.membranes) == firing
    evaluation = net.evaluate((x, y))
    assert list(evaluation.spikes) == ["input", *firing]
    assert list(evaluation.dead) == firing
    assert list(evaluation.operations.layers) == firing
    assert evaluation.spikes["dense_5"] > 0
    options = {"loss": LOSS, "optimizer": optimizers.Adam(0.01), "progress": False}
    assert list(net.fit((x, y), epochs=1, batch_size=4, **options)[0].spikes) == ["input", *firing]
    net.forward(net.encode(x))
    net.summary()
    shown = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith(("mean", "sum"))]
    assert shown == [["mean", "AveragePool2D", "(4,", "3,", "4)", "0"], ["sum_4", "SumPool2D", "(4,", "1,", "3)", "0"]]


def test_cpu_and_gpu_agree(device, tmp_path):
    results = []
    for where in ("cpu", device):
        net, (x, y) = make(where), draw()
        options = {"loss": LOSS, "optimizer": optimizers.Adam(0.01), "progress": False}
        net.fit((x, y), epochs=2, batch_size=6, **options)
        net.save(tmp_path / "net.npz")
        again = Sequential.load(tmp_path / "net.npz", device="cpu")
        assert again.layers[1].config() == net.layers[1].config()
        trains = again.forward(again.encode(x, np.arange(12), 0))
        assert trains == net.forward(net.encode(x, np.arange(12), 0))
        results.append([layer.params["weight"] for layer in again.layers if layer.params])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


def test_parts_of_a_batch_have_the_same_bits(device):
    gradients = []
    for parts in ([slice(0, 12)], [slice(0, 5), slice(5, 12)]):
        net, (x, y) = make(device), draw()
        for part in parts:
            error = LOSS(net.forward(net.encode(x[part], np.arange(12)[part], 1)), y[part])
            net.backward(error, batch=12, add=part.start > 0)
        gradients.append([device.get(layer.grads["weight"]) for layer in net.layers if layer.grads])
    for whole, split in zip(*gradients, strict=True):
        assert whole.any()
        np.testing.assert_array_equal(whole, split)


def test_default_weights_drive_a_layer_as_without_pooling():
    drives = []
    for pool in (layers.AveragePool2D(2), layers.SumPool2D(2)):
        net = Sequential([pool, layers.SpikingDense(50, v_th=1.0)], (4, 8, 8), 20, device="cpu")
        drives.append(net.layers[1].drive())
    assert drives[0] == pytest.approx(drives[1])


def test_a_frozen_layer_above_passes_the_error_on():
    net, (x, y) = make(silent_slope=0.5), draw()
    for layer in net.layers[2:]:
        layer.trained = False
    error = LOSS(net.forward(net.encode(x)), y)
    assert net.backward(error).any()
    assert net.layers[0].grads["weight"].any()
    assert not net.layers[2].grads


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ([layers.AveragePool2D(2)], r"^the last layer, average_1, has no neurons: put a layer with neurons above it"),
        ([layers.SumPool2D(2), layers.SpikingPool2D(2, 1.0)], r"^pool_2: SpikingPool2D cannot follow sum_1, which has no"),
        ([layers.SumPool2D(2), layers.AveragePool2D(2)], r"^average_2: AveragePool2D cannot follow sum_1"),
        ([layers.SumPool2D(7), layers.SpikingDense(2, 1.0)], r"^sum_1: kernel_size=\(7, 7\) exceeds the input \(1, 6, 8\)"),
        ([layers.SumPool2D(2), layers.SpikingConv2D(2, (4, 1), 1.0)], r"^conv_2: .* exceeds the input \(1, 3, 4\)"),
        ([layers.SumPool2D(2, 1), layers.SpikingConv2D(2, 2, 1.0, padding=1)], r"^conv_2: padding=\(1, 1\) after pooling"),
        (
            [layers.SumPool2D(2), layers.SpikingConv2D(2, 2, 1.0, trainable=("v_th",))],
            r"^conv_2: trainable=\('v_th',\) after pooling without neurons",
        ),
        ([layers.SumPool2D(4), layers.SpikingConv2D(2, 2, 1.0, padding=1)], r"^conv_2: padding=\(1, 1\) after pooling"),
    ],
)
def test_what_cannot_be_merged(kinds, message):
    with pytest.raises(InputError, match=message):
        Sequential(kinds, (1, 6, 8), 20, device="cpu")


def test_bad_arguments():
    with pytest.raises(InputError, match=r"kernel_size\[0\]=0"):
        layers.AveragePool2D(0)
    with pytest.raises(InputError, match=r"stride\[1\]=0"):
        layers.SumPool2D(2, stride=(1, 0))
    with pytest.raises(InputError, match=r"no argument 'v_th'"):
        layers.SumPool2D(2, v_th=1.0)
    with pytest.raises(InputError, match=r"channels, height, width"):
        Sequential([layers.SumPool2D(2), layers.SpikingDense(2, 1.0)], (16,), 20, device="cpu")
