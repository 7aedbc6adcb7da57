"""Weights on a grid of integers."""

import numpy as np
import pytest
from factories import dense_network, draw_data, draw_images, mixed_network
from hypothesis import given
from hypothesis import strategies as st

from cupynn import InputError, Sequential, encoders, layers


@given(st.integers(2, 16), st.sampled_from(["layer", "neuron"]), st.integers(0, 99))
def test_weights_are_the_nearest_values_of_the_grid(bits, per, seed):
    network = dense_network(seed)
    coarse = network.quantise(bits, per)
    for name, (integers, scale) in network.integers(bits, per).items():
        weight, rounded = network.arrays()[name], coarse.arrays()[name]
        largest = 2 ** (bits - 1) - 1
        assert integers.dtype == (np.int8 if bits <= 8 else np.int16)
        assert np.abs(integers).max() == largest
        assert scale.shape == ((len(weight), 1) if per == "neuron" else (1, 1))
        np.testing.assert_array_equal(rounded, integers * scale)
        assert (np.abs(rounded - weight) <= scale * 0.5 + 2e-7 * np.abs(weight)).all()


def test_all_kinds_of_weights(device):
    network = mixed_network(device)
    coarse = network.quantise(3)
    assert set(network.integers(3)) == {name for name, array in network.arrays().items() if array.ndim >= 2}
    assert any("lateral" in name for name in network.integers(3))
    for name in network.integers(3):
        assert len(np.unique(network.device.get(coarse.arrays()[name]))) <= 7
    assert coarse.device == network.device


def test_the_grid_of_a_quantised_network_is_its_own():
    network = dense_network()
    coarse = network.quantise(5, "neuron")
    for name, (integers, _) in coarse.integers(5, "neuron").items():
        np.testing.assert_array_equal(integers, network.integers(5, "neuron")[name].integers)


def test_masks_stay_as_they_are():
    layer = layers.SpikingRecurrent(4, v_th=1.0, train_lateral=True)
    network = Sequential([layer], (3,), 20, device="cpu")
    coarse = network.quantise(8)
    assert set(network.integers(8)) == {"recurrent_1/weight", "recurrent_1/lateral"}
    np.testing.assert_array_equal(coarse.layers[0].mask, layer.mask)


def test_the_original_keeps_its_weights():
    network = dense_network()
    before = {name: array.copy() for name, array in network.arrays().items()}
    network.quantise(2)
    for name, array in network.arrays().items():
        np.testing.assert_array_equal(array, before[name])


def test_weights_of_zero_stay_zero():
    network = dense_network()
    network.layers[0].weight[:] = 0
    assert not network.quantise(4).layers[0].weight.any()


@pytest.mark.parametrize(("arguments", "message"), [((1,), "bits=1"), ((17,), "bits=17"), ((4, "map"), "per='map'")])
def test_bad_arguments(arguments, message):
    for call in (Sequential.quantise, Sequential.integers):
        with pytest.raises(InputError, match=message):
            call(dense_network(), *arguments)


class TestCompare:
    def test_a_network_agrees_with_itself(self):
        network, data = dense_network(), draw_data()
        found = network.compare(network.quantise(16), data)
        assert found.samples == 30
        assert network.compare(network, data).mismatched == {"dense_1": 0, "dense_2": 0}
        assert found.spikes == network.compare(network, data).other_spikes

    def test_differences_are_counted_spike_by_spike(self):
        network, data = dense_network(), draw_data()
        coarse = network.quantise(2)
        found = network.compare(coarse, data, batch_size=7)
        trains = [one.run(network.encode_checked(data[0], np.arange(30), 0)) for one in (network, coarse)]
        for index, layer in enumerate(network.layers, start=1):
            one, other = (each[index].to_dense() for each in trains)
            assert found.mismatched[layer.name] == (one != other).sum() > 0
            assert (found.spikes[layer.name], found.other_spikes[layer.name]) == (one.sum(), other.sum())
        assert found.changed == (network.predict(data[0]) != coarse.predict(data[0])).sum()
        assert (found.accuracy, found.other_accuracy) == tuple(one.evaluate(data).accuracy for one in (network, coarse))
        assert f"{found.changed} of 30 predictions change" in repr(found)

    def test_images_and_devices(self, device):
        network = mixed_network(device)
        found = network.compare(network.quantise(8), draw_images())
        assert set(found.spikes) == {layer.name for layer in network.layers}

    def test_networks_of_other_shapes(self):
        with pytest.raises(
            InputError,
            match=r"this network has layers of .* \(3,\)\], other has \[\(11,\), \(3,\)\]",
        ):
            dense_network().compare(dense_network(hidden=11), draw_data())
        with pytest.raises(InputError, match="other"):
            dense_network().compare(None, draw_data())

    def test_networks_of_other_classes(self):
        those = [Sequential([layers.SpikingDense(4, 1.0)], (7,), 40, device="cpu", neurons_per_class=n) for n in (2, 1)]
        with pytest.raises(InputError, match="this network has neurons_per_class=2, other has 1"):
            those[0].compare(those[1], draw_data())

    def test_layers_without_neurons_are_left_out(self):
        parts = [layers.SpikingConv2D(2, 2, 1.0), layers.AveragePool2D(2), layers.SpikingDense(3, 1.0)]
        network = Sequential(parts, (1, 5, 5), 30, encoders.Poisson(), device="cpu")
        found = network.compare(network, (np.ones((2, 1, 5, 5), np.float32), [0, 1]))
        assert found.mismatched == {"conv_1": 0, "dense_3": 0}
        assert found.spikes.keys() == found.other_spikes.keys() == {"conv_1", "dense_3"}
