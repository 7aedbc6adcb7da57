"""Traces and the S-PSP made of them, against the kernels and the sums over pairs of spikes that they stand for."""

import numpy as np
import oracle
import pytest

from cupynn.kernels.psp import PSP_KERNELS, psp, spsp, spsp_matrix
from cupynn.kernels.simd import LANES
from cupynn.spikes import SpikeTrains

STEPS = 40
TIMES = pytest.mark.parametrize(
    ("tau_m", "tau_s"), [(64, 8), (5, 12), (8, 8.5), (10, 10), (1, 1), (7.5, 1), (1, 3)], ids=lambda tau: str(tau)
)
KERNELS = pytest.mark.parametrize("kind", PSP_KERNELS)
T_REFS = pytest.mark.parametrize("t_ref", [0, 2, 5])


def random_trains(seed, batch, neurons, rate, t_ref=0):
    """Trains (B, T, N) with gaps greater than t_ref and nothing at step 0, neuron 1 of sample 0 silent."""
    draws = np.random.default_rng(seed).random((batch, STEPS, neurons)) < rate
    trains = np.zeros(draws.shape, np.uint8)
    for t in range(1, STEPS):
        trains[:, t] = draws[:, t] & ~trains[:, max(0, t - t_ref) : t].any(1)
    trains[0, :, 1] = 0
    return trains


@KERNELS
@TIMES
@T_REFS
def test_spsp_on_a_single_firing_is_a_sum_of_the_kernel(kind, tau_m, tau_s, t_ref):
    below = random_trains(0, 2, 4, 0.15)
    below[:, 0, 2] = 1
    ages = np.subtract.outer(np.arange(STEPS), np.arange(STEPS))
    response = np.array([oracle.kernel(kind, age, tau_m, tau_s, t_ref)[0] for age in range(STEPS)])
    traces = np.einsum("ts,bsj->btj", np.where(ages > 0, response[ages], 0), below)
    above = np.zeros((2, STEPS, STEPS), np.uint8)  # neuron t fires at step t, once
    above[:, range(1, STEPS), range(1, STEPS)] = 1
    constants = psp(kind, tau_m, tau_s, t_ref)
    found = spsp_matrix(*map(SpikeTrains.from_dense, (below, above)), constants, t_ref)
    np.testing.assert_allclose(found[:, 1:], traces[:, 1:], rtol=1e-5, atol=1e-6)
    assert not found[0, :, 1].any()


@KERNELS
@TIMES
@T_REFS
def test_spsp_is_the_sum_over_pairs_of_spikes(kind, tau_m, tau_s, t_ref):
    below, above = random_trains(1, 2, 4, 0.2), random_trains(2, 2, 3, 0.3, t_ref)
    below[1, 0] = 1
    found = spsp_matrix(*map(SpikeTrains.from_dense, (below, above)), psp(kind, tau_m, tau_s, t_ref), t_ref)
    for b in range(2):
        expected = oracle.spsp_matrix(below[b], above[b], kind, tau_m, tau_s, t_ref)
        np.testing.assert_allclose(found[b], expected, rtol=1e-4, atol=1e-5)


def test_spsp_of_wide_layers():
    """More lines of inputs than a table has, some of them silent, and a size that no line divides."""
    below, above = random_trains(1, 2, 203, 0.1), random_trains(2, 2, 70, 0.1, 2)
    below[:, :, 16:24] = below[:, :, 40:130] = 0
    found = spsp_matrix(*map(SpikeTrains.from_dense, (below, above)), psp("exact", 64, 8, 2), 2)
    for b in range(2):
        np.testing.assert_allclose(found[b], oracle.spsp_matrix(below[b], above[b], "exact", 64, 8, 2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "times",
    [[3, 4, 5, 8], [37, 38, 39], [1, 2], [5, 7, 8]],  # closer than the refractory period of 2, as filled-in trains may be
)
def test_a_firing_while_the_membrane_rests_adds_nothing(times):
    below, above = random_trains(0, 1, 4, 0.2), np.zeros((1, STEPS, 1), np.uint8)
    above[0, times, 0] = 1
    found = spsp_matrix(*map(SpikeTrains.from_dense, (below, above)), psp("exact", 64, 8, 2), 2)
    heard = [t for k, t in enumerate(times) if k == 0 or t > times[k - 1] + 2]
    expected = np.zeros(4)
    for t in heard:
        before = [s for s in times if s < t]
        pair = np.zeros((STEPS, 1))
        pair[[t, *before[-1:]]] = 1
        alone = np.zeros((STEPS, 1))
        alone[before[-1:]] = 1
        matrices = [oracle.spsp_matrix(below[0], trains, "exact", 64, 8, 2)[0] for trains in (pair, alone)]
        expected += matrices[0] - matrices[1]
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-4, atol=1e-5)


def test_rows_are_kept_for_erring_neurons_that_fire_only():
    below, above = random_trains(0, 2, 20, 0.2), random_trains(3, 2, 3, 0.2, 2)
    above[0, :, 2] = 0
    errors = np.array([[0, 1, 1], [-1, 0, 2]], np.float32)
    parts = list(spsp(*map(SpikeTrains.from_dense, (below, above)), errors, psp("exact", 64, 8, 2), 2))
    assert len(parts) == 1
    found = parts[0][1]
    assert found.rows.tolist() == [[-1, -1, -1], [0, -1, 1]]  # neuron 1 of sample 0 is silent
    assert found.line_counts.tolist() == [3, 3]
    assert np.diff(found.starts).tolist() == [LANES, 3 * LANES]
    alive = below.any(1)
    for b in range(2):
        silent = found.values[found.starts[b + 1] - LANES : found.starts[b + 1]][:20]
        np.testing.assert_array_equal(silent, np.where(alive[b], np.float32(0.1), 0))


@KERNELS
@pytest.mark.parametrize("tau", [1.0, 8.0, 64.0])
@pytest.mark.parametrize("change", [1e-2, 1e-5, 1e-9, 1e-12, np.finfo(float).eps])
def test_equal_time_constants_are_the_limit_of_unequal_ones(kind, tau, change):
    limit, close = psp(kind, tau, tau, 2), psp(kind, tau, tau * (1 + change), 2)
    np.testing.assert_allclose(close, limit, rtol=2 * change + 2e-7, atol=2 * change)
    assert limit.gain > 0
