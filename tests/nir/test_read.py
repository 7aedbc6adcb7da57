"""From graphs of NIR, made by hand and by others, to networks: what is carried, and what is refused by name."""

from itertools import pairwise

import numpy as np
import pytest

from cupynn import InputError, SpikeTrains, encoders, layers
from cupynn import nir as ours

nir = pytest.importorskip("nir", reason='nir is not installed: pip install -e ".[test]"')

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


def recurrent(weight, neurons=None, name="lif", bias=None):
    ends = nir.Input(np.array([len(weight)])), nir.Output(np.array([len(weight)]))
    nodes = {
        "input": ends[0],
        name: neurons or cuba(len(weight)),
        "w_rec": nir.Linear(weight) if bias is None else affine(weight, bias),
        "output": ends[1],
    }
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
            ((affine(bias=0.2), cuba(6)), (12,)),
            ((nir.Linear(WEIGHT), cuba(6, w_in=1.0, r=10.0)), (12,)),
            ((nir.Linear(WEIGHT), cuba(6, kind=np.float64)), (12,)),
            ((affine(), lif(6), affine(WEIGHT[:, :6] * 3), cuba(6, tau_s=1.0)), (12,)),
            ((affine(), lif(6, r=1.0, v_threshold=0.2)), (12,)),
            ((conv(), cuba((3, 4, 4), threshold=9.0)), (2, 4, 4)),
            ((conv(padding="valid"), lif((3, 2, 2), v_threshold=3.0)), (2, 4, 4)),
            ((conv(bias=np.arange(3, dtype=np.float32) - 1), cuba((3, 4, 4), threshold=9.0)), (2, 4, 4)),
            ((conv(stride=2, padding=(1, 1)), cuba((3, 2, 2), threshold=9.0)), (2, 4, 4)),
            ((conv(dilation=(2, 1), padding=(2, 1)), cuba((3, 4, 4), threshold=9.0)), (2, 4, 4)),
            ((pool(), cuba((2, 2, 2), threshold=6.0)), (2, 4, 4)),
            ((pool(nir.AvgPool2d), cuba((2, 2, 2), threshold=1.5)), (2, 4, 4)),
            ((pool(), lif((2, 2, 2))), (2, 4, 4)),
            ((pool(), nir.Flatten(None, 0, -1), affine(), cuba(6, threshold=2.0)), (3, 4, 4)),
            ((pool(nir.AvgPool2d), nir.Flatten(None, -3, -1), affine(), cuba(6, threshold=0.3)), (3, 5, 4)),
            ((pool(nir.AvgPool2d, size=3, stride=1), conv(padding=(0, 0)), cuba((3, 2, 2), threshold=30.0)), (2, 6, 6)),
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
        every = net.run(SpikeTrains.from_dense(x[None].astype(np.uint8)))[1:]
        trains = [each for each, layer in zip(every, net.layers, strict=True) if layer.has_neurons]
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
        dilated = conv(padding="same", dilation=(1, 2))
        assert load(dilated, cuba((3, 4, 4)), shape=(2, 4, 4)).layers[0].padding == (1, 2)

    def test_groups(self):
        """Or all weights, with zeros between the groups, and a note of their number."""
        grouped = conv(KERNEL[:2, :1], groups=2)
        whole = np.zeros((2, 2, 3, 3), np.float32)
        whole[[0, 1], [0, 1]] = KERNEL[:2, 0]
        noted = conv(whole, metadata={"groups": 2})
        for node in (grouped, noted):
            layer = load(node, cuba((2, 4, 4)), shape=(2, 4, 4)).layers[0]
            assert layer.groups == 2
            np.testing.assert_array_equal(layer.weight, multiplied(KERNEL[:2, :1]))
        whole[0, 1, 0, 0] = 1e-3
        for number in (2, 3, -2, "2", np.array([2, 2])):
            layer = load(conv(whole, metadata={"groups": number}), cuba((2, 4, 4)), shape=(2, 4, 4)).layers[0]
            assert layer.groups == 1

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
            ({}, "does not state the number of steps .* pass steps="),
            ({"steps": np.array([3, 4])}, "steps="),
            ({"steps": 0}, "steps=0"),
            ({"steps": 5, "dt": "x"}, "dt='x'"),
            ({"steps": 5, "dt": 0.0}, "dt=0.0"),
            ({"steps": 5, "encoder": "{"}, "the encoder in the graph's metadata is damaged"),
            ({"steps": 5, "encoder": np.ones(3)}, "the encoder in the graph's metadata is damaged"),
            ({"steps": 5, "encoder": '{"kind": "Morse"}'}, "kind='Morse'"),
            ({"steps": 5, "neurons_per_class": "x"}, "neurons_per_class='x'"),
            ({"steps": 5, "neurons_per_class": 4}, "neurons_per_class=4 for an output of shape"),
        ],
    )
    def test_notes_that_no_network_takes(self, metadata, message):
        with pytest.raises(InputError, match=message):
            load(affine(), cuba(6), steps=None, metadata=metadata)


class TestRefused:
    @pytest.mark.parametrize(
        ("nodes", "shape", "message"),
        [
            ((affine(bias=np.nan), cuba(6)), (12,), r"^n0: bias is not finite"),
            (
                (affine(), recurrent(WEIGHT[:, :6], bias=1.0)),
                (12,),
                r"^n1, recurrent: bias=.*: recurrent weights have no bias",
            ),
            ((affine(), cuba(6, v_leak=0.25)), (12,), "^n1: v_leak=0.25: layers leak and reset to 0"),
            ((affine(), cuba(6, v_reset=-1)), (12,), "^n1: v_reset=-1: "),
            ((affine(), cuba(6, tau_s=0.5)), (12,), "^n1: tau_syn=5e-05 s is shorter than a step of 0.0001 s"),
            ((affine(), lif(6, tau=1e-5)), (12,), "^n1: tau=1e-05 s is shorter"),
            (
                (affine(), cuba(6, tau_m=np.arange(1, 7))),
                (12,),
                "^n1: tau_mem ranges from 0.0001 to 0.0006: the neurons of a node must share",
            ),
            ((affine(), cuba(6, threshold=np.arange(1, 7))), (12,), "^n1: v_threshold ranges from 1 to 6"),
            ((affine(), cuba(6, r=np.nan)), (12,), "^n1: r is float32 .*not finite"),
            ((affine(), cuba(6, threshold=0.0)), (12,), "^n1: v_th="),
            ((affine(), cuba(7)), (12,), r"^n1: neurons of shape \(7,\), but n0 has the output \(6,\)"),
            ((affine(np.full((6, 12), np.inf, np.float32)), cuba(6)), (12,), "^n0: weight is not finite"),
            ((affine(np.full((6, 12), 3e38, np.float32)), cuba(6)), (12,), "^n0: weight is not finite"),
            ((affine(), cuba(6)), (11,), r"^n0: weight has shape \(6, 12\), its input \(11,\)"),
            ((affine(), cuba(6)), (2, 6), r"^n0: weight has shape \(6, 12\), its input \(2, 6\): .*Flatten"),
            ((affine(WEIGHT[None]), cuba((1, 6))), (12,), r"^n0: weight is float32 \(1, 6, 12\): use numbers with 2 axes"),
            ((nir.Flatten(None, 1, -1), affine(), cuba(6)), (2, 6), "^n0: start_dim=1, end_dim=-1 do not flatten all"),
            ((nir.Flatten(None, 0, 5), affine(), cuba(6)), (2, 6), "^n0: start_dim=0, end_dim=5 do not flatten all"),
            ((conv(stride=(0, 1), size=None), cuba((3, 4, 4))), (2, 4, 4), r"^n0: stride\[0\]=0"),
            ((conv(stride=2, padding="same"), cuba((3, 4, 4))), (2, 4, 4), r"^n0: padding='same' with stride=\(2, 2\)"),
            ((conv(dilation=4, padding=(0, 0)), cuba((3, 4, 4))), (2, 4, 4), "^n0: .* with dilation=.* exceeds the input"),
            ((conv(groups=2), cuba((3, 4, 4))), (2, 4, 4), r"^n0: weights of shape \(3, 2, 3, 3\), groups=2 .* do not fit"),
            ((conv(groups=2), cuba((3, 4, 4))), (4, 4, 4), "^n1: groups=2: pass a divisor of maps=3"),
            ((conv(bias=np.ones(2, np.float32)), cuba((3, 4, 4))), (2, 4, 4), r"^n0: bias is float32 \(2,\)"),
            ((conv(padding=(3, 3)), cuba((3, 8, 8))), (2, 4, 4), "^n1: padding="),
            ((conv(size=None, padding="same", weight=KERNEL[..., :2]), cuba((3, 4, 4))), (2, 4, 4), "^n0: padding='same'"),
            ((conv(), cuba((3, 4, 4))), (1, 4, 4), r"^n0: weights of shape \(3, 2, 3, 3\)"),
            (
                (conv(), cuba((3, 4, 4))),
                (2, 5, 4),
                r"^n0: weights of .* input_shape=\(4, 4\) do not fit its input, \(2, 5, 4\)",
            ),
            ((conv(), cuba((3, 4, 4))), (32,), r"^n0: its input has shape \(32,\)"),
            ((pool(), cuba((2, 2, 2))), (2, 5, 4), "^n0: windows of .* must cover all of its input"),
            ((pool(size=5), cuba((2, 2, 2))), (2, 4, 4), "^n0: windows of .* must cover all of its input"),
            ((pool(stride=0), cuba((2, 2, 2))), (2, 4, 4), r"^n0: stride\[0\]=0"),
            ((pool(size=0), cuba((2, 2, 2))), (2, 4, 4), r"^n0: kernel_size\[0\]=0"),
            ((conv(padding=-1), cuba((3, 2, 2))), (2, 4, 4), r"^n0: padding\[0\]=-1"),
            ((pool(padding=1), cuba((2, 3, 3))), (2, 4, 4), "^n0: padding="),
            ((pool(), cuba((2, 2, 2), r=-20)), (2, 4, 4), "^n1: w_in and r scale a spike by -5"),
            ((cuba(12),), (12,), "^n0: these neurons have no input weights"),
            ((affine(), cuba(6), cuba(6)), (12,), "^n2: these neurons have no input weights"),
            ((affine(),), (12,), "^n0: no neurons follow"),
            ((), (12,), "^the graph: no neurons follow"),
            ((affine(), affine(WEIGHT[:, :6]), cuba(6)), (12,), r"^n0: n1 \(Affine\) follows without neurons"),
            ((pool(size=5), affine(), cuba(6)), (3, 4, 4), r"^n0: n0: kernel_size=\(5, 5\) exceeds the input \(3, 4, 4\)"),
            ((pool(padding=1), affine(), cuba(6)), (3, 4, 4), "^n0: padding="),
            ((pool(), pool(size=1, stride=1), cuba((3, 2, 2))), (3, 4, 4), r"^n0: n1 \(SumPool2d\) follows"),
            (
                (affine(), nir.IF(np.ones(6), np.ones(6))),
                (12,),
                "^n1: IF is not supported: use only .* CubaLIF, LIF",
            ),
            ((affine(), nir.LI(*np.ones((3, 6)))), (12,), "^n1: LI is not supported"),
            ((affine(), nir.CubaLI(*np.ones((4, 6)))), (12,), "^n1: CubaLI is not supported"),
            ((affine(), cuba(6), nir.Scale(np.ones(6))), (12,), "^n2: Scale is not supported"),
            ((affine(), cuba(6), nir.Delay(np.ones(6))), (12,), "^n2: no neurons follow"),
            ((nir.Delay(np.ones(6)), affine(), cuba(6)), (12,), r"^n0: delay is float64 \(6,\): use .* shape \(12,\)"),
            ((nir.Delay(np.full(12, 1.5e-4)), affine(), cuba(6)), (12,), "^n0: delays must be whole steps of 0.0001 s"),
            ((nir.Delay(np.full(12, -1e-4)), affine(), cuba(6)), (12,), "^n0: delay is float64"),
            ((nir.Delay(np.zeros(12)), nir.Delay(np.zeros(12)), affine(), cuba(6)), (12,), "^n1: n0 delays the same inputs"),
            ((nir.Scale(np.ones(12)), affine(), cuba(6)), (12,), "^n0: Scale is not supported"),
            (
                (affine(), recurrent(np.ones((5, 5), np.float32), cuba(6))),
                (12,),
                r"^n1: recurrent weights of shape \(5, 5\)",
            ),
            (
                (pool(), recurrent(np.ones((2, 2), np.float32))),
                (2, 2, 2),
                "^n1: recurrent weights need an Affine .* not n0",
            ),
            ((affine(), graph(affine(), cuba(6))), (12,), "^n1: a subgraph must be neurons with recurrent weights"),
            (
                (affine(), graph(cuba(6), shape=(6,))),
                (12,),
                "^n1: a subgraph must be .*: move its nodes to the main graph",
            ),
            (
                (affine(), nir.NIRGraph({}, [], {}, type_check=False)),
                (12,),
                "^n1, a subgraph: the graph has inputs",
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
            (lambda g: g.edges.append(("n1", "nowhere")), r"ends at 'nowhere', which is not a node"),
            (lambda g: g.edges.append(("input", "n1")), r"input: its edges lead to \['n0', 'n1'\]"),
            (lambda g: g.edges.remove(("n1", "output")), r"n1: its edges lead to \[\]"),
            (lambda g: g.nodes.update(lost=cuba(6)), "the node 'lost' is not on the path from input to output"),
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
        with pytest.raises(InputError, match="n3: the edge to 'n0' closes a loop: only neurons can have recurrent weights"):
            ours.from_nir(described, 9)

    def test_weights_back_to_weights(self):
        described = graph(affine(WEIGHT[:, :6]), cuba(6), shape=(6,))
        described.nodes["back"] = affine(WEIGHT[:, :6])
        described.edges += [("n0", "back"), ("back", "n0")]
        with pytest.raises(InputError, match="n0: only neurons can have recurrent weights"):
            ours.from_nir(described, 9)

    def test_two_ways_back(self):
        described = graph(affine(), recurrent(np.eye(6, dtype=np.float32)))
        described.nodes["back"] = affine(WEIGHT[:, :6])
        described.edges += [("n1", "back"), ("back", "n1")]
        with pytest.raises(InputError, match="n1: several nodes hold recurrent weights"):
            ours.from_nir(described, 9)

    def test_what_is_no_graph(self):
        for value in ("net.nir", affine(), None):
            with pytest.raises(
                InputError, match=r"graph is .*: pass a nir.NIRGraph, or the path of a file to cupynn.nir.load"
            ):
                ours.from_nir(value, 9)
