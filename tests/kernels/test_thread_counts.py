"""The same seed gives the same bits on any number of threads, through whole trainings and from one part to the next."""

import os
import subprocess
import sys

import pytest
from factories import ROOT

pytestmark = pytest.mark.process

TRAINING = """
import sys
from hashlib import sha256
import numpy as np
from cupynn import Sequential, encoders, layers, losses, optimizers
net = Sequential(
    [
        layers.SpikingConv2D(3, 3, v_th=1.0),
        layers.SpikingPool2D(2, v_th=0.5),
        layers.SpikingRecurrent(20, v_th=1.0, reservoir=(4, 5, 1), trained=True),
        layers.SpikingDense(4, v_th=0.5, lateral_inhibition=0.2),
    ],
    (10, 9), 40, encoders.Poisson(0.5), seed=3,
)
rng = np.random.default_rng(0)
data = rng.integers(0, 256, (37, 10, 9), dtype=np.uint8), rng.integers(0, 4, 37)
regularizer = optimizers.ExponentialRegularizer(strength=0.1)
options = {"optimizer": optimizers.Adam(0.01, regularizer=regularizer), "loss": losses.SpikeCount(9, 1, 1), "boost": True}
if len(sys.argv) > 1:
    path, epochs, resume = sys.argv[1:]
    options |= {"checkpoint": path, "resume": resume == "resume"}
history = net.fit(data, batch_size=11, epochs=int(epochs) if len(sys.argv) > 1 else 3, progress=False, **options)
digest = sha256(repr(history["loss"] + history["spikes"]).encode())
for array in net.arrays().values():
    digest.update(array.tobytes())
print(digest.hexdigest())
"""


def train(threads, *arguments):
    environment = {**os.environ, "CUPYNN_THREADS": str(threads)}
    command = [sys.executable, "-c", TRAINING, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def alone():
    return train(1)


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_a_training(alone, threads):
    assert train(threads) == alone


def test_one_that_goes_on_with_another_number(alone, tmp_path):
    first = train(3, tmp_path / "training.npz", 1, "new")
    assert first != alone
    assert train(2, tmp_path / "training.npz", 3, "resume") == alone
