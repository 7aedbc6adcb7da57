"""Constants that each neuron, or each map, has of its own: against the oracle, and against constants that all share."""

import re

import numpy as np
import oracle
import pytest
from constant_cases import CASES, EVERY, NAMES, passed
from factories import close

from cupynn import Sequential
from cupynn.encoders import Poisson
from cupynn.layers import SpikingConv2D, SpikingDense, SpikingPool2D
from cupynn.spikes import SpikeTrains
from cupynn.training import health

EACH = {"trainable": NAMES, "per": "neuron"}
cases = EVERY


def various(layer):
    """Give each group other constants; return them for each neuron, (3, N)."""
    rng = np.random.default_rng(11)
    for name in NAMES:
        layer.params[name][...] = rng.uniform(-0.4, 0.4, layer.constant_groups)
    neurons = np.prod(layer.output_shape) // layer.constant_groups
    return np.array([np.repeat(getattr(layer, name), neurons) for name in NAMES])


def lateral_factors(layer, post, constants, kind):
    """f_j where neurons have thresholds v_th_j, and S-PSPs by the constants of the neuron above."""
    n, o, (v_th, tau_m, tau_s) = post.shape[1], post.sum(0), constants
    e = np.array(
        [[oracle.spsp(post[:, m], post[:, i], kind, tau_m[i], tau_s[i], layer.t_ref) for m in range(n)] for i in range(n)]
    )
    r = np.where((o > 0)[:, None] & (o > 0), e / np.maximum(o, 1), 1.0)
    g = np.where(o > 0, 1 / v_th, 0)
    off = 1 - np.eye(n)
    return 1 / (1 - layer.lateral_inhibition**2 * g * (off * r * r.T * g).sum(1))


def expected(case, layer, inputs, outputs, delta, constants):
    """The oracle's mean gradients by weights (N, N_in) and by constants (3, N), and the errors of the inputs."""
    weight, among = case.matrices(layer)
    shape, kind = (inputs.shape[1], -1), layer.psp_kernel
    pool = isinstance(layer, SpikingPool2D)
    gradient, by_constants, below = np.zeros_like(weight), np.zeros_like(constants), np.zeros((len(inputs), weight.shape[1]))
    for b in range(len(inputs)):
        pre, post = (each[b].reshape(shape).astype(float) for each in (inputs, outputs))
        d = delta[b].ravel()
        inhibited = getattr(layer, "lateral_inhibition", 0)
        factors = lateral_factors(layer, post, constants, kind) if inhibited else np.ones(len(weight))
        for i, (v_th, tau_m, tau_s) in enumerate(constants.T):
            own = {"overshoot": layer.overshoot}
            trains, rule = (pre, post[:, [i]]), (weight[[i]], v_th, kind, tau_m, tau_s, layer.t_ref)
            error = d[[i]] * (v_th / np.prod(layer.kernel_size) if pool else 1)
            row, errors = oracle.backward(*trains, error, *rule, **own)
            gradient[i] += row[0] * factors[i] / len(inputs)
            below[b] += errors
            u = None if among is None else among[[i]]
            by_constants[:, i] += oracle.constant_gradients(*trains, d[[i]], *rule, u, own=post, **own)[:, 0] / len(inputs)
    return gradient, by_constants, below


@cases
def test_the_backward_pass_is_the_oracles(case, on_device):
    layer = case.layer(per="neuron")
    constants, held = various(layer), on_device(layer)
    inputs, outputs, delta = passed(case, held, samples=2)
    assert outputs.total > 0 or case.v_th == 1000
    below = held.backward(SpikeTrains.from_dense(inputs), outputs, delta)
    gradient, by_constants, errors = expected(case, layer, inputs, outputs.to_dense(), delta, constants)
    close(below.reshape(len(inputs), -1), errors)
    if isinstance(layer, SpikingConv2D):
        entry = oracle.unrolled(layer.weight.astype(float), case.shape, layer.padding)[1]
        shared = np.zeros(layer.weight.size)
        np.add.at(shared, entry[entry >= 0], gradient[entry >= 0])
        gradient = shared.reshape(layer.weight.shape)
    if not isinstance(layer, SpikingPool2D):
        close(layer.grads["weight"], gradient)
    for name, sums in zip(NAMES, by_constants, strict=True):
        lowest = 1e-5 if name == "v_th" else 1
        close(layer.grads[name], (sums.reshape(layer.constant_groups, -1).sum(1) * (getattr(layer, name) - lowest)))


@pytest.mark.parametrize("name", ["dense", "dense, no rest", "dense, 70 units", "conv", "conv, 5 maps", "pool"])
def test_the_forward_pass_is_the_oracles(name, on_device):
    case = CASES[name]
    layer = case.layer(per="neuron")
    (weight, _), constants = case.matrices(layer), various(layer)
    inputs = passed(case, on_device(layer))[0]
    run = on_device(layer).forward(SpikeTrains.from_dense(inputs), record=True)
    shape = (*inputs.shape[:2], -1)
    spikes, membrane, current = (
        np.asarray(each).reshape(shape) for each in (run.spikes.to_dense(), run.membrane, run.current)
    )
    assert spikes.any()
    for b, x in enumerate(inputs.reshape(shape).astype(float)):
        for i, (v_th, tau_m, tau_s) in enumerate(constants.T):
            own = oracle.simulate(x, weight[[i]], v_th, tau_m, tau_s, layer.t_ref, margin=layer.margin)
            np.testing.assert_array_equal(spikes[b, :, [i]], own[0].T)
            np.testing.assert_allclose(membrane[b, :, [i]], own[1].T, atol=3e-5)
            np.testing.assert_allclose(current[b, :, [i]], own[2].T, atol=3e-5)


@cases
def test_equal_ones_are_as_those_that_all_share(case, on_device):
    shared, own = case.layer(), case.layer(per="neuron")
    inputs, outputs, delta = passed(case, on_device(shared))
    trains = SpikeTrains.from_dense(inputs)
    assert on_device(own).forward(trains).spikes == outputs
    close(on_device(own).backward(trains, outputs, delta), on_device(shared).backward(trains, outputs, delta))
    for name, gradient in own.grads.items():
        if name in NAMES:
            np.testing.assert_allclose([gradient.sum()], shared.grads[name], rtol=1e-4, atol=1e-5 * np.abs(gradient).max())
        else:
            close(gradient, shared.grads[name])


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("conv", "pool")]  # they compile for types of their own


@pytest.mark.parametrize("trainable", [("v_th",), ("tau_s",)])
@pytest.mark.parametrize("name", ["inhibited", "recurrent", *SLOW])
def test_some_of_them(name, trainable, on_device):
    shared, own = (CASES[name].layer(per=per, trainable=trainable) for per in ("layer", "neuron"))
    inputs, outputs, delta = passed(CASES[name], on_device(shared))
    trains = SpikeTrains.from_dense(inputs)
    assert on_device(own).forward(trains).spikes == outputs
    close(on_device(own).backward(trains, outputs, delta), on_device(shared).backward(trains, outputs, delta))
    assert [name for name in own.grads if name in NAMES] == list(trainable)
    found, expected = own.grads[trainable[0]], shared.grads[trainable[0]]
    np.testing.assert_allclose([found.sum()], expected, rtol=1e-4, atol=1e-5 * np.abs(found).max())


def held(x, fired, tau_m, tau_s, t_ref):
    """The sum of a neuron's membranes at the firings of its train, step by step."""
    v = q = total = 0
    released = 0
    for t, fires in enumerate(fired):
        q = q * (1 - 1 / tau_s) + (x[t - 1] if t else 0)
        v = (v * (1 - 1 / tau_m) + q / tau_s) * (t > released)
        if fires:
            total, v, released = total + v, 0, t + t_ref
    return total


def test_a_train_that_was_filled_in(on_device):
    """Its firings may be closer than the refractory period."""
    layers = [SpikingDense(2, 1e3, t_ref=4, name="own", trainable=NAMES, per=per, tau_m=20.0) for per in ("layer", "neuron")]
    dense, tiny = np.zeros((1, 40, 2), np.uint8), 1e-30j
    dense[0, [3, 5, 9, 12, 13, 30], 0] = 1
    inputs, outputs = SpikeTrains.from_dense(np.ones((1, 40, 3))), SpikeTrains.from_dense(dense)
    for layer in layers:
        layer.build((3,), np.random.default_rng(0))
        on_device(layer).backward(inputs, outputs, np.ones((1, 2), np.float32))
    x = np.full(40, layers[0].weight[0].sum(dtype=float))
    trains = x, dense[0, :, 0]
    by_m, by_s = (held(*trains, *taus, 4).imag / 1e-30 / 1e3 for taus in ((20 + tiny, 8), (20, 8 + tiny)))
    expected = -held(*trains, 20, 8, 4) / 1e6 * (1e3 - 1e-5), by_m * 19, by_s * 7
    for name, gradient in zip(NAMES, expected, strict=True):
        close(layers[1].grads[name], [gradient, 0])
        close(layers[0].grads[name], [gradient])
    close(layers[0].grads["weight"], layers[1].grads["weight"])


@pytest.mark.parametrize("trainable", [NAMES, ("v_th",)])
def test_equal_ones_beside_trained_recurrent_weights(trainable, on_device):
    case = CASES["recurrent"]
    lateral = case.arguments["lateral"] * (1 - np.eye(6, dtype=np.float32)) / 3
    shared, own = (
        case.layer(train_lateral=True, lateral=lateral, per=per, trainable=trainable) for per in ("layer", "neuron")
    )
    inputs, outputs, delta = passed(case, on_device(shared))
    trains = SpikeTrains.from_dense(inputs)
    close(on_device(own).backward(trains, outputs, delta), on_device(shared).backward(trains, outputs, delta))
    for name in ("weight", "lateral"):
        close(own.grads[name], shared.grads[name])
    for name in trainable:
        found = own.grads[name]
        np.testing.assert_allclose([found.sum()], shared.grads[name], rtol=1e-4, atol=1e-5 * np.abs(found).max())


def test_notices_and_the_summary_show_ranges(capsys):
    kinds = [SpikingConv2D(2, 2, 50.0, initial_weight=0.01, name="far", **EACH), SpikingDense(3, 1.0, **EACH)]
    net = Sequential(kinds, (3, 4), 30, Poisson(0.8), device="cpu")
    kinds[0].params["v_th"][...] = np.log([2, 3])
    assert net.layers[0].neuron.reach(30).shape == (2,)
    notice = health._cannot_fire(net.layers[0], 30)
    assert re.match(r"no neuron of layer far can reach v_th=100 to 150: all inputs at every step give [\d.]+ with", notice)
    net.summary()
    assert "100 to 150" in capsys.readouterr().out
