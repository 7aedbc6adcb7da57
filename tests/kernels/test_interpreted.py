"""NUMBA_DISABLE_JIT=1: kernels of users run as Python, those of cupynn compiled, with the same bits."""

import os
import subprocess
import sys

import pytest

OWN = """
import numpy as np
from cupynn import Sequential, SpikeTrains, encoders, layers, losses
from cupynn.kernels import kernel
from cupynn.kernels.threads import each, parallel

@kernel
def delay(turns, below, above):
    for b in each(turns):
        for t in range(1, below.shape[1]):
            above[b, t] = below[b, t - 1]

class Delay(layers.SpikingLayer):
    kind_name = "delay"

    def __init__(self, name=None):
        super().__init__(1.0, 64.0, 8.0, 0, psp_kernel="exact", effect_ratio=True, name=name)

    def build(self, input_shape, rng):
        self.input_shape = self.output_shape = input_shape

    def forward(self, inputs, record=False):
        states, below = self.recorders(inputs, record), inputs.to_dense()
        above = np.zeros_like(below)
        parallel(delay, inputs.batch, below, above)
        return self.run(SpikeTrains.from_dense(above), *states)

    def drive(self):
        return 1e9

    def backward(self, inputs, outputs, delta, input_error=True):
        return self.checked(inputs, outputs, delta)

x, y = np.random.default_rng(0).integers(0, 256, (12, 9), np.uint8), np.arange(12) % 3
parts = [layers.SpikingDense(8, 1.0), Delay(), layers.SpikingDense(3, 1.0)]
net = Sequential(parts, (9,), 30, encoders.Poisson(0.5), device="cpu")
history = net.fit((x, y), loss=losses.SpikeCount(8, 2, 1), epochs=2, batch_size=4, progress=False)
print(type(delay).__name__, history["loss"], float(net.layers[0].weight.sum()))
"""


@pytest.mark.process
def test_a_debugger_can_step_through_a_layer_of_a_user(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    found = []
    for disabled in ("0", "1"):
        variables = os.environ | {"NUMBA_DISABLE_JIT": disabled, "CUPYNN_THREADS": "2"}
        command = [sys.executable, str(tmp_path / "own.py")]
        result = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
        assert result.returncode == 0, result.stderr
        found.append(result.stdout.split(" ", 1))
    (compiled, expected), (interpreted, numbers) = found
    assert interpreted == "function"
    assert compiled != interpreted
    assert numbers == expected
