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
    assert BSA().notice(x, 200) == "2 of 3 samples last longer than 200 steps, the longest 350, and are cut"
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
    ],
)
def test_data_that_cannot_be_used(x, message):
    with pytest.raises(InputError, match=message):
        BSA().check(x)


@pytest.mark.parametrize("options", [{"gain": 0}, {"hold": 0}, {"length": 0}, {"width": 0}, {"threshold": -0.1}])
def test_arguments_that_cannot_be_used(options):
    (name, value), *_ = options.items()
    with pytest.raises(InputError, match=f"{name}={value}"):
        encoders.BSA(**options)
