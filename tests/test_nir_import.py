"""From graphs of NIR, made by hand and by others, to networks: what is carried, and what is refused by name."""

from itertools import pairwise

import numpy as np
import pytest

from cupynn import InputError, SpikeTrains, encoders, layers
from cupynn import nir as ours

nir = pytest.importorskip("nir", reason="the library nir is not installed")

from nir_euler import DT, spikes  # noqa: E402

RNG = np.random.default_rng(1)
WEIGHT = RNG.normal(0.1, 0.3, (6, 12)).astype(np.float32)
KERNEL = RNG.normal(0.2, 0.3, (3, 2, 3, 3)).astype(np.float32)


def cuba(shape, tau_m=20.0, tau_s=5.0, threshold=1.0, dt=DT, kind=np.float32, **others):
    """Neurons of any convention; by default that of `export`."""
    values = {"tau_mem": tau_m * dt, "tau_syn": tau_s * dt, "r": tau_m, "w_in": tau_s, "v_threshold": threshold}
    values |= {"v_leak": 0, "v_reset": 0} | others
    return nir.CubaLIF(**{name: np.full(shape, value, kind) for name, value in values.items()})


def lif(shape, **others):
    values = {"tau": 10 * DT, "r": 10.0, "v_leak": 0, "v_threshold": 2.0, "v_reset": 0} | others
    return nir.LIF(**{name: np.full(shape, value, np.float32) for name, value in values.items()})


def affine(weight=WEIGHT, bias=0.0):
    return nir.Affine(weight, np.full(len(weight), bias, np.float32))


def conv(weight=KERNEL, padding=(1, 1), size=(4, 4), **others):
    values = {"stride": (1, 1), "dilation": (1, 1), "groups": 1, "bias": np.zeros(len(weight), np.float32)} | others
    return nir.Conv2d(size, weight, padding=padding, **values)


def pool(kind=nir.SumPool2d, size=2, stride=2, padding=0):
    return kind(*(np.array([value, value]) for value in (size, stride, padding)))


def recurrent(weight, neurons=None, name="lif"):
    ends = nir.Input(np.array([len(weight)])), nir.Output(np.array([len(weight)]))
    nodes = {"input": ends[0], name: neurons or cuba(len(weight)), "w_rec": nir.Linear(weight), "output": ends[1]}
    return nir.NIRGraph(nodes, [("input", name), (name, "w_rec"), ("w_rec", name), (name, "output")], {}, type_check=False)


def graph(*nodes, shape=(12,), metadata=None):
    named = {f"n{index}": node for index, node in enumerate(nodes)}
    names = ["input", *named, "output"]
    ends = {"input": nir.Input(np.array(shape)), "output": nir.Output(np.array([1]))}
    edges = list(pairwise(names))
    return nir.NIRGraph(ends | named, edges, {} if metadata is None else metadata, type_check=False)


def load(*nodes, steps=100, **options):
    names = {name: options.pop(name) for name in ("shape", "metadata") if name in options}
    return ours.from_nir(graph(*nodes, **names), steps, device="cpu", **options)


class TestMeaning:
    """Networks fire as the oracle of NIR's equations says, a step later with each layer."""

    @pytest.mark.parametrize(
        ("nodes", "shape"),
        [
            ((affine(), cuba(6)), (12,)),
            ((nir.Linear(WEIGHT), cuba(6, w_in=1.0, r=10.0)), (12,)),
            ((nir.Linear(WEIGHT), cuba(6, kind=np.float64)), (12,)),
            ((affine(), lif(6), affine(WEIGHT[:, :6] * 3), cuba(6, tau_s=1.0)), (12,)),
            ((affine(), lif(6, r=1.0, v_threshold=0.2)), (12,)),
            ((conv(), cuba((3, 4, 4), threshold=9.0)), (2, 4, 4)),
            ((conv(padding="valid"), lif((3, 2, 2), v_threshold=3.0)), (2, 4, 4)),
            ((pool(), cuba((2, 2, 2), threshold=6.0)), (2, 4, 4)),
            ((pool(nir.AvgPool2d), cuba((2, 2, 2), threshold=1.5)), (2, 4, 4)),
            ((pool(), lif((2, 2, 2))), (2, 4, 4)),
            ((nir.Flatten({"input": np.array([3, 4])}, 0, -1), affine(), cuba(6)), (3, 4)),
            ((affine(), recurrent(RNG.normal(size=(6, 6)).astype(np.float32))), (12,)),
        ],
    )
    def test_spikes(self, nodes, shape):
        net = load(*nodes, shape=shape)
        x = np.random.default_rng(0).random((net.steps, *shape)) < 0.25
        described = graph(*nodes, shape=shape)
        described.nodes["output"] = nir.Output(np.array(net.output_shape))
        if isinstance(nodes[0], nir.Conv2d) and isinstance(nodes[0].padding, str):
            nodes[0].padding = (0, 0)
        found = spikes(described, x)
        trains = net.run(SpikeTrains.from_dense(x[None].astype(np.uint8)))[1:]
        for delay, (each, layer) in enumerate(zip(found.values(), trains, strict=True), start=1):
            assert 20 < each.sum() < 0.9 * each.size
            np.testing.assert_array_equal(layer.to_dense()[0][delay:], each[:-delay])

    @pytest.mark.parametrize(
        ("r", "w_in", "scale"), [(20.0, 5.0, 1.0), (20.0, 1.0, 5.0), (4.0, 5.0, 5.0), (10.0, 1.0, 10.0)]
    )
    def test_all_conventions_give_the_same_weights(self, r, w_in, scale):
        """r w_in W is the same product throughout: C, B and A of the ways to share it out, and one more."""
        net = load(affine(WEIGHT * np.float32(scale)), cuba(6, r=r, w_in=w_in))
        np.testing.assert_allclose(net.layers[0].params["weight"], WEIGHT * 5, rtol=1e-6)
        assert (net.layers[0].tau_m, net.layers[0].tau_s, net.layers[0].t_ref) == (20.0, 5.0, 0)

    def test_a_cycle_beside_the_chain_is_recurrent_weights(self):
        lateral = RNG.normal(size=(6, 6)).astype(np.float32)
        flat = graph(affine(), cuba(6))
        flat.nodes["back"] = affine(lateral)
        flat.edges += [("n1", "back"), ("back", "n1")]
        for net in (ours.from_nir(flat, 50), load(affine(), recurrent(lateral))):
            assert isinstance(net.layers[0], layers.SpikingRecurrent)
            np.testing.assert_array_equal(net.layers[0].buffers["lateral"], multiplied(lateral))

    def test_one_value_may_stand_for_all_neurons(self):
        assert load(affine(), cuba(1)).layers[0].tau_m == 20.0
        assert load(affine(), cuba(())).layers[0].tau_m == 20.0

    def test_flattening_counted_from_the_end(self):
        for ends in ((0, 2), (0, -1), (-3, -1), (-3, 2)):
            assert load(nir.Flatten(None, *ends), affine(), cuba(6), shape=(2, 2, 3)).output_shape == (6,)

    def test_same_padding(self):
        assert load(conv(padding="same"), cuba((3, 4, 4)), shape=(2, 4, 4)).layers[0].padding == (1, 1)

    def test_a_step_of_another_length(self):
        assert load(affine(), cuba(6, dt=1e-3), dt=1e-3).layers[0].tau_s == 5.0
        assert load(affine(), cuba(6, dt=1e-3), metadata={"dt": 1e-3}).layers[0].tau_s == 5.0
        assert load(affine(), cuba(6)).layers[0].v_th == pytest.approx(1.000001, abs=1e-9)


def multiplied(weight):
    return (weight.astype(float) * 5).astype(np.float32)


class TestNotes:
    """What `to_nir` notes down is used where the nodes agree, and is no way to break in."""

    def test_what_is_noted(self):
        metadata = {"steps": np.int64(70), "encoder": '{"kind": "Poisson", "max_rate": 0.3}', "input_shape": np.array([12])}
        net = load(affine(), cuba(6), steps=None, metadata=metadata)
        assert (net.steps, net.encoder.max_rate) == (70, 0.3)
        assert (
            load(affine(), cuba(6), steps=9, encoder=encoders.Latency(), metadata=metadata).encoder.config()["kind"]
            == "Latency"
        )

    @pytest.mark.parametrize("v_th", [2.0, "x", np.nan, -1.0, 1e300, np.ones(3), {"a": 1}])
    def test_a_threshold_that_is_not_the_nodes(self, v_th):
        neurons = cuba(6)
        neurons.metadata = {"v_th": v_th}
        assert load(affine(), neurons).layers[0].neuron.threshold == 1.0

    @pytest.mark.parametrize("strength", [0.5, "x", np.nan, np.inf, -1.0, np.ones(2)])
    def test_an_inhibition_that_is_not_the_nodes(self, strength):
        neurons = cuba(6)
        neurons.metadata = {"lateral_inhibition": strength}
        assert isinstance(load(affine(), recurrent(np.eye(6, dtype=np.float32), neurons)).layers[0], layers.SpikingRecurrent)

    @pytest.mark.parametrize("rest", ["x", np.ones(6, np.int8), np.ones(WEIGHT.shape), np.int8(1)])
    def test_a_rest_of_other_weights(self, rest):
        node = affine()
        node.metadata = {"rest": rest}
        np.testing.assert_array_equal(load(node, cuba(6)).layers[0].params["weight"], multiplied(WEIGHT))

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ({"psp_kernel": "mine"}, "psp_kernel='mine'"),
            ({"psp_kernel": np.ones(2)}, "psp_kernel="),
            ({"effect_ratio": 3}, "effect_ratio=3"),
            ({"silent_slope": -0.5}, "silent_slope=-0.5"),
            ({"overshoot": 1}, "overshoot=1"),
            ({"name": "a/b"}, "name='a/b'"),
            ({"name": 7}, "name=7"),
            ({"initial_weight": -1.0}, "initial_weight=-1.0"),
        ],
    )
    def test_notes_that_no_layer_takes(self, table, message):
        neurons = cuba(6)
        neurons.metadata = table
        with pytest.raises(InputError, match=rf"^n1: {message}"):
            load(affine(), neurons)

    @pytest.mark.parametrize(
        ("metadata", "message"),
        [
            ({}, "does not say how many steps .* pass steps="),
            ({"steps": np.array([3, 4])}, "steps="),
            ({"steps": 0}, "steps=0"),
            ({"steps": 5, "dt": "x"}, "dt='x'"),
            ({"steps": 5, "dt": 0.0}, "dt=0.0"),
            ({"steps": 5, "encoder": "{"}, "the encoder in the graph's metadata is damaged"),
            ({"steps": 5, "encoder": np.ones(3)}, "the encoder in the graph's metadata is damaged"),
            ({"steps": 5, "encoder": '{"kind": "Morse"}'}, "kind='Morse'"),
        ],
    )
    def test_notes_that_no_network_takes(self, metadata, message):
        with pytest.raises(InputError, match=message):
            load(affine(), cuba(6), steps=None, metadata=metadata)


class TestRefused:
    @pytest.mark.parametrize(
        ("nodes", "shape", "message"),
        [
            ((affine(bias=0.5), cuba(6)), (12,), r"^n0: bias=\[0.5"),
            ((affine(), cuba(6, v_leak=0.25)), (12,), "^n1: v_leak=0.25: layers leak to 0"),
            ((affine(), cuba(6, v_reset=-1)), (12,), "^n1: v_reset=-1: "),
            ((affine(), cuba(6, tau_s=0.5)), (12,), "^n1: tau_syn=5e-05 s is shorter than a step of 0.0001 s"),
            ((affine(), lif(6, tau=1e-5)), (12,), "^n1: tau=1e-05 s is shorter"),
            (
                (affine(), cuba(6, tau_m=np.arange(1, 7))),
                (12,),
                "^n1: tau_mem is 0.0001 to 0.0006: the neurons of a layer share",
            ),
            ((affine(), cuba(6, threshold=np.arange(1, 7))), (12,), "^n1: v_threshold is 1 to 6"),
            ((affine(), cuba(6, r=np.nan)), (12,), "^n1: r is float32 .*not finite"),
            ((affine(), cuba(6, threshold=0.0)), (12,), "^n1: v_th="),
            ((affine(), cuba(7)), (12,), r"^n1: neurons of shape \(7,\) after n0, which gives \(6,\)"),
            ((affine(np.full((6, 12), np.inf, np.float32)), cuba(6)), (12,), "^n0: weight is not finite"),
            ((affine(np.full((6, 12), 3e38, np.float32)), cuba(6)), (12,), "^n0: weight is not finite"),
            ((affine(), cuba(6)), (11,), r"^n0: weight has shape \(6, 12\), its input \(11,\)"),
            ((affine(), cuba(6)), (2, 6), r"^n0: weight has shape \(6, 12\), its input \(2, 6\): .*Flatten"),
            ((affine(WEIGHT[None]), cuba((1, 6))), (12,), r"^n0: weight is float32 \(1, 6, 12\): write numbers with 2 axes"),
            ((nir.Flatten(None, 1, -1), affine(), cuba(6)), (2, 6), "^n0: start_dim=1, end_dim=-1 leave axes"),
            ((nir.Flatten(None, 0, 5), affine(), cuba(6)), (2, 6), "^n0: start_dim=0, end_dim=5 leave axes"),
            ((conv(stride=(2, 1)), cuba((3, 4, 4))), (2, 4, 4), r"^n0: stride=\(2, 1\): convolutions have stride 1"),
            ((conv(dilation=2), cuba((3, 4, 4))), (2, 4, 4), "^n0: dilation=.*: convolutions have dilation 1"),
            ((conv(groups=2), cuba((3, 4, 4))), (2, 4, 4), "^n0: groups=2"),
            ((conv(bias=np.ones(3, np.float32)), cuba((3, 4, 4))), (2, 4, 4), "^n0: bias="),
            ((conv(padding=(3, 3)), cuba((3, 8, 8))), (2, 4, 4), "^n1: padding="),
            ((conv(size=None, padding="same", weight=KERNEL[..., :2]), cuba((3, 4, 4))), (2, 4, 4), "^n0: padding='same'"),
            ((conv(), cuba((3, 4, 4))), (1, 4, 4), r"^n0: weights of shape \(3, 2, 3, 3\)"),
            ((conv(), cuba((3, 4, 4))), (2, 5, 4), r"^n0: weights of .* input_shape=\(4, 4\), but an input of \(2, 5, 4\)"),
            ((conv(), cuba((3, 4, 4))), (32,), r"^n0: its input has shape \(32,\)"),
            ((pool(), cuba((2, 2, 2))), (2, 5, 4), "^n0: windows of .* leave out an edge"),
            ((pool(size=5), cuba((2, 2, 2))), (2, 4, 4), "^n0: windows of .* leave out an edge"),
            ((pool(stride=0), cuba((2, 2, 2))), (2, 4, 4), r"^n0: stride\[0\]=0"),
            ((pool(size=0), cuba((2, 2, 2))), (2, 4, 4), r"^n0: kernel_size\[0\]=0"),
            ((conv(padding=-1), cuba((3, 2, 2))), (2, 4, 4), r"^n0: padding\[0\]=-1"),
            ((pool(padding=1), cuba((2, 3, 3))), (2, 4, 4), "^n0: padding="),
            ((pool(), cuba((2, 2, 2), r=-20)), (2, 4, 4), "^n1: w_in and r make -5 of a spike"),
            ((cuba(12),), (12,), "^n0: no weights lead to these neurons"),
            ((affine(), cuba(6), cuba(6)), (12,), "^n2: no weights lead to these neurons"),
            ((affine(),), (12,), "^n0: no neurons follow"),
            ((), (12,), "^the graph: no neurons follow"),
            ((affine(), affine(WEIGHT[:, :6]), cuba(6)), (12,), "^n0: n1 follows, Affine: layers spike"),
            ((pool(), nir.Flatten(None, 0, -1), affine(), cuba(6)), (3, 4, 4), "^n0: n1 follows, Flatten"),
            (
                (affine(), nir.IF(np.ones(6), np.ones(6))),
                (12,),
                "^n1: IF: no layer computes it: write .* CubaLIF, LIF alone",
            ),
            ((affine(), nir.LI(*np.ones((3, 6)))), (12,), "^n1: LI: "),
            ((affine(), nir.CubaLI(*np.ones((4, 6)))), (12,), "^n1: CubaLI: "),
            ((affine(), cuba(6), nir.Delay(np.ones(6))), (12,), "^n2: Delay: "),
            ((nir.Scale(np.ones(12)), affine(), cuba(6)), (12,), "^n0: Scale: "),
            (
                (affine(), recurrent(np.ones((5, 5), np.float32), cuba(6))),
                (12,),
                r"^n1: recurrent weights of shape \(5, 5\)",
            ),
            ((pool(), recurrent(np.ones((2, 2), np.float32))), (2, 2, 2), "^n1: recurrent weights after n0: .*Affine alone"),
            ((affine(), graph(affine(), cuba(6))), (12,), "^n1: a graph within the graph is neurons with weights"),
            (
                (affine(), graph(cuba(6), shape=(6,))),
                (12,),
                "^n1: a graph within the graph is .*: write its nodes without it",
            ),
            (
                (affine(), nir.NIRGraph({}, [], {}, type_check=False)),
                (12,),
                "^n1, a graph within the graph: the graph has inputs",
            ),
        ],
    )
    def test_by_node_and_parameter(self, nodes, shape, message):
        with pytest.raises(InputError, match=message):
            load(*nodes, shape=shape)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda g: g.nodes.pop("output"), r"the graph has inputs \['input'\] and outputs \[\]"),
            (lambda g: g.nodes.update(more=nir.Input(np.array([2]))), r"inputs \['input', 'more'\]"),
            (lambda g: g.edges.append(("n1", "nowhere")), r"ends at 'nowhere', which is no node"),
            (lambda g: g.edges.append(("input", "n1")), r"input: edges lead from it to \['n0', 'n1'\]"),
            (lambda g: g.edges.remove(("n1", "output")), r"n1: edges lead from it to \[\]"),
            (lambda g: g.nodes.update(lost=cuba(6)), "the node 'lost' lies beside the chain"),
            (lambda g: g.nodes["input"].input_type.update(input=None), "input: the shape=None"),
            (lambda g: g.nodes["input"].input_type.update(input=np.array([0])), r"input: the shape\[0\]=0"),
        ],
    )
    def test_graphs_that_are_no_chain(self, change, message):
        described = graph(affine(), cuba(6))
        change(described)
        with pytest.raises(InputError, match=message):
            ours.from_nir(described, 9)

    def test_a_circle_of_several_layers(self):
        described = graph(affine(), cuba(6), affine(WEIGHT[:, :6]), cuba(6))
        described.edges[-1] = ("n3", "n0")
        with pytest.raises(InputError, match="n3: the edge to 'n0' makes a circle: recurrent weights join one node"):
            ours.from_nir(described, 9)

    def test_weights_back_to_weights(self):
        described = graph(affine(WEIGHT[:, :6]), cuba(6), shape=(6,))
        described.nodes["back"] = affine(WEIGHT[:, :6])
        described.edges += [("n0", "back"), ("back", "n0")]
        with pytest.raises(InputError, match="n0: weights lead from it to itself: neurons alone have such"):
            ours.from_nir(described, 9)

    def test_two_ways_back(self):
        described = graph(affine(), recurrent(np.eye(6, dtype=np.float32)))
        described.nodes["back"] = affine(WEIGHT[:, :6])
        described.edges += [("n1", "back"), ("back", "n1")]
        with pytest.raises(InputError, match="n1: several weights lead from it to itself"):
            ours.from_nir(described, 9)

    def test_what_is_no_graph(self):
        for value in ("net.nir", affine(), None):
            with pytest.raises(
                InputError, match=r"graph is .*: pass a nir.NIRGraph, or the path of a file to cupynn.nir.load"
            ):
                ours.from_nir(value, 9)
