"""Files of NIR between cupynn and the frameworks themselves, both ways: every spike of every layer."""

import warnings

import numpy as np
import pytest

from cupynn import Sequential, SpikeTrains, layers
from cupynn import nir as ours
from cupynn.nir import frameworks

nir = pytest.importorskip("nir", reason='nir is not installed: pip install -e ".[test]"')


@pytest.fixture(params=frameworks.FRAMEWORKS)
def framework(request):
    if why := frameworks.missing(request.param):
        pytest.skip(f"{request.param}: {why}")
    return request.param


@pytest.fixture(scope="module")
def torch():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")


def dense(units, v_th=1.0, **options):
    return layers.SpikingDense(units, v_th, t_ref=0, **options)


def lateral(units):
    return np.random.default_rng(2).normal(size=(units, units))


NETWORKS = {
    "MLP": lambda: ((28, 28), [dense(100, 6.0), dense(30), dense(10)]),
    "MLP, tau 50 and 5": lambda: ((60,), [dense(40, tau_m=50.0, tau_s=5.0), dense(10, tau_m=50.0, tau_s=5.0)]),
    "MLP, tau 30 and 7": lambda: ((60,), [dense(40, tau_m=30.0, tau_s=7.0), dense(10, tau_m=5.0, tau_s=3.0)]),
    "CNN": lambda: (
        (2, 12, 12),
        [
            layers.SpikingConv2D(6, 5, v_th=3.0, t_ref=0),
            layers.SpikingPool2D(2, v_th=1.0, t_ref=0),
            layers.SpikingConv2D(8, 3, v_th=2.0, padding=1, t_ref=0),
            layers.SpikingPool2D(2, v_th=1.0, t_ref=0),
            dense(20),
            dense(10),
        ],
    ),
    "pooling by three": lambda: ((1, 9, 9), [layers.SpikingPool2D(3, v_th=3.0, t_ref=0), dense(10)]),
    "inhibition": lambda: ((60,), [dense(40), dense(10, lateral_inhibition=0.5)]),
    "recurrence": lambda: ((60,), [layers.SpikingRecurrent(30, 3.0, t_ref=0, lateral=lateral(30)), dense(10)]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_spike_of_every_layer(framework, name, tmp_path):
    shape, those = NETWORKS[name]()
    net = Sequential(those, shape, 120, device="cpu")
    for layer in net.layers:
        for weight in layer.params.values():
            weight *= 3
    certificate = ours.export(net, tmp_path / "net.nir", frameworks=[framework])
    assert all(layer.spikes > 50 for layer in certificate.layers), certificate
    assert certificate.faithful, certificate
    assert certificate.not_run == {}


def test_other_weights_in_the_file_are_other_spikes(framework, tmp_path):
    """What the test above would miss if it compared a thing with itself."""
    net = Sequential([dense(20), dense(10)], (30,), 60, device="cpu")
    ours.export(net, tmp_path / "net.nir", certificate=False)
    trains = SpikeTrains.from_dense((np.random.default_rng(0).random((2, 60, 30)) < 0.2).astype(np.uint8))
    expected = [each.to_dense() for each in net.run(trains)[1:]]
    graph = nir.read(tmp_path / "net.nir")
    graph.nodes["dense_2_weight"].weight *= 1.1
    nir.write(tmp_path / "net.nir", graph)
    found = frameworks.simulate(framework, tmp_path / "net.nir", trains.to_dense(), ["dense_1_lif", "dense_2_lif"])
    np.testing.assert_array_equal(found[0][:, :-1], expected[0][:, 1:])
    assert (found[1][:, :-2] != expected[1][:, 2:]).any()


def written_by_snntorch(torch):
    import snntorch
    from snntorch.export_nir import export_to_nir

    def neurons(kind, size, **decays):
        each = {name: torch.full((size,), value) for name, value in decays.items()} | {"threshold": torch.ones(size)}
        return kind(**each, init_hidden=True, reset_mechanism="zero", reset_delay=False)

    module = torch.nn.Sequential(
        torch.nn.Linear(30, 20, bias=False),
        neurons(snntorch.Synaptic, 20, alpha=0.875, beta=0.96875),
        torch.nn.Linear(20, 20, bias=False),
        neurons(snntorch.Leaky, 20, beta=0.9),
    )
    return export_to_nir(module, torch.zeros(1, 30), ignore_dims=[0]), ["1", "3"]


def written_by_spikingjelly(torch):
    from spikingjelly.activation_based import layer, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    def cuba():
        return neuron.CUBALIFNode(c_decay=0.875, v_decay=0.96875, v_threshold=1.0, v_reset=0.0)

    module = torch.nn.Sequential(
        layer.Conv2d(1, 4, 3, padding=1, bias=False),
        cuba(),
        layer.AvgPool2d(2, 2),
        cuba(),
        layer.Flatten(),
        layer.Linear(36, 10, bias=False),
        neuron.LIFNode(tau=10.0, decay_input=False, v_reset=0.0),
    )
    return export_to_nir(module, torch.zeros(1, 1, 6, 6)), ["_1", "_3", "_6"]


WRITERS = {"snntorch": written_by_snntorch, "spikingjelly": written_by_spikingjelly}


@pytest.mark.parametrize("name", WRITERS)
def test_what_a_framework_writes_fires_here_as_there(torch, name, tmp_path):
    if why := frameworks.missing(name):
        pytest.skip(f"{name}: {why}")
    torch.manual_seed(0)
    with frameworks.silence():
        graph, nodes = WRITERS[name](torch)
    nir.write(tmp_path / "net.nir", graph)
    net = ours.load(tmp_path / "net.nir", steps=100, device="cpu")
    trains = SpikeTrains.from_dense((np.random.default_rng(0).random((3, 100, *net.input_shape)) < 0.3).astype(np.uint8))
    found = frameworks.simulate(name, tmp_path / "net.nir", trains.to_dense(), nodes)
    for delay, (mine, theirs) in enumerate(zip(net.run(trains)[1:], found, strict=True), start=1):
        assert theirs.sum() > 50
        np.testing.assert_array_equal(mine.to_dense().reshape(theirs.shape)[:, delay:], theirs[:, :-delay])


def test_what_norse_writes_takes_a_step_of_its_own(torch, tmp_path):
    """Norse 1.1 notes down dt / tau_mem_inv for tau_mem: its ten steps are ten of 1e-6 s."""
    if why := frameworks.missing("norse"):
        pytest.skip(f"norse: {why}")
    with frameworks.silence():
        import norse.torch

        constants = {"tau_mem_inv": torch.full((10,), 100.0), "v_th": torch.full((10,), 0.5), "v_leak": torch.zeros(10)}
        neurons = norse.torch.LIFBoxCell(norse.torch.LIFBoxParameters(**constants))
        graph = norse.torch.to_nir(
            norse.torch.SequentialState(torch.nn.Linear(20, 10, bias=False), neurons), torch.zeros(20)
        )
    nir.write(tmp_path / "net.nir", graph)
    layer = ours.load(tmp_path / "net.nir", steps=9, dt=1e-6).layers[0]
    assert (layer.tau_m, layer.tau_s, layer.neuron.threshold) == (pytest.approx(10, rel=1e-6), 1.0, 0.5)
    np.testing.assert_allclose(layer.params["weight"], graph.nodes["0"].weight / 10, rtol=1e-6)


def test_nothing_is_said_and_nothing_is_left_behind(framework, tmp_path, capfd):
    import logging

    net = Sequential([dense(5)], (4,), 20, device="cpu")
    ours.export(net, tmp_path / "before.nir", frameworks=[framework])  # imports the framework
    capfd.readouterr()
    handlers = list(logging.getLogger().handlers)
    ours.export(net, tmp_path / "net.nir", frameworks=[framework])
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger().handlers == handlers
