"""`Ragged`: picking samples, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupynn.checks import InputError
from cupynn.ragged import Ragged


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.data())
def test_picks_are_those_of_a_list(lengths, data):
    stops = np.cumsum(lengths)
    samples = [np.arange(stop - length, stop) for stop, length in zip(stops, lengths, strict=True)]
    ragged = Ragged(np.arange(stops[-1]), stops - lengths, stops, sample_shape=(3, 2))
    assert ragged.shape == (len(lengths), 3, 2)
    assert ragged.lengths.tolist() == lengths
    picks = np.array(data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=8)), int)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths))))
    for key, expected in ((picks, [samples[i] for i in picks]), (slice(1, None), samples[1:])):
        picked = ragged[key]
        assert len(picked) == len(expected)
        assert np.shares_memory(picked.values, ragged.values) or not ragged.values.size
        for i, values in enumerate(expected):
            np.testing.assert_array_equal(picked[i], values)
    assert len(ragged[mask]) == mask.sum()


@pytest.mark.parametrize(("starts", "stops"), [([-1], [2]), ([2], [1]), ([0], [6])])
def test_refuses_samples_outside_the_values(starts, stops):
    with pytest.raises(InputError, match=r"sample 0 is values.*pass 0 <= start <= stop <= total"):
        Ragged(np.arange(5), starts, stops, sample_shape=(1,))


def test_refuses_unequal_bounds():
    with pytest.raises(InputError, match="one of each"):
        Ragged(np.arange(5), [0, 1], [2], sample_shape=(1,))


@pytest.mark.parametrize(
    ("values", "starts", "message"),
    [
        (np.array(5), [0], "values has no axis"),
        (np.zeros(3), None, r"starts is object \(\): pass whole numbers"),
        (np.zeros(3), [0.5], r"starts is float64 \(1,\): pass whole numbers"),
        (np.zeros(3), [np.nan], "starts is float64"),
        (np.zeros(3), [np.inf], "starts is float64"),
        (np.zeros(3), ["0"], "starts is <U1"),
        (np.zeros(3), [[0], [1, 2]], "starts is a list that cannot become an array"),
    ],
)
def test_refuses_what_are_no_places(values, starts, message):
    with pytest.raises(InputError, match=message):
        Ragged(values, starts, [1], 1)


def test_places_of_any_type():
    assert Ragged(np.zeros(3), [0.0], np.array([2], np.uint8), 1).lengths.tolist() == [2]
    assert Ragged(np.zeros(3), [], [], 1).shape == (0, 1)


def test_an_index_with_rows_of_different_lengths():
    with pytest.raises(InputError, match=r"ragged\[\.\.\.\]: .*: pass an index, a slice"):
        Ragged(np.zeros(3), [0, 1], [1, 2], 1)[[[0], [0, 1]]]
