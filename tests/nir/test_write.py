"""From networks to graphs of NIR: what stands in them, and that they mean what the network does."""

import sys
from itertools import pairwise

import numpy as np
import pytest

from cupynn import InputError, Sequential, SpikeTrains, encoders, layers
from cupynn import nir as ours
from cupynn.layers.spiking import SpikingLayer

nir = pytest.importorskip("nir", reason='nir is not installed: pip install -e ".[test]"')

from nir_euler import spikes  # noqa: E402

RNG = np.random.default_rng(3)
NETWORKS = {
    "dense": ((60,), [layers.SpikingDense(40, v_th=2.0, t_ref=0), layers.SpikingDense(10, v_th=1.0, t_ref=0)]),
    "other constants": ((4, 5), [layers.SpikingDense(20, v_th=3.0, tau_m=50.0, tau_s=5.0, t_ref=0, name="a.b-c")]),
    "images": (
        (8, 8),
        [
            layers.SpikingConv2D(4, 3, v_th=1.5, padding=1, tau_s=7.0, t_ref=0),
            layers.SpikingPool2D(2, v_th=1.0, t_ref=0),
            layers.SpikingPool2D(2, v_th=1.0, tau_m=30.0, t_ref=0),
        ],
    ),
    "strided": (
        (4, 9, 14),
        [
            layers.SpikingConv2D(4, 3, v_th=1.5, stride=2, groups=4, t_ref=0, initial_weight=1.5),
            layers.SpikingConv2D(4, 2, v_th=0.2, dilation=(2, 1), stride=(1, 2), groups=2, padding=(1, 0), t_ref=0),
        ],
    ),
    "inhibition": ((20,), [layers.SpikingDense(10, v_th=1.0, t_ref=0, lateral_inhibition=0.7)]),
    "recurrent": ((20,), [layers.SpikingRecurrent(12, v_th=2.0, t_ref=0, lateral=RNG.normal(size=(12, 12)), trained=False)]),
    "delays": ((3, 5), [layers.SpikingDense(10, v_th=1.0, t_ref=0, delays=RNG.integers(0, 9, 15))]),
    "delays of images": (
        (6, 6),
        [
            layers.SpikingConv2D(3, 3, v_th=0.2, t_ref=0, delays=4),
            layers.SpikingRecurrent(
                40, 0.2, t_ref=0, initial_weight=0.5, train_lateral=True, train_delays=True, max_delay=9
            ),
        ],
    ),
    "trained recurrence": ((20,), [layers.SpikingRecurrent(12, v_th=2.0, t_ref=0, train_lateral=True, self_loops=True)]),
}
EACH = {"t_ref": 0, "trainable": ("tau_m", "tau_s", "v_th"), "per": "neuron", "tau_m": 30.0}
NETWORKS["own constants"] = (
    (8, 8),
    [
        layers.SpikingConv2D(4, 3, v_th=1.0, **EACH),
        layers.SpikingPool2D(2, v_th=0.7, **EACH),
        layers.SpikingRecurrent(12, v_th=0.7, lateral=RNG.normal(0, 0.2, (12, 12)), **EACH),
    ],
)
NETWORKS["bias"] = ((1, 6, 6), [layers.SpikingConv2D(3, 3, v_th=2.0, t_ref=0, tau_s=7.0, bias=True)])
NETWORKS["linear pooling"] = (
    (9, 8),
    [
        layers.AveragePool2D((3, 2), stride=2),
        layers.SpikingConv2D(3, 2, v_th=0.2, t_ref=0, tau_s=7.0),
        layers.SumPool2D((1, 2)),
        layers.SpikingDense(10, v_th=1.0, t_ref=0),
    ],
)
NETWORKS["images"][1].append(layers.SpikingDense(10, v_th=1.0, t_ref=0))


@pytest.fixture(scope="module")
def built():
    """Networks by name; a layer belongs to one network, so that each is built once."""
    made = {
        name: Sequential(those, shape, 150, encoders.Poisson(), device="cpu") for name, (shape, those) in NETWORKS.items()
    }
    for layer in made["own constants"].layers:
        for array in layer.trained_constants.values():
            array[...] = np.random.default_rng(5).uniform(-0.3, 0.3, array.shape)
    return made


def trains_for(net, rate=0.15, batch=2):
    dense = np.random.default_rng(0).random((batch, net.steps, *net.input_shape)) < rate
    return SpikeTrains.from_dense(dense.astype(np.uint8))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_graph_means_what_the_network_does(built, name):
    """Every spike, by an oracle that has NIR's equations only; layer n of the network is n steps late."""
    net = built[name]
    trains, graph = trains_for(net), ours.to_nir(net)
    shape = graph.nodes["input"].input_type["input"]
    for sample in range(len(trains)):
        found = list(spikes(graph, trains.to_dense()[sample].reshape(-1, *shape)).values())
        every = [each for each, layer in zip(net.run(trains)[1:], net.layers, strict=True) if layer.has_neurons]
        for delay, (each, layer) in enumerate(zip(found, every, strict=True), start=1):
            expected = layer.to_dense()[sample]
            assert expected.sum() > 15
            np.testing.assert_array_equal(expected[delay:], each[:-delay])


def test_lateral_weights_matter(built):
    """Else the test above could pass without them."""
    for name in ("inhibition", "recurrent"):
        net = built[name]
        graph = ours.to_nir(net)
        [lif] = [node for key, node in graph.nodes.items() if key.endswith("_lif")]
        with_them = spikes(graph, trains_for(net).to_dense()[0])
        lif.nodes["w_rec"].weight[...] = 0
        without = spikes(graph, trains_for(net).to_dense()[0])
        assert not np.array_equal(*(each[next(iter(each))] for each in (with_them, without)))


class TestGraph:
    def test_nodes_and_edges(self, built):
        graph = ours.to_nir(built["images"])
        kinds = {name: type(node).__name__ for name, node in graph.nodes.items()}
        assert kinds == {
            "input": "Input",
            "conv_1_weight": "Conv2d",
            "conv_1_lif": "CubaLIF",
            "pool_2_weight": "SumPool2d",
            "pool_2_lif": "CubaLIF",
            "pool_3_weight": "SumPool2d",
            "pool_3_lif": "CubaLIF",
            "dense_4_flatten": "Flatten",
            "dense_4_weight": "Affine",
            "dense_4_lif": "CubaLIF",
            "output": "Output",
        }
        names = list(kinds)
        assert graph.edges == list(pairwise(names))
        assert {name: tuple(node.output_type["output"]) for name, node in graph.nodes.items()} == {
            "input": (1, 8, 8),
            **dict.fromkeys(("conv_1_weight", "conv_1_lif"), (4, 8, 8)),
            **dict.fromkeys(("pool_2_weight", "pool_2_lif"), (4, 4, 4)),
            **dict.fromkeys(("pool_3_weight", "pool_3_lif"), (4, 2, 2)),
            "dense_4_flatten": (16,),
            **dict.fromkeys(("dense_4_weight", "dense_4_lif", "output"), (10,)),
        }
        assert graph.check_types()
        assert graph.metadata["delay"] == 1
        assert (graph.metadata["dt"], graph.metadata["steps"]) == (1e-4, 150)

    def test_names_fit_modules_of_pytorch(self):
        named = ["a.b", "a_b", "1st", "für", "class", "output", "train"]
        net = Sequential([layers.SpikingDense(2, v_th=1.0, t_ref=0, name=name) for name in named], (2,), 5, device="cpu")
        found = [name for name in ours.to_nir(net).nodes if name.endswith("_lif")]
        assert found == ["a_b_lif", "a_b__lif", "layer_1st_lif", "f_r_lif", "class_lif", "output_lif", "train_lif"]

    def test_from_a_gpu(self, device):
        both = [
            Sequential([layers.SpikingDense(3, v_th=1.0, t_ref=0, lateral_inhibition=0.5)], (2,), 5, device=each)
            for each in ("cpu", device)
        ]
        one, other = (ours.to_nir(net).nodes for net in both)
        np.testing.assert_array_equal(one["dense_1_weight"].weight, other["dense_1_weight"].weight)
        assert isinstance(other["dense_1_lif"].nodes["w_rec"].weight, np.ndarray)


class Own(SpikingLayer):
    kind_name = "own"

    def __init__(self):
        super().__init__(1.0, 64.0, 8.0, 0, "exact", True, None)

    def build(self, input_shape, rng):
        self.input_shape = self.output_shape = input_shape

    def forward(self, inputs, record=False):
        raise NotImplementedError

    def backward(self, inputs, outputs, delta, input_error=True):
        raise NotImplementedError


class TestRefused:
    @pytest.mark.parametrize(
        ("those", "shape", "message"),
        [
            (
                [layers.SpikingDense(3, v_th=1.0), layers.SpikingDense(3, v_th=1.0, t_ref=1, name="out")],
                (4,),
                r"no refractory period, unlike dense_1 \(t_ref=2\), out \(t_ref=1\): .*t_ref=0.*allow_lossy=True",
            ),
            (
                [layers.SpikingConv2D(3, (3, 2), v_th=1.0, t_ref=0)],
                (4, 4),
                r"^conv_1: kernel_size=\(3, 2\): nir supports only square kernels",
            ),
            (
                [layers.SpikingPool2D(2, v_th=1.0, t_ref=0)],
                (5, 4),
                r"^pool_1: windows of \(2, 2\) with stride \(2, 2\) extend beyond .*5, 4\)",
            ),
            ([layers.SpikingPool2D(3, v_th=1.0, stride=1, t_ref=0)], (4, 4), "extend beyond"),
            ([Own()], (4,), "^own_1: Own is a custom layer"),
        ],
    )
    def test_what_nir_cannot_say(self, those, shape, message):
        net = Sequential(those, shape, 9, device="cpu")
        with pytest.raises(InputError, match=message):
            ours.to_nir(net)

    def test_rest_may_be_left_out(self):
        net = Sequential([layers.SpikingDense(3, v_th=1.0)], (4,), 9, device="cpu")
        assert ours.to_nir(net, allow_lossy=True).nodes["dense_1_lif"].metadata["t_ref"] == 2

    def test_numbers_that_float32_cannot_hold(self):
        net = Sequential([layers.SpikingDense(3, v_th=1.0, t_ref=0)], (4,), 9, device="cpu")
        net.layers[0].params["weight"][0, 0] = np.inf
        with pytest.raises(InputError, match=r"^dense_1: a weight is not finite"):
            ours.to_nir(net)
        net = Sequential([layers.SpikingPool2D(2, v_th=1e29, tau_s=1e29, t_ref=0)], (4, 4), 9, device="cpu")
        with pytest.raises(InputError, match=r"^pool_1: v_th times tau_s is 1e\+58, beyond float32"):
            ours.to_nir(net)

    def test_windows_that_fit(self):
        net = Sequential([layers.SpikingPool2D((1, 2), v_th=1.0, stride=(2, 2), t_ref=0)], (5, 4), 9, device="cpu")
        assert tuple(ours.to_nir(net).nodes["pool_1_weight"].output_type["output"]) == net.output_shape == (1, 3, 2)

    def test_other_things(self):
        with pytest.raises(InputError, match="network is a list"):
            ours.to_nir([])
        with pytest.raises(InputError, match="allow_lossy='yes': pass True or False"):
            ours.to_nir(Sequential([layers.SpikingDense(3, v_th=1.0)], (4,), 9, device="cpu"), allow_lossy="yes")

    def test_without_the_library(self, monkeypatch, tmp_path):
        net = Sequential([layers.SpikingDense(3, v_th=1.0, t_ref=0)], (4,), 9, device="cpu")
        for module, message in ((None, r"pip install \"cupynn\[nir\]\""), (type(sys)("nir"), "nir  is too old")):
            monkeypatch.setitem(sys.modules, "nir", module)
            for use in (
                lambda: ours.to_nir(net),
                lambda: ours.export(net, tmp_path / "x"),
                lambda: ours.load(tmp_path / "x"),
            ):
                with pytest.raises(InputError, match=message):
                    use()


def test_groups_come_back():
    """A graph holds zeros between the groups, since nir cannot read a graph with groups."""
    grouped = [layers.SpikingConv2D(4, 3, v_th=1.5, groups=groups, t_ref=0) for groups in (4, 2)]
    net = Sequential(grouped, (4, 9, 8), 20, device="cpu")
    graph = ours.to_nir(net)
    assert [node.groups for node in graph.nodes.values() if isinstance(node, nir.Conv2d)] == [1, 1]
    again = ours.from_nir(graph, device="cpu")
    for ours_, theirs in zip(again.layers, net.layers, strict=True):
        assert ours_.config() == theirs.config()
        np.testing.assert_array_equal(ours_.weight, theirs.weight)


def test_biases_come_back():
    """Those of the first layer are exact; above, they begin to act later in a graph."""
    kinds = [layers.SpikingDense(5, v_th=1.0, tau_s=7.0, t_ref=0, bias=True) for _ in range(2)]
    net = Sequential(kinds, (6,), 20, device="cpu")
    net.layers[0].params["bias"][:] = RNG.normal(size=5)
    with pytest.raises(InputError, match=r"the biases of dense_2: .*allow_lossy"):
        ours.to_nir(net)
    again = ours.from_nir(ours.to_nir(net, allow_lossy=True), device="cpu")
    for found, expected in zip(again.layers, net.layers, strict=True):
        assert found.config() == expected.config()
        np.testing.assert_array_equal(found.params["bias"], expected.params["bias"])


def test_linear_pooling_comes_back(tmp_path):
    kinds = [
        layers.SumPool2D(2, name="sums"),
        layers.SpikingDense(5, v_th=1.0, t_ref=0),
        layers.SpikingDense(3, v_th=1.0, t_ref=0),
    ]
    net = Sequential(kinds, (2, 6, 6), 20, device="cpu")
    certificate = ours.export(net, tmp_path / "net.nir", frameworks=[])
    assert [layer.layer for layer in certificate.layers] == ["dense_2", "dense_3"]
    assert all(layer.file.status in ("faithful", "untested") for layer in certificate.layers)
    again = ours.load(tmp_path / "net.nir", device="cpu")
    for found, expected in zip(again.layers, net.layers, strict=True):
        assert found.config() == expected.config()
