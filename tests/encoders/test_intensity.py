"""Encoders of intensities with little or no chance: each train against its formula, in exact numbers or by a loop."""

import math
from fractions import Fraction

import numpy as np
import pytest
from compiled import philox
from hypothesis import given, settings
from hypothesis import strategies as st

from cupynn.checks import InputError
from cupynn.encoders import Current, Latency, Poisson, Regular
from cupynn.encoders.intensity import IntensityEncoder

LEVELS = np.arange(256, dtype=np.uint8)
KINDS = [Latency, lambda: Latency("logarithmic"), Regular, Current]
each = pytest.mark.parametrize("make", KINDS, ids=["linear latency", "logarithmic latency", "regular", "current"])


def encode(encoder, x, steps, seed=0, draw=0):
    return encoder.encode(np.asarray(x), steps, seed, draw, np.arange(len(x)))


def trains(encoder, steps):
    """Train of each level, (256, T)."""
    return encode(encoder, LEVELS[None], steps).to_dense()[0].T


# What all have in common -----------------------------------------------------------------------------------------------


@each
def test_nothing_fires_on_step_0_nor_for_zero(make):
    for steps in (1, 2, 3, 50, 400):
        table = trains(make(), steps)
        assert not table[:, 0].any()
        assert not table[0].any()


@each
def test_equal_levels_have_equal_trains_wherever_they_are(make):
    x = np.random.default_rng(0).integers(0, 256, (5, 3, 7), dtype=np.uint8)
    spikes = encode(make(), x, 100)
    assert spikes.shape == (5, 100, 3, 7)
    np.testing.assert_array_equal(spikes.to_dense(), np.moveaxis(trains(make(), 100)[x], -1, 1))
    assert encode(make(), x, 100, seed=7, draw=3) == spikes
    assert encode(make(), x[::-1, :, ::2], 100) == encode(make(), x[::-1, :, ::2].copy(), 100)


@each
def test_floats_are_levels_by_255(make):
    x = np.random.default_rng(0).integers(0, 256, (4, 9), dtype=np.uint8)
    for dtype in (np.float16, np.float32, np.float64):
        assert encode(make(), (x / 255).astype(dtype), 60) == encode(make(), x, 60)


@each
def test_no_samples(make):
    assert encode(make(), np.zeros((0, 3, 4), np.uint8), 20).shape == (0, 20, 3, 4)


@each
@pytest.mark.parametrize("x", [np.zeros((1, 2), np.int64), np.array([[0.5, 1.001]]), np.array([[np.nan]])])
def test_data_that_cannot_be_used(make, x):
    with pytest.raises(InputError, match=r"data has dtype int64|pass finite floats in"):
        encode(make(), x, 20)
    with pytest.raises(InputError):
        make().check(x)


@pytest.mark.parametrize("kind", [Current, Latency, Poisson, Regular])
def test_one_check_serves_all(kind):
    assert kind.check is IntensityEncoder.check


@each
def test_steps_may_change_from_call_to_call(make):
    encoder = make()
    long, short = trains(encoder, 90), trains(encoder, 30)
    np.testing.assert_array_equal(trains(encoder, 90), long)
    assert short.shape == (256, 30)


# Latency ---------------------------------------------------------------------------------------------------------------


def nearest(x):
    return math.floor(x + Fraction(1, 2))


@pytest.mark.parametrize("steps", [2, 3, 5, 129, 256, 400])
def test_linear_latency(steps):
    table = trains(Latency(), steps)
    expected = [1 + nearest(Fraction((steps - 2) * (255 - level), 254)) for level in range(1, 256)]
    assert table[1:].argmax(1).tolist() == expected
    assert set(table[1:].sum(1)) == {1}


@pytest.mark.parametrize("steps", [2, 3, 5, 129, 256, 400])
def test_logarithmic_latency(steps):
    table = trains(Latency("logarithmic"), steps)
    expected = [1 + nearest((steps - 2) * (1 - math.log(level, 255))) for level in range(1, 256)]
    assert table[1:].argmax(1).tolist() == expected
    assert set(table[1:].sum(1)) == {1}


@pytest.mark.parametrize("scale", ["linear", "logarithmic"])
def test_latency_runs_from_the_first_step_to_the_last(scale):
    times = trains(Latency(scale), 50)[1:].argmax(1)
    assert (times[-1], times[0]) == (1, 49)
    assert (np.diff(times) <= 0).all()


def test_equal_ratios_are_equal_differences_of_time():
    times = trains(Latency("logarithmic"), 5000).argmax(1)
    differences = times[[1, 2, 4, 8, 16, 32, 64]] - times[[2, 4, 8, 16, 32, 64, 128]]
    assert np.ptp(differences) <= 1


def test_latency_in_one_step_is_silent():
    assert not trains(Latency(), 1).any()


@pytest.mark.parametrize("scale", ["log", 1, None])
def test_bad_scale(scale):
    with pytest.raises(InputError, match=r"scale=.*pass one of 'linear', 'logarithmic'"):
        Latency(scale)


# Regular ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_rate", [1.0, 0.5, 0.25, 1 / 5.5, 0.013])
def test_regular_follows_its_formula(max_rate):
    table = trains(Regular(max_rate), 300)
    for level in range(256):
        rate = Fraction(round(max_rate * level / 255 * 2**32), 2**32)
        counts = [nearest(rate * t) for t in range(300)]
        assert np.flatnonzero(table[level]).tolist() == [t for t in range(1, 300) if counts[t] > counts[t - 1]]


@settings(max_examples=30)
@given(max_rate=st.floats(1e-4, 1), steps=st.integers(2, 500))
def test_regular_counts_are_the_nearest_and_gaps_even(max_rate, steps):
    table = trains(Regular(max_rate), steps)
    due = max_rate * LEVELS / 255 * (steps - 1)
    assert np.abs(table.sum(1) - due).max() <= 0.5 + 1e-6
    for train in table[[60, 128, 255]]:
        gaps = np.diff(np.flatnonzero(train))
        assert gaps.size == 0 or np.ptp(gaps) <= 1


def test_regular_at_rate_one_fires_at_every_step_but_the_first():
    assert trains(Regular(1.0), 6)[255].tolist() == [0, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("max_rate", [0, 1.1, "1", True])
def test_bad_rate(max_rate):
    with pytest.raises(InputError, match="max_rate="):
        Regular(max_rate)


def test_bad_random_phase():
    with pytest.raises(InputError, match="random_phase=1: pass True or False"):
        Regular(random_phase=1)


def test_random_phases_follow_the_recipe():
    """A word of Philox, from the counter (0, neuron // 4, sample, draw) and the key of the seed, is 2^32 u."""
    seed, draw, sample, steps = 0x123456789ABCDEF0, 2**32 - 2, 2**32 - 1, 50
    x = np.array([[0, 3, 90, 255, 255, 255, 17]], np.uint8)
    expected = np.zeros((steps, 7))
    for neuron, level in enumerate(x[0].tolist()):
        counter = (0, neuron // 4, sample, draw, seed & 0xFFFFFFFF, seed >> 32)
        phase = int(philox(*map(np.uint32, counter))[neuron % 4])
        counts = [(round(0.4 * level / 255 * 2**32) * t + phase) >> 32 for t in range(steps)]
        expected[1:, neuron] = np.diff(counts)
    spikes = Regular(0.4, random_phase=True).encode(x, steps, seed, draw, np.array([sample]))
    np.testing.assert_array_equal(spikes.to_dense()[0], expected)


@settings(max_examples=30)
@given(max_rate=st.floats(1e-4, 1), steps=st.integers(1, 300), seed=st.integers(0, 2**64 - 1))
def test_random_phases_change_a_count_by_one_at_most(max_rate, steps, seed):
    encoder, x = Regular(max_rate, random_phase=True), np.tile(LEVELS, (8, 1))
    table = encode(encoder, x, steps, seed).to_dense()
    due = max_rate * LEVELS / 255 * (steps - 1)
    counts = table.sum(1)
    assert (counts >= np.floor(due - 1e-6)).all()
    assert (counts <= np.ceil(due + 1e-6)).all()
    assert abs(counts.mean() - due.mean()) < 5 * 0.5 / np.sqrt(counts.size)
    assert not table[:, 0].any()
    assert encoder.encode(x[5:6], steps, seed, 0, np.array([5])) == encode(encoder, x, steps, seed)[5]


def test_random_phases_mix_what_would_fire_together():
    x = np.full((4, 1000), 255, np.uint8)
    together, mixed = (encode(Regular(0.25, random_phase), x, 41, seed=1).to_dense() for random_phase in (False, True))
    assert set(together.mean((0, 2))[1:]) == {0, 1}
    assert np.abs(mixed.mean(2)[:, 1:] - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / 1000)
    anew = Regular(0.25, random_phase=True).encode(x, 41, 1, 1, np.arange(4))
    assert anew != encode(Regular(0.25, random_phase=True), x, 41, seed=1)


# Current ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{}, {"gain": 1.7, "t_ref": 0}, {"gain": 0.05, "v_th": 2.0, "tau_m": 200.0, "t_ref": 7}, {"tau_m": 1.0, "gain": 1.0}],
    ids=str,
)
def test_current_is_the_recursion(options):
    encoder, steps = Current(**options), 200
    table = trains(encoder, steps)
    for level in range(256):
        v, rest, fired = 0.0, 0, []
        for t in range(1, steps):
            v = v * (1 - 1 / encoder.tau_m) + encoder.gain * level / 255
            if rest > 0:
                v, rest = 0.0, rest - 1
            if v > encoder.v_th - 1e-6:
                v, rest = 0.0, encoder.t_ref
                fired.append(t)
        assert np.flatnonzero(table[level]).tolist() == fired, level


def test_current_below_the_threshold_never_fires():
    encoder = Current()
    counts = trains(encoder, 5000).sum(1)
    weakest = math.ceil(255 * encoder.v_th / (encoder.gain * encoder.tau_m))
    assert weakest == 16
    assert not counts[:weakest].any()
    assert counts[weakest:].all()
    assert (np.diff(counts) >= 0).all()


@pytest.mark.parametrize(
    ("name", "value"), [("gain", 0), ("gain", np.inf), ("v_th", 1e-6), ("tau_m", 0.5), ("t_ref", -1), ("t_ref", 1.5)]
)
def test_bad_arguments_of_current(name, value):
    with pytest.raises(InputError, match=f"{name}="):
        Current(**{name: value})


class TestNotice:
    """Dark figures on a bright ground: the ground fires, and learning is slow for a reason that nobody sees."""

    @pytest.mark.parametrize("make", [Poisson, Latency, Regular, Current])
    def test_a_bright_ground_is_told(self, make):
        told = make().notice(np.full((3, 4, 1), 250, np.uint8), 10)
        assert "invert them (255 - x) and remove the background" in told
        assert "from_image_folder(..., invert=True, cut_ground=True)" in told
        told = make().notice(np.full((3, 4, 1), 0.9), 10)
        assert told.startswith("half of the data is at 90% of the largest value")
        assert "1 - x" in told

    def test_a_grey_ground_is_told(self):
        images = np.full((3, 8, 1), 40, np.uint8)
        images[:, 0] = 255
        told = Poisson().notice(images, 10)
        assert told.startswith("three quarters of the data are at 16% of the largest value")
        assert "cut_ground=True" in told
        assert "invert" not in told

    def test_zeros_and_ones_of_255_are_told(self):
        assert "multiply it by 255" in Poisson().notice(np.eye(3, dtype=np.uint8), 10)

    @pytest.mark.parametrize("x", [np.eye(3, dtype=np.uint8) * 16, np.eye(3) * 16 / 255, np.eye(3, dtype=np.uint8) * 63])
    def test_data_far_below_the_largest_value_is_told(self, x):
        told = Poisson().notice(x, 10)
        assert told.endswith("so it hardly fires: divide the data by its largest value, as floats in [0, 1]")
        Poisson().check(x / x.max())
        assert Poisson().notice(x / x.max(), 10) is None

    def test_a_single_bright_value_is_enough(self):
        x = np.full((5000, 2), 10, np.uint8)
        x[4321, 1] = 200
        assert Poisson().notice(x, 10) is None

    def test_other_data_is_not(self):
        dark = np.zeros((3, 4), np.uint8)
        assert Poisson().notice(dark, 10) is None
        dark[:, :2] = 255
        dark[0, 0] = 254
        assert Poisson().notice(dark[:, 1:], 10) is None
        assert Poisson().notice(np.eye(3, dtype=np.float32), 10) is None
        assert Poisson().notice(np.zeros((0, 4), np.uint8), 10) is None


class TestSaturated:
    """Values that differ, and give the spikes of the largest value."""

    spread = np.random.default_rng(0).integers(1, 255, (20, 40)) * (np.arange(40) % 2)  # half of the values are silent

    @pytest.mark.parametrize(
        ("encoder", "steps", "remedy"),
        [(Current(gain=10.0), 300, "lower gain"), (Latency("logarithmic"), 3, "create the network with more steps")],
    )
    def test_is_told(self, encoder, steps, remedy):
        told = encoder.notice(self.spread.astype(np.uint8), steps)
        assert "of the values above 0 fire like the largest, 255" in told
        assert told.endswith(remedy)
        floats = (self.spread / 255).astype(np.float32)
        assert encoder.notice(floats, steps) == told

    @pytest.mark.parametrize(
        ("encoder", "steps"), [(Current(), 300), (Latency(), 20), (Current(gain=10.0), 2), (Current(), 4), (Latency(), 2)]
    )
    def test_usual_arguments(self, encoder, steps):
        assert encoder.notice(self.spread.astype(np.uint8), steps) is None

    def test_zeros_and_ones_have_one_level(self):
        assert Current(gain=10.0).notice((self.spread > 0).astype(np.float32), 300) is None


def test_rows_of_a_table_have_no_background():
    table = np.full((20, 4), 0.9, np.float32)
    assert Poisson().notice(table, 50) is None
    assert "dark figures" in Poisson().notice(np.full((20, 8, 8), 0.9, np.float32), 50)
    assert "dark figures" in Poisson().notice(np.full((20, 784), 0.9, np.float32), 50)
