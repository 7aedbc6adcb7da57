"""Terms of the loss on the counts of layers."""

import numpy as np
import pytest
from cuda_nets import cnn
from cuda_nets import data as images
from factories import LOSS, dense_network, draw_data, fit, weights

from cupynn import InputError, Sequential, layers
from cupynn.losses import RateBand, SpikeCount
from cupynn.optimizers import Adam
from cupynn.results import metrics


@pytest.mark.parametrize(
    "band", [RateBand(2, 5, 0.5), RateBand(0.25, 3.5, 0.01), RateBand(high=1), RateBand(low=3)], ids=str
)
def test_error_and_value(device, band):
    counts = np.random.default_rng(0).integers(0, 9, (5, 2, 3)).astype(np.int32)
    there = device.put(counts)
    with device:
        error, losses = device.get(band.error(there)), device.get(band.losses(there))
    o = counts.astype(np.float64)
    z = np.where(o > (band.high or 99), o - (band.high or 99), np.where(o < band.low, o - band.low, 0))
    assert error.dtype == np.float32
    np.testing.assert_allclose(error, band.weight * z, rtol=1e-6)
    np.testing.assert_allclose(losses, band.weight * (z**2).sum((1, 2)) / 2, rtol=1e-12)


@pytest.mark.parametrize("layer", ["conv_1", "pool_2", "dense_5"])
def test_it_is_added_to_the_error_of_its_layer(device, layer):
    """Below, gradients are those of the sum of both errors; with the term alone, they are its own."""
    network, band = cnn(device), RateBand(1, 2, 0.5)
    x, y = images(network, 6)
    spikes = network.encode(x, np.arange(6), 1)
    error = SpikeCount(9, 1, 1)(network.forward(spikes), y)
    plain = network.backward(error)
    below = network.backward(error, terms={layer: band})
    names = [each.name for each in network.layers]
    with network.device:
        delta = band.error(network.trains[1 + names.index(layer)].counts)
        trains = [*network.trains[:-1], network.device.trains(error.trains)]
        for index in reversed(range(names.index(layer) + 1)):
            delta = network.layers[index].backward(trains[index], trains[index + 1], delta)
    plain, below, own = map(network.device.get, (plain, below, delta))
    assert np.abs(own).max() > 0
    np.testing.assert_allclose(below, plain + own, rtol=1e-3, atol=1e-4 * np.abs(below).max())


def test_fewer_spikes(tmp_path):
    data = draw_data(60)
    free, bound = dense_network(hidden=30), dense_network(hidden=30)
    before = fit(free, data, epochs=15, optimizer=Adam(0.01))
    after = fit(bound, data, terms={"dense_1": RateBand(high=1, weight=0.05)}, epochs=15, optimizer=Adam(0.01))
    assert after[-1].spikes["dense_1"] < 0.7 * before[-1].spikes["dense_1"]
    assert bound.evaluate(data).accuracy >= free.evaluate(data).accuracy - 0.02
    assert after[-1].terms["dense_1"] < after[0].terms["dense_1"]
    assert before[-1].terms == {}
    metrics.write(tmp_path, after)
    again = metrics.read(tmp_path)
    assert again["terms"] == after["terms"]
    assert again["spikes"] == after["spikes"]
    assert "term_dense_1" in (tmp_path / "metrics.csv").read_text().splitlines()[0]


def test_its_value_is_that_of_the_counts_in_training():
    """Of the network before its first update, in one batch."""
    net, (x, y) = dense_network(), draw_data(12)
    spikes = net.encode(x, np.arange(12), 1)
    net.forward(spikes)
    counts = net.trains[1].counts.astype(np.float64)
    expected = 0.5 * (np.maximum(counts - 2, 0) ** 2).sum(1).mean() / 2
    history = fit(net, (x, y), terms={"dense_1": RateBand(high=2, weight=0.5)}, epochs=1, batch_size=12)
    assert history[0].terms["dense_1"] == pytest.approx(expected, rel=1e-12) != 0


@pytest.mark.parametrize("size", [1, 3, 4])
def test_parts_change_not_a_bit(device, size):
    data = draw_data(18)
    nets, histories = [dense_network().to(device), dense_network().to(device)], []
    for net, part in zip(nets, (None, size), strict=True):
        terms = {"dense_1": RateBand(1.5, 3, 0.1), "dense_2": RateBand(high=6)}
        histories.append(fit(net, data, terms=terms, part_size=part, batch_size=6))
    np.testing.assert_array_equal(weights(nets[0].to("cpu")), weights(nets[1].to("cpu")))
    assert histories[0]["terms"] == histories[1]["terms"]


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"dense_3": RateBand(high=1)}, r"terms: layer='dense_3' \(did you mean .*pass one of 'dense_1', 'dense_2'"),
        ({"dense_1": 3}, r"terms\['dense_1'\]=3: pass a RateBand"),
        ([RateBand(high=1)], "terms is a list: pass a dict"),
    ],
)
def test_terms_that_cannot_be_used(terms, message):
    with pytest.raises(InputError, match=message):
        fit(dense_network(), draw_data(), terms=terms)


def test_a_term_of_frozen_layers():
    net = dense_network()
    net.layers[0].trained = False
    with pytest.raises(InputError, match=r"terms\['dense_1'\]: neither this layer nor one below it is trained"):
        fit(net, draw_data(), terms={"dense_1": RateBand(high=1)})
    fit(net, draw_data(), terms={"dense_2": RateBand(high=1)}, loss=LOSS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"low": -1}, "low=-1"),
        ({"high": -1}, "high=-1"),
        ({"low": 3, "high": 2}, "low=3 with high=2: pass a low bound of at most the high one"),
        ({"weight": -0.1}, "weight=-0.1"),
        ({"weight": "0.1"}, "weight='0.1'"),
    ],
)
def test_arguments_that_cannot_be_used(arguments, message):
    with pytest.raises(InputError, match=message):
        RateBand(**arguments)


def test_a_band_needs_a_bound():
    with pytest.raises(InputError, match="RateBand has no bound"):
        RateBand()


def test_a_layer_without_neurons_has_no_rate():
    net = Sequential([layers.SumPool2D(2, name="pool"), layers.SpikingDense(2, 1.0)], (1, 4, 4), 30, device="cpu")
    with pytest.raises(InputError, match="terms: layer='pool'"):
        net.check_terms({"pool": RateBand(high=3)})
