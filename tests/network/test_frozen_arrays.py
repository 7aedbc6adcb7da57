"""Read-only arrays, as memory maps are: read as any other, and refused where they would be written to."""

import copy
from dataclasses import replace

import joblib
import numpy as np
import pytest

from cupynn import Ragged, Sequential, augment, encoders, layers, losses, optimizers, training
from cupynn.checks import InputError
from cupynn.optimizers import ExponentialRegularizer
from cupynn.spikes import SpikeTrains

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (6, 8, 8), np.uint8), np.arange(6) % 3
LOSS = losses.SpikeCount(desired=8, undesired=2, margin=1)


def frozen(array):
    array = np.array(array)
    array.flags.writeable = False
    return array


def make(encoder=None, shape=(8, 8)):
    both = [layers.SpikingDense(4, v_th=1.0), layers.SpikingDense(3, v_th=1.0, lateral_inhibition=0.5)]
    return Sequential(both, shape, 30, encoder or encoders.Poisson(max_rate=0.5), device="cpu")


def freeze(net, kind):
    for layer in net.layers:
        arrays = getattr(layer, kind)
        for name in arrays:
            arrays[name] = frozen(arrays[name])
    return net


def fit(net, x=X, y=Y, **options):
    net.fit((x, y), loss=LOSS, epochs=1, batch_size=4, progress=False, **options)
    return net


def losses_of(net, optimizer, x, y):
    """The losses of a training by `fit`, and of updates by hand after it."""
    history = net.fit((x, y), loss=LOSS, optimizer=optimizer, epochs=2, batch_size=4, progress=False)
    found = history["loss"]
    for draw in range(2):
        found.append(training.step(net, LOSS, optimizer, net.encode(x, np.arange(len(x)), draw), y).value)
    return found


def weights(net):
    return np.concatenate([array.ravel() for array in net.arrays().values()])


def trains(net=None):
    return (net or make()).encode(X, np.arange(6), 0)


def frozen_trains(spikes):
    return SpikeTrains(frozen(spikes.neurons), frozen(spikes.offsets), spikes.steps, spikes.neuron_shape)


class TestRead:
    """The same comes out as of arrays that may be written to."""

    @pytest.mark.parametrize("x", [X, X / 255, (X / 255).astype("f4")], ids=["uint8", "float64", "float32"])
    @pytest.mark.parametrize(
        "encoder", [encoders.Poisson(max_rate=0.5), encoders.Latency(), encoders.Regular(), encoders.Current()]
    )
    def test_data_labels_and_weights(self, encoder, x):
        kept = frozen(x), frozen(Y)
        one = fit(make(encoder), x, validation=(x, Y), sample_weight=np.ones(6), boost=True)
        other = fit(make(encoder), *kept, validation=kept, sample_weight=frozen(np.ones(6)), boost=True)
        np.testing.assert_array_equal(weights(other), weights(one))
        np.testing.assert_array_equal(other.predict(kept[0]), one.predict(x))
        assert other.evaluate(kept).accuracy == one.evaluate((x, Y)).accuracy

    def test_augmented_images(self):
        options = {"augment": augment.Augment(shift=1, flip=True)}
        np.testing.assert_array_equal(weights(fit(make(), frozen(X), **options)), weights(fit(make(), **options)))

    def test_events(self):
        events = np.zeros(30, [("t", "u4"), ("x", "u1"), ("y", "u1"), ("p", "?")])
        events["t"] = RNG.integers(0, 6000, 30)
        ends = np.arange(0, 31, 5)
        data = [Ragged(each(events), each(ends[:-1]), each(ends[1:]), (2, 8, 8)) for each in (np.array, frozen)]
        nets = [fit(make(encoders.Events(step=200.0), (2, 8, 8)), each) for each in data]
        np.testing.assert_array_equal(*map(weights, nets))

    def test_memory_maps(self, tmp_path):
        np.save(tmp_path / "x.npy", X)
        np.testing.assert_array_equal(weights(fit(make(), np.load(tmp_path / "x.npy", mmap_mode="r"))), weights(fit(make())))

    def test_trains(self):
        plain, kept = trains(), frozen_trains(trains())
        assert kept == plain
        assert all(map(np.array_equal, kept.by_neuron(), plain.by_neuron()))
        np.testing.assert_array_equal(kept.to_dense(), plain.to_dense())
        np.testing.assert_array_equal(kept[2:4].counts, plain[2:4].counts)
        assert SpikeTrains.from_dense(frozen(plain.to_dense())) == plain
        events = plain.events()
        again = SpikeTrains.from_events(*map(frozen, (events.samples, events.steps, events.neurons)), shape=plain.shape)
        assert again == plain
        np.testing.assert_array_equal(weights(fit(make(), kept)), weights(fit(make(), plain)))

    def test_weights_and_errors_in_both_passes(self):
        def gradients(net, each):
            error = LOSS(each(net.forward(each(trains(net)))), Y, np.ones(6))
            error = replace(error, delta=frozen(error.delta), trains=each(error.trains))
            return [net.backward(error), *(layer.grads["weight"] for layer in net.layers)]

        one, other = gradients(make(), lambda each: each), gradients(freeze(make(), "params"), frozen_trains)
        for plain, kept in zip(one, other, strict=True):
            np.testing.assert_array_equal(kept, plain)

    @pytest.mark.parametrize("kind", [optimizers.Adam, optimizers.SGD])
    @pytest.mark.parametrize(
        "options", [{}, {"average": 0.9}, {"centralize": True}, {"regularizer": ExponentialRegularizer()}]
    )
    def test_gradients_of_an_update(self, kind, options):
        nets = [make(), make()]
        for net in nets:
            net.layers[0].grads["weight"][...] = (
                RNG.normal(size=(4, 64)) if net is nets[0] else nets[0].layers[0].grads["weight"]
            )
        freeze(nets[1], "grads")
        for net in nets:
            kind(0.1, **options).step(net)
        np.testing.assert_array_equal(*map(weights, nets))


class TestWritten:
    """What would be written to is refused, before anything is done; the remedies work."""

    @pytest.mark.parametrize(("kind", "named"), [("params", "dense_1/weight"), ("grads", "the gradient of dense_1/weight")])
    def test_fit(self, kind, named):
        net = freeze(make(), kind)
        before = weights(net)
        with pytest.raises(InputError, match=f"^{named} is read-only, .*copy"):
            fit(net)
        np.testing.assert_array_equal(weights(net), before)
        np.testing.assert_array_equal(weights(fit(copy.deepcopy(net))), weights(fit(make())))
        for layer in net.layers:
            getattr(layer, kind)["weight"] = getattr(layer, kind)["weight"].copy()
        np.testing.assert_array_equal(weights(fit(net)), weights(fit(make())))

    def test_an_update(self):
        net, adam = make(), optimizers.Adam()
        net.layers[1].params["weight"] = frozen(net.layers[1].params["weight"])
        before = weights(net)
        with pytest.raises(InputError, match=r"^dense_2/weight is read-only"):
            adam.step(net)
        np.testing.assert_array_equal(weights(net), before)
        assert adam.updates == 0

    def test_backward(self):
        net = freeze(make(), "grads")
        error = LOSS(net.forward(trains(net)), Y)
        with pytest.raises(InputError, match=r"^the gradient of dense_2/weight is read-only"):
            net.backward(error)

    def test_resuming(self, tmp_path):
        def make():
            net = [layers.SpikingRecurrent(6, v_th=1.0, reservoir=(1, 2, 3)), layers.SpikingDense(3, v_th=1.0)]
            return Sequential(net, (8, 8), 30, encoders.Poisson(max_rate=0.5), device="cpu")

        fit(make(), checkpoint=tmp_path / "training.npz")
        with pytest.raises(InputError, match=r"^recurrent_1/lateral is read-only"):
            fit(freeze(make(), "buffers"), checkpoint=tmp_path / "training.npz", resume=True)

    def test_a_memory_map_of_a_network(self, tmp_path):
        """As joblib hands it to workers: it is trained like any other, and the file stays as it is."""
        joblib.dump(make(), tmp_path / "net")
        held = (tmp_path / "net").read_bytes()
        net = joblib.load(tmp_path / "net", mmap_mode="r")
        np.testing.assert_array_equal(net.predict(X), make().predict(X))
        np.testing.assert_array_equal(weights(fit(net)), weights(fit(make())))
        assert (tmp_path / "net").read_bytes() == held

    @pytest.mark.slow
    def test_in_workers_of_joblib(self):
        """Arrays above `max_nbytes`, a megabyte by default, are read-only memory maps there."""
        parallel = joblib.Parallel(2, max_nbytes="1K")
        jobs = [joblib.delayed(losses_of)(make(), optimizers.Adam(0.02), X, Y) for _ in range(2)]
        assert parallel(jobs) == [losses_of(make(), optimizers.Adam(0.02), X, Y)] * 2
