"""Kernels that layers and encoders share: event lists, random numbers, survival tables."""

import numba
import numpy as np
import pytest
from compiled import philox
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cupynn.kernels import kernel
from cupynn.kernels.events import by_neuron, pack, sort_by_step
from cupynn.kernels.poisson import GUIDE_BITS, LEVELS, gap_tables
from cupynn.spikes import SpikeTrains


@given(st.integers(1, 9), st.lists(st.integers(0, 99), max_size=40), st.integers(0, 3))
def test_sort_by_step(steps, draws, spare):
    event_steps = np.array(draws, np.int32) % steps
    event_neurons = np.arange(event_steps.size, dtype=np.int32)  # ascending, so that the result shows the order
    row, row_offsets = np.full(event_steps.size + spare, -1, np.int32), np.full(steps + 1, -1)
    sort_by_step(event_steps, event_neurons, steps, row, row_offsets)
    order = np.argsort(event_steps, kind="stable")
    np.testing.assert_array_equal(row[: event_steps.size], event_neurons[order])
    assert (row[event_steps.size :] == -1).all()
    np.testing.assert_array_equal(row_offsets, np.searchsorted(event_steps[order], np.arange(steps + 1)))


@given(arrays.arrays(np.int64, st.tuples(st.integers(0, 4), st.integers(1, 5)), elements=st.integers(0, 3)))
def test_pack(counts):
    row_offsets = np.concatenate([np.zeros((len(counts), 1), np.int64), counts.cumsum(1)], 1)
    rows = np.arange(len(counts) * 20, dtype=np.int32).reshape(len(counts), 20)
    neurons, offsets = pack(rows, row_offsets)
    kept = [row[:end] for row, end in zip(rows, row_offsets[:, -1], strict=True)]
    np.testing.assert_array_equal(neurons, np.concatenate([[], *kept]))
    np.testing.assert_array_equal(offsets, np.concatenate([[0], counts.cumsum()]))


@given(arrays.arrays(bool, arrays.array_shapes(min_dims=3, max_dims=3, max_side=6)))
def test_by_neuron(dense):
    trains = SpikeTrains.from_dense(dense)
    times, neuron_offsets = by_neuron(trains.neurons, trains.offsets, trains.steps, trains.size)
    samples, neurons, expected = np.nonzero(dense.transpose(0, 2, 1))
    np.testing.assert_array_equal(times, expected)
    places = np.arange(trains.batch * trains.size + 1)
    np.testing.assert_array_equal(neuron_offsets, np.searchsorted(samples * trains.size + neurons, places))


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
    ids=["zeros", "ones", "pi"],
)
def test_philox_gives_the_known_answers_of_random123(counter, key, expected):
    words = philox(*(np.uint32(int(word, 16)) for word in f"{counter} {key}".split()))
    assert [f"{int(word):08x}" for word in words] == expected.split()


EXACT_RATE = 56 / 2**8 + 2**-32  # 2^32 (1 - rate) is the largest number with its leading bits
RATES = pytest.mark.parametrize(
    ("max_rate", "steps"), [(1 / 5.5, 60), (1.0, 9), (0.003, 300), (0.9, 1), (EXACT_RATE, 7), (1e-9, 5)]
)


@RATES
def test_survival_is_the_power_of_the_chance_not_to_fire(max_rate, steps):
    survival, guide = gap_tables(max_rate, steps)
    rates = max_rate * np.arange(LEVELS)[:, None] / 255
    assert survival.shape == (LEVELS, steps + 1)
    assert guide.shape == (LEVELS, 1 << GUIDE_BITS)
    rounding = 2 * (steps + 1) / 2**32
    np.testing.assert_allclose(survival / 2**32, (1 - rates) ** np.arange(steps + 1), rtol=0, atol=rounding)


@RATES
def test_guide_is_the_gap_of_the_largest_number_and_never_too_large(max_rate, steps):
    survival, guide = gap_tables(max_rate, steps)
    bucket = 1 << (32 - GUIDE_BITS)
    smallest = np.arange(0, 2**32, bucket)
    for level in (1, 2, 17, 128, 255):
        gaps = [(survival[level] > words[:, None]).sum(1) for words in (smallest, smallest + bucket - 1)]
        np.testing.assert_array_equal(guide[level], gaps[1])
        assert (guide[level] <= gaps[0]).all()
        assert (guide[level] >= 1).all()


def _increase(values):
    for k in range(values.size):
        values[k] += 1


def test_a_file_for_other_types_is_not_run(tmp_path, monkeypatch):
    """Of two processes that save a kernel at once, one may overwrite the file that the other's entry names."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    for dtype in (np.int64, np.float64):
        kernel(_increase)(np.ones(2, dtype))
    one, other = sorted(tmp_path.rglob("*.nbc"))
    one.write_bytes(other.read_bytes())
    again = kernel(_increase)
    for dtype in (np.int64, np.float64):
        again(values := np.ones(2, dtype))
        np.testing.assert_array_equal(values, 2)
    assert sum(again.stats.cache_hits.values()) == 1
