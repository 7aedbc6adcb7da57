"""Trained constants: their gradients against the oracle, their bounds, their arguments, and where they are seen."""

import numpy as np
import oracle
import pytest
from constant_cases import EVERY, LATERAL, NAMES, passed, trains_of
from factories import SAMPLES, Stop, draw_images

from cupynn import InputError, Sequential
from cupynn.encoders import Poisson
from cupynn.kernels.psp import psp
from cupynn.kernels.slopes import slopes
from cupynn.layers import SpikingConv2D, SpikingDense, SpikingPool2D, SpikingRecurrent
from cupynn.losses import SpikeCount
from cupynn.optimizers import Adam
from cupynn.spikes import SpikeTrains

cases = EVERY


@pytest.mark.parametrize("kind", ["exact", "srm"])
def test_the_oracles_derivatives_are_differences_of_its_tpsp(kind):
    rng, h = np.random.default_rng(0), 1e-4
    pre, post = (trains_of((4,), samples=1, seed=seed)[0].astype(float) for seed in (1, 2))
    trains, among, delta = (pre, post, rng.normal(size=(4, 4)), kind), rng.normal(size=(4, 4)), rng.normal(size=4)
    by_v, by_m, by_s = oracle.constant_gradients(pre, post, delta, trains[2], 2.0, kind, 20.0, 5.0, 2, among)
    by = [oracle.tpsp(*trains, *taus, 2, among) for taus in ((20 + h, 5), (20 - h, 5), (20, 5 + h), (20, 5 - h))]
    np.testing.assert_allclose(by_m, delta / 2 * (by[0] - by[1]) / (2 * h), rtol=1e-6)
    np.testing.assert_allclose(by_s, delta / 2 * (by[2] - by[3]) / (2 * h), rtol=1e-6)
    counts = oracle.tpsp(*trains, 20, 5, 2, among) / np.array([[2 + h], [2 - h]])
    np.testing.assert_allclose(by_v, delta * (counts[0] - counts[1]) / (2 * h), rtol=1e-6)


@pytest.mark.parametrize("kind", ["exact", "srm"])
@pytest.mark.parametrize("taus", [(20.0, 5.0), (5.0, 20.0), (8.0, 8.0), (8.0, 7.95), (8.0, 7.9), (1.0, 3.0), (64.0, 1.0)])
def test_the_constants_of_the_recursion(kind, taus):
    """Those of the traces, and their derivatives by differences; in srm also where both time constants are equal."""
    found, expected = slopes(kind, *taus, 2), psp(kind, *taus, 2)
    np.testing.assert_allclose(found[:3], expected[:3], rtol=2e-7, atol=1e-9)
    assert (found.t_ref, found.delay) == (2, expected.delay)
    names, h = ("decay_m_m", "decay_s_s", "gain_m", "gain_s"), 1e-3
    by_m, by_s = (
        [(float(a) - float(b)) / (2 * h) for a, b in zip(*sides, strict=True)]
        for sides in (
            [slopes(kind, taus[0] + step, taus[1], 2)[:3] for step in (h, -h)],
            [slopes(kind, taus[0], taus[1] + step, 2)[:3] for step in (h, -h)],
        )
    )
    differences = by_m[0], by_s[1], by_m[2], by_s[2]
    np.testing.assert_allclose([getattr(found, name) for name in names], differences, rtol=2e-3, atol=5e-5)


@cases
def test_gradients_are_the_oracles(case, on_device):
    layer = case.layer()
    held = on_device(layer)
    inputs, outputs, delta = passed(case, held)
    assert outputs.total > 0 or case.v_th == 1000
    held.backward(SpikeTrains.from_dense(inputs), outputs, delta)
    by_neuron = case.expected(layer, inputs, outputs.to_dense(), delta)
    starts = {"v_th": case.v_th - 1e-5, "tau_m": case.tau_m - 1, "tau_s": case.tau_s - 1}
    for name, by_constant in zip(NAMES, by_neuron, strict=True):
        expected = by_constant.sum() * starts[name]
        largest = np.abs(by_constant).max() * starts[name]
        np.testing.assert_allclose(layer.grads[name], [expected], rtol=1e-4, atol=2e-5 * largest)
        assert layer.grads[name].dtype == np.float32


def network(device="cpu", seed=0, **options):
    """One layer of each kind, with trained constants."""
    quick = {"tau_m": 8.0, "tau_s": 1.5, "t_ref": 0, "trainable": NAMES} | options
    parts = [
        SpikingConv2D(3, 2, 0.4, padding=1, initial_weight=1.0, **quick),
        SpikingPool2D(2, 0.3, stride=1, **quick),
        SpikingRecurrent(6, 0.4, lateral=LATERAL, **quick),
        SpikingDense(3, 0.3, lateral_inhibition=0.1, overshoot=True, **quick),
    ]
    return Sequential(parts, (3, 4), 30, Poisson(0.8), device=device, seed=seed)


def state(net):
    """All arrays, on the host."""
    return {name: net.device.get(array).copy() for name, array in net.arrays().items()}


def same(net, other):
    first, second = state(net), state(other)
    assert list(first) == list(second)
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)


def learn(net, optimizer=None, samples=SAMPLES, **options):
    usual = {"loss": SpikeCount(8, 2, 1), "epochs": 2, "batch_size": 9, "progress": False}
    return net.fit(draw_images(samples=samples), optimizer=optimizer or Adam(0.02, average=0.9), **usual | options)


def test_training_changes_them_and_leaves_others_alone(device):
    net = network(device)
    before = state(net)
    learn(net)
    moved = {name for name, array in state(net).items() if (array != before[name]).any()}
    assert moved == set(before) - {"recurrent_3/lateral"}
    for layer in net.layers:
        assert all(getattr(layer, name) != layer.config()[name] for name in NAMES)
        assert (layer.tau_m - 1) / 7 == pytest.approx(np.exp(net.device.get(layer.params["tau_m"])[0]))


both = pytest.mark.parametrize("per", ["layer", "neuron"])


@both
def test_parts_of_a_batch_give_the_same_bits(per, device):
    x, y = draw_images(samples=13)
    found = []
    for sizes in ([13], [5, 8], [1] * 13):
        net, done = network(device, per=per), 0
        spikes = net.encode(x, np.arange(13), 1)
        for size in sizes:
            part = slice(done, done + size)
            error = SpikeCount(8, 2, 1)(net.forward(spikes[part]), y[part])
            net.backward(error, batch=13, add=done > 0)
            done += size
        found.append(
            {(layer.name, name): net.device.get(array) for layer in net.layers for name, array in layer.grads.items()}
        )
    for other in found[1:]:
        for key, gradient in found[0].items():
            np.testing.assert_array_equal(other[key], gradient, err_msg=str(key))


@both
def test_files_and_definitions_keep_them(per, tmp_path):
    net = network(per=per)
    learn(net)
    net.save(tmp_path / "net.npz")
    again = Sequential.load(tmp_path / "net.npz", device="cpu")
    same(net, again)
    x = draw_images(samples=5)[0]
    assert net.record(x).spikes["dense_4"] == again.record(x).spikes["dense_4"]
    assert [layer.config() for layer in again.layers] == [layer.config() for layer in network(per=per).layers]
    assert eval(repr(net.layers[3])).config() | {"name": "dense_4"} == net.layers[3].config()


@both
def test_resumed_training_has_the_same_bits(per, tmp_path):
    whole = network(per=per)
    learn(whole, epochs=3)

    def stop(net, history):
        if len(history) == 2:
            raise Stop

    with pytest.raises(Stop):
        learn(network(per=per), epochs=3, checkpoint=tmp_path / "stop.npz", callbacks=[stop])
    again = network(per=per)
    learn(again, epochs=3, checkpoint=tmp_path / "stop.npz", resume=True)
    same(whole, again)


@pytest.mark.parametrize("to", [1e4, -1e4])
def test_they_keep_within_their_bounds(to, device):
    net = network(device)
    for layer in net.layers:
        for name in NAMES:
            layer.params[name][...] = to
        assert 1 <= layer.tau_m < 1e10
        assert 1 <= layer.tau_s < 1e10
        assert 0.9e-5 < layer.v_th < 1e10
        assert layer.neuron.threshold > 0
    error = SpikeCount(8, 2, 1)(net.forward(net.encode(draw_images(samples=3)[0])), [0, 1, 2])
    net.backward(error)
    for layer in net.layers:
        assert all(np.isfinite(net.device.get(gradient)).all() for gradient in layer.grads.values())


def test_frozen_layers_keep_and_use_them():
    net = network()
    learn(net)
    values = [[getattr(layer, name) for name in NAMES] for layer in net.layers]
    for layer in net.layers:
        layer.trained = False
        assert not layer.params
        assert not layer.grads
    assert [[getattr(layer, name) for name in NAMES] for layer in net.layers] == values
    x, y = draw_images(samples=3)
    below = net.backward(SpikeCount(8, 2, 1)(net.forward(net.encode(x)), y))
    assert below.any()
    net.layers[1].trained = True
    assert list(net.layers[1].params) == list(NAMES)


def test_a_layer_without_trained_constants_is_as_before():
    layer = SpikingDense(3, 1.0)
    assert (layer.trainable, layer.per) == ((), "layer")
    assert not {"trainable", "per"} & set(layer.config())
    layer.build((4,), np.random.default_rng(0))
    assert list(layer.params) == ["weight"]
    layer.tau_m = 9.0
    assert layer.neuron.decay_m == np.float32(1 - 1 / 9)


def test_the_summary_shows_the_current_values(capsys):
    net = network()
    net.layers[3].params["tau_m"][...] = np.log(3)
    net.summary()
    row = capsys.readouterr().out.splitlines()[5].split()
    assert row[row.index("(3,)") + 1 :][:3] == ["0.3", "22", "1.5"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trainable": "tau_m"}, r"trainable='tau_m': pass a tuple of names, such as \('tau_m',\)"),
        ({"trainable": "taum"}, r"trainable='taum': pass a tuple of names, such as \('tau_m', 'v_th'\)"),
        ({"trainable": True}, "trainable=True: pass a tuple .* to freeze the weights, pass trained=False"),
        ({"trainable": ("tau",)}, r"'tau' \(did you mean 'tau_[ms]'\?\) is not a name .* 'tau_m', 'tau_s', 'v_th'"),
        ({"trainable": ("tau_m", 3)}, r"trainable=\('tau_m', 3\): 3 is not a name"),
        ({"trainable": ["tau_m", "tau_m"]}, "pass each name once"),
        ({"trainable": ("tau_s",), "tau_s": 1.0}, "tau_s=1 cannot be trained, as it is the least: pass tau_s above 1"),
    ],
)
@pytest.mark.parametrize("kind", [SpikingDense, SpikingConv2D, SpikingPool2D, SpikingRecurrent])
def test_bad_arguments(kind, arguments, message):
    first = (
        {"maps": 2, "kernel_size": 2}
        if kind is SpikingConv2D
        else {"kernel_size": 2}
        if kind is SpikingPool2D
        else {"units": 2}
    )
    with pytest.raises(InputError, match=message):
        kind(**first, v_th=1.0, **arguments)


def test_a_trained_constant_cannot_be_replaced():
    net = network()
    with pytest.raises(InputError, match=r"tau_m is trained.*np.log..new - 1. . 7.$"):
        net.layers[0].tau_m = 3.0
    with pytest.raises(InputError, match="set trained to freeze"):
        net.layers[0].trainable = ("tau_m",)
    with pytest.raises(InputError, match="argument of the constructor"):
        net.layers[0].per = "neuron"


@pytest.mark.parametrize(("name", "start", "target"), [("tau_m", 6.0, 30.0), ("tau_s", 2.0, 9.0), ("v_th", 3.0, 1.2)])
def test_a_layer_learns_the_constant_of_another(name, start, target):
    """From firing counts for the same trains and weights, by small steps against the gradient."""
    rng, constants = np.random.default_rng(0), {"v_th": 1.5, "tau_m": 20.0, "tau_s": 4.0}
    teacher, student = (
        SpikingDense(40, **constants | {name: value}, initial_weight=1.0, trainable=(name,)) for value in (target, start)
    )
    for layer in (teacher, student):
        layer.build((10,), np.random.default_rng(1))
    for step in range(120):
        inputs = SpikeTrains.from_dense(rng.random((16, 60, 10)) < 0.3 * rng.random((16, 1, 10)))
        wanted, outputs = teacher.forward(inputs).spikes.counts, student.forward(inputs).spikes
        student.backward(inputs, outputs, (outputs.counts - wanted).astype(np.float32), input_error=False)
        student.params[name] -= np.float32(0.05 * (1 - step / 120)) * np.sign(student.grads[name])
    assert getattr(student, name) == pytest.approx(target, rel=0.03)
