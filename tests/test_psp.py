"""Traces and the S-PSP made of them, against the kernels and the sums over pairs of spikes that they stand for."""

import numpy as np
import oracle
import pytest

from cupynn.kernels.psp import PSP_KERNELS, make_traces, psp, spsp_row
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


def matrix(traces, b):
    """Sample b's traces, (rows, columns)."""
    return traces.values[traces.starts[b] : traces.starts[b + 1]].reshape(-1, traces.active_counts[b])


@KERNELS
@TIMES
@T_REFS
def test_traces_are_sums_of_the_kernel(kind, tau_m, tau_s, t_ref):
    below = random_trains(0, 2, 4, 0.15)
    below[:, 0, 2] = 1
    above = np.zeros((2, STEPS, 1), np.uint8)
    above[:, 1:] = 1  # looks at every step but 0
    errors, constants = np.ones((2, 1), np.float32), psp(kind, tau_m, tau_s, t_ref)
    traces = make_traces(SpikeTrains.from_dense(below), SpikeTrains.from_dense(above), errors, constants, t_ref=0)
    ages = np.subtract.outer(np.arange(STEPS), np.arange(STEPS))
    response = np.array([oracle.kernel(kind, age, tau_m, tau_s, t_ref)[0] for age in range(STEPS)])
    expected = np.einsum("ts,bsj->btj", np.where(ages > 0, response[ages], 0), below)
    assert traces.active_counts.tolist() == [3, 4]
    for b, columns in enumerate([[0, 2, 3], [0, 1, 2, 3]]):
        np.testing.assert_array_equal(traces.active[b, : len(columns)], columns)
        np.testing.assert_array_equal(traces.columns[b, columns], np.arange(len(columns)))
        np.testing.assert_allclose(matrix(traces, b), expected[b, 1:, columns].T, rtol=1e-5, atol=1e-6)
    assert traces.columns[0, 1] == -1
    decay = oracle.kernel(kind, 1, tau_m, tau_s, t_ref)[1]
    np.testing.assert_allclose(traces.decays, decay ** np.arange(STEPS + 1), rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize(
    ("firings", "steps"),
    [
        ([[], [3], []], [3]),
        ([[4, 9, 20], [9, 13], []], [4, 6, 9, 11, 13, 20]),
        ([[], [36, 39], [5]], [36, 38, 39]),  # neuron 2 has no error
        ([[3, 4, 5, 8], [], []], [3, 7, 8]),  # closer than the refractory period, as filled-in trains may be
        ([[37, 38, 39], [], []], [37]),
    ],
)
def test_traces_are_kept_at_firings_and_releases_of_erring_neurons_only(firings, steps):
    below, above = random_trains(0, 2, 4, 0.2), np.zeros((2, STEPS, 3), np.uint8)
    for i, times in enumerate(firings):
        above[0, times, i] = 1
    errors = np.array([[1, -1, 0], [1, 1, 1]], np.float32)
    traces = make_traces(*map(SpikeTrains.from_dense, (below, above)), errors, psp("exact", 64, 8, 2), t_ref=2)
    np.testing.assert_array_equal(np.flatnonzero(traces.rows[0] >= 0), steps)
    np.testing.assert_array_equal(traces.rows[0, steps], np.arange(len(steps)))
    assert len(matrix(traces, 0)) == len(steps)
    assert (traces.rows[1] == -1).all()


@KERNELS
@TIMES
@T_REFS
def test_spsp_is_the_sum_over_pairs_of_spikes(kind, tau_m, tau_s, t_ref):
    below, above = random_trains(1, 2, 4, 0.2), random_trains(2, 2, 3, 0.3, t_ref)
    below[1, 0] = 1
    inputs, outputs = SpikeTrains.from_dense(below), SpikeTrains.from_dense(above)
    traces = make_traces(inputs, outputs, np.ones((2, 3), np.float32), psp(kind, tau_m, tau_s, t_ref), t_ref)
    times, starts = outputs.by_neuron()
    for b in range(2):
        active = traces.active[b, : traces.active_counts[b]]
        expected = oracle.spsp_matrix(below[b], above[b], kind, tau_m, tau_s, t_ref)
        row = np.empty(active.size, np.float32)
        for i in range(3):
            firings = times[starts[3 * b + i] : starts[3 * b + i + 1]]
            assert (firings.size > 1) == (b > 0 or i != 1)
            spsp_row(traces.values, traces.starts[b], traces.rows[b], traces.decays, t_ref, firings, row)
            np.testing.assert_allclose(row, expected[i, active], rtol=1e-4, atol=1e-5)


@KERNELS
@pytest.mark.parametrize("tau", [1.0, 8.0, 64.0])
@pytest.mark.parametrize("change", [1e-2, 1e-5, 1e-9, 1e-12, np.finfo(float).eps])
def test_equal_time_constants_are_the_limit_of_unequal_ones(kind, tau, change):
    limit, close = psp(kind, tau, tau, 2), psp(kind, tau, tau * (1 + change), 2)
    np.testing.assert_allclose(close, limit, rtol=2 * change + 2e-7, atol=2 * change)
    assert limit.gain > 0
