"""Clipping, weight decay, warm-up and rates by layer, against plain formulas in float64."""

import numpy as np
import pytest
from cuda_nets import cnn, parameters
from factories import LOSS, dense_network, draw_data, fit, weights

from cupynn import InputError, presets, training
from cupynn.optimizers import SGD, Adam, ExponentialRegularizer

RATES = {"conv_1": 0.5, "dense_4/weight": 3.0}


def draw_gradients(network, seed=0, scale=1.0):
    """Fill in gradients; return them in float64 by (layer, array)."""
    rng, drawn = np.random.default_rng(seed), {}
    for layer in network.layers:
        for name, gradient in layer.grads.items():
            values = scale * rng.standard_normal(gradient.shape).astype(np.float32)
            gradient[...] = network.device.put(values)
            drawn[layer.name, name] = values.astype(np.float64)
    return drawn


def copied(network):
    return {key: array.copy() for key, array in parameters(network).items()}


def close(actual, expected):
    assert actual.keys() == expected.keys()
    for key in expected:
        np.testing.assert_allclose(actual[key], expected[key], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("limit", [0.25, 5.0, 1e6])
def test_clipping(device, limit):
    network = cnn(device)
    before, drawn = copied(network), draw_gradients(network)
    norm = np.sqrt(sum((gradient**2).sum() for gradient in drawn.values()))
    SGD(0.1, clip_norm=limit).step(network)
    factor = min(1, limit / norm)
    assert (factor == 1) == (limit == 1e6)
    close(parameters(network), {key: before[key] - 0.1 * factor * drawn[key] for key in drawn})
    found = {(layer.name, name): network.device.get(layer.grads[name]) for layer in network.layers for name in layer.grads}
    close(found, {key: factor * gradient for key, gradient in drawn.items()})


def test_a_norm_below_the_limit_changes_not_a_bit(device):
    networks = [cnn(device), cnn(device)]
    for network, limit in zip(networks, (None, 1e3), strict=True):
        draw_gradients(network)
        Adam(0.1, clip_norm=limit).step(network)
    for key, weight in parameters(networks[0]).items():
        np.testing.assert_array_equal(weight, parameters(networks[1])[key])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_clipping_does_not_hide_what_is_not_finite(device, value):
    network = cnn(device)
    draw_gradients(network)
    network.layers[0].grads["weight"][0, 0, 0, 0] = value
    optimizer = Adam(0.1, clip_norm=1.0)
    with np.errstate(invalid="ignore"), pytest.raises(training.Diverged):
        [optimizer.step(network) for _ in range(8)]  # a GPU is checked at every eighth update


def test_weights_that_have_diverged_beyond_the_regularizer(device):
    """Its exponential is infinite then."""
    network = cnn(device)
    draw_gradients(network)
    network.layers[0].params["weight"][...] = 1e4
    optimizer = Adam(0.1, regularizer=ExponentialRegularizer())
    with np.errstate(invalid="ignore"), pytest.raises(training.Diverged):
        [optimizer.step(network) for _ in range(8)]  # a GPU is checked at every eighth update


def test_weight_decay_is_apart_from_the_gradient(device):
    """As AdamW: weights shrink by 1 - rate * decay before the update, and the moments do not see it."""
    network, plain = cnn(device), cnn(device)
    before, drawn = copied(network), draw_gradients(network)
    draw_gradients(plain)
    Adam(0.1, weight_decay=0.5).step(network)
    Adam(0.1).step(plain)
    steps = {key: weight - before[key] for key, weight in parameters(plain).items()}
    close(parameters(network), {key: before[key] * (1 - 0.1 * 0.5) + steps[key] for key in drawn})


def test_arrays_of_one_axis_do_not_decay():
    network = dense_network()
    layer = network.layers[0]
    layer.params["threshold"] = np.ones(10, np.float32)
    layer.grads["threshold"] = np.zeros(10, np.float32)
    draw_gradients(network, scale=0.0)
    weight = layer.weight.copy()
    SGD(0.1, weight_decay=0.5).step(network)
    assert (layer.params["threshold"] == 1).all()
    np.testing.assert_allclose(layer.weight, 0.95 * weight, rtol=1e-6)


def test_rates_by_layer_and_by_array(device):
    network = cnn(device)
    before, drawn = copied(network), draw_gradients(network)
    SGD(0.1, rates=RATES, weight_decay=0.5).step(network)
    factors = {"conv_1": 0.5, "dense_4": 3.0}
    rate = {key: 0.1 * factors.get(key[0], 1) for key in drawn}
    close(parameters(network), {key: before[key] * (1 - 0.5 * rate[key]) - rate[key] * drawn[key] for key in drawn})


def test_warm_up():
    network, optimizer = dense_network(), SGD(0.8, warmup=4, schedule="inverse-sqrt")
    rates = []
    for _ in range(6):
        rates.append(optimizer.rate)
        before, drawn = weights(network), draw_gradients(network)
        optimizer.step(network)
        moved = np.concatenate([gradient.ravel() for gradient in drawn.values()])
        np.testing.assert_allclose(weights(network), before - rates[-1] * moved, rtol=1e-4, atol=1e-6)
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.8])
    optimizer.epoch = 3
    assert optimizer.rate == pytest.approx(0.4)


OPTIONS = {"clip_norm": 0.5, "weight_decay": 0.1, "warmup": 9, "rates": {"dense_1": 0.3}}


@pytest.mark.parametrize("batch", [3, 11])
def test_resumed_and_split_with_the_same_bits(tmp_path, monkeypatch, batch):
    whole, data = dense_network(), draw_data()
    fit(whole, data, optimizer=Adam(0.02, **OPTIONS))
    split = dense_network()
    fit(split, data, optimizer=Adam(0.02, **OPTIONS), part_size=3)
    np.testing.assert_array_equal(weights(split), weights(whole))
    ordinary, calls = training.loop.Training._batch, []

    def stop(self, first, part):
        calls.append(first)
        if len(calls) > batch:
            raise KeyboardInterrupt
        ordinary(self, first, part)

    monkeypatch.setattr(training.loop.Training, "_batch", stop)
    state = {"checkpoint": tmp_path / "state.npz", "checkpoint_seconds": 0}
    with pytest.raises(KeyboardInterrupt):
        fit(dense_network(), data, optimizer=Adam(0.02, **OPTIONS), **state)
    monkeypatch.undo()
    for options in (OPTIONS | {"clip_norm": 0.6}, OPTIONS | {"rates": {"dense_1": 0.4}}, {}):
        with pytest.raises(InputError, match="belongs to another training run: optimizer differs"):
            fit(dense_network(), data, optimizer=Adam(0.02, **options), resume=True, **state)
    again = dense_network()
    fit(again, data, optimizer=Adam(0.02, **OPTIONS), resume=True, **state)
    np.testing.assert_array_equal(weights(again), weights(whole))


def test_definitions(tmp_path):
    values = {f"optimizer.{name}": value for name, value in OPTIONS.items()} | {"optimizer.rates": {"hidden": 0.1}}
    experiment = presets.read("digits").replace(**values)
    (tmp_path / "again.toml").write_text(experiment.to_toml())
    optimizer = presets.read(tmp_path / "again.toml").build("cpu")[2]
    assert optimizer.config() == experiment.build("cpu")[2].config()
    assert optimizer.rates == {"hidden": 0.1}
    assert not {"weight_decay", "clip_norm", "warmup", "rates"} & presets.read("digits").build("cpu")[2].config().keys()
    with pytest.raises(InputError, match=r"digits: optimizer: rates has an unknown layer 'hiden' \(did you mean 'hidden"):
        experiment.replace(**{"optimizer.rates": {"hiden": 0.1}})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clip_norm": 0}, "clip_norm=0: pass a finite number greater than 0"),
        ({"clip_norm": "1"}, "clip_norm='1'"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1: pass a finite number of at least 0"),
        ({"warmup": 0}, "warmup=0: pass a whole number from 1"),
        ({"warmup": 0.5}, "warmup=0.5: pass a whole number"),
        ({"rates": {"dense_1": 0}}, r"rates\['dense_1'\]=0: to freeze a layer, set its attribute trained = False"),
        ({"rates": {"dense_1": -1}}, r"rates\['dense_1'\]=-1"),
        ({"rates": [0.1]}, r"rates=\[0.1\]: pass a dict of factors by layer"),
        ({"rates": {1: 0.1}}, "pass a dict of factors by layer"),
        ({"rates": {"dense_1": np.zeros(2)}}, r"rates\['dense_1'\]=array"),
    ],
)
def test_arguments_that_cannot_be_used(options, message):
    with pytest.raises(InputError, match=message):
        Adam(0.1, **options)


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({"dense_3": 1.0}, "rates has an unknown layer 'dense_3'.*known are dense_1, dense_2"),
        ({"dense_1/bias": 1.0}, "rates has an unknown layer 'dense_1/bias'"),
        ({"dense_2": 1.0}, r"rates\['dense_2'\]: this layer has no trained arrays: leave it out of rates"),
        ({"dense_2/weight": 1.0}, r"rates\['dense_2/weight'\]: this layer has no trained arrays"),
    ],
)
def test_rates_that_a_network_cannot_use(rates, message):
    network = dense_network()
    network.layers[1].trained = not any(name.startswith("dense_2") for name in rates)
    with pytest.raises(InputError, match=message):
        fit(network, draw_data(), loss=LOSS, optimizer=Adam(0.1, rates=rates))


@pytest.mark.parametrize(
    ("name", "message"), [("max_norm", "pass clip_norm"), ("warmup_steps", "pass warmup"), ("param_groups", "pass rates")]
)
def test_names_of_other_libraries(name, message):
    with pytest.raises(InputError, match=message):
        Adam(0.1, **{name: 1})
