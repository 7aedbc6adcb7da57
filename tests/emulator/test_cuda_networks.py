"""Networks, trains, recordings and optimizers on a GPU: placed, moved, saved, copied and drawn; and nobody waits for it.

`device` is a GPU where there is one, and else the same CUDA sources executed on the CPU.
"""

import copy

import numpy as np
import pytest
from cuda_nets import cnn, data, mlp, parameters

from cupynn import Sequential, encoders, losses, optimizers, plot, training
from cupynn.checks import InputError
from cupynn.device.device import CudaDevice
from cupynn.spikes import SpikeTrains

pytestmark = [pytest.mark.gpu, pytest.mark.parametrize("device", ["cuda"], indirect=True)]


def test_a_second_gpu(device, emulated):
    emulated.reset(devices=2)
    second, first = cnn(CudaDevice(1)), cnn(device)
    assert str(second.device) == "cuda:1"
    x, y = data(first)
    for network in (second, first):
        options = {"loss": losses.SpikeCount(9, 1, 1), "optimizer": optimizers.Adam(1e-3), "progress": False}
        network.fit((x, y), epochs=1, batch_size=8, **options)
        network.fit((x, y), validation=(x, y), epochs=1, batch_size=8, **options)
        error = losses.SpikeCount(9, 1, 1)(network.forward(network.encode(x)), y)  # a loop of one's own
        network.backward(error)
        assert error.value > 0
        assert len(network.trains[-1][[1, 2]]) == 2
    moved = second.forward(first.encode(x, np.arange(len(x)), 0))
    assert moved == second.forward(second.encode(x, np.arange(len(x)), 0))
    assert all(array.device.id == 1 for layer in second.layers for array in layer.params.values())
    for key, weight in parameters(first).items():
        np.testing.assert_array_equal(parameters(second)[key], weight)


def test_a_gpu_network_is_saved_and_read_anywhere(device, tmp_path):
    network = mlp(device)
    network.save(tmp_path / "net.npz")
    for where in ("cpu", device):
        again = Sequential.load(tmp_path / "net.npz", where)
        assert again.device.on_cuda == (where == device)
        for key, weight in parameters(network).items():
            np.testing.assert_array_equal(parameters(again)[key], weight)


def test_an_optimizer_follows_its_network(device):
    network, optimizer = mlp("cpu"), optimizers.Adam(1e-3)
    x, y = data(network)
    for where in ("cpu", device, "cpu"):
        network.to(where)
        training.step(network, losses.SpikeCount(9, 1, 1), optimizer, network.encode(x), y)
    assert optimizer.updates == 3
    assert all(isinstance(moment, np.ndarray) for moments in optimizer.moments.values() for moment in moments)


def test_recordings_are_in_host_memory_and_those_of_the_cpu(device):
    recordings = [make.record(data(make, 3)[0]) for make in (cnn(device), cnn("cpu"))]
    for name in recordings[1].membranes:
        assert not recordings[0].spikes[name].on_cuda
        assert recordings[0].spikes[name] == recordings[1].spikes[name]
        np.testing.assert_array_equal(recordings[0].membranes[name], recordings[1].membranes[name])
        np.testing.assert_array_equal(recordings[0].currents[name], recordings[1].currents[name])


def test_figures_of_what_a_gpu_computed(device):
    network = mlp(device)
    x, _ = data(network, 2)
    for drawn in (network.record(x), network.forward(network.encode(x)), network.encode(x)):
        assert plot.raster(drawn).axes
    assert plot.membranes(network.record(x), "dense_2").axes


def test_trains_of_a_gpu_are_trains(device):
    dense = (np.random.default_rng(0).random((5, 20, 3, 50)) < 0.1).astype(np.uint8)
    host = SpikeTrains.from_dense(dense)
    trains = device.trains(host)
    assert device.trains(trains) is trains
    assert isinstance(trains, SpikeTrains)
    assert trains.shape == host.shape
    assert trains == host
    np.testing.assert_array_equal(trains.to_dense(), dense)
    np.testing.assert_array_equal(np.asarray(trains[1:3]), dense[1:3])
    np.testing.assert_array_equal(np.asarray(trains[[4, 0]]), dense[[4, 0]])
    assert len(trains[2]) == 1
    assert trains.reshape((150,)).to_host() == host.reshape((150,))
    assert trains.reshape((150,)).on_cuda
    with pytest.raises(InputError, match="pass a shape of equal size"):
        trains.reshape((149,))
    for ours, theirs in zip(trains.by_neuron(), host.by_neuron(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert repr(trains).startswith(repr(host)[:30])


def test_a_network_of_a_gpu_is_copied(device):
    network = mlp(device)
    again = copy.deepcopy(network)
    assert again.device is network.device
    for key, weight in parameters(network).items():
        np.testing.assert_array_equal(parameters(again)[key], weight)


def test_a_network_that_does_not_fit_stays_where_it_is(device, emulated):
    network = mlp("cpu")
    emulated.reset(memory=9000)
    with pytest.raises(device.xp.cuda.memory.OutOfMemoryError):
        network.to(device)
    emulated.reset()
    x, _ = data(network)
    assert network.forward(network.encode(x)).total


def test_nobody_waits_for_the_gpu_inside_an_epoch(device, emulated):
    """Labels, weights and images lie on the device; figures are looked at when the epoch is over."""
    network, waits = cnn(device), []
    x, y = data(network, 48)
    options = {"loss": losses.SpikeCount(9, 1, 1), "optimizer": optimizers.Adam(1e-3), "progress": False}
    network.fit((x, y), epochs=1, batch_size=8, **options)  # whatever is looked up once only
    for batch_size in (8, 48):
        emulated.reset()
        network.fit((x, y), epochs=1, batch_size=batch_size, **options)
        waits.append((emulated.synchronisations, emulated.uploads))
    assert waits[0] == waits[1]  # six batches, or one


def test_arrays_in_any_order(device):
    """A transposed table, or every second sample: kernels read rows as C has them."""
    network, on_cpu = mlp(device), mlp("cpu")
    x, y = data(network)
    expected = on_cpu.forward(on_cpu.encode(x, np.arange(len(x)), 0))
    flat = np.asfortranarray(x.reshape(len(x), -1))
    assert encoders.Poisson(0.4).encode(device.put(flat), 50, 3, 0, np.arange(len(x))).to_dense().any()
    assert network.forward(network.encode(np.asfortranarray(x), np.arange(len(x)), 0)) == expected
    for part in (slice(None, None, 2), slice(None, None, -1)):
        assert network.forward(network.encode(x, np.arange(len(x)), 0)[part]) == expected[part]
    spikes = network.forward(network.encode(x, np.arange(len(x)), 0))
    given = losses.SoftmaxCount(9)(spikes, device.put(y), device.put(np.linspace(0, 1, 2 * len(y)))[::2])
    again = losses.SoftmaxCount(9)(spikes, y, np.linspace(0, 1, 2 * len(y))[::2])
    np.testing.assert_array_equal(device.get(given.delta), device.get(again.delta))
    with pytest.raises(InputError, match=r"labels has shape \(3,\): pass one value per sample, shape \(19,\)"):
        losses.SpikeCount(9)(spikes, device.put(y[:3]))
    with pytest.raises(InputError, match="are on a GPU but the trains are in host memory"):
        losses.SpikeCount(9)(expected, device.put(y))
