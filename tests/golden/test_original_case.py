"""The original program's own test case: every spike of its six layers and every weight, before and after a training step."""

import numpy as np
import pytest
from originals import GOLDEN, golden

from cupynn import Sequential, layers, losses, optimizers, training
from cupynn.spikes import SpikeTrains

pytestmark = golden

STEPS, LABEL = 450, 5
WEIGHTS = {"conv1": (5, 1, 5, 5), "conv2": (3, 5, 5, 5), "hidden": (100, 48), "output": (10, 100)}
PHASES = {"train": "", "test": "_trained"}  # folder of the spikes, ending of the files of weights that gave them


def read_maps(path, shape):
    """Trains (1, T, channels, rows, columns) from lines of 0 and 1: by channel, step, row, column."""
    bits = np.fromstring(path.read_text(), np.uint8, sep=" ").reshape(shape[0], STEPS, *shape[1:])
    return SpikeTrains.from_dense(bits.swapaxes(0, 1)[None])


def read_spikes(path, shape):
    """Trains (1, T, *shape) from lines of neuron and time; -1 -1 stands before and after."""
    neurons, times = (column[column >= 0] for column in np.loadtxt(path, int, ndmin=2).T)
    return SpikeTrains.from_events(np.zeros_like(times), times, neurons, shape=(1, STEPS, *shape))


def read_trains(phase):
    folder = GOLDEN / "spikes"
    return {
        "input": read_spikes(GOLDEN / "input_spikes_0_5.dat", (1, 28, 28)),
        "conv1": read_maps(folder / "conv1" / phase / "conv1_1.dat", (5, 24, 24)),
        "pool1": read_maps(folder / "pool1" / phase / "pool1_1.dat", (5, 12, 12)),
        "conv2": read_maps(folder / "conv2" / phase / "conv2_1.dat", (3, 8, 8)),
        "pool2": read_maps(folder / "pool2" / phase / "pool2_1.dat", (3, 4, 4)),
        "hidden": read_spikes(folder / "hidden" / phase / "hidden.dat", (100,)),
        "output": read_spikes(folder / "output" / phase / "output.dat", (10,)),
    }


def read_weight(path, shape):
    """Weights of a convolution, floats only, or a dense layer, lines such as `7 conv_0 hidden_7 0.25` whose pairs add up."""
    text = path.read_text()
    if len(shape) == 4:
        return np.fromstring(text, sep=" ").reshape(shape)
    weight = np.zeros(shape)
    for line in text.splitlines():
        _, pre, post, value = line.split()
        weight[int(post.rpartition("_")[2]), int(pre.rpartition("_")[2])] += float(value)
    return weight


def read_weights(phase):
    return {name: read_weight(GOLDEN / "weights" / f"{name}_info{PHASES[phase]}.txt", WEIGHTS[name]) for name in WEIGHTS}


@pytest.fixture
def network(device):
    """The network of the original's configuration, without weights."""
    srm = {"psp_kernel": "srm"}
    parts = [
        layers.SpikingConv2D(5, kernel_size=5, v_th=5.0, name="conv1", **srm),
        layers.SpikingPool2D(2, v_th=2.0, name="pool1", **srm),
        layers.SpikingConv2D(3, kernel_size=5, v_th=5.0, name="conv2", **srm),
        layers.SpikingPool2D(2, v_th=2.0, name="pool2", **srm),
        layers.SpikingDense(100, v_th=10.0, name="hidden", **srm),
        layers.SpikingDense(10, v_th=5.0, lateral_inhibition=1.0, name="output", **srm),
    ]
    return Sequential(parts, input_shape=(1, 28, 28), steps=STEPS, device=device)


def set_weights(network, weights):
    for layer in network.layers:
        if layer.params:
            layer.params["weight"] = network.device.put(weights[layer.name].astype(np.float32))


def assert_same_spikes(network, phase):
    expected = read_trains(phase)
    network.forward(expected["input"])
    for trains, (name, originals) in zip(network.trains, expected.items(), strict=True):
        assert trains == originals, name
        assert (originals.neurons.size > 0) == (name != "output")  # which stays silent in this case


@pytest.mark.parametrize("phase", PHASES)
def test_every_spike_is_the_originals(network, phase):
    set_weights(network, read_weights(phase))
    assert_same_spikes(network, phase)


def test_every_weight_after_one_step_is_the_originals(network):
    before, after = read_weights("train"), read_weights("test")
    set_weights(network, before)
    optimizer = optimizers.Adam(1e-3, regularizer=optimizers.ExponentialRegularizer(strength=10, beta=0.4, w_max=8))
    training.step(network, losses.SpikeCount(), optimizer, read_trains("train")["input"], np.array([LABEL]))
    for layer in network.layers:
        if layer.params:
            assert (
                np.abs(after[layer.name] - before[layer.name]).mean() > 9e-4
            )  # Adam's first step: 1e-3 by the gradient's sign
            weight = network.device.get(layer.params["weight"])
            np.testing.assert_allclose(weight, after[layer.name], rtol=0, atol=1e-5, err_msg=layer.name)
    assert_same_spikes(network, "test")
