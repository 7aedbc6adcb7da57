"""Datasets of events of one's own, of tonic's, and networks that take them."""

import numpy as np
import pytest
from eventful import SENSOR, recording, recordings, toy
from hypothesis import given
from hypothesis import strategies as st

from cupynn import Sequential, datasets, encoders, layers
from cupynn.checks import InputError
from cupynn.encoders import Events
from cupynn.losses import SpikeCount
from cupynn.optimizers import Adam
from cupynn.spikes import SpikeTrains

LOSS = SpikeCount(desired=5, undesired=1, margin=1)


# datasets.events -------------------------------------------------------------------------------------------------------


@given(st.lists(recordings(), min_size=1, max_size=4), st.permutations("txyp"), st.booleans())
def test_dataset_holds_the_events_as_they_are(samples, order, signed):
    kinds = {"t": "<i8", "x": "u2", "y": "i4", "p": "i1" if signed else "?"}
    given_arrays = []
    for sample in samples:
        array = np.empty(len(sample), [(name, kinds[name]) for name in order])
        for name in order:
            array[name] = sample[name]
        if signed:
            array["p"] = 2 * sample["p"].astype(int) - 1
        given_arrays.append(array)
    dataset = toy(*given_arrays)
    assert dataset.x.dtype.names == ("t", "x", "y", "p")
    assert dataset.input_shape == SENSOR
    for index, sample in enumerate(samples):
        assert dataset.x[index].tolist() == sample.tolist()


def test_large_sensors_and_late_times():
    dataset = toy(recording((2**32 - 1, 1279, 719, 1)), sensor=(2, 720, 1280))
    assert dataset.x[0].tolist() == [(2**32 - 1, 1279, 719, True)]


def test_names_classes_and_repr():
    empty = recording()
    assert datasets.events([empty] * 3, [2, 0, 2]).classes == ("0", "1", "2")
    dataset = datasets.events([empty, empty], [0, 1], SENSOR, ["left", "right"], "gestures")
    assert repr(dataset) == "Dataset gestures: 2 samples of shape (2, 3, 4) events, 2 classes of 1 to 1 samples"
    assert dataset[1:].y.tolist() == [1]


def test_times_from_the_first_event():
    late = recording((2**40 + 9, 0, 0, 0), (2**40, 1, 0, 0))
    assert toy(late, recording(), from_first_event=True).x[0]["t"].tolist() == [9, 0]
    with pytest.raises(InputError, match=r"recordings\[0\], event 0: t=.*from_first_event=True"):
        toy(late)


def test_one_polarity_or_one_line_needs_no_field_for_it():
    spikes = np.array([(5, 699), (7, 0)], [("t", int), ("x", int)])
    assert toy(spikes, sensor=(1, 1, 700)).x[0].tolist() == [(5, 699, 0, False), (7, 0, 0, False)]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ([recording(), recording((0, 0, 0, 0), (1, 4, 0, 0))], r"recordings\[1\], event 1: x=4: pass 0 to 3, or another"),
        ([recording((0, 0, -1, 0))], r"recordings\[0\], event 0: y=-1"),
        ([recording((-5, 0, 0, 0))], r"recordings\[0\], event 0: t=-5"),
        ([np.array([(0, 0, 0, -1), (0, 0, 0, 0)], [(n, int) for n in "txyp"])], r"recordings\[0\], event 0: p=-1"),
        ([np.array([(0, 0, 0, 2)], [(n, int) for n in "txyp"])], r"p=2"),
        ([np.array([(0.5, 0, 0, 0)], [("t", float), ("x", int), ("y", int), ("p", int)])], "t has dtype float64"),
        ([np.array([(0, 0, 0)], [("t", int), ("x", int), ("p", int)])], "no field 'y', only t, x, p"),
        ([np.zeros((2, 4))], r"recordings\[0\] is float64 \(2, 4\): pass a one-dimensional structured array"),
        ([recording((0, 0, 0, 0))[None]], r"recordings\[0\] is .*one-dimensional"),
        ([None], r"recordings\[0\] is NoneType"),
        (recording((0, 0, 0, 0)), "pass a list of arrays"),
        ([], "no samples"),
    ],
)
def test_refuses_recordings(arrays, message):
    with pytest.raises(InputError, match=message):
        datasets.events(arrays, np.zeros(len(arrays), int), SENSOR)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": [0, 1]}, "pass one label per sample"),
        ({"labels": [-1]}, r"labels\[0\]=-1"),
        ({"labels": [0.5]}, "labels has dtype float64"),
        ({"labels": [2], "classes": ("a", "b")}, r"y\[0\]=2"),
        ({"sensor": (34, 34)}, r"sensor=\(34, 34\): pass \(polarities, height, width\)"),
        ({"sensor": (34, 34, 2)}, "polarities, height, width"),
        ({"sensor": None}, "sensor=None"),
        ({"from_first_event": "yes"}, "from_first_event='yes'"),
    ],
)
def test_refuses_the_rest(options, message):
    with pytest.raises(InputError, match=message):
        datasets.events([recording()], **{"labels": [0]} | options)


# Networks --------------------------------------------------------------------------------------------------------------


def halves(samples):
    """Recordings whose class is the half of the sensor that is active."""
    rng = np.random.default_rng(0)
    y = np.arange(samples) % 2
    samples = [recording(*rng.integers(0, [9000, 2, 3, 2], (rng.integers(60, 120), 4)).tolist()) for _ in y]
    for sample, label in zip(samples, y, strict=True):
        sample["x"] += 2 * label
    return samples, y


@pytest.fixture
def net():
    return Sequential(
        [layers.SpikingDense(20, v_th=3.0), layers.SpikingDense(2, v_th=3.0)],
        input_shape=SENSOR,
        steps=16,
        encoder=encoders.Events(),
    )


def test_a_network_learns_events_and_takes_trains_too(net):
    samples, y = halves(60)
    data = datasets.events(samples, y, SENSOR)
    train, test = data.split(20)
    net.fit(train, loss=LOSS, optimizer=Adam(0.05), epochs=5, batch_size=4, progress=False)
    assert net.evaluate(test).accuracy == 1
    trains = net.encode(test.x)
    assert isinstance(trains, SpikeTrains)
    np.testing.assert_array_equal(net.predict(trains), net.predict(test.x))
    np.testing.assert_array_equal(Events().encode(test.x, 16, 0, 0, np.arange(20)).to_dense(), trains.to_dense())
    assert net.record(test.x[:2]).spikes["input"] == trains[:2]


def test_a_saved_network_keeps_its_encoder(net, tmp_path):
    net.encoder = Events(step=300.0, stabilise=True)
    net.save(tmp_path / "net.npz")
    assert Sequential.load(tmp_path / "net.npz").encoder.config() == net.encoder.config()


class Tonic:
    """A dataset in tonic's manner."""

    sensor_size = (4, 3, 2)

    def __init__(self, samples, y):
        self.samples, self.y = samples, y

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index][["x", "y", "t", "p"]], self.y[index]


class Part:
    """A part of a dataset, in PyTorch's manner."""

    def __init__(self, dataset, count):
        self.dataset, self.count = dataset, count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return self.dataset[index]


def test_datasets_in_the_manner_of_tonic(net):
    samples, y = halves(12)
    as_ours, as_theirs = datasets.events(samples, y, SENSOR), Tonic(samples, y)
    assert net.evaluate(as_theirs).confusion.tolist() == net.evaluate(as_ours).confusion.tolist()
    assert net.evaluate(Part(as_theirs, 4)).confusion.sum() == 4
    assert len(net.fit(as_theirs, validation=as_theirs, loss=LOSS, epochs=1, progress=False)) == 1


@pytest.mark.parametrize(
    ("sensor", "item", "message"),
    [
        ((4, 3), (recording(), 0), r"sensor_size, reversed=\(3, 4\): pass \(polarities"),
        ((3, 4, 2), (recording((0, 3, 0, 0)), 0), r"the sample of data\[0\], event 0: x=3: pass 0 to 2"),
        (
            (4, 3, 2),
            (np.zeros((16, 2, 4, 3)), 0),
            r"float64 \(16, 2, 4, 3\), neither events nor frames of shape \(t, \*\(2, 3, 4\)\)",
        ),
        ((4, 3, 2), recording(), r"data\[0\] is a ndarray: a map dataset returns a pair"),
        ((4, 3, 2), (recording(), "left"), r"the label of data\[0\] is 'left': pass the number of a class"),
    ],
)
def test_refuses_others_in_the_manner_of_tonic(net, sensor, item, message):
    class Other(list):
        sensor_size = sensor

    with pytest.raises(InputError, match=message):
        net.evaluate(Other([item]))


def test_real_transforms_of_tonic(net):
    """Its frame k holds the times from 600 k on, below 600 (k + 1): those of our step k + 1, but for full multiples."""
    transforms = pytest.importorskip("tonic.transforms", reason='tonic is not installed: pip install -e ".[tonic]"')
    samples, y = halves(6)
    samples = [np.sort(sample[sample["t"] % 600 > 0], order="t") for sample in samples]
    flip = transforms.RandomFlipLR(sensor_size=Tonic.sensor_size, p=1.0)
    to_frames = transforms.ToFrame(sensor_size=Tonic.sensor_size, time_window=600, start_time=0, end_time=9000)
    flipped = Tonic([flip(sample) for sample in samples], y)
    x, labels = net.labelled(flipped)
    expected = [np.minimum(to_frames(sample), 1)[:, :, :, ::-1] for sample in samples]
    np.testing.assert_array_equal(net.encode(x).to_dense()[:, 1:], expected)
    assert labels.tolist() == y.tolist()


class TestFoundByFuzzing:
    def test_fields_that_hold_arrays(self):
        events = np.zeros(2, [("t", "i4", (2,)), ("x", "i4"), ("y", "i4"), ("p", "i1")])
        with pytest.raises(InputError, match=r"t has shape \(2,\) in each event: pass one whole number"):
            datasets.events([events], [0], sensor=(2, 3, 4))

    def test_times_whose_difference_their_type_cannot_hold(self):
        events = np.array([(-100, 0, 0, 1), (100, 1, 1, 0)], [("t", "i1"), ("x", "i4"), ("y", "i4"), ("p", "i1")])
        x = datasets.events([events], [0], sensor=(2, 3, 4), from_first_event=True).x
        assert x[0]["t"].tolist() == [0, 200]

    def test_a_polarity_of_neither_sign(self):
        events = np.array([(0, 0, 0, -1), (1, 1, 1, 3)], [("t", "i4"), ("x", "i4"), ("y", "i4"), ("p", "i1")])
        with pytest.raises(InputError, match="p=-1"):
            datasets.events([events], [0], sensor=(2, 3, 4))
