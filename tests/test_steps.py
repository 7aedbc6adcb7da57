"""Times are float32 in kernels, which is exact up to 2^24 steps: more are refused wherever steps come in."""

import numpy as np
import pytest

from cupynn import InputError, Sequential, SpikeTrains, SpikingClassifier, datasets, presets, reference
from cupynn.checks import LARGEST_STEPS
from cupynn.encoders import BSA, Current, Events, Latency, Poisson, Regular
from cupynn.layers import SpikingDense
from cupynn.ragged import Ragged

MORE = LARGEST_STEPS + 1
IMAGE = np.zeros((1, 2), np.uint8)
SIGNAL = Ragged(np.zeros((3, 2), np.float32), [0], [3], (2,))
EVENT = datasets.events([np.zeros(1, [(name, np.int64) for name in "txyp"])], [0], (1, 1, 1)).x


def test_every_step_has_a_time_of_its_own():
    assert np.float32(LARGEST_STEPS - 1) < np.float32(LARGEST_STEPS)
    assert np.float32(LARGEST_STEPS) == np.float32(MORE)


def encoded(encoder, x):
    return lambda: encoder.encode(x, MORE, 0, 0, np.arange(1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Sequential([SpikingDense(2, v_th=1.0)], (2,), MORE, Poisson()),
        lambda: SpikeTrains(np.zeros(0, np.int32), np.zeros(1, np.int64), MORE, (2,)),
        lambda: SpikeTrains.from_dense(np.broadcast_to(np.uint8(0), (1, MORE, 2))),
        lambda: SpikeTrains.from_dense(np.broadcast_to(np.uint8(0), (MORE, 1, 2)), time_first=True),
        lambda: SpikeTrains.from_events([0], [0], [0], shape=(1, MORE, 2)),
        lambda: SpikeTrains.from_events([0], [0], [0], shape=(1, 5, 2)).pad(MORE),
        lambda: SpikingClassifier(steps=MORE).fit(np.zeros((2, 2)), [0, 1]),
        lambda: presets.read("digits", {"network.steps": MORE}).build("cpu"),
        lambda: reference.read_spikes("none", 2, MORE),
        lambda: reference.read_nmnist("none", 2, MORE),
        *[encoded(encoder, IMAGE) for encoder in (Poisson(), Regular(), Latency(), Current())],
        encoded(BSA(), SIGNAL),
        encoded(Events(), EVENT),
    ],
)
def test_more_are_refused(make):
    with pytest.raises(InputError, match=f"steps={MORE}.*: pass a whole number from [125] to {LARGEST_STEPS}"):
        make()
