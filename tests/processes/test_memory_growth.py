"""Memory: a long training holds what a short one holds, and a data set larger than memory is read piece by piece."""

import gc
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from factories import LOSS, draw_data
from factories import dense_network as make

from cupynn import Ragged, Sequential, encoders, layers
from cupynn.optimizers import Adam


@pytest.fixture
def traced():
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("kind", ["plain", "with a checkpoint", "in parts"])
def test_two_hundred_epochs_are_flat(traced, tmp_path, kind):
    """But for the figures of each epoch, 1 kB; the trains of a single batch would be 15."""
    held = []

    def look(network, history):
        if len(history) in (50, 200):
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])

    options = {"with a checkpoint": {"checkpoint": tmp_path / "training.npz"}, "in parts": {"part_size": 5}}.get(kind, {})
    options |= {"loss": LOSS, "optimizer": Adam(0.01), "validation": draw_data(12, seed=1), "boost": True}
    make().fit(draw_data(24), epochs=200, batch_size=12, callbacks=[look], progress=False, **options)
    assert held[1] - held[0] < 150 * 2_000


def test_events_are_read_from_disk_as_they_are_needed(traced, tmp_path):
    kind = np.dtype([("t", "i8"), ("x", "i2"), ("y", "i2"), ("p", "i1")])
    values = np.memmap(tmp_path / "events", kind, "w+", shape=4_000_000)  # 52 MB
    starts = np.linspace(0, len(values) - 100, 12).astype(np.int64)
    for first in starts:
        values[first : first + 100]["t"] = np.arange(100) * 600
        values[first : first + 100]["x"] = np.arange(100) % 3
    data = Ragged(values.view(np.ndarray), starts, starts + 100, (1, 3, 3)), np.arange(12) % 3
    net = Sequential([layers.SpikingDense(3, v_th=1.0)], (1, 3, 3), 50, encoders.Events(step=600))
    net.predict(data[0])  # compiles
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    history = net.fit(data, loss=LOSS, batch_size=4, epochs=2, progress=False)
    assert history["spikes"][-1]["input"] > 1
    assert tracemalloc.get_traced_memory()[1] - before < values.nbytes / 5


def test_images_are_read_from_disk_as_they_are_needed(traced, tmp_path):
    values = np.memmap(tmp_path / "images", np.uint8, "w+", shape=(800, 256, 256))  # 52 MB
    values[:, ::32, ::32] = 255
    net = Sequential([layers.SpikingDense(2, v_th=0.1)], (256, 256), 9, encoders.Poisson())
    peaks = []
    for part in (values[:10], values[:20], values):
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        assert net.predict(part, batch_size=10).shape == (len(part),)
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
    assert peaks[2] - peaks[1] < values.nbytes / 5  # the first compiles


TRAIN_ON_PACKED = """
import sys
from pathlib import Path

import numpy as np
import psutil

from cupynn import Ragged, Sequential, encoders, files, layers, losses

path, unused = Path(sys.argv[1]), 1_700_000  # values after each recording that nobody asks for: a hole in the file
kind = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "<i1")])
recording = np.zeros(100, kind)
recording["t"], recording["x"] = np.arange(100) * 600, np.arange(100) % 3

made = np.lib.format.open_memmap(path, "w+", kind, (96, unused))
made[:, :100] = recording
del made
net = Sequential([layers.SpikingDense(3, v_th=1.0)], (1, 3, 3), 50, encoders.Events(step=600), device="cpu")
held = []

def look(*_):
    held.append(psutil.Process().memory_info().rss)

look()
values = files.map_array(path).reshape(-1)
starts = np.arange(96) * unused
data = Ragged(values, starts, starts + 100, (1, 3, 3)), np.arange(96) % 3
net.fit(data, loss=losses.SpikeCount(9, 2, 1), batch_size=4, epochs=12, callbacks=[look], progress=False)
print(path.stat().st_size, held[0], held[2], max(held))
"""


def test_a_packed_file_of_two_gigabytes_is_not_held(tmp_path):
    run = subprocess.run([sys.executable, "-c", TRAIN_ON_PACKED, tmp_path / "events"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    size, before, early, most = map(int, run.stdout.split())
    assert size > 2e9
    assert most - before < size / 20  # with what is compiled
    assert most - early < size / 1000
