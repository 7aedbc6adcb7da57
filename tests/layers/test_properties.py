"""Laws that hold for any layer, data and constants."""

import numpy as np
import pytest
from factories import problems
from hypothesis import assume, given
from hypothesis import strategies as st

from cupynn import get_num_threads, set_num_threads
from cupynn.device.device import resolve
from cupynn.encoders import Poisson
from cupynn.spikes import SpikeTrains


@pytest.fixture(scope="session")
def device():
    """The CPU: that a GPU gives the same bits is a property of its own, in `test_cuda.py`."""
    return resolve("cpu")


layers = problems(inhibitions=(0.0, 0.5))
batches = problems(inhibitions=(0.0, 0.5), largest_batch=5)


def forward(layer, trains):
    spikes, membrane, current = layer.forward(SpikeTrains.from_dense(trains), record=True)
    return {"spikes": spikes.to_dense(), "membrane": membrane, "current": current}


def both(layer, trains, delta):
    """What a forward and a backward pass give; all but the gradient has an axis of samples."""
    results = forward(layer, trains)
    below = layer.backward(SpikeTrains.from_dense(trains), SpikeTrains.from_dense(results["spikes"]), delta)
    return results | {"below": below, "gradient": layer.grads["weight"].copy()}


def same(results, expected):
    for key in expected:
        np.testing.assert_array_equal(results[key], expected[key], err_msg=key)


@given(problems())
def test_spsp_times_weights_is_the_membrane_at_the_firings(dense, problem):
    """T-PSP: sum_j w_ij e_ij = U_i, the sum over i's firings of the membrane that made them, so that the passes agree.

    With D_i = 1 the gradient is (1 + U_i / (v_th o_i)) e_ij, and the errors below, times o_j, add up to sum_i U_i.
    """
    options, trains, _ = problem
    layer, inputs = dense(**options), SpikeTrains.from_dense(trains)
    outputs, membrane, _ = layer.forward(inputs, record=True)
    fired, counts = outputs.to_dense()[0], outputs.counts[0]
    potential = (fired * membrane[0].astype(float)).sum(0)
    delta = np.where(counts > 0, layer.v_th, 0).astype(np.float32)
    below = layer.backward(inputs, outputs, delta[None])
    terms = layer.params["weight"].astype(float) * layer.grads["weight"]
    expected = potential * (1 + potential / layer.v_th / np.maximum(counts, 1))
    rounding = 1e-5 * (1 + np.abs(terms).sum())
    np.testing.assert_allclose(terms.sum(1), expected, rtol=1e-4, atol=rounding)
    np.testing.assert_allclose((below * inputs.counts).sum(), potential.sum(), rtol=1e-4, atol=rounding)


@given(batches, st.data())
def test_samples_do_not_see_each_other(dense, problem, data):
    options, trains, rng = problem
    layer, batch = dense(**options), len(trains)
    delta = rng.standard_normal((batch, layer.units)).astype(np.float32)
    whole = both(layer, trains, delta)
    gradient, order, cut = whole.pop("gradient"), rng.permutation(batch), data.draw(st.integers(1, batch))
    shuffled = both(layer, trains[order], delta[order])
    same(shuffled, {key: values[order] for key, values in whole.items()})
    parts = [both(layer, trains[part], delta[part]) for part in np.split(np.arange(batch), [cut]) if part.size]
    same({key: np.concatenate([part[key] for part in parts]) for key in whole}, whole)
    gradients = [part["gradient"] for part in parts]
    rounding = 1e-5 * np.abs(gradients).max() + 1e-9
    for other in (shuffled["gradient"], np.average(gradients, 0, [len(part["below"]) for part in parts])):
        np.testing.assert_allclose(other, gradient, rtol=1e-4, atol=rounding)


@given(batches, st.data())
def test_a_spike_acts_from_the_next_step_on(dense, problem, data):
    options, trains, _ = problem
    b, t, j = (data.draw(st.integers(0, size - 1)) for size in trains.shape)
    with_spike, without = trains.copy(), trains.copy()
    with_spike[b, t, j], without[b, t, j] = 1, 0
    layer, others = dense(**options), np.arange(len(trains)) != b
    results = [forward(layer, x) for x in (with_spike, without)]
    for one, other in zip(*(result.values() for result in results), strict=True):
        np.testing.assert_array_equal(one[b, : t + 1], other[b, : t + 1])
        np.testing.assert_array_equal(one[others], other[others])
    if t + 1 < trains.shape[1]:
        change = np.subtract(*(result["current"][b, t + 1] for result in results))
        weight = layer.params["weight"]
        np.testing.assert_allclose(change, weight[:, j], rtol=1e-4, atol=1e-5 * (1 + np.abs(weight).sum() * t))


@given(batches)
def test_an_input_that_never_fires_has_no_effect(dense, problem):
    options, trains, rng = problem
    trains[:, :, 0] = 0
    layer = dense(**options)
    delta = rng.standard_normal((len(trains), layer.units)).astype(np.float32)
    gradient, before = both(layer, trains, delta)["gradient"], forward(layer, trains)
    layer.params["weight"][:, 0] = 100 * rng.standard_normal(layer.units)
    same(forward(layer, trains), before)
    assert not gradient[:, 0].any()


@given(layers, st.integers(-3, 6))
def test_weights_and_threshold_have_no_unit(dense, problem, power):
    """Powers of two scale without rounding; inhibition is a weight as well."""
    options, trains, _ = problem
    factor, before = 2.0**power, forward(dense(**options), trains)
    assume(np.abs(before["membrane"] - options["v_th"]).min() > 1e-4)  # the threshold's margin of 1e-6 is not scaled
    options |= {key: options[key] * factor for key in ("weight", "v_th", "lateral_inhibition")}
    after = forward(dense(**options), trains)
    np.testing.assert_array_equal(after["spikes"], before["spikes"])
    for key in ("membrane", "current"):  # equal to the bit, but for denormal numbers
        np.testing.assert_allclose(after[key], factor * before[key], rtol=0, atol=1e-36)


@pytest.fixture
def threads():
    """The numbers of threads to compare, restored after."""
    before = get_num_threads()
    yield 1, 2, 5
    set_num_threads(before)


@pytest.mark.parametrize("inhibition", [0.0, 0.2])
def test_any_number_of_threads_gives_the_same_bits(dense, threads, inhibition):
    rng = np.random.default_rng(0)
    x, delta = rng.random((13, 31)), rng.standard_normal((13, 211)).astype(np.float32)
    layer = dense(rng.standard_normal((211, 31)), 3.0, lateral_inhibition=inhibition)
    results = []
    for number in threads:
        set_num_threads(number)
        trains = Poisson().encode(x, steps=50, seed=0, draw=0, samples=np.arange(13))
        results.append(both(layer, trains.to_dense(), delta) | {"encoded": trains.to_dense()})
    assert all(values.any() for values in results[0].values())
    for result in results[1:]:
        same(result, results[0])
