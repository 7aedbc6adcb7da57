"""`SpikingRecurrent`: its own spikes enter its current a step later; fixed weights stay fixed and are saved."""

import numpy as np
import pytest

from cupynn import InputError, Sequential, layers, losses, optimizers, training
from cupynn.layers import SpikingRecurrent
from cupynn.spikes import SpikeTrains


def simulate(spikes, weight, lateral, v_th):
    """Trains (T, N) in float64, whole vectors at a time."""
    n = len(weight)
    v, q, r, fired = np.zeros(n), np.zeros(n), np.zeros(n, int), np.zeros((len(spikes), n))
    for t in range(1, len(spikes)):
        q = q * (1 - 1 / 8) + weight @ spikes[t - 1] + lateral @ fired[t - 1]
        v = np.where(r > 0, 0, v * (1 - 1 / 64) + q / 8)
        r = np.maximum(r - 1, 0)
        fired[t] = v > v_th - 1e-6
        v[fired[t] > 0], r[fired[t] > 0] = 0, 2
    return fired


@pytest.mark.parametrize("units", [1, 7, 64, 135])
def test_forward(units, on_device):
    rng = np.random.default_rng(3)
    lateral = rng.normal(scale=0.3, size=(units, units)).astype(np.float32)
    layer = SpikingRecurrent(units, 2.0, lateral=lateral, initial_weight=1.0)
    layer.build((13,), rng)
    dense = (rng.random((2, 50, 13)) < 0.2).astype(np.uint8)
    fired = on_device(layer).forward(SpikeTrains.from_dense(dense)).spikes.to_dense()
    for b in range(2):
        expected = simulate(dense[b], layer.params["weight"].astype(float), lateral.astype(float), 2.0)
        np.testing.assert_array_equal(fired[b], expected)
    assert units == 1 or fired.any()


def test_the_wiring_of_a_reservoir():
    layer = SpikingRecurrent(400, 20.0, reservoir=(4, 10, 10), trained=False)
    layer.build((78,), np.random.default_rng(0))
    lateral, weight = layer.buffers["lateral"], layer.buffers["weight"]
    assert not layer.params
    assert not np.diag(lateral).any()
    excites = (lateral > 0).any(0)
    assert not (lateral[:, excites] < 0).any()  # a neuron excites or inhibits, never both
    assert 0.7 < excites.mean() < 0.9
    assert set(np.unique(lateral)) == {-1, 0, 1}
    places = np.stack(np.unravel_index(np.arange(400), (4, 10, 10)), axis=1)
    squared = ((places[:, None] - places[None]) ** 2).sum(-1)
    neighbours = (squared == 1) & excites[:, None] & excites[None]
    assert abs((lateral[neighbours] > 0).mean() - 0.45 * np.exp(-1 / 4)) < 0.03
    mixed = (squared == 1) & excites[:, None] & ~excites[None]  # inhibitory to excitatory
    assert abs((lateral[mixed] < 0).mean() - 0.6 * np.exp(-1 / 4)) < 0.06
    assert not lateral[squared > 60].any()
    np.testing.assert_array_equal((weight != 0).sum(0), 32)
    assert set(np.unique(weight)) == {-8, 0, 8}


def network():
    return Sequential(
        [
            SpikingRecurrent(27, 5.0, reservoir=(3, 3, 3), trained=False, name="reservoir"),
            layers.SpikingDense(12, 4.0),
            layers.SpikingDense(3, 2.0, lateral_inhibition=1.0),
        ],
        input_shape=(9,),
        steps=60,
    )


def test_a_reservoir_is_not_trained_and_what_follows_is():
    net = network()
    before = {name: array.copy() for name, array in net.layers[0].buffers.items()}
    trains = SpikeTrains.from_dense((np.random.default_rng(0).random((6, 60, 9)) < 0.2).astype(np.uint8))
    dense = net.layers[1].params["weight"].copy()
    training.step(net, losses.SpikeCount(10, 1, 1), optimizers.Adam(1e-2), trains, np.arange(6) % 3)
    for name, array in net.layers[0].buffers.items():
        np.testing.assert_array_equal(array, before[name])
    assert (net.layers[1].params["weight"] != dense).any()


def test_fixed_weights_are_saved(tmp_path):
    net = network()
    net.layers[0].buffers["lateral"][:] = np.random.default_rng(1).normal(size=(27, 27))
    net.save(tmp_path / "net.npz")
    again = Sequential.load(tmp_path / "net.npz")
    for name, array in net.layers[0].buffers.items():
        np.testing.assert_array_equal(again.layers[0].buffers[name], array)
    trains = SpikeTrains.from_dense((np.random.default_rng(0).random((2, 60, 9)) < 0.3).astype(np.uint8))
    assert again.forward(trains) == net.forward(trains)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reservoir": (3, 3)}, r"reservoir=\(3, 3\)"),
        ({"reservoir": (3, 3, 15)}, "product is units=27"),
        ({"lateral": np.ones((27, 3))}, r"lateral has shape \(27, 3\)"),
        ({"lateral": np.full((27, 27), np.nan)}, "finite"),
        ({"lateral": np.ones((27, 27)), "reservoir": (3, 3, 3)}, "both given"),
        ({"trained": "no"}, "trained='no'"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(InputError, match=message):
        SpikingRecurrent(27, 5.0, **options)
