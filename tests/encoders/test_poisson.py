"""The Poisson encoder: its chances, its independence, what a train depends on and what not."""

import numpy as np
import pytest
from compiled import philox

from cupynn.checks import InputError
from cupynn.encoders import ENCODERS, Poisson
from cupynn.kernels.poisson import gap_tables

SIGMAS = 4.5  # how far chance may lead; the seeds are fixed, so a test passes always or never


def encode(x, steps=60, seed=1, draw=2, samples=None, **options):
    samples = np.arange(len(x)) if samples is None else np.asarray(samples)
    return Poisson(**options).encode(x, steps, seed, draw, samples)


def chi_square(observed, expected, variance=None):
    """Sum of squared deviations, in standard deviations of its own from what chance gives on average."""
    squares = (observed - expected) ** 2 / (expected if variance is None else variance)
    return abs(squares.sum() - squares.size) / np.sqrt(2 * squares.size)


def covariance(a, b):
    """Mean product of two sets of trains of probability 0.2, in standard deviations of what chance gives."""
    products = (a - 0.2) * (b - 0.2)
    return abs(products.mean()) * np.sqrt(products.size) / (0.2 * 0.8)


@pytest.fixture(scope="module")
def levels():
    """Samples (100, 256) that show each level once."""
    return np.tile(np.arange(256, dtype=np.uint8), (100, 1))


def fifths(steps=201, **numbers):
    """Trains (64, T - 1, 32) of probability 0.2, without step 0."""
    return encode(np.full((64, 32), 255, np.uint8), steps, max_rate=0.2, **numbers).to_dense()[:, 1:]


# Chances ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_rate", [1 / 5.5, 0.05, 0.8])
def test_each_level_fires_in_proportion(levels, max_rate):
    trials, chance = 100 * 200, max_rate * np.arange(1, 256) / 255
    counts = encode(levels, steps=201, max_rate=max_rate).counts.sum(0)
    assert counts[0] == 0
    assert chi_square(counts[1:], trials * chance, trials * chance * (1 - chance)) < SIGMAS


def test_nothing_fires_at_step_0_and_later_steps_are_alike(levels):
    assert not encode(levels, max_rate=1.0).to_dense()[:, 0].any()
    by_step = fifths().sum((0, 2))
    assert chi_square(by_step, 0.2 * 64 * 32, 0.2 * 0.8 * 64 * 32) < SIGMAS


def test_gaps_are_geometric():
    times, starts = encode(np.full((64, 32), 255, np.uint8), steps=401, max_rate=0.2).by_neuron()
    gaps = np.concatenate([np.diff(train, prepend=0)[:40] for train in np.split(times, starts[1:-1])])
    assert gaps.size == 64 * 32 * 40  # no train ends before: long gaps are not cut off
    observed = np.bincount(np.minimum(gaps, 30))[1:]
    assert chi_square(observed, gaps.size * np.append(0.2 * 0.8 ** np.arange(29), 0.8**29)) < SIGMAS


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("axis", [0, 1, 2], ids=["samples", "steps", "neurons"])
def test_neighbours_are_independent(axis, lag):
    trains = np.moveaxis(fifths(), axis, 0)
    assert covariance(trains[lag:], trains[:-lag]) < SIGMAS


@pytest.mark.parametrize("other", [{"seed": 2}, {"seed": 1 + 2**32}, {"draw": 3}, {"samples": np.arange(64, 128)}], ids=str)
def test_other_numbers_give_independent_trains(other):
    assert covariance(fifths(), fifths(**other)) < SIGMAS


def test_certain_spikes():
    trains = encode(np.array([[255, 0]], np.uint8), steps=6, max_rate=1.0)
    np.testing.assert_array_equal(trains.to_dense()[0].T, [[0, 1, 1, 1, 1, 1], [0] * 6])


def test_hardly_possible_spikes():
    assert encode(np.full((20, 20), 255, np.uint8), steps=100, max_rate=1e-11).neurons.size == 0


@pytest.mark.parametrize("max_rate", [0.2, 1.0])
def test_one_step_holds_no_spike(levels, max_rate):
    trains = encode(levels, steps=1, max_rate=max_rate)
    assert trains.shape == (100, 1, 256)
    assert trains.neurons.size == 0


# What a train depends on -----------------------------------------------------------------------------------------------


def test_trains_follow_the_recipe():
    """Gaps by the words of Philox in turn, from the counter (block, neuron, sample, draw) and the key of the seed."""
    seed, draw, sample, steps, x = 0x123456789ABCDEF0, 2**32 - 2, 2**32 - 1, 50, np.array([[0, 3, 90, 255, 255]], np.uint8)
    survival, _ = gap_tables(0.4, steps)
    expected = np.zeros((steps, 5))
    for neuron, level in enumerate(x[0]):
        t, block = 0, 0
        while t < steps and level:
            for word in philox(*(np.uint32(c) for c in (block, neuron, sample, draw, seed & 0xFFFFFFFF, seed >> 32))):
                t += int((survival[level] > word).sum())
                if t < steps:
                    expected[t, neuron] = 1
            block += 1
    assert expected[:, 3].sum() > 5
    np.testing.assert_array_equal(encode(x, steps, seed, draw, [sample], max_rate=0.4).to_dense()[0], expected)


def test_trains_do_not_depend_on_the_batch(levels):
    x, numbers = np.roll(levels[:9], 40, axis=1), np.array([5, 0, 7, 2**32 - 1, 1, 99, 4, 3, 2])
    trains = encode(x, samples=numbers)
    order = np.array([8, 3, 0, 5])
    assert encode(x[order], samples=numbers[order]) == trains[order]
    assert encode(x[3:4], samples=numbers[3:4]) == trains[3]
    assert encode(x, samples=numbers) == trains


def test_trains_do_not_depend_on_the_other_neurons(levels):
    others_dark = levels.copy()
    others_dark[:, ::2] = 0
    expected = encode(levels).to_dense()
    expected[:, :, ::2] = 0
    np.testing.assert_array_equal(encode(others_dark).to_dense(), expected)


def test_fresh_trains_change_with_the_draw_and_others_do_not(levels):
    assert encode(levels, draw=1, fresh=False) == encode(levels, draw=7, fresh=False)
    assert encode(levels, draw=1, fresh=False, seed=3) != encode(levels, draw=1, fresh=False)
    assert encode(levels, draw=1) != encode(levels, draw=7)


# Data ------------------------------------------------------------------------------------------------------------------


def test_shape_is_that_of_the_data(levels):
    trains = encode(levels.reshape(100, 16, 4, 4))
    assert trains.shape == (100, 60, 16, 4, 4)
    assert trains == encode(levels).reshape((16, 4, 4))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_levels_by_255(levels, dtype):
    assert encode((levels / 255).astype(dtype)) == encode(levels)


def test_floats_are_rounded_to_the_nearest_level():
    floats = np.array([[0.0, 0.0019, 0.0021, 0.5, 0.9979, 0.9981, 1.0]])
    nearest = np.array([[0, 0, 1, 128, 254, 255, 255]], np.uint8)
    assert encode(floats, steps=5000, max_rate=1.0) == encode(nearest, steps=5000, max_rate=1.0)


def test_data_in_another_memory_order(levels):
    assert encode(levels[::-1, ::2]) == encode(levels[::-1, ::2].copy())


def test_no_samples():
    assert encode(np.zeros((0, 3, 4), np.uint8)).shape == (0, 60, 3, 4)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.uint16, complex, str, object])
def test_data_of_a_bad_type(dtype):
    with pytest.raises(InputError, match=r"data has dtype .*: pass uint8"):
        encode(np.zeros((1, 2), dtype))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1e-6, 1.001, 255.0])
def test_data_out_of_range(value):
    with pytest.raises(InputError, match=r"data ranges over .*: pass finite floats in"):
        encode(np.array([[0.5, value]]))


@pytest.mark.parametrize("max_rate", [0, -0.1, 1.0001, np.nan, np.inf, "0.1", None, True])
def test_bad_rates(max_rate):
    with pytest.raises(InputError, match=r"max_rate=.*greater than 0 and at most 1"):
        Poisson(max_rate=max_rate)


@pytest.mark.parametrize("fresh", [1, 0, "yes", None])
def test_bad_fresh(fresh):
    with pytest.raises(InputError, match=r"fresh=.*True or False"):
        Poisson(fresh=fresh)


def test_encoder_says_what_made_it():
    assert ENCODERS["Poisson"] is Poisson
    assert Poisson(0.25, fresh=False).config() == {"kind": "Poisson", "max_rate": 0.25, "fresh": False}
    assert repr(Poisson(max_rate=0.25)) == "Poisson(max_rate=0.25)"
