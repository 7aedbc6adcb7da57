"""Events: their encoder, datasets made of them, and networks that take them."""

from fractions import Fraction
from itertools import pairwise

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupynn import Sequential, datasets, encoders, layers
from cupynn.checks import InputError
from cupynn.encoders import ENCODERS, Events
from cupynn.kernels.events_encode import image_motion
from cupynn.losses import SpikeCount
from cupynn.ragged import Ragged
from cupynn.spikes import SpikeTrains

TYPE = [("t", np.int64), ("x", np.int16), ("y", np.int16), ("p", bool)]
SENSOR = (2, 3, 4)
LOSS = SpikeCount(desired=5, undesired=1, margin=1)


def recording(*events):
    return np.array(list(events), TYPE)


def toy(*recordings, sensor=SENSOR, **options):
    return datasets.events(recordings, np.arange(len(recordings)), sensor, **options)


def encode(x, steps, **options):
    return Events(**options).encode(x, steps, seed=0, draw=0, samples=np.arange(len(x)))


@st.composite
def recordings(draw, sensor=SENSOR, latest=6000):
    count = draw(st.integers(0, 40))
    limits = {"t": latest, "x": sensor[2] - 1, "y": sensor[1] - 1, "p": sensor[0] - 1}
    events = np.zeros(count, TYPE)
    for name, limit in limits.items():
        events[name] = draw(arrays.arrays(np.int64, count, elements=st.integers(0, limit)))
    return events


# The encoder -----------------------------------------------------------------------------------------------------------


def oracle(recording, sensor, steps, step):
    """Dense trains of one recording, event by event: step k holds the times in ((k - 1) step, k step], and 0 is in step 1."""
    dense = np.zeros((steps, *sensor), np.uint8)
    for t, x, y, p in recording[["t", "x", "y", "p"]].tolist():
        k = next(k for k in range(1, 10**6) if t <= k * step)
        if k < steps:
            dense[k, int(p), y, x] = 1
    return dense


@given(st.lists(recordings(), min_size=1, max_size=4), st.integers(1, 12), st.sampled_from([600, 250, 7.5]))
def test_events_are_spikes_of_their_step(samples, steps, step):
    trains = encode(toy(*samples).x, steps, step=step)
    assert trains.shape == (len(samples), steps, *SENSOR)
    np.testing.assert_array_equal(trains.to_dense(), [oracle(each, SENSOR, steps, step) for each in samples])
    assert trains == SpikeTrains.from_dense(trains.to_dense())  # sorted, each spike once


@pytest.mark.parametrize(("t", "step"), [(0, 1), (1, 1), (599, 1), (600, 1), (601, 2), (1200, 2), (1201, 3), (323_400, 539)])
def test_step_of_a_time(t, step):
    events = encode(toy(recording((t, 0, 0, 0))).x, 540).events()
    assert events.steps.tolist() == [step]


@pytest.mark.parametrize("t", [323_401, 2**32 - 1])
def test_events_after_the_last_step_are_dropped(t):
    assert encode(toy(recording((t, 0, 0, 0))).x, 540).neurons.size == 0


@pytest.mark.parametrize("step", [1e-300, 1e300])
def test_extreme_steps(step):
    trains = encode(toy(recording((0, 0, 0, 0), (2**32 - 1, 1, 0, 0))).x, 5, step=step)
    assert trains.events().steps.tolist() == ([1] if step < 1 else [1, 1])


def test_one_step_holds_no_spike():
    assert encode(toy(recording((0, 0, 0, 0), (5, 0, 0, 0))).x, 1).neurons.size == 0


def test_one_polarity_and_recordings_without_events():
    trains = encode(toy(recording(), recording((1, 3, 2, 1), (2, 3, 2, 0)), recording(), sensor=(1, 3, 4)).x, 3)
    assert trains.shape == (3, 3, 1, 3, 4)
    assert [part.tolist() for part in trains.events()] == [[1], [1], [11]]


def test_trains_do_not_depend_on_the_batch_or_the_order_of_events():
    rng = np.random.default_rng(0)
    samples = [np.sort(recording(*zip(*rng.integers(0, [[9000], [4], [3], [2]], (4, n)), strict=True))) for n in (50, 0, 9)]
    x, shuffled = toy(*samples).x, toy(*map(rng.permutation, samples)).x
    assert encode(x, 12) == encode(shuffled, 12)
    assert encode(x[[2, 0]], 12) == encode(x, 12)[np.array([2, 0])]


def test_any_type_of_fields_will_do():
    samples = [recording((700, 3, 2, 1), (5, 0, 1, 0))]
    kinds = [("p", np.uint8), ("y", ">i4"), ("x", np.uint64), ("t", np.uint64)]
    values = samples[0][["p", "y", "x", "t"]].astype(kinds)
    assert encode(Ragged(values, [0], [2], SENSOR), 9) == encode(toy(*samples).x, 9)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ((-1, 0, 0, 0), r"sample 1, event 1: t=-1: times count from 0"),
        ((0, 4, 0, 0), r"sample 1, event 1: x=4: pass 0 to 3"),
        ((0, -1, 0, 0), r"sample 1, event 1: x=-1"),
        ((0, 0, 3, 0), r"sample 1, event 1: y=3: pass 0 to 2, or another sensor than \(2, 3, 4\)"),
        ((0, 0, 0, 2), r"sample 1, event 1: p=2: pass 0 to 1"),
    ],
)
def test_refuses_events_outside_the_sensor(event, message):
    values = np.array([(0, 0, 0, 0), (0, 3, 2, 1), event], [(name, int) for name in "txyp"])
    x = Ragged(values, [0, 1], [1, 3], SENSOR)
    for use in (Events().check, lambda x: encode(x, 5)):
        with pytest.raises(InputError, match=message):
            use(x)


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((2, 2, 3, 4), np.uint8),
        [recording()],
        Ragged(np.zeros(3), [0], [3], SENSOR),
        Ragged(recording()[["t", "x", "p"]], [0], [0], SENSOR),
    ],
    ids=["images", "list", "signal", "field"],
)
def test_refuses_what_is_no_recording(x):
    with pytest.raises(InputError, match=r"data is .*: pass recordings of events"):
        Events().check(x)


def test_refuses_other_sensors_and_fields():
    with pytest.raises(InputError, match="sensor of the events.*polarities, height, width"):
        Events().check(Ragged(recording(), [0], [0], (3, 4)))
    values = np.zeros(1, [("t", float), ("x", int), ("y", int), ("p", int)])
    with pytest.raises(InputError, match="sample 0: t has dtype float64: pass whole numbers, times in microseconds"):
        Events().check(Ragged(values, [0], [1], SENSOR))


@pytest.mark.parametrize("options", [{"step": 0}, {"step": -1.0}, {"step": "600"}, {"step": np.nan}, {"stabilise": 1}])
def test_refuses_options(options):
    with pytest.raises(InputError, match=next(iter(options))):
        Events(**options)


def test_encoder_says_what_made_it():
    assert ENCODERS["Events"] is Events
    assert Events(stabilise=True).config() == {"kind": "Events", "step": 600.0, "stabilise": True}


# Stabilisation ---------------------------------------------------------------------------------------------------------


def test_image_motion_is_a_triangle():
    corners = [(0, 0, 0), (105_000, Fraction(7, 2), 7), (210_000, 7, 0), (315_000, 0, 0), (400_000, 0, 0)]
    for (begin, *start), (end, *stop) in pairwise(corners):
        for t in range(begin, end + 1, 250):
            part = Fraction(t - begin, end - begin)
            expected = [round(a + (b - a) * part) for a, b in zip(start, stop, strict=True)]
            assert list(image_motion(float(t))) == expected, t


def test_stabilise_moves_events_back_and_drops_those_off_the_sensor():
    events = recording((0, 1, 1, 0), (105_000, 9, 8, 1), (210_000, 9, 8, 1), (400_000, 2, 3, 0), (105_000, 9, 6, 1))
    trains = encode(toy(events, sensor=(2, 34, 34)).x, 1000, stabilise=True)
    _, steps, neurons = trains.events()
    p, y, x = np.unravel_index(neurons, (2, 34, 34))
    columns = zip(steps.tolist(), x.tolist(), y.tolist(), p.tolist(), strict=True)
    assert list(columns) == [(1, 1, 1, 0), (175, 5, 1, 1), (350, 2, 8, 1), (667, 2, 3, 0)]


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
    assert dataset[1:].split(1) if len(dataset) > 2 else dataset[[1]].y.tolist() == [1]


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
        (recording((0, 0, 0, 0)), "pass a list of them"),
        ([], "no samples"),
    ],
)
def test_refuses_recordings(arrays, message):
    with pytest.raises(InputError, match=message):
        datasets.events(arrays, np.zeros(len(arrays), int), SENSOR)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": [0, 1]}, "pass one label a sample"),
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


def quadrants(samples):
    """Recordings whose class is the half of the sensor that is active."""
    rng = np.random.default_rng(0)
    y = np.arange(samples) % 2
    xs = [rng.integers(0, [[9000], [2], [3], [2]], (4, rng.integers(60, 120))) + [[0], [2 * label], [0], [0]] for label in y]
    return [recording(*zip(*each, strict=True)) for each in xs], y


@pytest.fixture
def net():
    return Sequential(
        [layers.SpikingDense(20, v_th=3.0), layers.SpikingDense(2, v_th=3.0)],
        input_shape=SENSOR,
        steps=16,
        encoder=encoders.Events(),
    )


def test_a_network_learns_events_and_takes_trains_too(net):
    samples, y = quadrants(60)
    data = datasets.events(samples, y, SENSOR)
    train, test = data.split(20)
    net.fit(train, loss=LOSS, epochs=5, batch_size=4, progress=False)
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
    samples, y = quadrants(12)
    as_ours, as_theirs = datasets.events(samples, y, SENSOR), Tonic(samples, y)
    assert net.evaluate(as_theirs).confusion.tolist() == net.evaluate(as_ours).confusion.tolist()
    assert net.evaluate(Part(as_theirs, 4)).confusion.sum() == 4
    assert len(net.fit(as_theirs, validation=as_theirs, loss=LOSS, epochs=1, progress=False)) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sensor_size": (4, 3)}, "sensor_size, reversed"),
        ({"sensor_size": (3, 4, 2)}, r"item 0 of the data, event \d+: x=3"),
        ({"samples": [np.zeros((16, 2, 3, 4))]}, r"item 0 of the data is|list indices"),
        ({"y": ["left"]}, "labels has dtype <U4: pass integer class labels 0..1"),
    ],
)
def test_refuses_others_in_the_manner_of_tonic(net, change, message):
    samples, y = quadrants(1)
    samples[0]["x"] = 3
    data = Tonic(samples, y)
    for name, value in change.items():
        setattr(data, name, value)
    if "samples" in change:
        data.__class__ = type("Frames", (Tonic,), {"__getitem__": lambda self, index: (self.samples[index], 0)})
    with pytest.raises(InputError, match=message):
        net.evaluate(data)


def test_real_transforms_of_tonic(net):
    transforms = pytest.importorskip("tonic.transforms", reason="tonic is not installed")
    samples, y = quadrants(6)
    flip = transforms.RandomFlipLR(sensor_size=Tonic.sensor_size, p=1.0)
    flipped = Tonic([flip(sample) for sample in samples], y)
    frames = transforms.ToFrame(sensor_size=Tonic.sensor_size, time_window=600)
    for sample, (events, _) in zip(samples, flipped, strict=False):
        expected = frames(sample).sum(0)[:, :, ::-1]
        counts = np.zeros(SENSOR)
        np.add.at(counts, (events["p"].astype(int), events["y"], events["x"]), 1)
        np.testing.assert_array_equal(counts, expected)
    assert net.evaluate(flipped).confusion.sum() == 6
