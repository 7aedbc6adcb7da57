"""Layers with a bias: layers without, whose inputs have one more train, which fires at every step."""

import numpy as np
import pytest
from factories import LOSS, trains_of
from hypothesis import given
from hypothesis import strategies as st

from cupynn import Sequential, encoders, layers, optimizers
from cupynn.kernels.sums import BatchSum
from cupynn.layers.constant import with_constant
from cupynn.optimizers.regularizers import ExponentialRegularizer
from cupynn.spikes import SpikeTrains

LATERAL = np.random.default_rng(1).normal(0, 0.3, (6, 6))
KINDS = {
    "dense": lambda **options: layers.SpikingDense(6, v_th=2.0, initial_weight=1.0, **options),
    "inhibited": lambda **options: layers.SpikingDense(
        6, v_th=2.0, initial_weight=1.0, lateral_inhibition=0.3, overshoot=True, silent_slope=0.5, **options
    ),
    "constants": lambda **options: layers.SpikingDense(
        6, v_th=2.0, initial_weight=1.0, trainable=("tau_m", "v_th"), per="neuron", **options
    ),
    "trained recurrence": lambda **options: layers.SpikingRecurrent(
        6, v_th=2.0, initial_weight=1.0, lateral=LATERAL * (1 - np.eye(6)), train_lateral=True, **options
    ),
    "recurrent": lambda **options: layers.SpikingRecurrent(6, v_th=2.0, initial_weight=1.0, lateral=LATERAL, **options),
}


@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 40), st.floats(0, 1), st.integers(0, 2**32))
def test_the_constant_train(batch, steps, size, rate, seed):
    dense = np.random.default_rng(seed).random((batch, steps, size)) < rate
    found = with_constant(SpikeTrains.from_dense(dense))
    expected = np.concatenate([dense, np.ones((batch, steps, 1))], axis=2)
    np.testing.assert_array_equal(found.to_dense(), expected)
    assert found.verify() == SpikeTrains.from_dense(expected)


@pytest.mark.parametrize("size", [31, 32, 127, 128])
def test_the_constant_train_on_a_device(device, size):
    trains = SpikeTrains.from_dense(np.random.default_rng(0).random((2, 9, size)) < 0.3)
    with device:
        found = with_constant(device.trains(trains))
        assert found == with_constant(trains)
        np.testing.assert_array_equal(device.get(found.counts), with_constant(trains).counts)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bias_is_the_weight_of_a_constant_train(kind, on_device):
    """With the same bits."""
    biased, plain = KINDS[kind](bias=True), KINDS[kind]()
    biased.build((3, 4), np.random.default_rng(0))
    plain.build((13,), np.random.default_rng(0))
    biased.params["bias"][:] = np.linspace(-0.2, 0.5, 6)
    plain.params["weight"][:] = np.column_stack([biased.weight, biased.params["bias"]])
    inputs = trains_of((3, 4))
    runs = on_device(biased).forward(inputs, record=True), on_device(plain).forward(with_constant(inputs), record=True)
    assert runs[0].spikes == runs[1].spikes
    assert runs[0].spikes.total
    np.testing.assert_array_equal(runs[0].membrane, runs[1].membrane)
    delta = np.random.default_rng(2).standard_normal((3, 6)).astype(np.float32)
    below = on_device(biased).backward(inputs, runs[0].spikes, delta)
    expected = on_device(plain).backward(with_constant(inputs), runs[1].spikes, delta)
    np.testing.assert_array_equal(below.reshape(3, -1), expected[:, :-1])
    np.testing.assert_array_equal(np.column_stack([biased.grads["weight"], biased.grads["bias"]]), plain.grads["weight"])
    for name in set(plain.grads) - {"weight"}:
        assert plain.grads[name].any()
        np.testing.assert_array_equal(biased.grads[name], plain.grads[name])


def convolutions(device="cpu", **options):
    parts = [
        layers.SpikingConv2D(4, 3, v_th=1.0, bias=True, stride=2, **options),
        layers.SpikingConv2D(4, 2, v_th=0.5, bias=True, groups=2, **options),
        layers.SpikingDense(3, v_th=0.5, initial_weight=1.0, bias=True, **options),
    ]
    return Sequential(parts, (7, 9), 30, encoders.Poisson(0.5), seed=1, device=device)


def draw():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (12, 7, 9), np.uint8), np.arange(12) % 3


def test_parts_of_a_batch_have_the_same_bits(device):
    gradients = []
    for parts in ([slice(0, 12)], [slice(0, 5), slice(5, 12)]):
        net, (x, y) = convolutions(device), draw()
        for part in parts:
            error = LOSS(net.forward(net.encode(x[part], np.arange(12)[part], 1)), y[part])
            net.backward(error, batch=12, add=part.start > 0)
        gradients.append([device.get(layer.grads[name]) for layer in net.layers for name in ("weight", "bias")])
    for whole, split in zip(*gradients, strict=True):
        assert whole.any()
        np.testing.assert_array_equal(whole, split)


def test_it_is_trained_saved_and_frozen(tmp_path, device):
    net, data = convolutions(device), draw()
    regularizer = ExponentialRegularizer(strength=1e4)
    optimizer = optimizers.Adam(0.01, regularizer=regularizer, average=0.5, centralize=True)
    net.fit(data, loss=LOSS, optimizer=optimizer, epochs=2, batch_size=6, progress=False)
    biases = [device.get(layer.params["bias"]) for layer in net.layers]
    assert all(bias.any() for bias in biases)
    net.save(tmp_path / "net.npz")
    again = Sequential.load(tmp_path / "net.npz", device="cpu")
    for layer, bias in zip(again.layers, biases, strict=True):
        np.testing.assert_array_equal(layer.params["bias"], bias)
        layer.trained = False
        assert set(layer.buffers) == {"weight", "bias"}
        np.testing.assert_array_equal(layer.bias_weight, bias)
    x = draw()[0]
    assert net.forward(net.encode(x, np.arange(12), 0)) == again.forward(again.encode(x, np.arange(12), 0))


def test_the_regularizer_leaves_biases_alone():
    layer = layers.SpikingDense(2, v_th=1.0, bias=True)
    net = Sequential([layer], (3,), 20, device="cpu")
    layer.params["bias"][:] = 1.0
    before = layer.weight.copy()
    optimizers.SGD(1.0, regularizer=ExponentialRegularizer()).step(net)
    assert layer.params["bias"].tolist() == [1.0, 1.0]
    assert (layer.weight != before).all()


def test_a_bias_alone_can_drive_a_layer():
    layer = layers.SpikingDense(2, v_th=1.0, bias=True, initial_weight=1e-6)
    net = Sequential([layer], (3,), 40, device="cpu")
    assert layer.drive() < 1e-5
    layer.params["bias"][:] = [0.5, 0.0]
    assert layer.drive() == pytest.approx(0.5, abs=1e-5)
    silent = SpikeTrains.from_dense(np.zeros((1, 40, 3)))
    counts = net.forward(silent).counts[0]
    assert counts[0] > 3
    assert counts[1] == 0


def test_batch_sum_belongs_to_a_batch():
    layer = KINDS["dense"](bias=True)
    layer.build((5,), np.random.default_rng(0))
    inputs, sums = trains_of((5,)), BatchSum(3)
    outputs = layer.forward(inputs).spikes
    layer.backward(inputs, outputs, np.ones((3, 6), np.float32), batch_sum=sums)
    assert sums.merged.shape == (6, 6)
    assert BatchSum(3).merged is None
