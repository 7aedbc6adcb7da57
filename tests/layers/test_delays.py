"""Delays, given and trained, against shifted trains and the oracle; bounds, files and errors; a task that needs them."""

import copy
import tomllib

import numpy as np
import oracle
import pytest
from factories import close

from cupynn import InputError, Sequential, get_num_threads, layers, losses, optimizers, plot, set_num_threads
from cupynn.kernels.delay import delay, spsp_and_slopes
from cupynn.kernels.psp import spsp, spsp_matrix
from cupynn.layers import SpikingConv2D, SpikingDense, SpikingRecurrent
from cupynn.network import definition
from cupynn.plot.page import contents
from cupynn.spikes import SpikeTrains

CONSTANTS = {"tau_m": 64.0, "tau_s": 8.0, "t_ref": 2}
QUICK = {"tau_m": 6.0, "tau_s": 2.0, "t_ref": 0}


def draw(shape, steps=31, samples=3, rate=0.3, seed=1):
    return (np.random.default_rng(seed).random((samples, steps, *shape)) < rate).astype(np.uint8)


def shifted(trains, delays):
    flat = trains.reshape(*trains.shape[:2], -1)
    return np.array([oracle.delayed(sample, np.ravel(delays)) for sample in flat]).reshape(trains.shape)


def build(kind, shape, **options):
    layer = kind(**{"v_th": 1.0, **QUICK, **options})
    layer.build(shape, np.random.default_rng(0))
    return layer


ARRAY = np.random.default_rng(5).integers(0, 12, (2, 4, 3))
CASES = {
    "one": (SpikingDense, (6,), {"units": 5, "delays": 4}, np.full(6, 4)),
    "each": (SpikingDense, (6,), {"units": 5, "delays": [0, 3, 40 - 10, 1, 2, 7]}, np.array([0, 3, 30, 1, 2, 7])),
    "each of an image": (SpikingDense, (2, 4, 3), {"units": 5, "delays": ARRAY}, ARRAY),
    "flat": (SpikingDense, (2, 4, 3), {"units": 5, "delays": ARRAY.ravel()}, ARRAY),
    "inhibited": (SpikingDense, (6,), {"units": 5, "delays": 4, "lateral_inhibition": 0.2}, np.full(6, 4)),
    "recurrent": (SpikingRecurrent, (6,), {"units": 5, "delays": 4}, np.full(6, 4)),
    "trained recurrence": (SpikingRecurrent, (6,), {"units": 5, "delays": 4, "train_lateral": True}, np.full(6, 4)),
    "convolution": (SpikingConv2D, (2, 4, 3), {"maps": 3, "kernel_size": 2, "delays": 3}, np.full((2, 4, 3), 3)),
    "channels": (
        SpikingConv2D,
        (2, 4, 3),
        {"maps": 3, "kernel_size": 2, "delays": (0, 5)},
        np.repeat([0, 5], 12).reshape(2, 4, 3),
    ),
    "each of a convolution": (SpikingConv2D, (2, 4, 3), {"maps": 3, "kernel_size": 2, "delays": ARRAY}, ARRAY),
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@cases
def test_it_is_the_layer_with_shifted_inputs(case, on_device):
    """Same bits in both passes, but for the counts that divide the error below, which are those before the shift."""
    kind, shape, options, delays = case
    layer, plain = build(kind, shape, **options), build(kind, shape, **options | {"delays": None})
    np.testing.assert_array_equal(layer.delay_steps, delays.ravel())
    trains, plain = draw(shape), on_device(plain)
    inputs, moved = SpikeTrains.from_dense(trains), SpikeTrains.from_dense(shifted(trains, delays))
    run, expected = on_device(layer).forward(inputs, record=True), plain.forward(moved, record=True)
    assert run.spikes == expected.spikes
    assert run.spikes.total
    np.testing.assert_array_equal(run.membrane, expected.membrane)
    delta = np.random.default_rng(2).standard_normal((3, *layer.output_shape)).astype(np.float32)
    below = on_device(layer).backward(inputs, run.spikes, delta)
    moved_below = plain.backward(moved, run.spikes, delta)
    for name, gradient in layer.grads.items():
        np.testing.assert_array_equal(gradient, plain.grads[name])
    same = inputs.counts == moved.counts
    assert same.any()
    np.testing.assert_array_equal(below[same], moved_below[same])


def test_a_delay_of_zero_changes_nothing(on_device):
    inputs = SpikeTrains.from_dense(draw((6,)))
    delta = np.random.default_rng(2).standard_normal((3, 5)).astype(np.float32)
    found = []
    zeros = {"delays": 0, "train_delays": True, "max_delay": 9}
    for options in ({}, {"delays": 0}, {"delays": [0] * 6}, zeros):
        layer = build(SpikingDense, (6,), units=5, **options)
        outputs = on_device(layer).forward(inputs).spikes
        found.append((outputs, on_device(layer).backward(inputs, outputs, delta), layer.grads["weight"]))
        assert layer.acting(inputs) is inputs or options is zeros
    for outputs, below, gradient in found[1:]:
        assert outputs == found[0][0]
        np.testing.assert_array_equal(below, found[0][1])
        np.testing.assert_array_equal(gradient, found[0][2])


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.5])
def test_the_trains_as_they_act(rate, device):
    delays = np.array([0, 3, 30, 1, 2, 7], np.int32)
    trains = draw((6,), rate=rate)
    inputs = SpikeTrains.from_dense(trains)
    later = SpikeTrains(*delay(inputs, delays), 31, (6,)).verify()
    np.testing.assert_array_equal(later.to_dense(), shifted(trains, delays))
    layer = build(SpikingDense, (6,), units=5, delays=delays)
    with device:
        acting = layer.acting(device.trains(inputs))
    assert acting.to_host() == later
    np.testing.assert_array_equal(device.get(acting.sent), inputs.counts)
    np.testing.assert_array_equal(device.get(acting.counts), later.counts)


@pytest.mark.parametrize("options", [{}, {"psp_kernel": "srm"}, {"effect_ratio": False}, {"overshoot": True}], ids=str)
@pytest.mark.parametrize("shape", [(3, 4), (11, 67)])
def test_gradients_are_the_oracles(shape, options, on_device):
    units, size = shape
    layer = SpikingDense(units, 2.0, silent_slope=0.5, train_delays=True, max_delay=20, **options)
    rng = np.random.default_rng(0)
    layer.build((size,), rng)
    layer.weight[...] = rng.standard_normal((units, size)) * 2 / size**0.5 + 3 / size
    layer.weight[0] = -1  # a silent neuron
    steps, trains = layer.delay_steps, draw((size,), 61, rate=0.2)
    assert steps.max() > 10
    inputs = SpikeTrains.from_dense(trains)
    outputs = on_device(layer).forward(inputs).spikes
    delta = rng.standard_normal((3, units)).astype(np.float32)
    below = on_device(layer).backward(inputs, outputs, delta)
    fired, acting = outputs.to_dense(float), shifted(trains, steps)
    assert (fired.sum(1) > 0).mean() > 0.4
    weights = layer.weight.astype(float), 2.0, layer.psp_kernel, *CONSTANTS.values()
    rule = {"silent_slope": 0.5} | {key: value for key, value in options.items() if key != "psp_kernel"}
    expected = [oracle.backward(acting[b], fired[b], delta[b], *weights, sent=trains[b], **rule) for b in range(3)]
    gradients, errors = map(np.array, zip(*expected, strict=True))
    close(layer.grads["weight"], gradients.mean(0))
    close(below, errors)
    if "overshoot" not in options:  # which reduces the errors
        slopes = [oracle.delay_gradient(trains[b], fired[b], delta[b], *weights, steps) for b in range(3)]
        close(layer.grads["delay"], 20 * np.mean(slopes, 0))
        assert np.abs(slopes).max() > 0.01


def test_with_trained_recurrence(on_device):
    """The error of the solve is that by which the delays learn."""
    layer = build(SpikingRecurrent, (6,), units=5, train_lateral=True, train_delays=True, max_delay=9, **CONSTANTS)
    trains = draw((6,))
    inputs = SpikeTrains.from_dense(trains)
    outputs = on_device(layer).forward(inputs).spikes
    fired, acting = outputs.to_dense(float), shifted(trains, layer.delay_steps)
    delta = np.random.default_rng(2).standard_normal((3, 5)).astype(np.float32)
    on_device(layer).backward(inputs, outputs, delta)
    constants = layer.v_th, "exact", *CONSTANTS.values()
    arrays, slopes, gradients = (layer.weight.astype(float), layer.lateral.astype(float)), [], []
    for b in range(3):
        gradient, _, _, g = oracle.recurrent_backward(acting[b], fired[b], delta[b], *arrays, *constants, iterations=5)
        gradients.append(gradient)
        slopes.append(oracle.delay_gradient(trains[b], fired[b], g, arrays[0], *constants, layer.delay_steps))
    close(layer.grads["weight"], np.mean(gradients, 0))
    close(layer.grads["delay"], 9 * np.mean(slopes, 0))


@pytest.mark.parametrize("kind", [SpikingDense, SpikingRecurrent])
def test_with_constants_of_each_neuron(kind, on_device):
    """The same learning as with equal constants of all neurons, which other kernels compute."""
    more = {"train_lateral": True} if kind is SpikingRecurrent else {}
    options = {"units": 5, "train_delays": True, "max_delay": 9, "trainable": ("tau_m", "v_th")} | more
    layers = [build(kind, (6,), per=per, **options) for per in ("layer", "neuron")]
    inputs, found = SpikeTrains.from_dense(draw((6,))), []
    delta = np.random.default_rng(2).standard_normal((3, 5)).astype(np.float32)
    for layer in layers:
        outputs = on_device(layer).forward(inputs).spikes
        found.append((outputs, on_device(layer).backward(inputs, outputs, delta)))
    assert found[0][0] == found[1][0]
    close(found[1][1], found[0][1])
    for name in ("weight", "delay"):
        assert layers[0].grads[name].any()
        close(layers[1].grads[name], layers[0].grads[name])


def test_spsps_have_the_same_bits():
    below, above = SpikeTrains.from_dense(draw((70,))), SpikeTrains.from_dense(draw((9,), seed=2)[:, :, :] * 1)
    errors = np.ones((3, 9), np.float32)
    constants = build(SpikingDense, (70,), units=9).potential
    for (part, found), (other, values, _) in zip(
        spsp(below, above, errors, constants, 2), spsp_and_slopes(below, above, errors, constants, 2), strict=True
    ):
        assert part == other
        np.testing.assert_array_equal(values.values, found.values)


def network(device="cpu", kind=SpikingDense, **options):
    trained = {"train_delays": True, "max_delay": 10} | options
    return Sequential([kind(units=8, v_th=1.0, **QUICK, **trained), SpikingDense(2, 1.0, **QUICK)], (9,), 40, device=device)


def data(samples=24):
    return SpikeTrains.from_dense(draw((9,), 40, samples)), np.arange(samples) % 2


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
        nets.append(network(device, SpikingRecurrent, train_lateral=True))
        fit(nets[-1], part_size=part_size)
        set_num_threads(before)
    monkeypatch.setattr("cupynn.kernels.psp.SPSP_VALUES", 200)
    nets.append(network(device, SpikingRecurrent, train_lateral=True))
    fit(nets[-1])
    for net in nets[1:]:
        np.testing.assert_equal(arrays(net), arrays(nets[0]))
    start = network(device, SpikingRecurrent, train_lateral=True)
    assert (device.get(start.layers[0].params["delay"]) != arrays(nets[0])["recurrent_1/delay"]).any()


def test_delays_stay_within_their_bounds(device):
    net = network(device)
    optimizer = optimizers.Adam(0.3, average=0.5, centralize=True, regularizer=optimizers.ExponentialRegularizer(0.1))
    fit(net, optimizer=optimizer)
    for share in (arrays(net)["dense_1/delay"], device.get(optimizer.moments["dense_1", "delay"][-1])):
        assert share.min() >= 0
        assert share.max() <= 1
    assert {0, 10} <= set(device.get(net.layers[0].delay_steps).tolist())


def test_regularizers_are_for_weights(device):
    """Their term would pull delays to zero."""
    nets = network(device), network(device)
    plain, regular = optimizers.SGD(1e-3), optimizers.SGD(1e-3, regularizer=optimizers.ExponentialRegularizer())
    for net, optimizer in zip(nets, (plain, regular), strict=True):
        fit(net, optimizer=optimizer, epochs=1, batch_size=24)
    one, other = map(arrays, nets)
    assert (one["dense_1/weight"] != other["dense_1/weight"]).any()
    np.testing.assert_array_equal(one["dense_1/delay"], other["dense_1/delay"])


def test_a_resumed_training_has_the_same_bits(device, tmp_path):
    alone, broken, again = network(device), network(device), network(device)
    fit(alone, epochs=3)

    def stop(net, history):
        if len(history) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(broken, epochs=3, checkpoint=tmp_path / "training.npz", callbacks=[stop])
    fit(again, epochs=3, checkpoint=tmp_path / "training.npz", resume=True)
    np.testing.assert_equal(arrays(again), arrays(alone))


@pytest.mark.parametrize("options", [{}, {"trained": False}, {"train_delays": False, "delays": [3] * 9}], ids=str)
def test_files_and_copies_keep_delays(device, options, tmp_path):
    net = network(device, **options)
    fit(net, epochs=1)
    net.save(tmp_path / "net.npz")
    spikes = data()[0]
    for twin in (Sequential.load(tmp_path / "net.npz", device), copy.deepcopy(net)):
        np.testing.assert_equal(arrays(twin), arrays(net))
        assert twin.layers[0].config() == net.layers[0].config()
        np.testing.assert_array_equal(device.get(twin.layers[0].delay_steps), device.get(net.layers[0].delay_steps))
        assert twin.forward(spikes).to_host() == net.forward(spikes).to_host()


def test_a_frozen_layer_keeps_its_delays():
    net = network()
    net.layers[0].trained = False
    before = arrays(net)
    fit(net)
    assert list(net.layers[0].buffers) == ["weight", "delay"]
    np.testing.assert_array_equal(arrays(net)["dense_1/delay"], before["dense_1/delay"])


def test_layers_without_delays_are_written_as_before():
    for kind, arguments in ((SpikingDense, {"units": 2}), (SpikingConv2D, {"maps": 2, "kernel_size": 1})):
        assert not {"delays", "train_delays", "max_delay"} & set(kind(v_th=1.0, **arguments).config())


def test_a_definition_has_them():
    text = """
        input_shape = [3]
        steps = 30
        [[layers]]
        kind = "SpikingDense"
        units = 3
        v_th = 1.0
        delays = [1, 2, 3]
        train_delays = true
        max_delay = 6
    """
    net = definition.build(Sequential, tomllib.loads(text), "here", "cpu")
    assert net.layers[0].delay_steps.tolist() == [1, 2, 3]
    assert definition.build(Sequential, definition.describe(net), "here", "cpu").layers[0].delay_steps.tolist() == [1, 2, 3]
    with pytest.raises(InputError, match=r"here: network.layers\[0\] \(SpikingDense\): delays holds 3: pass at most"):
        definition.build(Sequential, tomllib.loads(text.replace("= 6", "= 2")), "here", "cpu")


def test_random_delays_fill_their_range():
    layer = build(SpikingDense, (2000,), units=2, train_delays=True, max_delay=50)
    assert layer.delay_steps.min() == 0
    assert layer.delay_steps.max() == 50
    assert abs(layer.delay_steps.mean() - 25) < 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delays": -1}, "delays=-1: pass"),
        ({"delays": 1.5}, r"delays=1\.5: pass"),
        ({"delays": "late"}, "delays='late': pass"),
        ({"delays": [1.0, 2.0]}, r"delays has dtype float64, shape \(2,\): pass whole numbers of steps"),
        ({"delays": [1, -2]}, "delays holds -2: pass whole numbers"),
        ({"delays": []}, r"delays has dtype float64, shape \(0,\)"),
        ({"delays": 7, "max_delay": 6}, "delays holds 7: pass at most max_delay=6"),
        ({"delays": [1, 7], "max_delay": 6}, "delays holds 7: pass at most max_delay=6"),
        ({"max_delay": 6}, "max_delay=6 without delays: pass delays or train_delays=True"),
        ({"max_delay": 0, "train_delays": True}, "max_delay=0: pass"),
        ({"train_delays": True}, "train_delays=True needs a bound: pass max_delay"),
        ({"train_delays": 1}, "train_delays=1: pass True or False"),
        ({"delay": 3}, "no argument 'delay': pass delays"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(InputError, match=message):
        SpikingDense(4, 1.0, **options)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (
            SpikingDense,
            {"units": 2},
            r"middle: delays has shape \(3,\): pass one whole number, or one per input, \(2, 4, 3\)",
        ),
        (SpikingConv2D, {"maps": 2, "kernel_size": 2}, r"middle: delays has shape \(3,\): pass one whole number"),
    ],
)
def test_delays_of_another_shape(kind, options, message):
    with pytest.raises(InputError, match=message):
        Sequential([kind(v_th=1.0, delays=[1, 2, 3], name="middle", **options)], (2, 4, 3), 30, device="cpu")


def test_delays_beyond_the_steps(device):
    for options in ({"delays": 40}, {"train_delays": True, "max_delay": 40}):
        net = Sequential([SpikingDense(2, 1.0, **options)], (9,), 40, device=device)
        for act in (lambda net: net.forward(data()[0]), fit):
            with pytest.raises(InputError, match="dense_1: delays of up to 40 in trains of 40 steps: pass"):
                act(net)


def test_record_keeps_the_trains_as_they_act():
    """From which the S-PSPs of a plot are those of training."""
    net = network(device="cpu")
    spikes = data(2)[0]
    recording = net.record(spikes)
    np.testing.assert_array_equal(
        recording.acting["dense_1"].to_dense(), shifted(spikes.to_dense(), net.layers[0].delay_steps)
    )
    assert list(recording.acting) == ["dense_1"]
    shown = plot.psp(recording, "dense_1").axes[0].images[0].get_array()
    acting, fired = recording.acting["dense_1"][0], recording.spikes["dense_1"][0]
    np.testing.assert_allclose(shown, spsp_matrix(acting, fired, recording.potentials["dense_1"], 0)[0])


def test_the_explore_page_does_not_replay_delayed_inputs():
    [_, first, second] = contents.layer_tables(network())
    assert (first["kind"], second["kind"]) == ("other", "dense")


def order(samples, seed):
    """Two inputs fire once, 12 steps apart, each in ten copies: the class is which comes first."""
    rng, y = np.random.default_rng(seed), np.arange(samples) % 2
    x = np.zeros((samples, 60, 20), np.uint8)
    for b in range(samples):
        first = rng.integers(2, 12)
        for start, cue in ((first, y[b]), (first + 12, 1 - y[b])):
            x[b, start, 10 * cue : 10 * cue + 10] = 1
    return SpikeTrains.from_dense(x), y


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "least", "most"),
    [({}, 0.4, 0.6), ({"train_delays": True, "max_delay": 20}, 0.95, 1.0)],
    ids=["none", "trained"],
)
def test_a_task_that_only_delays_solve(options, least, most):
    """The membranes have forgotten the first spike when the second comes: exp(-12 / 2)."""
    brief = {"tau_m": 2.0, "tau_s": 1.0, "t_ref": 0}
    parts = [SpikingDense(40, 0.3, **brief, **options), SpikingDense(2, 1.0, **brief)]
    net = Sequential(parts, (20,), 60, seed=0, device="cpu")
    optimizer = optimizers.Adam(0.01, schedule="cosine")
    net.fit(order(200, 0), loss=losses.SpikeCount(2, 0, 0), optimizer=optimizer, epochs=40, batch_size=20, progress=False)
    accuracy = net.evaluate(order(200, 1)).accuracy
    assert least <= accuracy <= most


@pytest.mark.parametrize("trained", [False, True])
def test_a_bias_and_pooling_beside_delays(device, trained):
    """The error below and the gradients are those of a layer that takes trains which are delayed already."""
    rng = np.random.default_rng(5)
    steps = rng.integers(0, 6, 16)
    dense = rng.random((4, 60, 1, 4, 4)) < 0.2
    later = np.zeros_like(dense)
    for index, wait in enumerate(steps):
        y, x = divmod(index, 4)
        later[:, wait:, 0, y, x] = dense[:, : 60 - wait, 0, y, x]
    quick = {"v_th": 1.0, "tau_m": 9.0, "tau_s": 3.0, "t_ref": 1, "bias": True}
    delays = {"delays": steps, "train_delays": True, "max_delay": 6} if trained else {"delays": steps}
    found = []
    for more, given in ((delays, dense), ({}, later)):
        layer = layers.SpikingDense(5, **quick, **more)
        net = Sequential([layers.AveragePool2D(2), layer], (1, 4, 4), 60, device=device, seed=1)
        layer.params["weight"][...] = net.device.put(np.linspace(-1, 4, 20, dtype=np.float32).reshape(5, 4))
        layer.params["bias"][...] = net.device.put(np.linspace(0, 0.2, 5, dtype=np.float32))
        trains = net.device.trains(SpikeTrains.from_dense(given))
        fired = layer.forward(trains).spikes
        layer.backward(trains, fired, net.device.put(np.linspace(-1, 1, 20, dtype=np.float32).reshape(4, 5)))
        found.append((fired.to_host().to_dense(), *(net.device.get(layer.grads[name]) for name in ("weight", "bias"))))
    for one, other in zip(*found, strict=True):
        assert one.any()
        np.testing.assert_array_equal(one, other)
