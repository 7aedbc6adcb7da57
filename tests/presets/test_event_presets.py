"""The presets on events train on small data in the layout of their data sets."""

import numpy as np
import pytest
from eventful import HEADER, packet
from shd_toy import write

from cupynn import presets
from cupynn.datasets import dvs_gesture

FEW = {"training.epochs": 3, "training.batch_size": 8, "data.validation": 0}
WORDS = np.array([f"word {number}".encode() for number in range(20)])


def word(label, seed):
    """Spikes of a word, half a second long, at channels that depend on the class."""
    rng = np.random.default_rng(seed)
    return np.sort(rng.uniform(0, 0.5, 4000)), np.clip(rng.normal(20 + 35 * label, 20, 4000), 0, 699)


def gesture(label, start):
    """Events of a gesture, one second long, on a column that depends on the class."""
    rng = np.random.default_rng(start)
    times = np.sort(rng.integers(start, start + 1_000_000, 8000))
    columns = np.clip(rng.normal(10 + 10 * label, 4, 8000), 0, 127).astype(int)
    return [*zip(times.tolist(), columns.tolist(), rng.integers(52, 76, 8000).tolist(), [0, 1] * 4000, strict=True)]


@pytest.fixture
def shd(own_data):
    folder = own_data / "shd"
    folder.mkdir()
    labels = [0, 10, 19] * 8
    for name, count in (("shd_train.h5", 24), ("shd_test.h5", 3)):
        words = [word(label, seed) for seed, label in enumerate(labels[:count])]
        write(folder / name, words, labels[:count], WORDS)


@pytest.fixture
def gestures(own_data):
    folder = own_data / "dvs-gesture" / "DvsGesture"
    folder.mkdir(parents=True)
    for list_name, users in zip(dvs_gesture.LISTS, (4, 1), strict=True):
        names = [f"user{list_name[10:12]}{user}_lab" for user in range(users)]
        (folder / list_name).write_text("".join(f"{name}.aedat\n" for name in names))
        for name in names:
            starts = [(label, 1_000_000 * (2 + label)) for label in (1, 6, 11)]
            events = [event for label, start in starts for event in gesture(label, start)]
            (folder / f"{name}.aedat").write_bytes(HEADER + packet(events))
            rows = "".join(f"{label},{start},{start + 1_000_000}\n" for label, start in starts)
            (folder / f"{name}_labels.csv").write_text(f"class,startTime_usec,endTime_usec\n{rows}")


@pytest.mark.slow
@pytest.mark.usefixtures("shd")
def test_shd():
    experiment = presets.read("shd", FEW)
    before = experiment.build("cpu")[0].arrays()
    network, history = experiment.fit("cpu", progress=False)
    assert history["loss"][-1] < history["loss"][0]
    for name in ("weight", "lateral", "delay"):
        assert (network.arrays()[f"hidden/{name}"] != before[f"hidden/{name}"]).any()


@pytest.mark.slow
@pytest.mark.usefixtures("gestures")
def test_dvs_gesture():
    values = FEW | {"network.steps": 120, "network.encoder.step": 10_000.0}
    network, history = presets.read("dvs-gesture", values).fit("cpu", progress=False)
    train = presets.read("dvs-gesture", values).load_data()[0]
    assert (len(train), network.layers[0].output_shape) == (12, (16, 32, 32))
    assert history["loss"][-1] < history["loss"][0]
