"""The Poisson encoder: its chances, its independence, what a train depends on and what not."""

import numpy as np
import pytest

from cupynn.checks import InputError
from cupynn.encoders import ENCODERS, Poisson
from cupynn.kernels.poisson import gap_tables, philox

SIGMAS = 4.5  # the draws are fixed by their seeds, so these tests pass always or never


def encode(x, steps=60, seed=1, draw=2, samples=None, **options):
    samples = np.arange(len(x)) if samples is None else np.asarray(samples)
    return Poisson(**options).encode(np.asarray(x), steps, seed, draw, samples)


@pytest.fixture(scope="module")
def levels():
    """Samples (100, 256) that show each level once."""
    return np.tile(np.arange(256, dtype=np.uint8), (100, 1))


@pytest.fixture(scope="module")
def uniform():
    """Trains (64, 201, 32) of probability 0.2."""
    return encode(np.full((64, 32), 255, np.uint8), steps=201, max_rate=0.2).to_dense().astype(float)


# Chances ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_rate", [1 / 5.5, 0.05, 0.8])
def test_each_level_fires_in_proportion(levels, max_rate):
    trials = 100 * 200
    counts = encode(levels, steps=201, max_rate=max_rate).counts.sum(0)
    chance = max_rate * np.arange(256) / 255
    assert counts[0] == 0
    squares = ((counts - trials * chance)[1:] ** 2 / (trials * chance * (1 - chance))[1:]).sum()
    assert abs(squares - 255) < SIGMAS * np.sqrt(2 * 255)


def test_steps_are_alike_from_step_1_on(uniform):
    by_step = uniform.sum((0, 2))
    assert by_step[0] == 0
    squares = ((by_step[1:] - 0.2 * 2048) ** 2 / (2048 * 0.2 * 0.8)).sum()
    assert abs(squares - 200) < SIGMAS * np.sqrt(2 * 200)


def test_gaps_are_geometric():
    times, starts = encode(np.full((64, 32), 255, np.uint8), steps=401, max_rate=0.2).by_neuron()
    gaps = np.concatenate([np.diff(train, prepend=0)[:40] for train in np.split(times, starts[1:-1])])
    observed = np.bincount(np.minimum(gaps, 30), minlength=31)[1:]
    expected = gaps.size * np.append(0.2 * 0.8 ** np.arange(29), 0.8**29)
    squares = ((observed - expected) ** 2 / expected).sum()
    assert squares < 29 + SIGMAS * np.sqrt(2 * 29)


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("axis", [0, 1, 2], ids=["samples", "steps", "neurons"])
def test_neighbours_are_independent(uniform, axis, lag):
    trains = np.moveaxis(uniform[:, 1:] - 0.2, axis, 0)
    products = trains[lag:] * trains[:-lag]
    assert abs(products.mean()) < SIGMAS * 0.2 * 0.8 / np.sqrt(products.size)


@pytest.mark.parametrize("other", [{"seed": 2}, {"seed": 1 + 2**32}, {"draw": 3}, {"samples": np.arange(50, 114)}])
def test_other_numbers_give_independent_trains(uniform, other):
    trains = encode(np.full((64, 32), 255, np.uint8), steps=201, max_rate=0.2, **other).to_dense()
    products = (uniform[:, 1:] - 0.2) * (trains[:, 1:] - 0.2)
    if "samples" not in other:
        assert abs(products.mean()) < SIGMAS * 0.2 * 0.8 / np.sqrt(products.size)
    else:
        np.testing.assert_array_equal(trains[:14], uniform[50:])
        products = products[14:]
        assert abs(products.mean()) < SIGMAS * 0.2 * 0.8 / np.sqrt(products.size)


def test_certain_spikes():
    trains = encode([[255, 0]], steps=6, max_rate=1.0) if False else encode(np.array([[255, 0]], np.uint8), 6, max_rate=1.0)
    np.testing.assert_array_equal(trains.to_dense()[0].T, [[0, 1, 1, 1, 1, 1], [0] * 6])


def test_hardly_possible_spikes():
    assert encode(np.full((20, 20), 255, np.uint8), steps=100, max_rate=1e-11).counts.sum() == 0


@pytest.mark.parametrize("max_rate", [0.2, 1.0])
def test_one_step_holds_no_spike(levels, max_rate):
    trains = encode(levels, steps=1, max_rate=max_rate)
    assert trains.shape == (100, 1, 256)
    assert trains.neurons.size == 0
