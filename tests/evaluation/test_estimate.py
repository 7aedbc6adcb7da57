"""What a batch takes, as estimated and as measured, and what is free."""

import gc
import os
import subprocess
import sys

import numpy as np
import pytest
from factories import SAMPLES
from factories import draw_images as data
from factories import mixed_network as make

from cupynn import Sequential, encoders, layers, losses, optimizers, presets
from cupynn.device import memory
from cupynn.device.memory import Free
from cupynn.evaluation.parts import Parts
from cupynn.kernels import cuda
from cupynn.layers.base import Run


def estimated(net, x, samples, room, training, spikes=None):
    parts = Parts(net, x, samples, fixed_size=samples, training=training)
    parts.expected_spikes = spikes or parts.expected_spikes
    return parts.bytes(samples, room)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("limit", [1 << 30, 1 << 18], ids=["wide", "narrow"])
def test_estimates_are_what_a_gpu_uses(device, emulated, monkeypatch, training, limit):
    monkeypatch.setattr(cuda, "_limits", lambda number: (limit, 1 << 16))
    own = {"trainable": ("tau_m", "v_th"), "per": "neuron"}
    kinds = (
        [layers.SpikingDense(70, 8.0), layers.SpikingDense(3, 2.0, lateral_inhibition=0.5)],
        [layers.SpikingConv2D(6, 3, 1.5), layers.SpikingPool2D(2, 1.0), layers.SpikingDense(3, 0.5)],
        [layers.SpikingConv2D(6, 3, 1.5), layers.SpikingConv2D(6, 3, 1.0, groups=6, stride=2), layers.SpikingDense(3, 0.5)],
        [layers.AveragePool2D(2), layers.SpikingConv2D(6, 3, 1.5, bias=True), layers.SpikingDense(3, 0.5, bias=True)],
        [layers.SpikingRecurrent(60, 6.0, reservoir=(3, 4, 5), trained=False), layers.SpikingDense(3, 3.0)],
        [layers.SpikingRecurrent(60, 6.0, train_lateral=True), layers.SpikingDense(3, 3.0)],
        [layers.SpikingDense(70, 8.0, **own), layers.SpikingDense(3, 2.0, trainable=("tau_s",))],
        [layers.SpikingConv2D(6, 3, 1.5, **own), layers.SpikingPool2D(2, 1.0, **own), layers.SpikingDense(3, 0.5)],
        [layers.SpikingDense(60, 6.0, train_delays=True, max_delay=15), layers.SpikingDense(3, 3.0, delays=5)],
        [
            layers.SpikingDense(60, 6.0, train_delays=True, max_delay=9, lateral_inhibition=0.1, bias=True, **own),
            layers.SpikingDense(3, 3.0),
        ],
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
            split = Parts(net, x, samples, fixed_size=samples, training=training)
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
        assert min(ratios[1:]) >= 1  # the first makes tables, once
        assert max(ratios[1:]) < 2.2


PEAKS = """
import ctypes
import gc
import sys
import numpy as np
from cupynn import Sequential, encoders, layers, losses, presets, set_num_threads
from cupynn.device.memory import Free
from cupynn.evaluation.parts import Parts

set_num_threads(2)
if sys.argv[1] == "recurrent":
    stack = [layers.SpikingRecurrent(600, 3.0, lateral=np.eye(600) - 0.01), layers.SpikingDense(3, 3.0)]
    net = Sequential(stack, (300,), 100, device="cpu")
elif sys.argv[1] == "delays":
    stack = [layers.SpikingDense(600, 3.0, train_delays=True, max_delay=30), layers.SpikingDense(3, 3.0, delays=7)]
    net = Sequential(stack, (300,), 100, device="cpu")
elif sys.argv[1] == "trained recurrence":
    stack = [layers.SpikingRecurrent(600, 3.0, train_lateral=True), layers.SpikingDense(3, 3.0)]
    net = Sequential(stack, (300,), 100, device="cpu")
else:
    net = presets.read(sys.argv[1]).build("cpu")[0]
net.encoder = encoders.Poisson(0.2)

def peak(samples, training):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (samples, *net.input_shape), np.uint8)
    x[rng.random(x.shape) < 0.7] = 0
    y, numbers, weights = np.arange(samples) % 3, np.arange(samples), np.ones(samples)
    net.trains = []
    parts = Parts(net, x, samples, fixed_size=samples, training=training)
    gc.collect()
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)  # what was freed does not count
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
    parts.expected_spikes = [total / samples for total in passed]
    return parts.bytes(samples, Free(0, False)) / taken

def memory(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(key + ":"))

for training in (True, False):
    peak(2, training)  # compiles, or loads what is compiled
    for samples in map(int, sys.argv[2:]):
        ratio = 0
        for _ in range(8):  # at first, and now and then on a busy machine, other memory is touched as well
            ratio = max(ratio, peak(samples, training), peak(samples, training))
            if ratio >= 1:
                break
        print(ratio)
"""
# Samples of two parts for each network that a preset has, and for layers that none has: enough to stand out from what else
# a process allocates.
NETWORKS = {
    "delays": (200, 400),
    "digits": (300, 600),
    "dvs-gesture": (4, 8),
    "emnist": (100, 300),
    "fashion-mnist": (100, 200),
    "fashion-mnist-augmented": (100, 200),
    "fashion-mnist-cnn-augmented": (10, 20),
    "fsdd": (300, 600),
    "mnist": (100, 300),
    "mnist-cnn": (10, 20),
    "mnist-cnn-augmented": (150, 300),
    "n-mnist": (50, 150),
    "recurrent": (200, 400),
    "trained recurrence": (200, 400),
    "shd": (200, 400),
    "ti46": (150, 300),
}
SAME = {"emnist-augmented": "emnist", "mnist-augmented": "mnist"}  # but for steps and thresholds


def test_every_preset_is_measured():
    assert {*NETWORKS, *SAME} == {*presets.names(), "delays", "recurrent", "trained recurrence"}
    for other, name in SAME.items():
        layers_of = [
            [(layer["kind"], layer.get("units")) for layer in presets.read(each).tables()["network"]["layers"]]
            for each in (other, name)
        ]
        assert layers_of[0] == layers_of[1]


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells the peak of a process's memory")
@pytest.mark.parametrize(("name", "samples"), NETWORKS.items(), ids=NETWORKS)
def test_estimates_hold_on_the_cpu(name, samples):
    """Never less than a part takes, and about twice as much at most, in training and evaluation."""
    # What is freed goes back to the system, so that it counts anew.
    returned = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    run = subprocess.run(
        [sys.executable, "-c", PEAKS, name, *map(str, samples)], capture_output=True, text=True, env=os.environ | returned
    )
    assert run.returncode == 0, run.stderr
    ratios = [float(word) for word in run.stdout.split()]
    assert len(ratios) == 4
    assert min(ratios) >= 1
    assert max(ratios) < 2.2


class Handing(layers.SpikingLayer):
    """A layer that hands on what it is given, and has what every layer must have and nothing more."""

    kind_name = "handing"

    def __init__(self):
        super().__init__(1.0, 8.0, 2.0, 0, "exact", True, None)

    def drive(self):
        return 1.0

    def build(self, input_shape, rng):
        self.input_shape = self.output_shape = input_shape

    def forward(self, inputs, record=False):
        return Run(inputs, None, None)

    def backward(self, inputs, outputs, delta, input_error=True):
        return delta


def test_a_layer_of_your_own_is_taken_for_a_dense_computation(monkeypatch):
    x, y = data((4,), 12)
    trained = []
    for room in (10**9, 4_000):
        monkeypatch.setattr("cupynn.evaluation.parts.free", lambda device, room=room: Free(room, True))
        net = Sequential([Handing(), layers.SpikingDense(3, 1.0)], (4,), 20, encoders.Poisson(0.8), device="cpu")
        parts = Parts(net, x, 12)
        assert parts.needs(12, Free(room, True))[1][1] == 2 * 4 * 12 * (20 * (4 + 4) + 4 * 4)
        assert parts.part_size == (12 if room == 10**9 else 1)
        options = {"optimizer": optimizers.Adam(0.1), "progress": False}
        net.fit((x, y), loss=losses.SpikeCount(6, 2, 1), epochs=1, batch_size=12, **options)
        trained.append(net.arrays())
    for name, array in trained[0].items():
        np.testing.assert_array_equal(trained[1][name], array)


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
