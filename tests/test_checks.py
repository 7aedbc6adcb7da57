"""Times are float32 in kernels, which is exact up to 2^24 steps: more are refused wherever steps come in."""

import numpy as np
import pytest

from cupynn import (
    InputError,
    Sequential,
    SpikeTrains,
    SpikingClassifier,
    checkpoint,
    checks,
    datasets,
    plot,
    presets,
    reference,
    training,
)
from cupynn.checks import LARGEST_STEPS
from cupynn.encoders import BSA, Current, Events, Latency, Poisson, Regular
from cupynn.layers import SpikingDense
from cupynn.losses import SpikeCount
from cupynn.optimizers import Adam
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


def npz(folder, labels):
    np.savez(folder / "mine.npz", x=np.zeros((len(labels), 4), np.uint8), y=labels)
    return datasets.from_npz(folder / "mine.npz")


EVENT = np.zeros(1, [("t", int), ("x", int), ("y", int), ("p", int)])


@pytest.mark.parametrize(
    "read",
    [
        npz,
        lambda _, labels: datasets.signals([np.arange(9.0)] * len(labels), labels),
        lambda _, labels: datasets.events([EVENT] * len(labels), labels),
        lambda _, labels: plot.rates(SpikeTrains.from_dense(np.zeros((len(labels), 5, 3))), labels),
    ],
)
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1, 0, 2**31 - 1], r"\[2\]=2147483647: this is far above the number of samples, 3: classes, \w+ = np.unique\("),
        (np.array([2**64 - 1], np.uint64), r"\[0\]=18446744073709551615: this is far above the number of samples, 1"),
        ([0, -1], r"\[1\]=-1: labels count from 0: classes"),
        ([0.0, 1.0], r"pass integer class labels 0, 1, 2, \.\.\. \(pass \w+\.astype\(int\)\)"),
    ],
)
def test_a_label_far_above_the_number_of_samples_takes_no_memory(tmp_path, read, labels, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, labels)


def test_weights_that_float32_cannot_hold():
    assert checks.weights("w", [1e30, 0], 2).tolist() == [np.float32(1e30), 0]
    with pytest.raises(InputError, match=r"w holds values beyond 1e\+30: divide it by its mean"):
        checks.weights("w", [1e308, 1], 2)


def test_class_numbers():
    assert checks.class_numbers("y", [3, 0], 2)[1] == checks.class_numbers("y", np.array([3, 0], np.uint8), 2)[1] == 4
    assert checks.class_numbers("y", [2**16 - 1], 1)[1] == 2**16  # some of the samples of many classes
    many = np.arange(2**16 + 5)
    assert checks.class_numbers("y", many, len(many))[1] == len(many)


NET = Sequential([SpikingDense(2, v_th=1.0)], (4,), steps=40, encoder=Poisson(), device="cpu")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: checkpoint.from_bytes(5), r"^content is an int: pass the bytes that checkpoint\.to_bytes"),
        (lambda: checkpoint.to_bytes(None), "^network is a NoneType: pass a network"),
        (lambda: presets.read("digits", 5), r"^values is an int: pass a dict of values by dotted key"),
        (lambda: NET.fit((np.ones((2, 4)), [0, 1]), terms=np.zeros(3)), r"^terms is an array .*: pass a dict of terms"),
        (
            lambda: training.step(None, SpikeCount(), Adam(), NET.encode(np.ones((1, 4))), [0]),
            "^network is a NoneType: pass",
        ),
        (lambda: training.step(NET, SpikeCount(), None, NET.encode(np.ones((1, 4))), [0]), "^optimizer is a NoneType: pass"),
    ],
)
def test_arguments_of_another_kind(call, message):
    with pytest.raises(InputError, match=message):
        call()
