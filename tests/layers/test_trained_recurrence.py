"""Trained recurrent weights against the oracle: drive, solve, gradients, mask; and a task that needs them."""

import copy
import tomllib

import numpy as np
import oracle
import pytest
from factories import close

from cupynn import InputError, Sequential, encoders, get_num_threads, layers, losses, optimizers, set_num_threads
from cupynn.kernels.psp import spsp_matrix
from cupynn.layers import SpikingRecurrent, lateral_cpu, lateral_cuda
from cupynn.network import definition
from cupynn.spikes import SpikeTrains

CONSTANTS = {"tau_m": 64.0, "tau_s": 8.0, "t_ref": 2}
SHAPES = {"small": (2, 4, 3), "odd": (3, 13, 11), "blocks": (1, 3, 67)}  # samples, inputs, units


def make(inputs=4, units=3, v_th=2.0, seed=0, scale=0.4, **options):
    layer = SpikingRecurrent(units, v_th, train_lateral=True, **options)
    rng = np.random.default_rng(seed)
    layer.build((inputs,), rng)
    arrays = layer.params | layer.buffers
    arrays["weight"][...] = 0.2 + rng.standard_normal((units, inputs))
    arrays["lateral"][...] = scale * rng.standard_normal((units, units)) * arrays["mask"]
    return layer


def draw(samples, inputs, steps=31, seed=1, rate=0.3):
    return (np.random.default_rng(seed).random((samples, steps, inputs)) < rate).astype(np.uint8)


def passed(layer, samples, inputs):
    """Dense inputs and outputs, and an error with zeros."""
    trains = draw(samples, inputs)
    outputs = layer.forward(SpikeTrains.from_dense(trains)).spikes
    delta = np.random.default_rng(2).standard_normal((samples, layer.units)).astype(np.float32)
    delta.flat[1::5] = 0
    return trains, outputs.to_dense(float), delta


def expected(layer, trains, fired, delta, iterations=lateral_cpu.ITERATIONS):
    """The oracle's mean gradients, errors of the inputs, and g."""
    arguments = layer.weight.astype(float), layer.lateral.astype(float), layer.v_th, layer.psp_kernel, *CONSTANTS.values()
    rule = {"effect_ratio": layer.effect_ratio, "silent_slope": layer.silent_slope, "iterations": iterations}
    runs = [oracle.recurrent_backward(*sample, *arguments, **rule) for sample in zip(trains, fired, delta, strict=True)]
    gradients, among, below, g = map(np.array, zip(*runs, strict=True))
    return gradients.mean(0), among.mean(0) * layer.buffers["mask"], below, g


def backward(layer, trains, fired, delta):
    trains = SpikeTrains.from_dense(trains), SpikeTrains.from_dense(fired.astype(np.uint8))
    return layer.backward(*trains, delta)


def test_the_drive_is_the_sum_of_the_membranes_at_firings():
    layer = make(13, 11, self_loops=True)
    inputs = SpikeTrains.from_dense(draw(4, 13, 60))
    run = layer.forward(inputs, record=True)
    fired = run.spikes.to_dense(bool)
    assert fired.any(1).mean() > 0.5
    at_firings = np.where(fired, run.membrane, 0).sum(1, dtype=float)
    below, own = (spsp_matrix(trains, run.spikes, layer.potential, 2).astype(float) for trains in (inputs, run.spikes))
    drive = np.einsum("ij,bij->bi", layer.weight, below) + np.einsum("ij,bij->bi", layer.lateral, own)
    np.testing.assert_allclose(drive, at_firings, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_forward_is_the_oracles(shape, on_device):
    samples, inputs, units = shape
    layer, trains = make(inputs, units), draw(samples, inputs)
    found = on_device(layer).forward(SpikeTrains.from_dense(trains)).spikes.to_dense()
    for x, fired in zip(trains, found, strict=True):
        weights = layer.weight.astype(float), 2.0, *CONSTANTS.values()
        np.testing.assert_array_equal(fired, oracle.simulate(x, *weights, lateral=layer.lateral.astype(float))[0])


@pytest.mark.parametrize("options", [{}, {"self_loops": True}, {"psp_kernel": "srm"}, {"effect_ratio": False}], ids=str)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_gradients_are_the_oracles(shape, options, on_device):
    samples, inputs, units = shape
    layer = make(inputs, units, silent_slope=0.5, scale=0.4 / units**0.5, **options)
    trains, fired, delta = passed(layer, samples, inputs)
    weight, lateral, below, _ = expected(layer, trains, fired, delta)
    close(backward(on_device(layer), trains, fired, delta), below)
    close(layer.grads["weight"], weight)
    close(layer.grads["lateral"], lateral)
    assert not layer.amplifies
    assert lateral.any()


def test_without_the_error_between_neurons(on_device):
    layer = make(recurrent_error="none")
    trains, fired, delta = passed(layer, 2, 4)
    weight, lateral, below, _ = expected(layer, trains, fired, delta, iterations=0)
    close(backward(on_device(layer), trains, fired, delta), below)
    close(layer.grads["weight"], weight)
    close(layer.grads["lateral"], lateral)


def test_many_iterations_are_the_dense_solve(monkeypatch, on_device):
    for twin in (lateral_cpu, lateral_cuda):
        monkeypatch.setattr(twin, "ITERATIONS", 60)
    layer = make(13, 11, scale=0.3)
    trains, fired, delta = passed(layer, 3, 13)
    weight, lateral, below, g = expected(layer, trains, fired, delta, iterations=None)
    assert np.abs(g - delta).max() > 0.3
    close(backward(on_device(layer), trains, fired, delta), below)
    close(layer.grads["weight"], weight)
    close(layer.grads["lateral"], lateral)


def test_samples_that_amplify_use_their_own_error(on_device):
    """The second sample's neurons excite each other, the others' hardly fire."""
    layer = make(4, 3, scale=0.0)
    layer.params["lateral"][...] = 6.0 * layer.buffers["mask"]
    trains = draw(3, 4, 31)
    trains[[0, 2], 12:] = 0
    trains[[0, 2], :, 1:] = 0
    fired = layer.forward(SpikeTrains.from_dense(trains)).spikes.to_dense(float)
    delta = np.ones((3, 3), np.float32)
    radius = [
        np.abs(np.linalg.eigvals(oracle.among(each, layer.lateral, 2.0, "exact", 64.0, 8.0, 2))).max() for each in fired
    ]
    assert radius[1] > 1
    below = backward(on_device(layer), trains, fired, delta)
    assert layer.amplifies
    wanted = np.where(np.array(radius)[:, None] > 1, expected(layer, trains, fired, delta, 0)[2], 0)
    wanted += np.where(np.array(radius)[:, None] > 1, 0, expected(layer, trains, fired, delta)[2])
    close(below, wanted)


class TestConnections:
    def test_no_self_loops(self):
        layer = SpikingRecurrent(6, 1.0, train_lateral=True)
        layer.build((3,), np.random.default_rng(0))
        assert not np.diag(layer.lateral).any()
        assert np.count_nonzero(layer.lateral) == 30
        assert (layer.mask == 1 - np.eye(6)).all()

    def test_self_loops(self):
        layer = SpikingRecurrent(6, 1.0, train_lateral=True, self_loops=True)
        layer.build((3,), np.random.default_rng(0))
        assert np.count_nonzero(layer.lateral) == 36

    def test_the_scale_follows_the_connections(self):
        mask = np.random.default_rng(0).random((400, 400)) < 0.1
        for among in (None, mask):
            layer = SpikingRecurrent(400, 5.0, train_lateral=True, mask=among)
            layer.build((3,), np.random.default_rng(0))
            count = layer.mask.sum(1).mean()
            np.testing.assert_allclose(layer.lateral[layer.mask > 0].std(), 0.2 * 5 / count**0.5, rtol=0.02)
            assert not layer.lateral[layer.mask == 0].any()

    def test_the_wiring_of_a_reservoir_is_the_mask(self):
        trained, fixed = (SpikingRecurrent(27, 5.0, reservoir=(3, 3, 3), train_lateral=wanted) for wanted in (True, False))
        for layer in (trained, fixed):
            layer.build((9,), np.random.default_rng(0))
        np.testing.assert_array_equal(trained.lateral, fixed.lateral)
        np.testing.assert_array_equal(trained.mask, fixed.lateral != 0)
        np.testing.assert_array_equal(trained.weight, fixed.weight)

    def test_given_weights_are_not_changed(self):
        given = 0.1 * (1 - np.eye(3, dtype=np.float32))
        layer = SpikingRecurrent(3, 1.0, lateral=given, train_lateral=True)
        layer.build((3,), np.random.default_rng(0))
        layer.params["lateral"][...] = 5
        assert given.max() < 1

    @pytest.mark.parametrize("optimizer", [optimizers.Adam, optimizers.SGD])
    def test_training_keeps_zeros(self, optimizer, device):
        """Also with centralization, which moves every weight of a row, and with averages, at every update."""
        mask = np.random.default_rng(0).random((8, 8)) < 0.5
        net = network(device, mask=mask)
        layer = net.layers[0]
        before = device.get(layer.lateral).copy()
        options = {"centralize": True, "average": 0.9, "regularizer": optimizers.ExponentialRegularizer()}
        optimizer = optimizer(0.05, **options)
        seen = []
        fit(net, optimizer=optimizer, callbacks=[lambda twin, history: seen.append(twin)])
        for each in (net, *seen):
            lateral = device.get(each.layers[0].lateral)
            assert not lateral[~mask | np.eye(8, dtype=bool)].any()
        assert (lateral != before).any()


def parts(**options):
    return [SpikingRecurrent(8, 1.0, train_lateral=True, t_ref=0, **options), layers.SpikingDense(3, 1.0)]


def network(device="cpu", **options):
    return Sequential(parts(**options), (9,), 40, encoders.Poisson(0.5), device=device)


def data(samples=24):
    rng = np.random.default_rng(0)
    y = np.arange(samples) % 3
    return (rng.integers(0, 60, (samples, 9)) + 190 * (np.arange(9) // 3 == y[:, None])).astype(np.uint8), y


def fit(net, **options):
    arguments = {"loss": losses.SpikeCount(9, 2, 1), "optimizer": optimizers.Adam(0.02), "epochs": 2, "batch_size": 8}
    return net.fit(data(), **arguments | {"progress": False} | options)


def arrays(net):
    return {name: net.device.get(array).copy() for name, array in net.arrays().items()}


def test_parts_and_threads_give_the_same_bits(device, monkeypatch):
    nets = []
    for part_size, threads in ((None, 1), (3, 2), (5, 1)):
        before = get_num_threads()
        set_num_threads(threads)
        nets.append(network(device))
        fit(nets[-1], part_size=part_size)
        set_num_threads(before)
    monkeypatch.setattr("cupynn.kernels.psp.SPSP_VALUES", 200)  # matrices of few samples at once
    nets.append(network(device))
    fit(nets[-1])
    for net in nets[1:]:
        np.testing.assert_equal(arrays(net), arrays(nets[0]))


def test_a_resumed_training_has_the_same_bits(device, tmp_path):
    mask = np.random.default_rng(0).random((8, 8)) < 0.5
    alone, broken, again = network(device, mask=mask), network(device, mask=mask), network(device, mask=mask)
    fit(alone, epochs=3)

    def stop(net, history):
        if len(history) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(broken, epochs=3, checkpoint=tmp_path / "training.npz", callbacks=[stop])
    fit(again, epochs=3, checkpoint=tmp_path / "training.npz", resume=True)
    np.testing.assert_equal(arrays(again), arrays(alone))


def test_files_and_copies_keep_weights_and_mask(device, tmp_path):
    net = network(device, mask=np.random.default_rng(0).random((8, 8)) < 0.5, recurrent_error="none")
    fit(net, epochs=1)
    net.save(tmp_path / "net.npz")
    for twin in (Sequential.load(tmp_path / "net.npz", device), copy.deepcopy(net)):
        np.testing.assert_equal(arrays(twin), arrays(net))
        assert list(twin.layers[0].grads) == ["weight", "lateral"]
        assert twin.layers[0].config() == net.layers[0].config()
        fit(twin, epochs=1, optimizer=optimizers.Adam(0.02))
        assert not device.get(twin.layers[0].lateral)[device.get(net.layers[0].mask) == 0].any()


def test_fixed_weights_are_written_as_before():
    table = SpikingRecurrent(4, 1.0).config()
    assert not {"train_lateral", "self_loops", "mask", "recurrent_error"} & set(table)
    assert SpikingRecurrent(4, 1.0, train_lateral=True).config()["train_lateral"] is True


@pytest.mark.parametrize("input_error", [True, False])
def test_a_frozen_layer(device, input_error):
    """It solves, so that the error below is that of a trained layer, and keeps all its weights."""
    nets = [Sequential([layers.SpikingDense(6, 1.0), *parts()], (9,), 40, device=device) for _ in "ab"]
    nets[1].layers[1].trained = False
    spikes = SpikeTrains.from_dense(draw(5, 9, 40))
    below = []
    for net in nets:
        error = losses.SpikeCount(9, 2, 1)(net.forward(spikes), np.arange(5) % 3)
        below.append(net.backward(error, input_error=input_error))
    if input_error:
        np.testing.assert_array_equal(*map(device.get, below))
    np.testing.assert_array_equal(*(device.get(net.layers[0].grads["weight"]) for net in nets))
    assert not nets[1].layers[1].grads
    assert nets[1].layers[1].frozen_count == 6 * 8 + 64
    nets[1].layers[1].trained = True
    assert list(nets[1].layers[1].params) == ["weight", "lateral"]


def test_a_layer_is_frozen_from_the_start():
    layer = SpikingRecurrent(5, 1.0, train_lateral=True, trained=False)
    layer.build((3,), np.random.default_rng(0))
    assert not layer.params
    assert layer.lateral.any()
    layer.trained = True
    assert list(layer.grads) == ["weight", "lateral"]


def test_the_user_is_told_once_that_the_weights_amplify(device):
    net = network(device)
    net.layers[0].params["lateral"][...] = 5.0
    net.layers[0].project()
    history = fit(net, optimizer=optimizers.Adam(1e-4), epochs=3)
    told = [notice for notice in history.notices if "amplify" in notice]
    assert len(told) == 1
    assert told[0].startswith("the recurrent weights of layer recurrent_1 amplify its error")
    assert 'guide "It does not learn": recurrence amplifies' in told[0]
    net.to("cpu")  # the layer has no array of the device left, which other machines could not read
    assert net.layers[0].amplifies is True
    calm = network(device)
    assert not any("amplify" in notice for notice in fit(calm).notices)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask": np.ones((4, 3), bool)}, r"mask is bool \(4, 3\): pass True where neurons connect, bool \(4, 4\)"),
        ({"mask": np.ones((4, 4))}, r"mask is float64 \(4, 4\)"),
        ({"train_lateral": 1}, "train_lateral=1: pass True or False"),
        ({"train_lateral": False, "self_loops": True}, "self_loops and mask are for trained recurrent weights"),
        ({"train_lateral": False, "mask": np.ones((4, 4), bool)}, "self_loops and mask are for trained"),
        ({"recurrent_error": "both"}, "recurrent_error='both': pass one of 'solve', 'none'"),
        ({"lateral": np.ones((4, 4))}, r"lateral\[0, 0\]=1, where no connection is trained: pass self_loops=True"),
        ({"lateral": np.ones((4, 4)), "self_loops": True, "mask": np.eye(4, dtype=bool)}, r"lateral\[0, 1\]=1.*in mask"),
        ({"lateral": np.ones((4, 3))}, r"lateral has shape \(4, 3\)"),
        ({"learn_recurrent": True}, "no argument 'learn_recurrent': pass train_lateral"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(InputError, match=message):
        SpikingRecurrent(4, 1.0, **{"train_lateral": True} | options)


def test_a_definition_trains_it(tmp_path):
    """Also on from its file: the mask of a definition is in the weights of its run."""
    text = """
        [network]
        input_shape = [3]
        steps = 30
        [[network.layers]]
        kind = "SpikingRecurrent"
        units = 3
        v_th = 1.0
        train_lateral = true
        self_loops = true
        recurrent_error = "none"
        mask = [[true, true, false], [false, true, true], [true, false, true]]
        [[network.layers]]
        kind = "SpikingDense"
        units = 2
        v_th = 1.0
    """
    table = tomllib.loads(text)["network"]
    net = definition.build(Sequential, table, "here", "cpu")
    assert (net.layers[0].mask == table["layers"][0]["mask"]).all()
    assert (net.layers[0].lateral != 0).tolist() == table["layers"][0]["mask"]
    net.save(tmp_path / "net.npz")
    np.testing.assert_equal(arrays(Sequential.load(tmp_path / "net.npz", "cpu")), arrays(net))
    table["layers"][0]["mask"] = [[True, False]]
    with pytest.raises(InputError, match=r"here: network.layers\[0\] \(SpikingRecurrent\): mask is bool \(1, 2\)"):
        definition.build(Sequential, table, "here", "cpu")


def test_record_and_summary():
    net = network()
    spikes = SpikeTrains.from_dense(draw(2, 9, 40))
    recording, trains = net.record(spikes), net.run(spikes)
    assert recording.spikes["recurrent_1"] == trains[1]
    assert recording.membranes["recurrent_1"][trains[1].to_dense(bool)].min() > 1 - 1e-5
    text = net._repr_html_()
    assert "136" in text  # 9 * 8 weights and 8 * 8 recurrent ones


def order(samples, seed):
    """One cue and, 25 steps later, another: the class is the order. Two more inputs fire at random."""
    rng, y = np.random.default_rng(seed), np.arange(samples) % 2
    x = np.zeros((samples, 80, 12), np.uint8)
    x[:, :, 10:] = rng.random((samples, 80, 2)) < 0.5
    for b in range(samples):
        first = rng.integers(2, 6)
        for start, cue in ((first, y[b]), (first + rng.integers(25, 28), 1 - y[b])):
            x[b, start : start + 4, 5 * cue : 5 * cue + 5] = 1
    return SpikeTrains.from_dense(x), y


@pytest.mark.slow
@pytest.mark.parametrize(("options", "least", "most"), [({}, 0.5, 0.7), ({"train_lateral": True}, 0.95, 1.0)])
def test_a_task_that_only_trained_recurrence_solves(options, least, most):
    """The membranes and currents have forgotten the first cue, exp(-25 / 4), when the second comes."""
    quick = {"tau_m": 4.0, "tau_s": 2.0, "t_ref": 0}
    parts = [SpikingRecurrent(60, 1.0, **quick, **options), layers.SpikingDense(2, 1.0, **quick)]
    net = Sequential(parts, (12,), 80, seed=0, device="cpu")
    optimizer = optimizers.Adam(0.01, schedule="cosine")
    loss = losses.SpikeCount(20, 5, 2)
    net.fit(order(400, 0), loss=loss, optimizer=optimizer, epochs=30, batch_size=20, progress=False)
    assert least <= net.evaluate(order(200, 1)).accuracy <= most


def test_constants_are_trained_beside_recurrent_weights(device):
    """The gradients of the constants are those of a layer with the same weights, fixed, and the solved error."""
    rng = np.random.default_rng(3)
    quick = {"v_th": 1.0, "tau_m": 9.0, "tau_s": 3.0, "t_ref": 1, "trainable": ("tau_m", "v_th")}
    lateral = rng.normal(0, 0.1, (7, 7)).astype(np.float32)
    np.fill_diagonal(lateral, 0)
    both = SpikingRecurrent(7, lateral=lateral, train_lateral=True, recurrent_error="none", **quick)
    fixed = SpikingRecurrent(7, lateral=lateral, **quick)
    networks = [Sequential([layer], (5,), 60, device=device) for layer in (both, fixed)]
    trains = networks[0].device.trains(SpikeTrains.from_dense(rng.random((6, 60, 5)) < 0.3))
    delta = networks[0].device.put(rng.normal(0, 1, (6, 7)).astype(np.float32))
    for layer in (both, fixed):
        layer.backward(trains, layer.forward(trains).spikes, delta)
    for name in quick["trainable"]:
        found, expected = (networks[0].device.get(layer.grads[name]) for layer in (both, fixed))
        assert expected.all()
        np.testing.assert_allclose(found, expected, rtol=1e-6)
