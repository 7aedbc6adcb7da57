"""What a batch takes, as estimated and as measured, and what is free."""

import gc
import os
import subprocess
import sys

import numpy as np
import pytest
from test_parts import make
from test_splitting import SAMPLES, data

from cupynn import Sequential, encoders, layers, losses, optimizers
from cupynn.device import memory
from cupynn.device.memory import Free
from cupynn.evaluation.parts import Parts
from cupynn.kernels import cuda


def estimated(net, x, samples, room, training, spikes=None):
    parts = Parts(net, x, samples, given=samples, training=training)
    parts.expected = spikes or parts.expected
    return parts.bytes(samples, room)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("limit", [1 << 30, 1 << 18], ids=["wide", "narrow"])
def test_estimates_are_what_a_gpu_uses(device, emulated, monkeypatch, training, limit):
    monkeypatch.setattr(cuda, "_limits", lambda number: (limit, 1 << 16))
    kinds = (
        [layers.SpikingDense(70, 8.0), layers.SpikingDense(3, 2.0, lateral_inhibition=0.5)],
        [layers.SpikingConv2D(6, 3, 1.5), layers.SpikingPool2D(2, 1.0), layers.SpikingDense(3, 0.5)],
        [layers.SpikingRecurrent(60, 6.0, reservoir=(3, 4, 5), trained=False), layers.SpikingDense(3, 3.0)],
    )
    for parts in kinds:
        net, ratios = Sequential(parts, (9, 8), 40, encoders.Poisson(0.5), device=device), []
        for samples in (3, 37, 80):
            x, y = data((9, 8), samples)
            placed, y, weights, numbers = device.put(x), device.put(y), device.put(np.ones(samples)), np.arange(samples)
            card = emulated.machine.machine.card(0)
            net.trains, split = [], None
            gc.collect()
            card.total = before = card.used
            split = Parts(net, x, samples, given=samples, training=training)
            if training:
                split.gradients(
                    losses.SpikeCount(9, 2, 1),
                    lambda part: (net.encode_checked(placed[part], numbers[part], 1), y[part], weights[part]),  # noqa: B023
                    samples,
                )
            else:
                for _, trains in split.runs(lambda part: net.encode_checked(placed[part], numbers[part], 1), samples):  # noqa: B023
                    assert trains.pop().batch == samples
            ratios.append(estimated(net, x, samples, Free(0, True), training) / (card.total - before))
        assert min(ratios[1:]) > 0.9  # the first makes tables, once
        assert max(ratios[1:]) < 1.8


PEAKS = """
import sys
import numpy as np
from cupynn import Sequential, encoders, layers, losses, set_num_threads
from cupynn.device.memory import Free
from cupynn.evaluation.parts import Parts

set_num_threads(2)
kind, training = sys.argv[1], sys.argv[2] == "True"
steps = 100
if kind == "dense":
    shape, stack = (40,), [layers.SpikingDense(size, 3.0, initial_weight=2.0) for size in (1000, 900)]
elif kind == "conv":
    shape = (28, 28)
    stack = [layers.SpikingConv2D(15, 5, 1.0), layers.SpikingPool2D(2, 0.5), layers.SpikingConv2D(20, 5, 1.0)]
else:
    shape, stack = (300,), [layers.SpikingRecurrent(600, 3.0, lateral=np.eye(600) - 0.01)]
net = Sequential([*stack, layers.SpikingDense(3, 3.0)], shape, steps, encoders.Poisson(0.3), device="cpu")

def peak(samples):
    x, y = np.random.default_rng(0).integers(0, 256, (samples, *shape), np.uint8), np.arange(samples) % 3
    numbers, weights = np.arange(samples), np.ones(samples)
    net.trains, seen = [], []
    parts = Parts(net, x, samples, given=samples, training=training)
    before = memory("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the high-water mark begins anew
    if training:
        draw = lambda part: (net.encode_checked(x[part], numbers[part], 1), y[part], weights[part])
        passed = parts.gradients(losses.SpikeCount(9, 2, 1), draw, samples).spikes
    else:
        for _, trains in parts.runs(lambda part: net.encode_checked(x[part], numbers[part], 1), samples):
            passed = [layer.total for layer in trains]
            del trains
    taken = memory("VmHWM") - before
    parts.expected = [total / samples for total in passed]
    return parts.bytes(samples, Free(0, False)), taken

def memory(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(key + ":"))

peak(2)
for samples in (80, 240):
    print(*peak(samples))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells the peak of a process's memory")
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("kind", ["dense", "conv", "recurrent"])
def test_estimates_are_what_the_cpu_uses(kind, training):
    # What is freed goes back to the system, so that it counts anew.
    returned = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    command = [sys.executable, "-c", PEAKS, kind, str(training)]
    run = subprocess.run(command, capture_output=True, text=True, env=os.environ | returned)
    assert run.returncode == 0, run.stderr
    (few, few_taken), (many, many_taken) = (map(float, line.split()) for line in run.stdout.splitlines())
    assert 0.8 < many / many_taken < 1.5
    assert 0.6 < (many - few) / (many_taken - few_taken) < 1.5


class TestSize:
    @pytest.fixture
    def fits(self, monkeypatch):
        """Sizes that batches are split into where so much is free."""

        def sizes(room, samples=SAMPLES, reserved=False, **options):
            monkeypatch.setattr("cupynn.evaluation.parts.free", lambda device: Free(int(room / memory.USABLE), reserved))
            net = make("cpu")
            x, y = data(samples=samples)
            parts = Parts(net, x, samples, **options)
            seen = []

            def draw(part):
                seen.append(part.stop - part.start)
                return net.encode_checked(x[part], np.arange(samples)[part], 1), y[part], np.ones(samples)[part]

            parts.gradients(losses.SpikeCount(9, 2, 1), draw, samples)
            return seen

        return sizes

    def test_the_fewest_equal_parts(self, fits):
        net, (x, _) = make("cpu"), data()
        whole = estimated(net, x, SAMPLES, Free(0, True), True)
        assert fits(whole + 1, reserved=True) == [27]
        assert fits(estimated(net, x, 26, Free(0, True), True) + 1, reserved=True)[0] == 14
        assert fits(estimated(net, x, 13, Free(0, True), True) + 1, reserved=True)[0] == 9
        weight = sum(array.nbytes for layer in net.layers for array in layer.params.values())
        optimizer = optimizers.Adam()  # its two moments take as much again, twice
        assert fits(whole + 2 * weight + 1, optimizer=optimizer, reserved=True) == [27]
        assert fits(whole + 2 * weight - 1, optimizer=optimizer, reserved=True)[0] == 14
        optimizer = optimizers.Adam(average=0.9)
        assert fits(whole + 3 * weight - 1, optimizer=optimizer, reserved=True)[0] == 14

    def test_what_fires_is_learnt_from_the_first_part(self, fits):
        """Which is as small as the worst case asks for; little fires, and the rest goes in fewer parts than that."""
        net, (x, _) = make("cpu"), data()
        first, *rest = fits(estimated(net, x, 5, Free(0, False), True) + 1)
        assert first == 5
        assert len(rest) < -(-(SAMPLES - first) // first)

    def test_a_sample_at_least(self, fits):
        assert fits(0) == [1] * SAMPLES


def test_free_memory_of_a_gpu(device, emulated):
    emulated.reset(memory=100_000)
    assert memory.free(device) == Free(100_000, True)
    array = device.xp.zeros(1000, np.uint8)
    assert memory.free(device) == Free(100_000 - 1024, True)
    del array  # the pool keeps it, and gives it away again
    assert memory.free(device) == Free(100_000, True)
    device.xp.get_default_memory_pool().set_limit(size=5000)
    assert memory.free(device) == Free(5000, True)


class TestControlGroups:
    def write(self, folder, **files):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(f"{text}\n")

    def test_the_tightest_counts(self, tmp_path):
        self.write(tmp_path / "a", memory__max="5000", memory__current="3000", memory__stat="anon 5\ninactive_file 700")
        self.write(tmp_path / "a/b", memory__max="max", memory__current="100")
        self.write(tmp_path / "a/b/c", memory__max="9000", memory__current="100")
        assert sorted(memory._free_in_cgroups(tmp_path, "/a/b/c")) == [2700, 8900]

    def test_of_version_1(self, tmp_path):
        files = {"memory__limit_in_bytes": 5000, "memory__usage_in_bytes": 3000, "memory__stat": "total_inactive_file 10"}
        self.write(tmp_path, **files)
        assert memory._free_in_cgroups(tmp_path, "/of/the/host") == [2010]

    def test_none(self, tmp_path):
        assert memory._free_in_cgroups(tmp_path, "/nowhere") == []
        self.write(tmp_path, memory__max="much", memory__current="3000")
        assert memory._free_in_cgroups(tmp_path, "/") == []


def test_free_memory_of_the_machine(monkeypatch):
    import psutil

    here = memory._free_host()
    assert 0 < here.bytes <= psutil.virtual_memory().total
    monkeypatch.setattr(memory, "_free_address_space", lambda used: 12_345 if used > 10_000_000 else None)
    assert memory._free_host() == Free(12_345, True)
    monkeypatch.setattr(memory, "_free_address_space", lambda used: -5)
    assert memory._free_host() == Free(0, True)
    monkeypatch.setattr(memory, "_free_address_space", lambda used: None)
    monkeypatch.setattr(memory, "_free_in_cgroups", lambda root, path: [777])
    assert memory._free_host() == Free(777, False) or not memory._lines(memory.Path("/proc/self/cgroup"))
