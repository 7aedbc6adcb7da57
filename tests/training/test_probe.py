"""Notices on the input before training: no spikes, too many, or all of them within few steps."""

import numpy as np
import pytest
from factories import LOSS, STEPS, dense_network, draw_data

from cupynn import Sequential, encoders, layers
from cupynn.encoders import Encoder
from cupynn.spikes import SpikeTrains
from cupynn.training import probe

SEE = ' (guide "It does not learn": input)'


def notices(x, encoder=None, steps=STEPS):
    shape = x.neuron_shape if isinstance(x, SpikeTrains) else x.shape[1:]
    net = Sequential([layers.SpikingDense(3, 2.0)], shape, steps, encoder)
    return probe.notices(net, x, steps)


def trains(*steps, total=100):
    """Two samples of four neurons that fire at these steps."""
    dense = np.zeros((2, total, 4), np.uint8)
    dense[:, list(steps)] = 1
    return SpikeTrains.from_dense(dense)


class TestSaturated:
    def test_trains(self):
        (told,) = notices(trains(*range(2, 100)), steps=100)
        assert told == (
            "the input is saturated, its neurons fire at 99% of all steps, so counts hardly differ: if zeros "
            f"stand for spikes in your data, pass the trains of 1 - x{SEE}"
        )
        assert notices(trains(*range(1, 60)), steps=100) == []

    @pytest.mark.parametrize("kind", [encoders.Poisson, encoders.Regular])
    def test_rates(self, kind):
        """Bright images are noticed as such first, rows of a table are not images; here two of nine values are 0."""
        x = np.tile(np.array([0, 0, *[255] * 7], np.uint8), (4, 1))
        assert "saturated" in notices(x, kind(max_rate=1.0))[0]
        assert "bright" in notices(x.reshape(4, 3, 3), kind(max_rate=1.0))[0]

    def test_any_encoder_by_the_argument_that_it_has(self):
        class Always(Encoder):
            strength = "level"

            def __init__(self, level: float = 3.0):
                self.level = level

            def check(self, x):
                pass

            def encode(self, x, steps, seed, draw, samples):
                return SpikeTrains.from_dense(np.ones((len(x), steps, *x.shape[1:]), np.uint8))

        x = np.zeros((3, 2), np.float32) + 0.5
        assert notices(x, Always())[0].endswith(f"so counts hardly differ: lower the encoder's level=3{SEE}")
        Always.strength = None
        assert notices(x, Always())[0].endswith(f"pass another encoder than Always(){SEE}")


class TestEarly:
    @pytest.mark.parametrize(
        ("last", "where", "fits"),
        [(0, "at the first step", 2), (1, "at the first step", 2), (9, "within the first 9 steps", 10)],
    )
    def test_frames_of_few_steps(self, last, where, fits):
        assert notices(trains(last), steps=100) == [
            f"the spikes of the data come {where} of 100: make as many frames as the network has steps, spread the spikes "
            f"over the steps, or create the network with steps={fits}{SEE}"
        ]

    def test_spikes_over_more_steps(self):
        assert notices(trains(3, 30), steps=100) == []
        assert notices(trains(0, total=1), steps=1) == []
        assert notices(trains(1, total=2), steps=2) == []

    def test_frames_of_tonic_that_are_padded(self):
        """One frame for each recording, of a network of fifty steps."""

        class Frames:
            sensor_size = (2, 2, 1)

            def __len__(self):
                return 4

            def __getitem__(self, index):
                return np.ones((1, 1, 2, 2), np.int16), index % 2

        net = Sequential([layers.SpikingDense(2, 2.0)], (1, 2, 2), STEPS)
        told = net.fit(Frames(), loss=LOSS, epochs=1, progress=False).notices[0]
        assert told.startswith(
            "the spikes of the data come at the first step of 50: make as many frames as the network has "
        )


def test_data_that_is_well():
    assert probe.notices(dense_network(), draw_data()[0], STEPS) == []


def test_a_silent_encoder_is_told_with_its_own_argument():
    x = draw_data()[0]
    assert notices(x, encoders.Regular(1e-3))[0].endswith(
        f"spread over the data: raise its max_rate, or pass more steps{SEE}"
    )
    assert notices(x, encoders.Latency(), steps=1)[0].endswith(f"spread over the data: pass more steps{SEE}")


@pytest.mark.parametrize(
    ("encoder", "advice"),
    [
        (encoders.Poisson(0.5), ["lower the encoder's max_rate=0.5"]),
        (encoders.Regular(0.5), ["lower the encoder's max_rate=0.5"]),
        (encoders.Current(), ["lower the encoder's gain=0.25"]),
        (encoders.BSA(), ["lower the encoder's gain=2000"]),
        (encoders.Events(), []),
        (encoders.Latency(), []),
        (None, []),
    ],
)
def test_advice_names_an_argument_of_the_encoder(encoder, advice):
    net = Sequential([layers.SpikingDense(3, 2.0)], (2, 3, 3), STEPS, encoder)
    assert probe.strength(net, "lower") == advice


def test_layers_of_a_network_without_an_encoder():
    """Its layers are dead, and there is no rate to raise."""
    net = Sequential([layers.SpikingDense(2, 50.0, initial_weight=1e-3)], (4,), 100)
    told = net.fit((trains(3, 50), [0, 1]), epochs=1, progress=False).notices
    assert told[-1].startswith("layer dense_1 is dead, no neuron fires: lower v_th=50, or raise initial_weight (guide")


def test_trains_for_a_network_with_an_encoder():
    """The encoder is not in use, so none of its arguments changes the spikes."""
    net = Sequential([layers.SpikingDense(2, 50.0, initial_weight=1e-3)], (4,), 100, encoders.Poisson(0.5))
    told = net.fit((trains(3, 50), [0, 1]), epochs=1, progress=False).notices
    assert told[-1].startswith("layer dense_1 is dead")
    assert "max_rate" not in " ".join(told)
