"""Weights that are not finite: everything that uses a network says so, with the name of the array."""

import copy
import pickle

import numpy as np
import pytest
from factories import LOSS, dense_network, draw_data

from cupynn import losses, optimizers, plot, training
from cupynn.checks import InputError
from cupynn.layers import SpikingConv2D
from cupynn.network.finite import all_finite
from cupynn.sequential import Sequential
from cupynn.training import Diverged

X, Y = draw_data()
NAMED = "dense_2/weight holds a value that is not finite: create a new network, or load one from a file"


def spoiled(value=np.nan, device="cpu"):
    net = dense_network().to(device)
    net.layers[1].weight[1, 2] = value
    return net


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "use",
    [
        lambda net: net.evaluate((X, Y)),
        lambda net: net.predict(X),
        lambda net: net.counts(X),
        lambda net: net.record(X[:1]),
        lambda net: net.fit((X, Y), loss=LOSS, progress=False),
        lambda net: net.check_finite(),
    ],
    ids=["evaluate", "predict", "counts", "record", "fit", "check_finite"],
)
def test_uses(use, value, device):
    with pytest.raises(InputError, match=NAMED):
        use(spoiled(value, device))


def test_files(tmp_path):
    """They could not be loaded."""
    with pytest.raises(InputError, match=NAMED):
        spoiled().save(tmp_path / "net.npz")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("draw", [plot.weights, plot.receptive_fields])
def test_figures(draw):
    with pytest.raises(InputError, match=NAMED):
        draw(spoiled())


def test_figures_of_kernels():
    net = Sequential([SpikingConv2D(2, 3, 1.0)], (5, 5), 20, device="cpu")
    net.layers[0].weight[0, 0, 0, 0] = np.inf
    with pytest.raises(InputError, match="conv_1/weight holds a value that is not finite"):
        plot.kernels(net)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(("kind", "named"), [("params", "the array"), ("grads", "the gradient of")])
@pytest.mark.parametrize("optimizer", [optimizers.Adam, optimizers.SGD])
def test_an_update(monkeypatch, device, optimizer, kind, named, value):
    """A loop of a user would see the loss of a silent network for ever."""
    monkeypatch.setattr(optimizers.base, "CHECK_EVERY", 1)
    net, optimizer = dense_network().to(device), optimizer(0.01)
    error = LOSS(net.forward(net.encode(X)), Y)
    net.backward(error)
    getattr(net.layers[1], kind)["weight"][1, 2] = value
    with pytest.raises(Diverged, match=rf"{named} dense_2/weight is not finite after update 1; lower the optimizer's lr"):
        optimizer.step(net)


def test_a_rate_that_overflows(device):
    net, optimizer = dense_network().to(device), optimizers.SGD(1e30)

    def train():
        for _ in range(16):  # a GPU is asked after each eighth update
            training.step(net, losses.SpikeCount(12, 2, 2), optimizer, net.encode(X), Y)

    with pytest.raises(Diverged, match="is not finite after update"):
        train()


def test_fit_names_the_batch_and_leaves_the_check_of_the_optimizer_on():
    optimizer = optimizers.SGD(1e30)
    with pytest.raises(Diverged, match=r"is not finite after batch \d of epoch \d"):
        dense_network().fit((X, Y), loss=LOSS, optimizer=optimizer, progress=False)
    assert optimizer._checks
    with optimizer.unchecked():
        assert pickle.loads(pickle.dumps(optimizer))._checks
        assert copy.copy(optimizer)._checks


@pytest.mark.parametrize(("value", "finite"), [(1e20, True), (-3.4e38, True), (0, True), (np.nan, False), (np.inf, False)])
def test_large_values_are_finite(device, value, finite):
    arrays = [device.put(np.full((2, 3), each, np.float32)) for each in (1, value)]
    assert all_finite(device, arrays) == [True, finite]
    assert all_finite(device, []) == []
