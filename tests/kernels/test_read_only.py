"""What kernels index by was checked once: it is handed out read-only, and each kernel is compiled for that alone."""

import sys

import numpy as np
import pytest

from cupynn import Sequential, SpikeTrains, layers
from cupynn.encoders import BSA, Current, Latency, Poisson, Regular
from cupynn.losses import SpikeCount
from cupynn.ragged import Ragged


def trains():
    return SpikeTrains.from_events([0, 0, 1], [2, 5, 5], [1, 1, 0], shape=(2, 10, 3))


@pytest.mark.parametrize(
    "make",
    [
        trains,
        lambda: trains()[:1],
        lambda: trains()[[1, 0]],
        lambda: trains().pad(12),
        lambda: trains().reshape((3, 1)),
        lambda: SpikeTrains.concatenate([trains(), trains()]),
        lambda: SpikeTrains.from_dense(np.ones((2, 3, 4))),
        lambda: SpikeTrains(np.zeros(1, np.int32), np.array([0, 0, 1]), 2, (1,)),
        lambda: Poisson(0.5).encode(np.ones((2, 3)), 9, 0, 0, np.arange(2)),
    ],
)
def test_trains_cannot_be_changed(make):
    spikes = make().verify()
    for array in (spikes.neurons, spikes.offsets, spikes.counts, *spikes.by_neuron()):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 10**6
    for name in ("neurons", "offsets"):
        with pytest.raises(AttributeError):
            setattr(spikes, name, np.zeros(1, np.int32))
    assert spikes == make()


def test_no_copy_is_made():
    neurons, offsets = np.zeros(1, np.int32), np.array([0, 0, 1])
    spikes = SpikeTrains(neurons, offsets, 2, (1,))
    assert np.shares_memory(spikes.neurons, neurons)
    assert np.shares_memory(spikes[:1].neurons, neurons)
    assert neurons.flags.writeable  # that of the caller stays as it was


def test_places_of_recordings_cannot_be_changed():
    starts = np.array([0, 2])
    ragged = Ragged(np.arange(5.0), starts, [2, 5], sample_shape=(1,))
    starts[1] = 10**6
    for part in (ragged, ragged[1:], ragged[[0]]):
        for array in (part.starts, part.stops):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 10**6
    assert ragged[1].tolist() == [2, 3, 4]


def test_tables_of_encoders_cannot_be_changed():
    for encoder in (Latency(), Current()):
        for array in encoder.table(10):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 10**6


def compiled():
    """Signatures of all kernels that have been called."""
    modules = [module for name, module in sys.modules.items() if name.startswith(("cupynn.kernels", "cupynn.layers"))]
    kernels = {id(each): each for module in modules for each in vars(module).values() if hasattr(each, "signatures")}
    return {each.__name__: set(each.signatures) for each in kernels.values() if each.signatures}


def test_kernels_are_compiled_once():
    """A training by each kind of layer, encoder and use of trains adds one signature of each kernel at most."""
    before = compiled()
    for make in (
        lambda: [layers.SpikingDense(5, v_th=1.0), layers.SpikingDense(2, v_th=1.0, lateral_inhibition=0.5)],
        lambda: [layers.SpikingConv2D(3, 3, v_th=1.0), layers.SpikingPool2D(2, v_th=1.0), layers.SpikingDense(2, v_th=1.0)],
    ):
        for encoder in (Poisson(), Regular(), Latency(), None):
            net = Sequential(make(), (1, 8, 8), 30, encoder, device="cpu")
            x = np.random.default_rng(0).integers(0, 256, (6, 1, 8, 8), np.uint8)
            if encoder is None:
                x = SpikeTrains.from_dense(np.random.default_rng(0).integers(0, 2, (6, 30, 1, 8, 8)))
            net.fit((x, [0, 1] * 3), loss=SpikeCount(5, 1, 1), epochs=1, batch_size=3, progress=False)
            net.evaluate((x, [0, 1] * 3))
    signal = Ragged(np.ones((9, 2), np.float32), [0, 4], [4, 9], (2,))
    BSA().encode(signal, 20, 0, 0, np.arange(2))
    found = {name: len(signatures - before.get(name, set())) for name, signatures in compiled().items()}
    assert found["_by_neuron"] <= 1
    assert max(found.values()) <= 1, found
