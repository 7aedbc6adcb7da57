"""Frozen layers: training leaves them as they are, and everything else as if they were trained."""

import copy
import pickle

import numpy as np
import pytest
from factories import LOSS, draw_data, draw_images, fit, mixed_network

from cupynn import Sequential, layers, losses
from cupynn.checks import InputError
from cupynn.encoders import Poisson
from cupynn.layers import SpikingDense
from cupynn.optimizers import SGD, Adam, ExponentialRegularizer

MIXED_LOSS = losses.SpikeCount(desired=8, undesired=2, margin=1)


def make(device="cpu", **frozen):
    parts = [SpikingDense(8, 1.0), SpikingDense(6, 1.0, overshoot=True, **frozen), SpikingDense(3, 1.0)]
    return Sequential(parts, (9,), 50, Poisson(0.5), device=device)


def arrays(net):
    return {name: net.device.get(array).copy() for name, array in net.arrays().items()}


def gradients(net, x, y, first=None, **options):
    """The gradients of all layers after a pass, in parts of `first` and of the rest if given."""
    spikes = net.encode(x, np.arange(len(x)), 1)
    for part in [slice(None)] if first is None else [slice(first), slice(first, None)]:
        error = MIXED_LOSS(net.forward(spikes[part]), y[part])
        below = net.backward(error, batch=len(x), add=part.start is not None, **options)
    return below, {layer.name: net.device.get(layer.grads["weight"]).copy() for layer in net.layers if layer.grads}


def test_training_leaves_it_alone(device):
    """As Adam's moments and averages, the regularizer and centralization do."""
    net = make(device, trained=False)
    before = arrays(net)
    optimizer = Adam(0.05, average=0.9, centralize=True, regularizer=ExponentialRegularizer())
    fit(net, draw_data(), optimizer=optimizer, validation=draw_data())
    after = arrays(net)
    assert [name for name in after if (after[name] != before[name]).any()] == ["dense_1/weight", "dense_3/weight"]
    assert sorted(optimizer.moments) == [("dense_1", "weight"), ("dense_3", "weight")]


@pytest.mark.parametrize("first", [None, 5])
@pytest.mark.parametrize("frozen", [[1], [2], [3], [0, 2], [0, 1, 2], [2, 3]])
def test_gradients_of_the_other_layers_have_the_same_bits(device, frozen, first):
    """Also where the kernels reduce an error by overshoot while they write the gradient, and in parts of a batch."""
    x, y = draw_images(samples=12)
    net, twin = (mixed_network(device, overshoot=True) for _ in range(2))
    below, expected = gradients(twin, x, y, first)
    for index in frozen:
        net.layers[index].trained = False
    found_below, found = gradients(net, x, y, first)
    np.testing.assert_array_equal(net.device.get(found_below), net.device.get(below))
    names = [layer.name for index, layer in enumerate(net.layers) if layer.kind_name != "pool" and index not in frozen]
    assert list(found) == names
    for name in names:
        np.testing.assert_array_equal(found[name], expected[name])
    _, without_below = gradients(net, x, y, first, input_error=False)
    for name in names:
        np.testing.assert_array_equal(without_below[name], expected[name])


def test_layers_below_the_lowest_trained_one_are_not_computed(monkeypatch):
    net = make()
    for layer in net.layers[:2]:
        layer.trained = False
    monkeypatch.setattr(net.layers[1], "backward", None)
    fit(net, draw_data())


def test_a_layer_thawed_again_is_as_it_was(device):
    x, y = draw_images(samples=12)
    net = mixed_network(device)
    _, expected = gradients(net, x, y)
    before = arrays(net)
    for layer in net.layers:
        layer.trained = False
    assert not any(layer.params or layer.grads for layer in net.layers)
    for layer in net.layers:
        layer.trained = True
        assert layer.grads.keys() == layer.params.keys()
    np.testing.assert_equal(arrays(net), before)
    _, found = gradients(net, x, y)
    np.testing.assert_equal(found, expected)


def test_before_a_layer_is_built():
    layer = SpikingDense(8, 1.0)
    layer.trained = False
    net = Sequential([layer, SpikingDense(3, 1.0)], (9,), 50, device="cpu")
    assert list(layer.buffers) == ["weight"]
    np.testing.assert_array_equal(layer.weight, make().layers[0].weight)
    assert [each.parameter_count for each in net.layers] == [0, 24]


@pytest.mark.parametrize("kind", ["SpikingConv2D", "SpikingDense", "SpikingRecurrent"])
def test_files_keep_it(kind, tmp_path):
    arguments = {"maps": 2, "kernel_size": 2} if kind == "SpikingConv2D" else {"units": 4}
    first = getattr(layers, kind)(v_th=1.0, **arguments)
    net = Sequential([first, SpikingDense(3, 1.0)], (1, 4, 4), 30, Poisson(), device="cpu")
    first.trained = False
    net.save(tmp_path / "net.npz")
    twins = Sequential.load(tmp_path / "net.npz", "cpu"), copy.deepcopy(net), pickle.loads(pickle.dumps(net))
    for twin in twins:
        assert [layer.trained for layer in twin.layers] == [False, True]
        np.testing.assert_equal(twin.arrays(), net.arrays())
        twin.layers[0].trained = True
        assert list(twin.layers[0].grads) == ["weight"]


def test_a_trained_layer_is_written_as_before():
    assert "trained" not in SpikingDense(3, 1.0).config()
    assert SpikingDense(3, 1.0, trained=False).config()["trained"] is False


def test_the_summary_shows_it(capsys):
    net = make(trained=False)
    net.summary()
    out = capsys.readouterr().out
    assert "48 frozen" in out
    assert "90 parameters and 48 frozen" in out
    assert "48 frozen" in net._repr_html_()


def test_a_resumed_training_has_the_same_bits(tmp_path, device):
    data, path = draw_data(), tmp_path / "training.npz"
    alone, broken, again = (make(device, trained=False) for _ in range(3))
    fit(alone, data, epochs=3)

    def stop(net, history):
        if len(history) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(broken, data, epochs=3, checkpoint=path, callbacks=[stop])
    with pytest.raises(InputError, match="belongs to another training run: network differs"):
        fit(make(device), data, epochs=3, checkpoint=path, resume=True)
    fit(again, data, epochs=3, checkpoint=path, resume=True)
    np.testing.assert_equal(arrays(again), arrays(alone))


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_callback_cannot_freeze(average):
    """With averages it gets a copy, on which nothing would happen."""

    def freeze(net, history):
        net.layers[0].trained = False

    with pytest.raises(InputError, match=r"a callback has set layer\.trained: call fit once for each phase"):
        fit(make(), draw_data(), callbacks=[freeze], optimizer=Adam(0.02, average=average))


def test_nothing_left_to_train():
    net = make()
    for layer in net.layers:
        layer.trained = False
    with pytest.raises(InputError, match="all layers are frozen, so training changes nothing: set trained = True"):
        fit(net, draw_data())


def test_a_frozen_layer_that_cannot_fire():
    net = make()
    net.layers[0].trained = False
    net.layers[0].weight[...] = 1e-4
    with pytest.raises(InputError, match=r"no neuron of layer dense_1 can reach .* with its frozen weights; lower v_th"):
        fit(net, draw_data())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda net: setattr(net.layers[0], "trainable", False),
            "trainable=False: .* argument of its constructor; set trained",
        ),
        (lambda net: setattr(net.layers[0], "requires_grad", False), "no attribute 'requires_grad': set trained"),
        (lambda net: setattr(net.layers[0], "vth", 2.0), r"no attribute 'vth' \(did you mean 'v_th'\?\); it has bias"),
        (lambda net: setattr(net.layers[0], "trained", 0), "trained=0: pass True or False"),
        (lambda net: setattr(net.layers[0], "weight", 0), r"SpikingDense\.weight cannot be replaced: .*weight\[\.\.\.\]"),
        (lambda net: setattr(net, "trainable", False), r"a network has no attribute 'trainable': .*layer\.trained = False"),
        (lambda net: setattr(net, "trained", False), "a network has no attribute 'trained'"),
        (lambda net: setattr(net.encoder, "rate", 0.1), "Poisson has no attribute 'rate'.*max_rate"),
        (lambda net: setattr(LOSS, "target", 3), "SpikeCount has no attribute 'target'; it has desired"),
        (lambda net: setattr(Adam(), "learning_rate", 0.1), "Adam has no attribute 'learning_rate': set lr"),
        (lambda net: setattr(SGD(), "max_norm", 0.1), "SGD has no attribute 'max_norm': set clip_norm"),
        (lambda net: SpikingDense(3, 1.0, trainable=False), "trainable=False: pass a tuple .* pass trained=False"),
    ],
)
def test_attributes_that_nothing_reads_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        change(make())


class Own(SpikingDense):
    """A layer of a user, whose constructor may set any attribute."""

    def __init__(self, units, v_th, name=None):
        super().__init__(units, v_th, name=name)
        self.anything = 3


class OwnFrozen(SpikingDense):
    """One whose own `build` does not know of frozen layers."""

    def __init__(self, units, v_th, trained=True, name=None):
        super().__init__(units, v_th, name=name, trained=trained)

    def build(self, input_shape, rng):
        super().build(input_shape, rng)
        self.params = {"weight": self.weight}
        self.grads, self.buffers = {"weight": np.zeros_like(self.weight)}, {}


def test_layers_of_users():
    parts = [layers.SpikingPool2D(1, 1.0), Own(4, 1.0), OwnFrozen(4, 1.0, trained=False)]
    net = Sequential(parts, (1, 2, 2), 30, device="cpu")
    assert list(net.layers[2].buffers) == ["weight"]
    assert not net.layers[2].params
    net.layers[1].more = 4
    net.layers[0].trained = False  # it has no weights: a loop over all layers freezes what there is
    with pytest.raises(InputError, match="Own cannot be frozen, since its constructor has no argument trained"):
        net.layers[1].trained = False
    with pytest.raises(InputError, match=r"trainable=False: .* set trained"):
        net.layers[1].trainable = False
