"""Signals over time: normalisation, limits, filter, rates, and a network that learns from them with the defaults."""

import re
from pathlib import Path

import numpy as np
import pytest
from factories import eeg

from cupynn import Ragged, Sequential, SpikeTrains, encoders, layers
from cupynn.checks import InputError
from cupynn.datasets import Dataset, signal_limits, signals

PAGE = Path(__file__).parents[2] / "docs" / "your-own-data.md"


def waves(*lengths, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return [50 * rng.standard_normal((length, channels)) + 7 for length in lengths]


def wave(hz, rate=250, seconds=4):
    return np.sin(2 * np.pi * hz * np.arange(rate * seconds) / rate)[:, None]


class TestValues:
    def test_an_array_and_a_list_are_the_same(self):
        array = np.stack(waves(40, 40))
        one, other = signals(array, [0, 1]), signals(list(array), [0, 1])
        np.testing.assert_array_equal(one.x.values, other.x.values)
        assert one.x.values.dtype == np.float32
        assert one.input_shape == (6,)

    def test_lengths_differ(self):
        data = signals(waves(40, 25, 1), [0, 1, 1], classes=["rest", "task"])
        assert data.x.lengths.tolist() == [40, 25, 1]
        assert data.classes == ("rest", "task")
        assert repr(data) == "Dataset signals: 3 samples of shape (6,) float32, 2 classes of 1 to 2 samples"

    def test_split_makes_two_halves(self):
        x = np.array([[-4.0], [0.0], [2.0], [6.0], [99.0]])
        halves = signals([x], [0], limits=(-2, 6)).x[0]  # the middle is 2
        np.testing.assert_allclose(halves, [[0, 1], [0, 0.5], [0, 0], [1, 0], [1, 0]])
        two = signals(waves(30), [0]).x[0]
        assert two.shape == (30, 6)
        assert (np.minimum(two[:, :3], two[:, 3:]) == 0).all()

    def test_range_goes_from_low_to_high(self):
        x = np.array([[-4.0, 0], [0.0, 0], [2.0, 10], [6.0, 20]])
        np.testing.assert_allclose(
            signals([x], [0], normalise="range", limits=([-2, 0], [6, 20])).x[0], [[0, 0], [0.25, 0], [0.5, 0.5], [1, 1]]
        )

    def test_values_as_they_are(self):
        (array,) = waves(20)
        np.testing.assert_array_equal(signals([array], [0], normalise=None).x[0], array.astype(np.float32))

    def test_the_unit_does_not_matter(self):
        arrays = waves(60, 50)
        for name in ("split", "range"):
            volts = signals([1e-6 * each for each in arrays], [0, 1], normalise=name).x.values
            np.testing.assert_allclose(volts, signals(arrays, [0, 1], normalise=name).x.values, atol=1e-6)

    def test_a_flat_channel_is_silent(self):
        x = np.column_stack([np.full(20, 3.0), np.arange(20.0)])
        for name in ("split", "range"):
            values = signals([x], [0], normalise=name).x[0]
            assert np.isfinite(values).all()
            assert not values[:, 0].any()

    def test_rare_artefacts_do_not_set_the_scale(self):
        (x,) = waves(1000)
        before = signal_limits([x])
        x[500] = 1e6
        np.testing.assert_allclose(signal_limits([x]), before, rtol=0.2)

    def test_one_channel(self):
        assert signals([np.arange(9.0), np.arange(4.0)], [0, 0]).x.shape == (2, 2)

    def test_limits_of_the_training_data(self):
        old, new = waves(200, 200), waves(100, seed=1)
        limits = signal_limits(old)
        both = signals([*old, *new], [0, 0, 0], limits=limits)
        np.testing.assert_array_equal(signals(new, [0], limits=limits).x.values, both.x[2])


class TestRates:
    def test_the_rate_is_kept(self):
        data = signals(waves(40, 50), [0, 1], rate=250)
        assert (data.x.rate, data.x[:1].rate, data.split(1)[1].x.rate) == (250.0, 250.0, 250.0)
        assert repr(data.x) == "Ragged(shape=(2, 6), float32, 90 values at 250 Hz)"
        assert signals(waves(40), [0]).x.rate is None

    def test_signals_of_several_rates(self):
        data = signals([wave(5, 250), wave(5, 500)], [0, 1], rate=[250, 500], frame_rate=250, normalise=None)
        assert data.x.lengths.tolist() == [1000, 1000]
        np.testing.assert_allclose(data.x[1], data.x[0], atol=0.02)
        assert data.x.rate == 250

    def test_resampling_does_not_alias(self):
        data = signals([wave(80, 500)], [0], rate=500, frame_rate=100, normalise=None)
        assert np.abs(data.x[0][20:-20]).max() < 0.01

    def test_an_offset_stays_at_the_ends(self):
        data = signals([np.full((500, 1), 40.0)], [0], rate=500, frame_rate=100, normalise=None)
        np.testing.assert_allclose(data.x[0], 40, rtol=1e-3)

    def test_the_band(self):
        x = 100 + 30 * wave(0.3) + wave(10) + wave(60)
        kept = signals([x], [0], rate=250, band=(5, 30), normalise=None).x[0]
        np.testing.assert_allclose(kept[200:-200], wave(10)[200:-200], atol=0.03)
        limits = signal_limits([x], rate=250, band=(5, 30))
        np.testing.assert_allclose(np.ravel(limits), [-1, 1], atol=0.1)

    def test_a_band_of_short_signals(self):
        assert signals([np.ones((2, 1))], [0], rate=250, band=(5, 30)).x.lengths.tolist() == [2]


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        (np.zeros((4, 9)), {}, r"arrays has shape \(4, 9\): pass \(signals, time, channels\), such as arrays\[..., None\]"),
        ([], {}, "arrays has no signals"),
        ([np.zeros((3, 2)), np.zeros((3, 4))], {}, r"arrays\[1\] has 4 channels, arrays\[0\] 2: .*channels first\?"),
        ([np.zeros((3, 2)), np.array([[1, np.nan]])], {}, r"arrays\[1\] holds values that are not finite"),
        ([np.zeros((0, 2))], {}, r"arrays\[0\] is float64 \(0, 2\)"),
        ([np.array(["a"])], {}, r"arrays\[0\] is <U1 \(1,\): pass numbers"),
        (waves(9), {"normalise": "zscore"}, "normalise='zscore': pass one of 'split', 'range'"),
        (waves(9), {"normalise": None, "limits": (0, 1)}, "limits with normalise=None"),
        (waves(9), {"limits": 3}, r"limits=3: pass \(low, high\)"),
        (waves(9), {"limits": ([0, 1], 1)}, r"limits=.*each a number or one per channel, 3"),
        (waves(9), {"limits": (1, 0)}, "low below high"),
        (waves(9), {"rate": 0}, "rate=0: pass a finite number greater than 0"),
        (waves(9), {"rate": [1, 2]}, "rate has 2 values: pass one number, or one for each of the 1 arrays"),
        (waves(9, 9), {"rate": [250, 100]}, r"rate ranges over 100..250 Hz: pass frame_rate=100"),
        (waves(9), {"frame_rate": 9}, "frame_rate without rate"),
        (waves(9), {"band": (1, 2)}, "band without rate"),
        (waves(9), {"rate": 50, "band": (5, 30)}, r"band=\(5, 30\): pass \(low, high\) with low < high < 25 Hz"),
        (waves(9), {"rate": 50, "band": 5}, "band=5: pass the lowest and the highest"),
        (waves(9), {"rate": 1e9, "frame_rate": 1}, "frame_rate=1 for signals of 1e\\+09 Hz"),
        (waves(9), {"rate": 1, "frame_rate": 1e9}, "frame_rate=1e\\+09 for signals of 1 Hz"),
        (waves(9), {"rate": 1, "frame_rate": 1e25}, "frame_rate=1e\\+25 for signals of 1 Hz"),
        (
            waves(9),
            {"rate": 5, "band": (1e-12, 2)},
            r"band=\(1e-12, 2\): the lowest frequency is too near 0 for signals of 5",
        ),
        (waves(9), {"rate": [[5]]}, r"rate=\[5\]: pass a finite number"),
        (waves(9), {"limits": (-1e308, 1e308)}, r"limits=.*: pass finite numbers up to 1e\+30"),
        ([np.zeros(3), [1e308]], {}, r"arrays\[1\] holds values beyond 1e\+30: pass it in a larger unit"),
        ([np.array([0, 2], np.longdouble) * np.longdouble("1e308")], {}, r"arrays\[0\] holds values (that are not|beyond)"),
        ([[[1], [2, 3]]], {}, r"arrays\[0\] is a list that cannot become an array .*: pass a regular one"),
        (None, {}, r"arrays is a NoneType: pass \(signals, time, channels\), or a list of arrays"),
        (5, {}, "arrays is an int: pass"),
    ],
)
def test_what_cannot_be_used(arrays, options, message):
    with pytest.raises(InputError, match=message):
        signals(arrays, np.zeros(len(arrays) if hasattr(arrays, "__len__") else 1, int), **options)


def test_a_rate_from_an_array():
    assert signals([np.ones(5)], [0], rate=np.array(250.0)).x.rate == 250


def test_an_indexed_dataset_ends_at_its_length():
    class Endless:
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return np.arange(5.0)

    assert len(signals(Endless(), [0, 1])) == 2


@pytest.mark.parametrize("scale", [1e29, 1e-41, 1e-320])
@pytest.mark.parametrize("normalise", ["split", "range"])
def test_units_near_the_limits_of_floats(scale, normalise):
    values = signals([scale * wave(10)], [0], normalise=normalise).x.values
    assert (values.min(), values.max()) == (0, 1)


class TestDoors:
    """Wherever a user brings an array of signals first, the message names `signals`."""

    x = np.stack(waves(30, 30, 30, 30)).astype(np.float32)
    y = np.arange(4) % 2

    @pytest.mark.parametrize("encoder", [None, encoders.BSA(), encoders.Poisson()])
    @pytest.mark.parametrize("kind", ["array", "list", "unequal"])
    def test_a_network(self, encoder, kind):
        x = {"array": self.x, "list": list(self.x), "unequal": [each[: 20 + i] for i, each in enumerate(self.x)]}[kind]
        net = Sequential([layers.SpikingDense(2, 5.0)], 3, 30, encoder)
        for use in (lambda: net.fit((x, self.y), progress=False), lambda: net.predict(x)):
            with pytest.raises(
                InputError, match=r"datasets\.signals\(arrays, labels\), with encoder=encoders\.BSA\.from_data"
            ):
                use()

    def test_trains_of_zeros_and_ones_are_still_trains(self):
        net = Sequential([layers.SpikingDense(2, 5.0)], 3, 30)
        with pytest.raises(InputError, match="from_dense"):
            net.predict((self.x > 7).astype(np.uint8))

    def test_dense_trains(self):
        with pytest.raises(InputError, match=r"datasets\.signals"):
            SpikeTrains.from_dense(self.x)

    def test_a_dataset_of_the_array(self):
        with pytest.raises(InputError, match=r"datasets\.signals"):
            Dataset(self.x, self.y, ("a", "b"), "eeg")

    def test_a_map_dataset(self):
        class Recordings:
            def __len__(self):
                return 2

            def __getitem__(self, index):
                return waves(20 + index)[0], index

        with pytest.raises(InputError, match=r"datasets\.signals"):
            Sequential([layers.SpikingDense(2, 5.0)], 3, 30, encoders.BSA()).fit(Recordings(), progress=False)

    def test_encoders(self):
        data = signals(self.x, self.y)
        with pytest.raises(InputError, match=r"encoder=encoders\.BSA\.from_data"):
            encoders.Poisson().check(data.x)
        with pytest.raises(InputError, match=r"datasets\.signals"):
            encoders.BSA().check(self.x)
        with pytest.raises(InputError, match=r"data ranges over -.*; for signals over time, pass datasets\.signals"):
            encoders.Poisson().check(self.x)
        events = Ragged(np.zeros(1, [("t", int)]), [0], [1], 1)
        with pytest.raises(InputError, match=r"encoder=encoders\.Events"):
            encoders.Regular().check(events)


@pytest.mark.slow
def test_the_page_learns_eeg(monkeypatch, capsys, tmp_path):
    """The code of the page, with three classes: a rhythm of 10 Hz in some channels, one of 20 Hz in some, or neither."""
    x, y = eeg(240)
    blocks = re.findall(r"<!-- signals -->\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    monkeypatch.chdir(tmp_path)
    names = {"eeg": x, "y": y}
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), names)
    assert names["net"].evaluate(names["test"]).accuracy > 0.9
    *_, predicted, encoder = capsys.readouterr().out.splitlines()
    assert (predicted, encoder[:9]) == (f"[{' '.join(map(str, y[:3]))}]", "BSA(gain=")
    assert 0.3 < names["net"].encode(names["test"].x).total / names["train"].x.lengths.sum() < 3
