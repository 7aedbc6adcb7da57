"""`SpikeTrains`: in and out of every form, picked, joined, compared; what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cupynn.checks import InputError
from cupynn.spikes import SpikeTrains

BITS = st.integers(0, 1)
DENSE = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=3, max_dims=5, max_side=4), elements=BITS)


@st.composite
def events(draw):
    """A shape, and events in it in any order, some of them twice."""
    shape = draw(arrays.array_shapes(min_dims=3, max_dims=4, max_side=5))
    batch, steps, *neurons = shape
    one = st.tuples(st.integers(0, batch - 1), st.integers(0, steps - 1), st.integers(0, int(np.prod(neurons)) - 1))
    return shape, draw(st.lists(one, max_size=30))


@pytest.fixture(scope="module")
def dense():
    return (np.random.default_rng(0).random((5, 4, 2, 3)) < 0.4).astype(np.uint8)


@pytest.fixture(scope="module")
def trains(dense):
    return SpikeTrains.from_dense(dense)


def test_events_are_held_by_sample_step_and_neuron():
    trains = SpikeTrains.from_events([1, 0, 1, 0], [2, 1, 0, 1], [3, 2, 0, 1], shape=(2, 3, 4))
    np.testing.assert_array_equal(trains.neurons, [1, 2, 0, 3])
    np.testing.assert_array_equal(trains.offsets, [0, 0, 2, 2, 3, 3, 4])
    assert (trains.neurons.dtype, trains.offsets.dtype) == (np.int32, np.int64)
    assert (trains.steps, trains.batch, trains.size, trains.neuron_shape) == (3, 2, 4, (4,))
    assert trains.shape == (2, 3, 4)
    assert len(trains) == 2


@given(DENSE)
def test_dense_and_back(dense):
    trains = SpikeTrains.from_dense(dense)
    assert trains.shape == dense.shape
    assert trains.to_dense().dtype == np.uint8
    np.testing.assert_array_equal(trains.to_dense(), dense)


@given(events())
def test_events_to_dense(shape_and_events):
    shape, given_events = shape_and_events
    samples, times, neurons = np.array(given_events, int).reshape(-1, 3).T
    expected = np.zeros((*shape[:2], int(np.prod(shape[2:]))))
    expected[samples, times, neurons] = 1
    trains = SpikeTrains.from_events(samples, times, neurons, shape=shape)
    np.testing.assert_array_equal(trains.to_dense(), expected.reshape(shape))
    assert trains == SpikeTrains.from_dense(expected.reshape(shape))


@given(DENSE)
def test_views_of_the_same_events(dense):
    trains = SpikeTrains.from_dense(dense)
    flat = dense.reshape(*dense.shape[:2], -1)
    np.testing.assert_array_equal(np.transpose(trains.events()), np.argwhere(flat))
    np.testing.assert_array_equal(trains.counts, dense.sum(1))
    assert trains.counts.dtype == np.int32
    times, starts = trains.by_neuron()
    expected = [np.flatnonzero(train) for sample in flat for train in sample.T]
    for train, found in zip(expected, np.split(times, starts[1:-1]), strict=True):
        np.testing.assert_array_equal(found, train)
    assert starts[-1] == times.size == dense.sum()
    time_first = trains.time_first()
    np.testing.assert_array_equal(time_first, dense.swapaxes(0, 1))
    assert (time_first.dtype, time_first.flags.c_contiguous) == (np.float32, True)


@given(DENSE)
def test_address_events_and_back(dense):
    trains = SpikeTrains.from_dense(dense)
    assert SpikeTrains.from_events(*trains.events(), shape=trains.shape) == trains


def test_several_events_at_one_place_are_one_spike():
    trains = SpikeTrains.from_events([0, 0, 0], [1, 1, 1], [2, 0, 2], shape=(1, 3, 3))
    np.testing.assert_array_equal(trains.counts, [[1, 0, 1]])


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.int64, np.float32, np.float64])
def test_dense_of_any_number_type(dense, trains, dtype):
    assert SpikeTrains.from_dense(dense.astype(dtype)) == trains
    assert trains.to_dense(dtype).dtype == trains.time_first(dtype).dtype == dtype
    np.testing.assert_array_equal(trains.to_dense(dtype), dense)


def test_dense_as_lists():
    assert SpikeTrains.from_dense([[[0, 1]]]) == SpikeTrains.from_events([0], [0], [1], shape=(1, 1, 2))


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64])
def test_events_of_any_integer_type(trains, dtype):
    columns = [column.astype(dtype) for column in trains.events()]
    assert SpikeTrains.from_events(*columns, shape=trains.shape) == trains


@pytest.mark.parametrize("column", [[], np.zeros(0, int), np.zeros(0)], ids=["list", "int", "float"])
def test_no_events(column):
    trains = SpikeTrains.from_events(column, column, column, shape=(2, 3, 4))
    assert trains == SpikeTrains.from_dense(np.zeros((2, 3, 4)))
    assert not trains.counts.any()
    assert [column.size for column in trains.events()] == [0, 0, 0]


INDICES = {
    "int": 2,
    "NumPy int": np.int64(2),
    "negative int": -1,
    "slice": slice(1, 3),
    "all": slice(None),
    "negative slice": slice(-3, -1),
    "slice beyond": slice(3, 99),
    "slice before": slice(-99, 2),
    "empty slice": slice(2, 2),
    "crossed slice": slice(4, 1),
    "slice at the end": slice(5, 7),
    "strided": slice(0, 5, 2),
    "backwards": slice(None, None, -1),
    "list": [3, 0, 3],
    "array": np.array([4, -5, 2]),
    "mask": np.array([True, False, True, True, False]),
    "empty mask": np.zeros(5, bool),
    "empty list": [],
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_samples_are_picked_as_from_an_array(dense, trains, index):
    expected = dense[np.atleast_1d(np.arange(5)[index])]
    picked = trains[index]
    assert picked.shape == expected.shape
    assert picked.offsets.size == len(picked) * 4 + 1
    np.testing.assert_array_equal(picked.to_dense(), expected)
    np.testing.assert_array_equal(picked.counts, expected.sum(1))
    np.testing.assert_array_equal(np.transpose(picked.events()), np.argwhere(expected.reshape(*expected.shape[:2], 6)))


@pytest.mark.parametrize("index", [5, -6, [0, 5], np.ones(4, bool), 1.5, (0, 1), "0"])
def test_samples_that_do_not_exist(trains, index):
    with pytest.raises(IndexError):
        trains[index]


def test_iteration_gives_samples(trains):
    assert SpikeTrains.concatenate(list(trains)) == trains
    assert [len(sample) for sample in trains] == [1] * 5


def test_no_samples(trains):
    none = trains[:0]
    assert SpikeTrains.from_dense(none.to_dense()) == none
    assert none.counts.shape == (0, 2, 3)
    assert SpikeTrains.concatenate([none, trains, none]) == trains


@given(st.lists(arrays.arrays(np.uint8, st.tuples(st.integers(1, 3), st.just(4), st.just(3)), elements=BITS), min_size=1))
def test_concatenate(parts):
    joined = SpikeTrains.concatenate([SpikeTrains.from_dense(part) for part in parts])
    assert joined == SpikeTrains.from_dense(np.concatenate(parts))


@pytest.mark.parametrize("shapes", [[], [(2, 3, 4), (2, 5, 4)], [(1, 3, 4), (1, 3, 5)], [(1, 3, 4), (1, 3, 2, 2)]])
def test_unlike_trains_are_not_joined(shapes):
    with pytest.raises(InputError, match="cannot join"):
        SpikeTrains.concatenate([SpikeTrains.from_dense(np.zeros(shape)) for shape in shapes])


def test_reshape(dense, trains):
    reshaped = trains.reshape((3, 2, 1))
    assert reshaped.shape == (5, 4, 3, 2, 1)
    np.testing.assert_array_equal(reshaped.to_dense(), dense.reshape(5, 4, 3, 2, 1))
    assert reshaped.counts.shape == (5, 3, 2, 1)
    assert reshaped.reshape((2, 3)) == trains
    with pytest.raises(InputError, match=r"cannot reshape neurons \(2, 3\) to \(7,\)"):
        trains.reshape((7,))


def test_equality():
    trains = SpikeTrains.from_events([0], [1], [3], shape=(2, 3, 4))
    assert trains == SpikeTrains.from_events([0], [1], [3], shape=(2, 3, 4))
    others = {
        "sample": SpikeTrains.from_events([1], [1], [3], shape=(2, 3, 4)),
        "step": SpikeTrains.from_events([0], [2], [3], shape=(2, 3, 4)),
        "neuron": SpikeTrains.from_events([0], [1], [2], shape=(2, 3, 4)),
        "one more": SpikeTrains.from_events([0, 1], [1, 2], [3, 3], shape=(2, 3, 4)),
        "samples and steps": SpikeTrains.from_events([0], [1], [3], shape=(3, 2, 4)),
        "neurons": trains.reshape((2, 2)),
        "fewer samples": trains[:1],
        "no trains": 1,
    }
    for what, other in others.items():
        assert (trains == other) is False, what
        assert trains != other, what
    with pytest.raises(TypeError):
        hash(trains)


def test_other_frameworks_read_trains(dense, trains):
    np.testing.assert_array_equal(np.from_dlpack(trains), dense)
    assert trains.__dlpack_device__() == dense.__dlpack_device__()


def test_repr():
    trains = SpikeTrains.from_events([0, 0, 1], [1, 2, 2], [3, 3, 0], shape=(2, 5, 4))
    assert repr(trains) == "SpikeTrains(shape=(2, 5, 4), spikes=3, rate=7.50% per step)"
    assert repr(trains[:0]) == "SpikeTrains(shape=(0, 5, 4), spikes=0, rate=0.00% per step)"


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 0, 3), (2, 3, 0), (2, 3, 4, 0)])
def test_dense_of_a_bad_shape(shape):
    with pytest.raises(InputError, match=r"shape .*: pass \(samples, steps, \*neurons\)"):
        SpikeTrains.from_dense(np.zeros(shape))


@pytest.mark.parametrize("value", [2, -1, 0.5, np.nan, np.inf, 1j, "1", None, np.datetime64("2018-05-20")])
def test_dense_with_a_bad_value(value):
    with pytest.raises(InputError, match=r"other than 0 and 1|zeros and ones|counts of up to 2"):
        SpikeTrains.from_dense(np.full((1, 2, 3), value))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": [0, 2]}, r"samples\[1\]=2.*0\.\.1"),
        ({"samples": [-1, 0]}, r"samples\[0\]=-1.*0\.\.1"),
        ({"times": [0, 3]}, r"times\[1\]=3.*0\.\.2"),
        ({"times": [0, -1]}, r"times\[1\]=-1.*0\.\.2"),
        ({"neurons": [20, 0]}, r"neurons\[0\]=20.*0\.\.19"),
        ({"neurons": [0, -2]}, r"neurons\[1\]=-2.*0\.\.19"),
        ({"neurons": np.array([0, 2**63 + 5], np.uint64)}, r"neurons\[1\]=9223372036854775813"),
        ({"samples": [0.0, 1.0]}, "samples: .*integers, not float64"),
        ({"times": [True, False]}, "times: .*integers, not bool"),
        ({"neurons": ["a", "b"]}, "neurons: .*integers"),
        ({"neurons": [[0, 1]]}, "neurons: .*one-dimensional"),
        ({"neurons": 1}, "neurons: .*one-dimensional"),
        ({"times": [0]}, "differ in length .samples 2, times 1, neurons 2"),
        ({"shape": (2, 3)}, r"shape=\(2, 3\)"),
        ({"shape": (2, 3, 0)}, r"shape\[2\]=0"),
        ({"shape": (2, -3, 4)}, r"shape\[1\]=-3"),
        ({"shape": (2, 3.0, 4)}, r"shape\[1\]=3.0"),
        ({"shape": "234"}, "shape='234'"),
    ],
)
def test_bad_events(change, message):
    good = {"samples": [0, 1], "times": [0, 2], "neurons": [19, 0], "shape": (2, 3, 4, 5)}
    assert SpikeTrains.from_events(**good).counts.sum() == 2
    with pytest.raises(InputError, match=message):
        SpikeTrains.from_events(**good | change)


@pytest.mark.parametrize("index", [[[0], [0, 1]], None, np.zeros((1, 1), int)])
def test_an_index_that_is_no_index(index):
    with pytest.raises(InputError, match=r"trains\[\.\.\.\]: .*: pass an index, a slice, indices or a mask"):
        SpikeTrains.from_dense(np.zeros((2, 5, 3)))[index]


@pytest.mark.parametrize("parts", [None, 5, "x", [None], np.zeros(3), iter([])])
def test_only_trains_are_joined(parts):
    with pytest.raises(InputError, match=r"^parts is .*: pass a list of SpikeTrains$"):
        SpikeTrains.concatenate(parts)


@pytest.mark.parametrize("dtype", [5, [], object, "U1", "no", SpikeTrains])
def test_dense_of_what_is_no_number(dtype):
    with pytest.raises(InputError, match=r"^dtype=.*: pass a type of numbers, such as np\.float32$"):
        SpikeTrains.from_dense(np.zeros((2, 5, 3))).to_dense(dtype)
