"""Lyon's passive ear: against an oracle of SciPy's filters, the published facts, and numbers of the Auditory Toolbox."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.signal import lfilter

from cupynn.checks import InputError
from cupynn.datasets import PassiveEar
from cupynn.datasets.cochlea import FRONT


def sine(frequency, rate, seconds=1.0, loudness=0.1):
    return (loudness * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def chirp(rate=12500):
    t = np.arange(rate) / rate
    return (0.3 * np.sin(2 * np.pi * (200 * t + 1500 * t**2))).astype(np.float32)


def oracle(signal, rate, filters, hop):
    """Stage after stage over the whole signal, in NumPy and SciPy."""
    heard, outputs = signal.astype(np.float64), []
    for a0, a1, a2, b1, b2 in filters:
        heard = lfilter([a0, a1, a2], [1, b1, b2], heard)
        outputs.append(np.maximum(heard, 0))
    heard = np.array(outputs).T
    for time, target in ((0.64, 0.0032), (0.16, 0.0016), (0.04, 0.0008), (0.01, 0.0004)):
        epsilon, gain = 1 - np.exp(-1 / (time * rate)), np.zeros(len(filters))
        for t in range(len(heard)):
            heard[t] *= 1 - gain
            padded = np.pad(gain, 1, mode="edge")
            spread = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
            gain = np.minimum(epsilon * heard[t] / target + (1 - epsilon) * spread, 0.9)
    lost = np.maximum(heard[:, :-1] - heard[:, 1:], 0)[:, FRONT - 1 :]
    pole = np.exp(-1 / (3 * hop))
    smooth = lfilter([0, (1 - pole) ** 2], [1, -2 * pole, pole**2], lost, axis=0)
    return smooth[hop - 1 :: hop]


@pytest.mark.parametrize(("rate", "channels", "frame"), [(12500, 78, 0.016), (8000, 78, 0.0125), (8000, 5, 0.001)])
def test_agrees_with_the_oracle(rate, channels, frame):
    ear = PassiveEar(rate, channels, frame)
    signal = np.random.default_rng(0).uniform(-0.5, 0.5, rate // 4).astype(np.float32)
    signal[rate // 8 : rate // 6] = 0
    expected = oracle(signal, rate, ear.filters, ear.hop)
    frames = ear(signal)
    assert frames.dtype == np.float32
    assert frames.shape == (signal.size // ear.hop, channels)
    assert frames.max() > 1e-5
    np.testing.assert_allclose(frames, expected[: len(frames)], rtol=1e-5, atol=1e-10)


def test_agrees_with_the_auditory_toolbox():
    """Its port `lyon` 1.0.0; the Toolbox mutes two inner channels at one sample of each frame, whence the tolerance."""
    frames = PassiveEar(12500)(chirp())
    places = (5, 60), (5, 70), (20, 40), (30, 30), (45, 20), (61, 10)
    toolbox = [1.3511975e-05, 1.0207317e-04, 1.2881795e-05, 1.3159247e-05, 1.6206480e-05, 1.6333157e-05]
    np.testing.assert_allclose([frames[place] for place in places], toolbox, rtol=2e-3)


# The filters -----------------------------------------------------------------------------------------------------------


def test_channels_of_the_auditory_toolbox():
    """Its default spacing gives 64 channels at 8 kHz, 78 at 12.5, 86 at 16 and 93 at 20; 78 at 8 kHz take a closer one."""
    for rate, channels in ((8000, 64), (12500, 78), (16000, 86), (20000, 93)):
        assert PassiveEar(rate, channels).step == 0.25
    assert 0.2 < PassiveEar(8000, 78).step < 0.21


@given(st.integers(1000, 100_000), st.integers(2, 300))
@settings(max_examples=50)
def test_as_many_channels_as_asked_for(rate, channels):
    ear = PassiveEar(rate, channels)
    frequencies = ear.frequencies
    assert frequencies.shape == (channels,)
    assert rate / 2 > frequencies[0]
    assert (np.diff(frequencies) < 0).all()
    assert frequencies[-1] > 0
    assert np.isfinite(ear.filters).all()
    assert (ear.filters[:, 4] < 1).all()  # the squared radius of the poles: stable


@pytest.mark.parametrize("rate", [8000, 12500])
def test_neighbours_are_a_step_of_bandwidths_apart(rate):
    """The published formula of the centre frequencies comes from this integral."""
    ear = PassiveEar(rate)
    for above, below in zip(ear.frequencies[:-1], ear.frequencies[1:], strict=True):
        distance, _ = quad(lambda frequency: 8 / np.hypot(frequency, 1000), below, above)
        assert distance == pytest.approx(ear.step)


def response(filters, frequency, rate):
    """Gain of a cascade, dB."""
    z = np.exp(2j * np.pi * np.asarray(frequency) / rate)
    gains = [(a0 + a1 / z + a2 / z**2) / (1 + b1 / z + b2 / z**2) for a0, a1, a2, b1, b2 in filters]
    return 20 * np.log10(np.abs(np.prod(gains, axis=0)) + 1e-30)


@pytest.mark.parametrize("rate", [8000, 12500, 16000])
def test_each_channel_is_tuned_to_its_frequency_and_deaf_above(rate):
    ear = PassiveEar(rate)
    for channel in range(ear.channels):
        centre = ear.frequencies[channel]
        if not 500 < centre < rate / 2 / 1.3:
            continue  # lower channels are no wider than their bandwidth, of the highest there is no above
        cascade = ear.filters[: FRONT + channel + 1]
        around = np.linspace(0.3 * centre, 1.3 * centre, 400)
        gain = response(cascade, around, rate)
        assert 0.9 < around[gain.argmax()] / centre < 1
        assert gain.max() > -3  # dB: as loud as the sound, but for the pre-emphasis at the lowest
        assert response(cascade, 1.3 * centre, rate) < gain.max() - 30


def test_gains_of_the_filters_by_themselves():
    ear = PassiveEar(12500)
    np.testing.assert_allclose(response(ear.filters[:1], 3125, 12500), 0, atol=1e-9)
    np.testing.assert_allclose(response(ear.filters[1:2], 3125, 12500), 0, atol=1e-9)
    for stage in range(1, ear.channels):
        fall = 20 * np.log10(ear.frequencies[stage - 1] / ear.frequencies[stage])
        assert response(ear.filters[FRONT + stage :][:1], 0, 12500) == pytest.approx(fall)


# What is heard ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frequency", [200, 500, 1000, 2000, 3500])
@pytest.mark.parametrize("rate", [8000, 12500])
def test_a_tone_excites_its_channel_most(rate, frequency):
    ear = PassiveEar(rate)
    loudest = ear(sine(frequency, rate))[-1].argmax()
    assert abs(loudest - np.abs(ear.frequencies - frequency).argmin()) <= 1


def test_gain_control_compresses():
    ear = PassiveEar(12500)
    quiet, loud, louder = (ear(sine(1000, 12500, loudness=loudness))[-1].max() for loudness in (0.01, 0.1, 1))
    assert quiet < loud < louder < 1.2 * quiet  # 40 dB more input


def test_an_impulse_decays():
    impulse = np.zeros(25000, np.float32)
    impulse[0] = 1
    loudness = PassiveEar(12500)(impulse).max(1)
    assert loudness[:5].max() > 1e-5
    assert (np.diff(loudness[3:]) < 0).all()
    assert loudness[-1] < 1e-15


def test_silence_stays_silent():
    assert not PassiveEar(8000)(np.zeros(8000, np.float32)).any()


def test_signals_together_are_heard_as_alone():
    ear = PassiveEar(8000, 20)
    signals = [chirp()[:length] for length in (128, 5000, 300)]
    frames = ear.cochleagrams(signals)
    assert frames.shape == (3, 20)
    for heard, signal in zip(frames, signals, strict=True):
        np.testing.assert_array_equal(heard, ear(signal))


def test_the_beginning_of_a_signal_is_heard_as_the_whole():
    ear = PassiveEar(8000, 20)
    np.testing.assert_array_equal(ear(chirp()[:1300]), ear(chirp())[:10])


# What is refused -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 999}, "rate=999"),
        ({"rate": 8000.5}, "rate="),
        ({"rate": 8000, "channels": 1}, "channels=1"),
        ({"rate": 8000, "frame": 0.0}, "frame=0"),
        ({"rate": 8000, "frame": 1e-5}, "frame=1e-05"),
    ],
)
def test_arguments_that_cannot_be_used(options, message):
    with pytest.raises(InputError, match=message):
        PassiveEar(**options)


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (np.zeros((2, 800)), "shape"),
        (np.zeros(800, np.int16), "int16: pass floats"),
        (np.zeros(127), "127 samples: pass at least one frame of 128 samples"),
        (np.full(800, 1.5), r"outside \[-1, 1\]"),
        (np.full(800, np.nan), "holds NaN"),
    ],
)
def test_signals_that_cannot_be_used(signal, message):
    with pytest.raises(InputError, match=message):
        PassiveEar(8000)(signal)
