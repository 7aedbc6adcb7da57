"""The encoder of events: steps, duplicates, sensors, stabilisation."""

import re
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from eventful import SENSOR, encode, recording, recordings, toy
from hypothesis import given
from hypothesis import strategies as st

from cupynn import Sequential, layers
from cupynn.checks import InputError
from cupynn.encoders import ENCODERS, Events
from cupynn.kernels.events_encode import image_motion
from cupynn.ragged import Ragged
from cupynn.spikes import SpikeTrains

# The encoder -----------------------------------------------------------------------------------------------------------


def oracle(recording, sensor, steps, step):
    """Dense trains of a recording, event by event: step k holds the times in ((k - 1) step, k step], and 0 in 1."""
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


@pytest.mark.parametrize("step", [1e-300, 1e30])
def test_extreme_steps(step):
    trains = encode(toy(recording((0, 0, 0, 0), (2**32 - 1, 1, 0, 0))).x, 5, step=step)
    assert trains.events().steps.tolist() == ([1] if step < 1 else [1, 1])


@given(st.lists(recordings(), min_size=1, max_size=3), st.integers(1, 8), st.sampled_from([1e-300, 0.1, 1.0, 600.0, 1e30]))
def test_notice_says_how_many_events_are_dropped(streams, steps, step):
    """Each event on a pixel of its own, so that none merge: what is not noticed falls on a step."""
    alone = [recording(*((t, 0, 0, 0) for t in stream["t"])) for stream in streams]
    for stream in alone:
        stream["x"] = np.arange(len(stream))
    x = toy(*alone, sensor=(1, 1, 40)).x
    kept, total = encode(x, steps, step=step).neurons.size, sum(map(len, alone))
    notice = Events(step).notice(x, steps) or ""
    told = f"{total - kept} of {total} events come after the last of {steps} steps and are dropped: "
    assert told in notice if kept < total else "dropped" not in notice


def timed(*times, sensor=(1, 1, 40)):
    """Recordings of one pixel with these times, one list for each."""
    return toy(*(recording(*((t, 0, 0, 0) for t in each)) for each in times), sensor=sensor).x


class TestUnits:
    """Times in another unit than microseconds, or from another start; a step lasts 600 microseconds, and there are 300."""

    def notice(self, *times, steps=300, **options):
        return Events(**options).notice(timed(*times), steps)

    def advised(self, notice):
        return float(re.findall(r"Events\(step=([\d.e+]+)\)", notice)[-1])

    @pytest.mark.parametrize(
        ("end", "unit"),
        [
            (299, "milliseconds, multiply them by 1000"),
            (60, "milliseconds, multiply"),
            (1, "seconds, multiply them by 1,000,000"),
        ],
    )
    def test_short_recordings(self, end, unit):
        told = self.notice([0, end // 2, end], [end], [])
        assert told.startswith(f"recordings end at {end} microseconds (median), so their events fall into 1 step of 300: ")
        assert f"if the times are in {unit}" in told
        x = timed([0, end // 2, end])
        assert encode(x, 300, step=self.advised(told)).events().steps.max() == 299

    def test_no_unit_fits(self):
        told = self.notice([3])
        assert "fall into 1 step of 300: pass encoder=encoders.Events(step=0.0101)" in told
        assert "seconds" not in told.replace("microseconds", "")
        assert "the first 10 steps of 1000" in self.notice([5500], steps=1000)

    @pytest.mark.parametrize("end", [20_000, 100_000, 179_400])
    def test_recordings_that_fill_the_steps(self, end):
        assert self.notice([0, end], [0, end]) is None

    def test_one_step_is_all_there_is(self):
        assert self.notice([0, 1], steps=2) is None

    def test_nanoseconds(self):
        told = self.notice([0, 150_000_000])
        assert told.startswith(
            "1 of 2 events come after the last of 300 steps and are dropped: if the times are in nanoseconds, "
        )

    def test_a_bit_late(self):
        told = self.notice([0, 200_000])
        assert "nanoseconds" not in told
        assert encode(timed([0, 200_000]), 300, step=self.advised(told)).events().steps.tolist() == [1, 299]

    def test_clocks_that_start_late(self):
        told = self.notice([10**9, 10**9 + 90_000])
        assert "if their clocks do not start at 0, pass from_first_event=True" in told
        assert "encoders.Events(step=600)" in told

    def test_only_arguments_that_the_encoder_has(self):
        net = Sequential([layers.SpikingDense(2, 2.0)], (1, 1, 40), 300, Events())
        for x in (timed([0, 299], [5]), timed([10**9], [10**9])):
            told = " ".join(net.fit((x, [0, 1]), epochs=1, progress=False).notices)
            assert "encoders.Events(step=" in told
            assert '(guide "It does not learn": input)' in told
            assert not re.search("rate|gain", told)


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
    with pytest.raises(InputError, match=r"sensor of the events.*polarities, height, width"):
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
