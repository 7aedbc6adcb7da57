"""Optimizers against float64 loops, schedules at known epochs, the regulariser as a gradient."""

from math import exp, sqrt
from types import SimpleNamespace

import numpy as np
import pytest

from cupynn import Sequential
from cupynn.checks import InputError
from cupynn.device.device import resolve
from cupynn.layers import SpikingDense
from cupynn.optimizers import SGD, Adam, ExponentialRegularizer

SHAPES = {"weight": (3, 4), "kernels": (2, 3, 2, 2)}  # a second one of four axes: convolution kernels


class Network(SimpleNamespace):
    """Something with layers that have parameters, gradients, their check and `project`: all that an optimizer asks for."""


def network(seed=0):
    rng = np.random.default_rng(seed)
    layers = [
        SimpleNamespace(
            name=name,
            params={name: rng.standard_normal(shape).astype(np.float32)},
            grads={name: np.zeros(shape, np.float32)},
            buffers={},
            project=lambda: None,
            check_gradients=lambda: None,
        )
        for name, shape in SHAPES.items()
    ]
    return Network(layers=layers, device=resolve("cpu"))


def draw_gradients(net, rng):
    for layer in net.layers:
        for gradient in layer.grads.values():
            gradient[:] = rng.standard_normal(gradient.shape)


def regularizer_term(weight, strength, beta, w_max):
    """The formula of the paper, neuron by neuron, in float64."""
    term = np.zeros(weight.shape)
    for i, w in enumerate(weight.astype(float)):
        level = sum((x / w_max) ** 2 for x in w.flat) / w.size
        term[i] = strength * beta * w / w_max * exp(beta * (level - 1))
    return term


class Reference:
    """One parameter under SGD or Adam, in float64."""

    def __init__(self, weight):
        self.weight = weight.astype(float)
        self.first, self.second, self.updates = np.zeros(weight.shape), np.zeros(weight.shape), 0

    def sgd(self, gradient, lr, momentum=0.0):
        self.first = momentum * self.first + gradient
        self.weight = self.weight - lr * self.first

    def adam(self, gradient, lr, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.updates += 1
        self.first = beta1 * self.first + (1 - beta1) * gradient
        self.second = beta2 * self.second + (1 - beta2) * gradient**2
        mean, square = self.first / (1 - beta1**self.updates), self.second / (1 - beta2**self.updates)
        self.weight = self.weight - lr * mean / (np.sqrt(square) + epsilon)


@pytest.mark.parametrize("centralize", [False, True])
@pytest.mark.parametrize("regularizer", [None, {"strength": 10.0, "beta": 0.7, "w_max": 1.5}], ids=["plain", "regularized"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (SGD, {"lr": 0.1}),
        (SGD, {"lr": 0.05, "momentum": 0.9}),
        (Adam, {"lr": 0.01}),
        (Adam, {"lr": 0.02, "beta1": 0.5, "beta2": 0.9, "epsilon": 0.1}),
        (Adam, {"lr": 0.02, "beta1": 0.0}),
    ],
    ids=str,
)
def test_updates_follow_the_formula(kind, options, regularizer, centralize):
    net, rng = network(), np.random.default_rng(1)
    rule = None if regularizer is None else ExponentialRegularizer(**regularizer)
    optimizer = kind(**options, regularizer=rule, centralize=centralize)
    references = {layer.name: Reference(layer.params[layer.name]) for layer in net.layers}
    for _ in range(6):
        draw_gradients(net, rng)
        for layer in net.layers:
            reference = references[layer.name]
            gradient = layer.grads[layer.name].astype(float)
            if centralize:
                gradient -= gradient.mean(tuple(range(1, gradient.ndim)), keepdims=True)
            if regularizer is not None:
                gradient = gradient + regularizer_term(reference.weight, **regularizer)
            getattr(reference, kind.__name__.lower())(gradient, **options)
        optimizer.step(net)
        for layer in net.layers:
            weight = layer.params[layer.name]
            assert weight.dtype == np.float32
            np.testing.assert_allclose(weight, references[layer.name].weight, rtol=2e-5, atol=2e-6)
    assert optimizer.updates == 6


def test_a_single_input_is_learnt_from_centralized_or_not():
    learnt = []
    for centralize in (False, True):
        layer = SimpleNamespace(
            name="thin",
            params={"weight": np.zeros((2, 1), np.float32)},
            grads={},
            project=lambda: None,
            check_gradients=lambda: None,
        )
        layer.grads["weight"] = np.array([[1.0], [-2.0]], np.float32)
        SGD(0.1, centralize=centralize).step(Network(layers=[layer], device=resolve("cpu")))
        learnt.append(layer.params["weight"])
    assert learnt[0].all()
    np.testing.assert_array_equal(*learnt)


@pytest.mark.parametrize("average", [0.3, 0.9])
@pytest.mark.parametrize("kind", [SGD, Adam])
def test_averages_follow_the_formula_and_leave_the_updates_alone(kind, average):
    plain, net, rng = network(), network(), np.random.default_rng(1)
    optimizers = kind(lr=0.1), kind(lr=0.1, average=average)
    means = [layer.params[layer.name].astype(float) for layer in net.layers]
    for update in range(1, 13):
        draw_gradients(net, rng)
        for layer, twin in zip(net.layers, plain.layers, strict=True):
            twin.grads[layer.name][...] = layer.grads[layer.name]
        for optimizer, each in zip(optimizers, (plain, net), strict=True):
            optimizer.step(each)
        share = 1 - min(average, (1 + update) / (10 + update))
        for mean, layer in zip(means, net.layers, strict=True):
            mean += share * (layer.params[layer.name] - mean)
    live = [twin.params[twin.name] for twin in plain.layers]
    for mean, layer in zip(means, optimizers[1].averaged(net).layers, strict=True):
        np.testing.assert_allclose(layer.params[layer.name], mean, rtol=1e-5, atol=1e-6)
    for weight, layer in zip(live, net.layers, strict=True):
        np.testing.assert_array_equal(layer.params[layer.name], weight)
    optimizers[1].apply_averages(net)
    for mean, layer in zip(means, net.layers, strict=True):
        np.testing.assert_allclose(layer.params[layer.name], mean, rtol=1e-5, atol=1e-6)


def test_without_averages_or_updates_the_weights_stay():
    for optimizer in (Adam(), Adam(average=0.9)):
        net = network()
        before = [layer.params[layer.name].copy() for layer in net.layers]
        assert optimizer.averaged(net) is net
        optimizer.apply_averages(net)
        for layer, weight in zip(net.layers, before, strict=True):
            np.testing.assert_array_equal(layer.params[layer.name], weight)


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_gradients_are_only_read(kind):
    net = network()
    draw_gradients(net, np.random.default_rng(1))
    before = [layer.grads[layer.name].copy() for layer in net.layers]
    kind(regularizer=ExponentialRegularizer()).step(net)
    for layer, gradient in zip(net.layers, before, strict=True):
        np.testing.assert_array_equal(layer.grads[layer.name], gradient)


@pytest.mark.parametrize("kind", [SGD, Adam])
@pytest.mark.parametrize(
    ("schedule", "epoch", "factor"),
    [
        ("constant", 7.5, 1),
        ("inverse-sqrt", 0, 1),
        ("inverse-sqrt", 0.99, 1),  # it falls from epoch to epoch, not within
        ("inverse-sqrt", 1, 1 / sqrt(2)),
        ("inverse-sqrt", 3.5, 1 / 2),
        ("cosine", 0, 1),
        ("cosine", 2.5, (1 + 1 / sqrt(2)) / 2),
        ("cosine", 5, 1 / 2),
        ("cosine", 10, 0),
        ("cosine", 12, 0),
    ],
)
def test_schedules(kind, schedule, epoch, factor):
    optimizer = kind(lr=0.4, schedule=schedule)
    optimizer.epochs, optimizer.epoch = 10, epoch
    assert optimizer.rate == pytest.approx(0.4 * factor, abs=1e-15)


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_a_step_uses_the_scheduled_rate(kind):
    """One update is proportional to the rate."""
    moved = []
    for epoch in (0, 3):
        net = network()
        draw_gradients(net, np.random.default_rng(1))
        start = net.layers[0].params["weight"].copy()
        optimizer = kind(lr=0.4, schedule="inverse-sqrt")
        optimizer.epoch = epoch
        optimizer.step(net)
        moved.append(net.layers[0].params["weight"] - start)
    np.testing.assert_allclose(moved[1], moved[0] / 2, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_the_cosine_schedule_asks_for_the_number_of_epochs(kind):
    optimizer, net = kind(schedule="cosine"), network()
    before = net.layers[0].params["weight"].copy()
    with pytest.raises(InputError, match=r"cosine.*optimizer\.epochs"):
        optimizer.step(net)
    np.testing.assert_array_equal(net.layers[0].params["weight"], before)
    assert optimizer.updates == 0


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_an_optimizer_belongs_to_one_network(kind):
    """Its moments are that network's; the kernels would read and write a wider layer's out of bounds."""
    optimizer, first, second = kind(), network(), network()
    optimizer.step(first)
    before = second.layers[0].params["weight"].copy()
    with pytest.raises(InputError, match="another network"):
        optimizer.step(second)
    np.testing.assert_array_equal(second.layers[0].params["weight"], before)
    optimizer.step(first)
    assert optimizer.updates == 2


CONSTANTS = {"strength": 3.0, "beta": 0.7, "w_max": 2.0}


class TestExponentialRegularizer:
    def test_decay_follows_the_formula(self):
        weight = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
        decay = ExponentialRegularizer(**CONSTANTS).decay(weight)
        assert decay.dtype == np.float32
        assert decay.shape == (5,)
        np.testing.assert_allclose(decay[:, None] * weight, regularizer_term(weight, **CONSTANTS), rtol=1e-5)

    def test_term_is_a_gradient(self):
        """Of sum_i exp(beta * (sum_j (w_ij / w_max)^2 / n - 1)), up to a factor that all weights share."""
        weight = np.random.default_rng(0).standard_normal((3, 4))
        beta, w_max, n = CONSTANTS["beta"], CONSTANTS["w_max"], weight.shape[1]

        def penalty(w):
            return np.exp(beta * (((w / w_max) ** 2).sum(1) / n - 1)).sum()

        gradient, step = np.empty_like(weight), 1e-5
        for place in np.ndindex(weight.shape):
            shift = np.zeros_like(weight)
            shift[place] = step
            gradient[place] = (penalty(weight + shift) - penalty(weight - shift)) / (2 * step)
        term = ExponentialRegularizer(**CONSTANTS).decay(weight)[:, None] * weight
        np.testing.assert_allclose(term, gradient * CONSTANTS["strength"] * w_max * n / 2, rtol=1e-5)

    def test_larger_weights_are_drawn_back_more_than_in_proportion(self):
        decay = ExponentialRegularizer(beta=1.0, w_max=1.0).decay(np.array([[1.0, 1.0], [2.0, 2.0]], np.float32))
        assert decay[1] == pytest.approx(decay[0] * exp(3), rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (SGD, {"lr": 0}, "lr=0"),
        (SGD, {"lr": -1.0}, r"lr=-1\.0"),
        (SGD, {"lr": np.nan}, "lr=nan"),
        (SGD, {"lr": "fast"}, "lr='fast'"),
        (SGD, {"momentum": 1}, "momentum=1"),
        (SGD, {"momentum": -0.1}, r"momentum=-0\.1"),
        (SGD, {"average": 1.0}, r"average=1\.0"),
        (Adam, {"average": -0.5}, r"average=-0\.5"),
        (SGD, {"schedule": "linear"}, "schedule='linear'.*'cosine'"),
        (SGD, {"regularizer": 0.1}, r"regularizer=0\.1"),
        (Adam, {"lr": 0}, "lr=0"),
        (Adam, {"beta1": 1.0}, r"beta1=1\.0"),
        (Adam, {"beta2": 1.0}, r"beta2=1\.0"),
        (Adam, {"beta2": -0.1}, r"beta2=-0\.1"),
        (Adam, {"epsilon": 0}, "epsilon=0"),
        (Adam, {"schedule": None}, "schedule=None"),
        (Adam, {"regularizer": {"strength": 1.0}}, "regularizer is a dict: pass an ExponentialRegularizer"),
        (ExponentialRegularizer, {"strength": -1}, "strength=-1"),
        (ExponentialRegularizer, {"beta": -1}, "beta=-1"),
        (ExponentialRegularizer, {"beta": np.inf}, "beta=inf"),
        (ExponentialRegularizer, {"w_max": 0}, "w_max=0"),
    ],
)
def test_arguments_that_cannot_be_used(kind, arguments, message):
    with pytest.raises(InputError, match=message):
        kind(**arguments)


def test_averages_reach_layers_that_hold_another():
    """A layer that hands on to one within it, whose arrays it shares; and what is done to the copy stays with it."""

    class Outer(SpikingDense):
        def build(self, input_shape, rng):
            self.inner = SpikingDense(self.units, self.v_th, name="inner")
            self.inner.build(input_shape, rng)
            self.input_shape, self.params, self.grads = input_shape, self.inner.params, self.inner.grads

        def forward(self, inputs, record=False):
            return self.inner.forward(inputs, record)

    net, rng = Sequential([Outer(3, 1.0)], (4,), 20, device="cpu"), np.random.default_rng(0)
    optimizer = Adam(0.1, average=0.9)
    for _ in range(3):
        net.layers[0].grads["weight"][...] = rng.normal(size=(3, 4))
        optimizer.step(net)
    before = net.layers[0].params["weight"].copy()
    twin = optimizer.averaged(net).layers[0]
    assert twin.inner.params["weight"] is twin.params["weight"]
    assert not np.array_equal(twin.params["weight"], before)
    twin.params["weight"][...] = 0
    np.testing.assert_array_equal(net.layers[0].params["weight"], before)
    assert np.any(optimizer.moments["dense_1", "weight"][-1])
