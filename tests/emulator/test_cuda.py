"""What a GPU computes is what the CPU computes: spikes bit for bit, sums up to their order.

`device` is a GPU where there is one, and else the same CUDA sources executed on the CPU.
"""

import re

import numpy as np
import pytest
from cuda_nets import NETWORKS, cnn, data, mlp, parameters
from factories import ROOT, OnDevice, close, problems
from hypothesis import given, settings
from hypothesis import strategies as st

from cupynn import Sequential, encoders, layers, losses, optimizers, training
from cupynn.augment import Augment
from cupynn.checks import InputError
from cupynn.kernels import cuda
from cupynn.layers import conv_cuda
from cupynn.spikes import SpikeTrains
from cupynn.spikes.cuda_trains import CudaTrains

SOURCES = [
    (package, path.stem)
    for package, folder in (("cupynn.kernels", "cupynn/kernels"), ("cupynn.layers", "layers"))
    for path in sorted((ROOT / folder).glob("*.cu"))
]
pytestmark = [pytest.mark.gpu, pytest.mark.parametrize("device", ["cuda"], indirect=True)]


@pytest.fixture
def launched(monkeypatch):
    """Source and name of each kernel that was launched."""
    found, launch = set(), cuda.CudaSource.launch

    def note(source, name, *arguments, **options):
        found.add((source.stem, name))
        launch(source, name, *arguments, **options)

    monkeypatch.setattr(cuda.CudaSource, "launch", note)
    return found


@NETWORKS
def test_every_spike_is_that_of_the_cpu(device, make):
    on_gpu, on_cpu = make(device), make("cpu")
    x, _ = data(on_cpu)
    assert on_gpu.encode(x).on_cuda
    outputs = [network.forward(network.encode(x, np.arange(len(x)), 0)) for network in (on_gpu, on_cpu)]
    assert isinstance(outputs[0], CudaTrains)
    for ours, theirs in zip(on_gpu.trains, on_cpu.trains, strict=True):
        assert ours.to_host() == theirs
        np.testing.assert_array_equal(on_gpu.device.get(ours.counts), theirs.counts)
        assert theirs.total > 0
        assert int(ours.total) == theirs.total


@NETWORKS
@pytest.mark.parametrize("psp_kernel", ["exact", "srm"])
def test_gradients_are_those_of_the_cpu(device, make, psp_kernel):
    on_gpu, on_cpu = make(device, psp_kernel=psp_kernel), make("cpu", psp_kernel=psp_kernel)
    x, y = data(on_cpu)
    loss, below, gradients = losses.SpikeCount(9, 1, 1), [], []
    for network in (on_gpu, on_cpu):
        error = loss(network.forward(network.encode(x, np.arange(len(x)), 0)), y)
        below.append(network.device.get(network.backward(error)))
        gradients.append(
            {layer.name: {k: network.device.get(g) for k, g in layer.grads.items()} for layer in network.layers}
        )
    assert below[1].any()
    close(*below)
    for name, arrays in gradients[1].items():
        for key, gradient in arrays.items():
            assert gradient.any()
            close(gradients[0][name][key], gradient)


@given(problems(inhibitions=(0.0, 0.5), largest_batch=5), st.sampled_from(["exact", "srm"]))
@settings(max_examples=25)
def test_any_layer_on_any_trains_gives_the_bits_of_the_cpu(device, problem, psp_kernel):
    options, dense, rng = problem
    weight = options.pop("weight")
    layer = layers.SpikingDense(len(weight), psp_kernel=psp_kernel, **options)
    layer.build((weight.shape[1],), rng)
    layer.params["weight"][:] = weight
    trains, delta = SpikeTrains.from_dense(dense), rng.standard_normal((len(dense), len(weight))).astype(np.float32)
    results = []
    for on in (OnDevice(layer, device), layer):
        run = on.forward(trains, record=True)
        below = on.backward(trains, run.spikes, delta)
        results.append((*run, below, layer.grads["weight"].copy()))
    (spikes, membrane, current, *sums), (expected_spikes, expected_membrane, expected_current, *expected_sums) = results
    assert spikes == expected_spikes
    np.testing.assert_allclose(membrane, expected_membrane, rtol=0, atol=1e-37)  # equal, but for denormal numbers
    np.testing.assert_allclose(current, expected_current, rtol=0, atol=1e-37)
    for actual, expected in zip(sums, expected_sums, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5 * (1 + np.abs(expected).max()))


@pytest.mark.parametrize("loss", [losses.SpikeCount(9, 2, 1), losses.SoftmaxCount(9)], ids=["count", "softmax"])
def test_losses_are_those_of_the_cpu(device, loss):
    counts = np.random.default_rng(0).integers(0, 12, (17, 4))
    counts[3] = 0
    dense = (np.arange(30)[None, :, None] < counts[:, None] + 1) & (np.arange(30) > 0)[None, :, None]
    spikes, y = SpikeTrains.from_dense(dense), np.arange(17) % 4
    weights = np.linspace(0, 2, 17)
    on_cpu, on_gpu = loss(spikes, y, weights), loss(device.trains(spikes), y, weights)
    np.testing.assert_allclose(device.get(on_gpu.losses), on_cpu.losses, rtol=1e-12)
    np.testing.assert_allclose(device.get(on_gpu.delta), on_cpu.delta, rtol=1e-6)
    assert on_gpu.value == pytest.approx(on_cpu.value)
    assert on_gpu.trains.to_host() == on_cpu.trains
    assert on_cpu.trains != spikes  # a silent label was filled in
    np.testing.assert_array_equal(device.get(on_gpu.trains.counts), on_cpu.trains.counts)


@NETWORKS
@pytest.mark.parametrize(
    "make_optimizer",
    [
        lambda: optimizers.SGD(1e-3, momentum=0.9),
        lambda: optimizers.Adam(1e-2, regularizer=optimizers.ExponentialRegularizer(10, 0.4, 8)),
        lambda: optimizers.Adam(1e-2, average=0.5, centralize=True),
    ],
    ids=["sgd", "adam", "averaged, centralized"],
)
def test_steps_are_those_of_the_cpu(device, make, make_optimizer):
    trained = []
    for where in (device, "cpu"):
        network, optimizer = make(where), make_optimizer()
        x, y = data(network)
        for draw in range(3):
            spikes = network.encode(x, np.arange(len(x)), draw)
            training.step(network, losses.SpikeCount(9, 1, 1), optimizer, spikes, y)
        optimizer.apply_averages(network)
        trained.append(parameters(network))
    before = parameters(make("cpu"))
    for key, weight in trained[1].items():
        assert (weight != before[key]).any()
        np.testing.assert_allclose(trained[0][key], weight, rtol=0, atol=0.02 * np.abs(weight - before[key]).max())


def test_a_convolution_that_holds_the_potentials_of_few_maps_at_a_time(device, monkeypatch):
    """So that memory does not grow with the pairs of neurons; but for the order of sums nothing changes."""
    found, goes, launch = [], [], cuda.CudaSource.launch

    def note(source, name, *arguments, **options):
        goes[-1] += name == "fields"
        launch(source, name, *arguments, **options)

    monkeypatch.setattr(cuda.CudaSource, "launch", note)
    for room in (1 << 24, 2 * 72 * 9, 1):  # all six maps of the first layer, two, and one
        monkeypatch.setattr(conv_cuda, "_POTENTIALS", room)
        goes.append(0)
        network = cnn(device)
        x, y = data(network)
        error = losses.SpikeCount(9)(network.forward(network.encode(x, np.arange(len(x)), 0)), y)
        below = network.backward(error)
        found.append((device.get(below), device.get(network.layers[0].grads["weight"])))
    assert goes == [1 + 1, 3 + 2, 6 + 5]  # of the second layer's five maps four fit where two of the first's six do
    for below, gradient in found[1:]:
        close(below, found[0][0])
        close(gradient, found[0][1])


def test_a_pass_in_parts_has_the_same_bits(device, monkeypatch):
    """However little memory there is."""
    results = []
    for memory in (1 << 40, 1):
        monkeypatch.setattr(cuda, "workspace", lambda memory=memory: memory)
        network = cnn(device)
        x, y = data(network)
        loss = losses.SpikeCount(9, 1, 1)
        below = network.backward(loss(network.forward(network.encode(x, np.arange(len(x)), 0)), y))
        gradients = {layer.name: device.get(layer.grads["weight"]) for layer in network.layers if layer.grads}
        results.append({"below": device.get(below)} | gradients)
    assert len(list(cuda.parts(19, 1))) == 19
    for key, array in results[0].items():
        np.testing.assert_array_equal(results[1][key], array)


@NETWORKS
def test_evaluation_is_that_of_the_cpu(device, make):
    ours, theirs = (network.evaluate(data(network)) for network in (make(device), make("cpu")))
    assert (ours.accuracy, ours.spikes, ours.silent, ours.dead) == (
        theirs.accuracy,
        theirs.spikes,
        theirs.silent,
        theirs.dead,
    )
    assert any(theirs.dead.values())


@NETWORKS
def test_training_gives_what_it_gives_on_the_cpu(device, make):
    histories, networks = [], [make(device), make("cpu")]
    for network in networks:
        options = {"loss": losses.SpikeCount(9, 1, 1), "optimizer": optimizers.Adam(1e-3), "epochs": 2, "batch_size": 8}
        histories.append(network.fit(data(network), validation=data(network), boost=True, progress=False, **options))
    for ours, theirs in zip(*(history.epochs for history in histories), strict=True):
        assert ours.loss == pytest.approx(theirs.loss, rel=0.05)
        assert ours.silent == theirs.silent
        assert ours.spikes["input"] == theirs.spikes["input"]
    x, y = data(networks[1])
    assert networks[0].evaluate((x, y)).confusion.sum() == len(y)
    assert networks[0].predict(x).shape == y.shape


@pytest.mark.parametrize("shape", [(28, 28), (3, 9, 7)])
def test_augmented_images_are_those_of_the_cpu(device, shape):
    images = np.random.default_rng(0).integers(0, 256, (5, *shape), np.uint8)
    numbers, turns = np.array([3, 0, 2**32 - 1, 7, 1]), {"scale": 0.3, "rotation": 40.0, "distortion": 8.0}
    for augment in (Augment(**turns), Augment(**turns, shift=2, flip=True)):
        on_gpu = augment(device.put(images), 2**40 + 1, 3, device.put(numbers))
        np.testing.assert_array_equal(device.get(on_gpu), augment(images, 2**40 + 1, 3, numbers))


@pytest.mark.parametrize("placed", [True, False])
def test_training_on_augmented_images(device, placed, monkeypatch):
    """Whether the images lie on the device or are copied batch by batch."""
    monkeypatch.setattr(type(device), "holds", lambda self, array: placed)
    trained = []
    for where in (device, "cpu"):
        network = mlp(where)
        options = {"loss": losses.SpikeCount(9, 1, 1), "optimizer": optimizers.SGD(1e-2), "progress": False}
        network.fit(data(network), epochs=1, batch_size=8, augment=Augment(), **options)
        trained.append(parameters(network))
    for key, weight in trained[1].items():
        close(trained[0][key], weight)


@pytest.mark.parametrize("random_phase", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (5, 6, 5), (2, 300)])
def test_regular_trains_are_those_of_the_cpu(device, shape, random_phase):
    x = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    samples, seed = np.array([2**32 - 1, 0, 7, 1, 3])[: len(x)], 2**63 + 5
    for max_rate, steps in ((1.0, 50), (0.4, 33), (0.01, 50), (0.4, 1)):
        encoder = encoders.Regular(max_rate, random_phase)
        on_gpu = encoder.encode(device.put(x), steps, seed, 3, samples)
        assert on_gpu.on_cuda
        assert on_gpu == encoder.encode(x, steps, seed, 3, samples)


def test_inputs_at_the_edge_of_shared_memory(device):
    """3 x 64 x 64 pixels take the 48 KB that a block has without asking, and the kernel has some of its own."""
    network = Sequential([layers.SpikingDense(2, 1.0)], (12288,), 5, encoders.Poisson(0.4), device=device)
    x = np.full((1, 12288), 200, np.uint8)
    network.backward(losses.SpikeCount(2, 1, 0)(network.forward(network.encode(x)), np.array([1])))
    assert device.get(network.layers[0].grads["weight"]).any()


def test_coupled_neurons_beyond_shared_memory_are_refused(device, monkeypatch):
    monkeypatch.setattr(cuda, "_limits", lambda number: (1 << 30, 1000 + cuda.STATIC_BYTES))
    network = Sequential([layers.SpikingDense(70, 1.0, lateral_inhibition=1.0)], (4,), 10, device=device)
    with pytest.raises(InputError, match=r"a layer of 70 coupled neurons needs 1168 bytes.*GPU has 1000"):
        network.forward(SpikeTrains.from_dense(np.ones((1, 10, 4))))


def test_a_dense_layer_beyond_shared_memory_gives_the_same_gradient(device, monkeypatch):
    gradients = []
    for limit in (1 << 16, 1100):
        monkeypatch.setattr(cuda, "_limits", lambda number, limit=limit: (1 << 30, limit))
        network = Sequential([layers.SpikingDense(5, 1.0)], (40,), 30, encoders.Poisson(0.4), device=device)
        x, y = data(network)
        network.backward(losses.SpikeCount(9, 1, 1)(network.forward(network.encode(x, np.arange(19), 0)), y))
        gradients.append(device.get(network.layers[0].grads["weight"]))
    np.testing.assert_array_equal(*gradients)


def tiny(device, **options):
    fixed = {"tau_m": 8.0, "tau_s": 1.5, "t_ref": 0}
    quick = fixed | options
    parts = [
        layers.SpikingConv2D(3, 2, 0.4, padding=1, overshoot=True, initial_weight=1.0, **quick),
        layers.SpikingConv2D(3, 1, 0.2, groups=3, stride=(1, 2), initial_weight=1.0, **fixed),  # it trains no constants
        layers.SpikingPool2D(2, 0.3, stride=1, **quick),
        layers.SpikingRecurrent(
            6, 0.1, lateral=np.eye(6) - 0.2, train_lateral=True, self_loops=True, initial_weight=1.0, **quick
        ),
        layers.SpikingDense(
            4, 0.1, overshoot=True, initial_weight=1.0, train_delays=True, delays=[3, 0, 1, 2, 0, 1], max_delay=3, **quick
        ),
        layers.SpikingDense(3, 0.1, lateral_inhibition=0.1, initial_weight=1.0, **quick),
    ]
    return Sequential(parts, (3, 4), 14, encoders.Poisson(0.8), device=device)


DENSE_LOSS = {"count_distance", "fill_silent"}
CLIPPING = {"row_square", "clip_factor", "scale"}


@pytest.mark.cuda_small
@pytest.mark.parametrize(
    ("loss", "optimizer", "unused"),
    [
        (
            losses.SpikeCount(4, 1, 0),
            optimizers.SGD(1e-3),
            {"softmax_count", "adam", "row_decay", "row_mean", "average"} | DENSE_LOSS | CLIPPING,
        ),
        (
            losses.SoftmaxCount(4),
            optimizers.Adam(1e-3, regularizer=optimizers.ExponentialRegularizer(), average=0.9, centralize=True),
            {"spike_count", "sgd"} | DENSE_LOSS | CLIPPING,
        ),
        (
            losses.CountRegression(),
            optimizers.SGD(1e-3, clip_norm=0.1),
            {"spike_count", "softmax_count", "fill_silent_labels", "adam", "row_decay", "row_mean", "average"},
        ),
    ],
    ids=["count, sgd", "softmax, adam", "regression"],
)
def test_every_kernel_on_small_shapes(device, loss, optimizer, unused, launched):
    """What the sanitizers watch: each kernel of each source, from image to update."""
    network, on_cpu = tiny(device), tiny("cpu")
    x = np.full((3, 3, 4), 255, np.uint8)
    x[2] = 0  # a silent sample, whose label is filled in
    y, numbers = np.array([0, 2, 1]), np.arange(3)
    y = np.eye(3)[y] * 4 if loss.predicts == "counts" else y
    moved = Augment()(device.put(x), 0, 1, device.put(numbers))
    np.testing.assert_array_equal(device.get(moved), Augment()(x, 0, 1, numbers))
    below = network.backward(loss(network.forward(network.encode(x, numbers, 1)), y))
    own = tiny(device, trainable=("tau_m", "tau_s", "v_th"), per="neuron")
    own.backward(loss(own.forward(own.encode(x, numbers, 1)), y))
    on_cpu.forward(on_cpu.encode(x, numbers, 1))
    for ours, theirs in zip(network.trains, on_cpu.trains, strict=True):
        assert ours.to_host() == theirs
        assert theirs.total
    assert np.isfinite(device.get(below)).all()
    regular = encoders.Regular(0.8, random_phase=True)
    assert regular.encode(device.put(x), 14, 0, 1, numbers) == regular.encode(x, 14, 0, 1, numbers)
    optimizer.step(network)
    assert network.record(x).membranes["dense_6"].any()
    every = {
        (stem, kernel)
        for package, stem in SOURCES
        for kernel in re.findall(r"__launch_bounds__\(\d+, \d+\)\s+(\w+)\(", cuda.CudaSource.of(package, stem).source)
    }
    assert launched == {(stem, kernel) for stem, kernel in every if kernel not in unused}
