"""Ben's Spiker Algorithm: against an oracle, and in what it is for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupynn import Ragged, Sequential, encoders, layers
from cupynn.checks import InputError
from cupynn.encoders import BSA


def oracle(frames, steps, gain=2e3, hold=10, length=24, width=25.0, threshold=0.6):
    """Trains (T, channels) of frames (F, channels), in double precision, loops and all."""
    trains = np.zeros((steps, frames.shape[1]), np.uint8)
    kernel = [np.exp(-((k - length / 2) ** 2) / width) for k in range(length)]
    kernel = [h / sum(kernel) for h in kernel]
    for channel in range(frames.shape[1]):
        held = [gain * float(value) for value in frames[:, channel] for _ in range(hold)]
        signal = held + [0.0] * length
        for n in range(len(held)):
            with_spike = sum(abs(signal[n + k] - kernel[k]) for k in range(length))
            without = sum(abs(signal[n + k]) for k in range(length))
            if with_spike < without - threshold:
                if n + 1 < steps:
                    trains[n + 1, channel] = 1
                for k in range(length):
                    signal[n + k] -= kernel[k]
    return trains


def ragged(*samples):
    stops = np.cumsum([len(sample) for sample in samples])
    return Ragged(np.concatenate(samples), np.append(0, stops[:-1]), stops, samples[0].shape[1:])


def noise(length, channels=4, seed=0):
    return (5e-4 * np.random.default_rng(seed).random((length, channels))).astype(np.float32)


def encode(x, steps, **options):
    return BSA(**options).encode(x, steps, 0, 0, np.arange(len(x)))


@pytest.mark.parametrize(
    "options",
    [{}, {"gain": 3e3, "hold": 3}, {"length": 7, "width": 4.0, "threshold": 0.3}, {"length": 1, "threshold": 0.0}],
)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_agrees_with_the_oracle(options, kind):
    samples = [noise(length, seed=length).astype(kind) for length in (12, 0, 1, 30)]
    spikes = encode(ragged(*samples), 100, **options)
    assert spikes.neurons.size > 20
    np.testing.assert_array_equal(spikes.to_dense(), [oracle(sample, 100, **options) for sample in samples])


@given(
    st.lists(st.lists(st.floats(-(2**-10), 2**-10, width=32), min_size=2, max_size=2), min_size=1, max_size=8),
    st.integers(1, 60),
    st.integers(1, 12),
)
@settings(max_examples=50)
def test_agrees_with_the_oracle_on_any_signal(values, steps, hold):
    frames = np.array(values, np.float32)
    np.testing.assert_array_equal(encode(ragged(frames), steps, hold=hold).to_dense()[0], oracle(frames, steps, hold=hold))


def test_smoothed_trains_come_close_to_the_signal():
    """What the algorithm is for: a slow signal between silence and a spike at each step is given back."""
    time = np.arange(60)[:, None]
    frames = (4e-4 * (0.5 - 0.5 * np.cos(2 * np.pi * time / 60 * [1, 2, 3]))).astype(np.float32)
    trains = encode(ragged(frames), 700).to_dense(float)[0]
    smooth = np.array([np.convolve(train[1:], BSA().kernel)[:600] for train in trains.T]).T
    signal = 2e3 * np.repeat(frames, 10, axis=0)
    assert np.abs(smooth - signal).mean() < 0.2 * signal.mean()


def test_the_kernel():
    kernel = BSA().kernel
    assert kernel.sum() == pytest.approx(1)
    assert kernel.argmax() == 12
    assert kernel[13] / kernel[12] == pytest.approx(np.exp(-1 / 25))
    assert kernel.size == 24


def test_short_samples_fall_silent_and_long_ones_are_cut():
    short, long = np.full((5, 2), 5e-4, np.float32), np.full((50, 2), 5e-4, np.float32)
    whole, cut = encode(ragged(short, long), 600).to_dense(), encode(ragged(short, long), 200).to_dense()
    assert not whole[0, 51:].any()
    assert whole[0, 1:40].any()
    np.testing.assert_array_equal(cut, whole[:, :200])
    assert cut[1, 199].all()
    assert not cut[:, 0].any()


def test_other_encoders_refuse_signals():
    with pytest.raises(InputError, match=r"Ragged\(shape=\(2, 4\).*Poisson takes arrays"):
        encoders.Poisson().check(ragged(noise(5), noise(5)))


def test_empty_and_silent_samples():
    assert not encode(ragged(np.zeros((0, 3), np.float32), np.zeros((9, 3), np.float32)), 100).neurons.size


# Before training -------------------------------------------------------------------------------------------------------


def test_notice_says_how_many_are_cut():
    x = ragged(noise(20), noise(21), noise(35))
    told = "2 of 3 samples last longer than 200 steps, up to 350, and are cut: "
    assert BSA().notice(x, 200) == f"{told}pass a smaller hold, or create the network with more steps"
    assert "are cut: create the network with more steps" in BSA(hold=1).notice(x, 30)
    assert BSA().notice(x, 350) is None


def test_training_tells_once_what_is_cut(capsys):
    x, y = ragged(*(noise(length, seed=length) for length in range(15, 25))), np.arange(10) % 2
    net = Sequential([layers.SpikingDense(2, 1.0)], 4, 200, BSA())
    net.fit((x, y), validation=(x, y), epochs=2, batch_size=3)
    assert capsys.readouterr().out.count("4 of 10 samples last longer than 200 steps") == 1
    net.fit((x, y), epochs=1, progress=False)
    assert not capsys.readouterr().out


def test_a_network_takes_samples_of_any_length():
    x, y = ragged(*(noise(length, seed=length) for length in (3, 10, 20, 7))), [0, 1, 1, 0]
    net = Sequential([layers.SpikingDense(2, 1.0)], 4, 200, BSA())
    together = net.evaluate((x, y), batch_size=4)
    assert together.spikes == net.evaluate((x, y), batch_size=1).spikes
    assert net.predict(x).shape == (4,)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 5)), "a ndarray: BSA takes Ragged"),
        (Ragged(np.zeros((5, 4), np.float32), [0], [5], (2, 2)), r"frames \(4,\) float32 for neurons \(2, 2\)"),
        (Ragged(np.zeros((5, 3), np.float32), [0], [5], (4,)), r"frames \(3,\)"),
        (Ragged(np.zeros((5, 4), np.int32), [0], [5], (4,)), "int32"),
        (Ragged(np.array([[0.0], [np.nan]]), [0, 1], [1, 2], 1), "sample 1 holds values that are not finite"),
        (
            Ragged(np.array([[0.0], [1e308], [1e308]]), [0, 1], [1, 3], 1),
            r"sample 1 holds values beyond 1e\+30: pass signals",
        ),
        (Ragged(np.array([[-1e31]], np.float32), [0], [1], 1), r"sample 0 holds values beyond 1e\+30"),
    ],
)
def test_data_that_cannot_be_used(x, message):
    with pytest.raises(InputError, match=message):
        BSA().check(x)


@pytest.mark.parametrize(
    "options", [{"gain": 0}, {"hold": 0}, {"length": 0}, {"length": 10**12}, {"width": 0}, {"threshold": -0.1}]
)
def test_arguments_that_cannot_be_used(options):
    (name, value), *_ = options.items()
    with pytest.raises(InputError, match=f"{name}={value}"):
        encoders.BSA(**options)


# Arguments that suit the data -------------------------------------------------------------------------------------------


def swings(scale=1.0, samples=6, length=300, period=20):
    """Halves of sines, each channel with a period of its own."""
    time, periods = np.arange(length)[:, None], period * np.array([1, 1.3, 1.7, 2])
    phases = np.random.default_rng(0).uniform(0, 6, (samples, 1, 4))
    return ragged(*np.maximum(0, scale * np.sin(2 * np.pi * time / periods + phases)).astype(np.float32))


class TestFromData:
    @pytest.mark.parametrize("scale", [1e-6, 0.03, 1.0, 500.0])
    def test_the_scale_sets_the_gain_only(self, scale):
        found, usual = BSA.from_data(swings(scale), 300).config(), BSA.from_data(swings(), 300).config()
        assert found["gain"] * scale == pytest.approx(usual["gain"], rel=0.01)
        assert found | {"gain": 1} == usual | {"gain": 1}

    @pytest.mark.parametrize(("steps", "hold"), [(299, 1), (300, 1), (599, 1), (600, 2), (3000, 10)])
    def test_the_longest_signal_fills_the_steps(self, steps, hold):
        assert BSA.from_data(swings(), steps).hold == hold

    def test_fast_signals_get_a_narrow_kernel(self):
        assert BSA.from_data(swings(period=6), 300).width < BSA.from_data(swings(period=60), 300).width

    def test_smoothed_spikes_are_close(self):
        x = swings()
        encoder = BSA.from_data(x, 300)
        trains = encoder.encode(x, 301, 0, 0, np.arange(len(x))).to_dense(float)[:, 1:]
        smooth = np.apply_along_axis(lambda train: np.convolve(train, encoder.kernel)[:300], 1, trains)
        assert np.abs(smooth - encoder.gain * x.values.reshape(smooth.shape)).mean() < 0.3 * x.values.mean()
        assert 0.1 < trains.mean() < 0.5

    def test_cochleagrams_keep_about_the_arguments_of_the_original_program(self):
        options = BSA.from_data(ragged(*(noise(40, seed=seed) for seed in range(5))), 400)
        assert (options.hold, options.gain) == (10, pytest.approx(2e3, rel=0.02))

    @pytest.mark.parametrize(
        ("x", "message"),
        [
            (np.zeros((2, 5, 1)), r"pass.*datasets\.signals|takes Ragged signals, as datasets\.signals"),
            (ragged(np.zeros((5, 2), np.float32)), r"no value of the signals is above 0.*: .*datasets\.signals"),
            (ragged(np.zeros((0, 2), np.float32)), "no value of the signals is above 0"),
            (swings(1e-41), "no value of the signals is above 0, or all are below 1e-30: normalise them"),
        ],
    )
    def test_data_that_cannot_be_used(self, x, message):
        with pytest.raises(InputError, match=message):
            BSA.from_data(x, 100)

    def test_one_step_is_too_few(self):
        with pytest.raises(InputError, match="steps=1: pass a whole number from 2"):
            BSA.from_data(swings(), 1)
        assert BSA.from_data(swings(), 2).hold == 1

    def test_the_smallest_and_the_largest_values(self):
        assert BSA.from_data(swings(1e29), 300).gain < 1e-28
        assert 1e29 < BSA.from_data(swings(3e-30), 300).gain < 1e30


class TestNotice:
    @pytest.mark.parametrize("scale", [1e-6, 0.05, 1.0, 20.0])
    def test_a_gain_for_other_data(self, scale):
        """With the default gain, signals of EEG fire at nearly every step, or never, and training said nothing."""
        x = swings(scale)
        told = BSA(hold=1).notice(x, 300)
        what = "the encoder is saturated" if scale > 1e-3 else "the spikes hardly resemble the signals"
        assert told.startswith(f"{what}, channels fire at ")
        assert "large values times gain=2000 are " in told
        better = BSA.from_data(x, 300)
        assert f"encoder=encoders.BSA.from_data(x, steps), which is encoders.BSA(gain={better.gain:g}, hold=1, " in told
        assert better.notice(x, 300) is None

    def test_values_that_no_gain_brings_to_1(self):
        assert "BSA.from_data" not in (BSA(hold=1).notice(swings(1e-41), 300) or "")

    def test_one_step(self):
        assert "are cut" in BSA(hold=1).notice(swings(), 1)

    def test_a_kernel_that_is_too_wide(self):
        told = BSA(gain=1.0, hold=1).notice(swings(period=6), 300)
        assert "gain=1, threshold=0.6 and width=25 lose much of them; pass" in told

    def test_seconds_and_frequencies_of_signals_whose_rate_is_known(self):
        x = swings(period=6)
        x.rate = 256.0
        assert "(13.6 Hz is halved)" in BSA(gain=1.0, hold=1).notice(x, 300)
        wave = np.exp(-2j * np.pi * 13.57 / 256 * np.arange(24))
        assert abs(BSA().kernel @ wave) == pytest.approx(0.5, abs=0.01)
        assert "last longer than 200 steps (0.391 s), up to 600, and are cut: " in BSA(gain=1.0, hold=2).notice(x, 200)

    def test_values_below_zero(self):
        x = ragged(np.sin(np.arange(300.0))[:, None])
        told = BSA(gain=1.0, hold=1).notice(x, 300)
        assert "of the values are below 0, where no spike can follow: pass datasets.signals(" in told

    def test_raw_signals_are_told_both(self):
        """The case of EEG in a Ragged made by hand: half of the values are negative, and the gain is too large."""
        x = ragged(*20 * np.random.default_rng(0).standard_normal((3, 400, 2)))
        told = BSA(hold=1).notice(x, 400)
        assert "of the values are below 0, where no spike can follow" in told
        assert "the encoder is saturated" in told

    def test_no_value_above_zero(self):
        x = ragged(np.append(np.zeros(300), [-1.0, -1.0])[:, None])
        assert BSA().notice(x, 3100) is None

    def test_signals_that_no_spikes_resemble(self):
        """Nothing is advised that does not help."""
        alternating = ragged(np.tile(np.array([[0.0], [0.1]]), (200, 1)) ** 2)
        encoder = BSA.from_data(alternating, 400)
        assert encoder.notice(alternating, 400) is None

    @pytest.mark.parametrize(("steps", "told"), [(300, False), (2999, False), (3100, True)])
    def test_signals_that_end_early(self, steps, told):
        notice = BSA.from_data(swings(), 300).notice(swings(), steps) or ""
        assert told == (
            f"the signals end after 300 of {steps} steps (median): pass encoder=encoders.BSA(hold=10, " in notice
        )

    def test_training_tells_it(self):
        net = Sequential([layers.SpikingDense(2, 2.0)], 4, 300, BSA(hold=1))
        (told, *_) = net.fit((swings(), np.arange(6) % 2), epochs=1, progress=False).notices
        assert told.endswith('(guide "It does not learn": input)')
        assert "BSA.from_data" in told
