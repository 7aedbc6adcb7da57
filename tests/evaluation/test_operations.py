"""Synaptic operations: against loops over all connections, and against NeuroBench's own figures where it is installed."""

import copy
import json
import warnings
from math import prod

import numpy as np
import pytest
from cuda_nets import cnn, mlp, reservoir
from cuda_nets import data as draw_images

from cupynn import InputError, Sequential, cli, encoders, layers, nir
from cupynn.device.device import resolve
from cupynn.evaluation.operations import fan_out
from cupynn.layers.spiking import SpikingLayer
from cupynn.nir import frameworks
from cupynn.results.evaluation import read
from cupynn.results.operations import HOROWITZ_45NM, from_figures
from cupynn.spikes import SpikeTrains


def connections(layer):
    """Connections of a layer whose weight is not zero, (outputs, inputs), by loops over the formula of the layer."""
    shape = layer.input_shape if len(layer.input_shape) == 3 else (1, *layer.input_shape)
    if isinstance(layer, layers.SpikingDense):
        return layer.weight != 0
    found = np.zeros((*layer.output_shape, *shape), int)
    maps, rows, columns = layer.output_shape
    for m, y, x, c in np.ndindex(maps, rows, columns, shape[0]):
        for dy, dx in np.ndindex(*layer.kernel_size):
            if isinstance(layer, layers.SpikingPool2D):
                at, joined = (y * layer.stride[0] + dy, x * layer.stride[1] + dx), m == c
            else:
                down, across = (place * step for place, step in zip((y, x), layer.stride, strict=True))
                at = (
                    down - layer.padding[0] + dy * layer.dilation[0],
                    across - layer.padding[1] + dx * layer.dilation[1],
                )
                own = shape[0] // layer.groups
                joined = c // own == m // (maps // layer.groups) and layer.weight[m, c % own, dy, dx] != 0
            if joined and 0 <= at[0] < shape[1] and 0 <= at[1] < shape[2]:
                found[(m, y, x, c, *at)] += 1
    return found.reshape(prod(layer.output_shape), -1)


def prune(network, share=0.3):
    rng = np.random.default_rng(5)
    for layer in network.layers:
        for weight in layer.params.values():
            mask = rng.random(weight.shape) < share
            weight[network.device.put(mask)] = 0
    return network


@pytest.mark.parametrize("make", [mlp, cnn, reservoir])
def test_every_spike_times_every_connection(device, make):
    network = prune(make(device))
    x, y = draw_images(network, 5)
    found = network.evaluate((x, y)).operations
    assert repr(found) == str(found) == found.as_text()
    trains = [each.to_host().counts.reshape(5, -1) for each in network.run(network.encode(x, np.arange(5), 0))]
    network.to("cpu")
    for layer, below, above in zip(network.layers, trains[:-1], trains[1:], strict=True):
        own, joined = found.layers[layer.name], connections(layer)
        expected = (below @ joined.sum(0)).sum() / 5
        dense = (
            joined.size
            if isinstance(layer, layers.SpikingDense)
            else fan_out(layer, layer.params, resolve("cpu")).every.sum()
        )
        lateral = layer.buffers.get("lateral")
        if lateral is not None:
            expected, dense = expected + (above @ (lateral != 0).sum(0)).sum() / 5, dense + (lateral != 0).sum()
        elif getattr(layer, "lateral_inhibition", 0):
            expected, dense = (
                expected + above.sum() * (above.shape[1] - 1) / 5,
                dense + above.shape[1] * (above.shape[1] - 1),
            )
        assert own.accumulates == pytest.approx(expected, rel=1e-12)
        assert own.macs == dense
        assert own.dense == dense * network.steps
        assert own.neuron_updates == above.shape[1] * network.steps
        assert own.activation_sparsity == pytest.approx(1 - above.sum() / (5 * above.shape[1] * network.steps), rel=1e-12)
        arrays = [*layer.params.values(), *layer.buffers.values()]
        assert own.parameters == sum(array.size for array in arrays)
        assert own.bytes == 4 * own.parameters
        zeros = sum((array == 0).sum() for array in arrays) / max(1, own.parameters)
        assert own.connection_sparsity == pytest.approx(zeros, rel=1e-12)
    assert found.accumulates == pytest.approx(sum(layer.accumulates for layer in found.layers.values()))


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.SpikingConv2D(3, (3, 2), 1.0, padding=(2, 1)),
        lambda: layers.SpikingConv2D(4, (3, 2), 1.0, padding=(2, 1), stride=(2, 1), dilation=(1, 2), groups=2, bias=True),
        lambda: layers.SpikingPool2D((2, 3), 1.0, stride=(1, 2)),
        lambda: layers.SpikingPool2D(3, 1.0),
    ],
)
def test_fan_out_at_the_borders(make):
    layer = make()
    layer.build((2, 7, 5), np.random.default_rng(0))
    np.testing.assert_array_equal(fan_out(layer, layer.params, resolve("cpu")).effective, connections(layer).sum(0))


@pytest.mark.parametrize("pool", [layers.AveragePool2D((2, 3)), layers.SumPool2D(3, stride=2), None], ids=str)
@pytest.mark.parametrize(
    "above",
    [
        layers.SpikingConv2D(3, 2, 0.5),
        layers.SpikingConv2D(4, 2, 0.5, dilation=(1, 2), stride=2, groups=2),
        layers.SpikingDense(5, 0.5, bias=True),
    ],
    ids=str,
)
def test_a_single_spike_reaches_as_many_neurons(device, pool, above):
    """A sample for each input, which fires once: the neurons with a current at the next step are counted."""
    pool, above = copy.deepcopy([pool, above])
    network = prune(Sequential([*([pool] if pool else []), above], (2, 8, 10), 3, device=device))
    spikes = np.zeros((160, 3, 2, 8, 10), np.uint8)
    spikes[np.arange(160), 0, *np.unravel_index(np.arange(160), (2, 8, 10))] = 1
    reached = network.record(SpikeTrains.from_dense(spikes)).currents[above.name][:, 1].reshape(160, -1) != 0
    with device:
        found = fan_out(above, {name: device.get(array) for name, array in above.params.items()}, device)
    np.testing.assert_array_equal(found.effective, reached.sum(1))
    assert (found.effective <= found.every).all()
    if pool:
        for layer in network.layers:
            for weight in layer.params.values():
                weight[...] = 1
        reached = network.record(SpikeTrains.from_dense(spikes)).currents[above.name]
        if not getattr(above, "bias", False):
            np.testing.assert_array_equal(found.every, (reached[:, 1].reshape(160, -1) != 0).sum(1))


class Custom(SpikingLayer):
    """A layer of the user, with connections that its arrays do not tell."""

    kind_name = "custom"

    def __init__(self):
        super().__init__(1.0, 8.0, 2.0, 0, "exact", True, None)

    def build(self, input_shape, rng):
        self.input_shape = self.output_shape = input_shape

    def forward(self, inputs, record=False):
        return self.run(inputs, *self.recorders(inputs, record))

    def backward(self, inputs, outputs, delta, input_error=True):
        return delta


class Counted(Custom):
    def fan_out(self):
        return [2] * prod(self.input_shape)


def test_a_layer_of_the_user():
    trains = SpikeTrains.from_dense(np.ones((2, 10, 3)))
    assert Sequential([Custom()], (3,), 10, device="cpu").evaluate((trains, [0, 1])).operations is None
    found = Sequential([Counted()], (3,), 10, device="cpu").evaluate((trains, [0, 1])).operations
    assert (found.accumulates, found.macs) == (60, 6)


def test_energy():
    network = mlp("cpu")
    found = network.evaluate(draw_images(network, 3)).operations
    expected = {"spiking": 0.9e-3 * found.accumulates, "without_spikes": 4.6e-3 * found.macs}
    assert found.energy() == pytest.approx(expected)
    own = {"accumulate": 1.0, "multiply_accumulate": 2.0, "neuron_update": 3.0}
    assert found.energy(own)["spiking"] == pytest.approx((found.accumulates + 3 * found.neuron_updates) / 1000)
    assert "energy, estimated" in found.as_text()
    for table, message in (
        ({"accumulate": 1.0}, "pass picojoules of 'accumulate', 'multiply_accumulate', 'neuron_update'"),
        (HOROWITZ_45NM | {"accumulate": -1}, r"table\['accumulate'\]=-1"),
    ):
        with pytest.raises(InputError, match=message):
            found.energy(table)


def test_the_command(small_run, capsys):
    assert cli.main(["evaluate", str(small_run), "--energy"]) == 0
    printed = capsys.readouterr().out
    assert "accumulates" in printed
    assert "energy, estimated" in printed
    assert cli.main(["evaluate", str(small_run), "--json"]) == 0
    stored = json.loads((small_run / "result.json").read_text())["test"]["operations"]
    assert json.loads(capsys.readouterr().out)["operations"] == stored
    assert from_figures(stored).layers["hidden"].macs == 64 * 30
    assert read(small_run).operations == from_figures(stored)


@pytest.mark.slow
def test_neurobench(tmp_path):
    """The same network, exported through NIR to snnTorch, measured by NeuroBench itself."""
    neurobench = pytest.importorskip("neurobench", reason="pip install neurobench")
    if why := frameworks.missing("snntorch"):
        pytest.skip(f"snntorch: {why}")
    quick = {"tau_m": 8.0, "tau_s": 2.0, "t_ref": 0, "initial_weight": 1.0}
    parts = [
        layers.SpikingConv2D(4, 3, 1.0, padding=1, **quick),
        layers.SpikingConv2D(5, 3, 1.0, **quick),
        layers.SpikingDense(8, 1.0, **quick),
    ]
    net = prune(Sequential(parts, (2, 6, 7), 120, device="cpu"))
    # Silence at the end: layer n of snnTorch fires n steps earlier.
    rng = np.random.default_rng(0)
    dense = (rng.random((3, 120, 2, 6, 7)) < 0.2) * (np.arange(120) < 60)[:, None, None, None]
    ours = net.evaluate((SpikeTrains.from_dense(dense), [0, 1, 2])).operations
    nir.export(net, tmp_path / "net.nir", certificate=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = measured(neurobench, tmp_path / "net.nir", dense.astype(np.float32))
    assert theirs["Effective_MACs"] == 0
    assert ours.accumulates == pytest.approx(theirs["Effective_ACs"], rel=1e-6)
    assert ours.dense == pytest.approx(theirs["Dense"], rel=1e-6)
    assert ours.activation_sparsity == pytest.approx(theirs["activation"], rel=1e-6)
    assert ours.connection_sparsity == pytest.approx(theirs["connection"], abs=5e-5)  # which it rounds
    assert 0.2 < ours.connection_sparsity < 0.4


def measured(neurobench, path, inputs):
    """Figures of NeuroBench for a file in snnTorch, over inputs (B, T, ...)."""
    import nir as library
    import torch
    from neurobench.metrics.static import ConnectionSparsity
    from neurobench.metrics.workload import ActivationSparsity, SynapticOperations
    from neurobench.models import SNNTorchModel
    from snntorch.import_nir import import_from_nir

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = import_from_nir(library.read(path))

        def forward(self, data):
            spikes, state = [], ()
            for step in range(data.shape[1]):
                fired, *state = self.net(data[:, step], *state)
                spikes.append(fired)
            return torch.stack(spikes)

    model = SNNTorchModel(Whole(), custom_forward=True)
    model.register_hooks()
    operations, activation = SynapticOperations(), ActivationSparsity()
    with torch.no_grad():
        data = torch.from_numpy(inputs)
        predictions = model(data)
        found = operations(model, predictions, (data, None))
        found |= {"activation": activation(model, predictions, (data, None))}
    return found | {"connection": ConnectionSparsity()(model)}


def test_masks_are_not_parameters():
    net = Sequential([layers.SpikingRecurrent(6, 1.0, train_lateral=True)], (3,), 40, encoders.Poisson(0.5), device="cpu")
    found = net.evaluate((np.ones((2, 3), np.float32), [0, 1])).operations.layers["recurrent_1"]
    assert (found.parameters, found.weights, found.zeros) == (6 * 3 + 36, 6 * 3 + 36, 6)
