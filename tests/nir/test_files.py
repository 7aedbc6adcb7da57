"""Files of NIR: the same network again, bit by bit; what is damaged or hostile is refused by one error."""

import json
import struct
from importlib.util import find_spec

import h5py
import numpy as np
import pytest
from factories import refuses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cupynn import InputError, Sequential, cli, encoders, hdf5, layers
from cupynn import nir as ours
from cupynn.layers.delays import DelayedLayer

nir = pytest.importorskip("nir", reason='nir is not installed: pip install -e ".[test]"')

CONSTANTS = {
    "v_th": st.floats(0.01, 1000),
    "tau_m": st.floats(1, 1e4),
    "tau_s": st.floats(1, 1e4),
    "t_ref": st.just(0),
    "psp_kernel": st.sampled_from(["exact", "srm"]),
    "effect_ratio": st.booleans(),
    "silent_slope": st.floats(0, 1),
    "name": st.none(),
}
WEIGHTED = CONSTANTS | {"initial_weight": st.none() | st.floats(1e-6, 1e6)}
TRAINED = WEIGHTED | {"overshoot": st.booleans(), "trained": st.booleans()}
DELAYED = st.sampled_from(
    [
        {},
        {"delays": 0},
        {"delays": 7},
        {"train_delays": True, "max_delay": 5},
        {"delays": 3, "train_delays": True, "max_delay": 4},
    ]
)
DENSE = st.fixed_dictionaries(
    TRAINED | {"units": st.integers(1, 5), "lateral_inhibition": st.just(0.0) | st.floats(0.001, 9)}
)
RECURRENT = st.fixed_dictionaries(
    WEIGHTED
    | {
        "units": st.just(27),
        "reservoir": st.just((3, 3, 3)),
        "trained": st.booleans(),
        "train_lateral": st.booleans(),
        "recurrent_error": st.sampled_from(["solve", "none"]),
    }
)
CONV = st.fixed_dictionaries(TRAINED | {"maps": st.integers(1, 3), "kernel_size": st.just(3), "padding": st.integers(0, 2)})
POOL = st.fixed_dictionaries(CONSTANTS | {"kernel_size": st.just(2)})


@st.composite
def networks(draw):
    """Networks that NIR can hold."""
    those, shape = [], draw(st.sampled_from([(6, 6), (2, 6, 8), (7,)]))
    if len(shape) > 1 and draw(st.booleans()):
        those.append(layers.SpikingConv2D(**draw(CONV)))
        those.append(layers.SpikingPool2D(**draw(POOL)))
    for _ in range(draw(st.integers(0 if those else 1, 2))):
        kind, options = (layers.SpikingDense, DENSE) if draw(st.booleans()) else (layers.SpikingRecurrent, RECURRENT)
        those.append(kind(**draw(options), **draw(DELAYED)))
    encoder = draw(st.none() | st.just(encoders.Poisson(0.25, fresh=False)))
    return Sequential(those, shape, draw(st.integers(1, 999)), encoder, draw(st.integers(0, 99)), "cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("nir")


@pytest.mark.usefixtures("read_here")
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(networks())
def test_a_network_comes_back_bit_by_bit(folder, net):
    ours.export(net, folder / "net.nir", certificate=False)
    again = ours.load(folder / "net.nir", seed=net.seed, device="cpu")
    assert again.arrays().keys() == net.arrays().keys()
    for name, array in again.arrays().items():
        np.testing.assert_array_equal(array.view(np.int32), net.arrays()[name].view(np.int32), strict=True)
    expected, found = ([layer.config() for layer in each.layers] for each in (net, again))
    for config in expected:
        config.pop("reservoir", None)  # its weights are there, drawn
    for config in expected + found:
        config.pop("delays", None)  # in a node, and trained ones in their array
    for one, other in zip(net.layers, again.layers, strict=True):
        if isinstance(one, DelayedLayer):
            np.testing.assert_array_equal(one.delay_steps, other.delay_steps)
    assert found == expected
    assert (again.input_shape, again.steps) == (net.input_shape, net.steps)
    assert (again.encoder is None) == (net.encoder is None)
    assert again.encoder is None or again.encoder.config() == net.encoder.config()


@pytest.mark.usefixtures("read_here")
def test_trained_constants_and_several_neurons_per_class_come_back(folder):
    """The noted arguments are those of the constants as they are trained, not their initial values."""
    own = {"t_ref": 0, "trainable": ("tau_m", "tau_s", "v_th"), "bias": True}
    net = Sequential([layers.SpikingDense(6, 1.0, **own)], (7,), 30, device="cpu", neurons_per_class=2)
    for number, name in enumerate(own["trainable"]):
        net.layers[0].params[name][...] = 0.1 * number - 0.07
    net.layers[0].bias_weight[...] = 0.1
    ours.export(net, folder / "trained.nir", certificate=False)
    again = ours.load(folder / "trained.nir", device="cpu")
    assert (again.neurons_per_class, again.classes) == (2, 3)
    for name in own["trainable"]:
        assert getattr(again.layers[0], name) == getattr(net.layers[0], name)
    for name in ("weight", "bias"):
        np.testing.assert_array_equal(again.layers[0].held(name), net.layers[0].held(name))


@pytest.fixture(scope="module")
def small(folder):
    """A file with a bit of everything."""
    those = [
        layers.SpikingConv2D(2, 3, v_th=1.0, padding=1, t_ref=0, tau_s=7.0),
        layers.SpikingPool2D(2, v_th=1.0, t_ref=0),
        layers.SpikingDense(3, v_th=1.0, t_ref=0, lateral_inhibition=0.5),
    ]
    net = Sequential(those, (4, 4), 30, encoders.Poisson(), device="cpu")
    ours.export(net, folder / "small.nir", certificate=False)
    return folder / "small.nir"


def test_a_file_is_the_same_each_time_and_keeps_the_order_of_its_nodes(small, folder):
    first = small.read_bytes()
    ours.export(ours.load(small), folder / "again.nir", certificate=False)
    assert (folder / "again.nir").read_bytes() == first
    found = nir.read(small)
    assert list(found.nodes)[:4] == ["input", "conv_1_weight", "conv_1_lif", "pool_2_weight"]
    assert list(found.nodes["dense_3_lif"].nodes) == ["input", "lif", "w_rec", "output"]
    assert h5py.get_config().track_order is False


@pytest.mark.usefixtures("read_here")
class TestExport:
    def net(self):
        return Sequential([layers.SpikingDense(3, v_th=1.0, t_ref=0)], (4,), 20, device="cpu")

    def test_a_certificate_of_an_older_file_goes(self, tmp_path):
        path = tmp_path / "net.nir"
        assert ours.export(self.net(), path, frameworks=()) is not None
        assert sorted(each.name for each in tmp_path.iterdir()) == [
            "net.nir",
            "net.nir.certificate.json",
            "net.nir.spikes.h5",
        ]
        assert ours.export(self.net(), path, certificate=False) is None
        assert [each.name for each in tmp_path.iterdir()] == ["net.nir"]

    def test_nothing_is_written_of_what_is_refused(self, tmp_path):
        resting = Sequential([layers.SpikingDense(3, v_th=1.0)], (4,), 20, device="cpu")
        for options, message in (
            ({"network": resting}, "no refractory period"),
            ({"samples": np.zeros((2, 4))}, "this network has no encoder"),
            ({"frameworks": "norse"}, r"frameworks='norse': pass a list, \['norse'\]"),
            ({"frameworks": ["brian"]}, r"frameworks\[0\]='brian': pass one of 'norse', 'snntorch', 'spikingjelly'"),
            ({"frameworks": [], "certificate": False}, "samples and frameworks are used for the certificate only"),
            ({"certificate": 1}, "certificate=1: pass True or False"),
            ({"network": "net"}, "network"),
            ({"path": 3}, "path=3"),
            ({"path": tmp_path / "none" / "net.nir"}, "cannot write"),
        ):
            with pytest.raises(InputError, match=message):
                ours.export(**{"network": self.net(), "path": tmp_path / "net.nir"} | options)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("read_here")
class TestDamaged:
    def refused(self, path, message="damaged or not a NIR graph"):
        refuses(ours.load, path, message)

    def test_missing_and_other_files(self, tmp_path):
        self.refused(tmp_path / "none.nir", "no such file")
        self.refused(tmp_path, "no such file")
        (tmp_path / "text").write_text("hello")
        self.refused(tmp_path / "text")
        with h5py.File(tmp_path / "empty.h5", "w"):
            pass
        self.refused(tmp_path / "empty.h5")

    def test_cut_anywhere(self, small, tmp_path):
        content = small.read_bytes()
        for end in range(0, len(content) - 1, 499):
            (tmp_path / "cut").write_bytes(content[:end])
            self.refused(tmp_path / "cut")

    def changed(self, small, tmp_path, change):
        path = tmp_path / "changed.nir"
        path.write_bytes(small.read_bytes())
        with h5py.File(path, "r+") as file:
            change(file["node"])
        return path

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda node: node["nodes"].create_group("more"), "damaged"),
            (lambda node: node["nodes"].create_dataset("more", data=3), "damaged"),
            (lambda node: node["nodes/dense_3_weight"].create_dataset("more", data=3), "damaged .*more"),
            (lambda node: node["nodes/dense_3_weight"].pop("bias"), "damaged .*bias"),
            (lambda node: node["nodes/dense_3_weight"].create_dataset("x", data="y"), "x of dense_3_weight is 'y'"),
            (lambda node: replace(node["nodes/dense_3_weight"], "weight", "text"), "weight of dense_3_weight is 'text'"),
            (lambda node: replace(node["nodes/dense_3_weight"], "weight", np.ones(3)), "dense_3_weight|damaged"),
            (lambda node: replace(node["nodes/conv_1_lif"], "metadata", np.ones(3)), "metadata of conv_1_lif is"),
            (lambda node: replace(node["nodes/conv_1_lif"], "type", "NIRGraph"), "damaged"),
            (lambda node: replace(node["nodes/conv_1_lif"], "type", "Brian"), "damaged"),
            (lambda node: replace(node["nodes/conv_1_lif"], "r", np.ones(3)), "damaged .*same shape"),
            (lambda node: replace(node, "edges", np.ones(3)), "damaged"),
            (lambda node: node.pop("edges"), "damaged"),
            (lambda node: node.create_dataset("type_check", data=True), None),
            (lambda node: node.create_dataset("c", data=np.ones(2, complex)), "c holds complex128"),
            (lambda node: node.create_dataset("s", data=["a"] * 20_001), "s holds 20,001 strings"),
            (lambda node: node.__setitem__("s", h5py.SoftLink("/node")), "s is a link to elsewhere"),
            (lambda node: node.__setitem__("s", h5py.ExternalLink("/etc/passwd", "/x")), "s is a link to elsewhere"),
            (lambda node: replace(node.file, "node", h5py.ExternalLink("other", "/node")), "node is a link to elsewhere"),
            (lambda node: replace(node.file, "node", h5py.SoftLink("/other")), "node is a link to elsewhere"),
            (lambda node: node.create_dataset("c", data=np.ones(2, [("a", "f4")])), "c holds "),
            (lambda node: node.__setitem__("s", node), "nested too deeply"),
            (lambda node: node.create_dataset("s", (1 << 40,), "f4", chunks=(1 << 10,)), "declares 4,398,046,511,104 bytes"),
            (
                lambda node: node.create_dataset("s", (100,), "f4", external=[("/etc/passwd", 0, 400)]),
                "is stored in another file",
            ),
        ],
    )
    def test_what_a_hostile_file_says(self, small, tmp_path, change, message):
        path = self.changed(small, tmp_path, change)
        if message is None:
            ours.load(path)
        else:
            self.refused(path, message)

    def test_arrays_in_other_files(self, small, tmp_path):
        def change(node):
            layout = h5py.VirtualLayout((4,), "f4")
            layout[:] = h5py.VirtualSource(str(small), "node/nodes/dense_3_weight/bias", (4,))
            node.create_virtual_dataset("s", layout)

        self.refused(self.changed(small, tmp_path, change), "s is stored in another file")

    def test_zeros_packed_well_are_read(self, tmp_path):
        net = Sequential([layers.SpikingDense(2000, v_th=1.0, t_ref=0)], (1000,), 9, device="cpu")
        net.layers[0].params["weight"][...] = 0
        ours.export(net, tmp_path / "zeros.nir", certificate=False)
        assert (tmp_path / "zeros.nir").stat().st_size < net.layers[0].params["weight"].nbytes / 100
        assert not ours.load(tmp_path / "zeros.nir").layers[0].params["weight"].any()

    def test_bounds(self, small, monkeypatch):
        monkeypatch.setattr(hdf5, "MOST", 50)
        self.refused(small, "more than 50 entries")
        monkeypatch.setattr("cupynn.nir.hdf5.LARGEST", 1000)
        self.refused(small, "declares .* bytes")

    def test_what_the_graph_means_is_told_with_the_file(self, small, tmp_path):
        path = self.changed(small, tmp_path, lambda node: node["nodes/conv_1_lif/v_leak"].__setitem__(..., 1))
        self.refused(path, "conv_1_lif: v_leak=1: ")


class TestApart:
    """HDF5 reads in a process of its own, which it may not leave, or fill, or crash."""

    @staticmethod
    def heap(small):
        """Content of a file, and the address of its strings."""
        content = bytearray(small.read_bytes())
        assert content.count(b"GCOL") == 1
        return content, content.index(b"GCOL")

    def refused(self, path, message):
        refuses(ours.load, path, f"damaged or not a NIR graph .*{message}", device="cpu")

    def test_it_raises_what_was_raised_there(self, small, tmp_path):
        path = tmp_path / "changed.nir"
        path.write_bytes(small.read_bytes())
        with h5py.File(path, "r+") as file:
            file["node"].create_dataset("c", data=np.ones(2, complex))
        self.refused(path, r"\(ValueError: c holds complex128\)")

    def test_a_string_of_4_gb_is_refused(self, small, tmp_path):
        content, heap = self.heap(small)
        lengths = [at for at in range(0, len(content) - 16) if content[at + 4 : at + 12] == struct.pack("<Q", heap)]
        for at in lengths:
            content[at + 3] = 255  # the highest byte of its length
        (tmp_path / "long.nir").write_bytes(content)
        self.refused(tmp_path / "long.nir", "memory")

    @pytest.mark.process
    @pytest.mark.skipif(find_spec("resource") is None, reason="the system bounds no process")
    def test_a_heap_that_hdf5_never_leaves(self, small, tmp_path, monkeypatch):
        """Its first string is free space of no size: HDF5 looks for what comes after it for ever."""
        monkeypatch.setattr(hdf5, "_bounds", lambda size, largest: (1, 1 << 30))
        content, heap = self.heap(small)
        content[heap + 16 : heap + 32] = bytes(16)
        (tmp_path / "endless.nir").write_bytes(content)
        self.refused(tmp_path / "endless.nir", "takes too long")

    def test_a_crash_of_hdf5_is_one_error(self, small, tmp_path, monkeypatch):
        program = tmp_path / "crash.py"
        program.write_text("import os; os.abort()")
        monkeypatch.setattr(hdf5, "__file__", str(program))
        self.refused(small, "HDF5 crashes")

    @pytest.mark.process
    @settings(max_examples=10)
    @given(st.data())
    def test_other_bytes(self, small, folder, data):
        content = bytearray(small.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        (folder / "other").write_bytes(content)
        try:
            ours.load(folder / "other", device="cpu")
        except InputError as error:
            assert str(folder / "other") in str(error)  # noqa: PT017


def replace(group, name, value):
    group.pop(name, None)
    group[name] = value


class TestCommand:
    def test_import(self, small, tmp_path, capsys):
        out = tmp_path / "net.npz"
        assert cli.main(["import-nir", str(small), str(out)]) == 0
        shown = capsys.readouterr().out
        assert "SpikingConv2D" in shown
        assert f"saved as {out}" in shown
        net, expected = Sequential.load(out, "cpu"), ours.load(small, device="cpu")
        for name, array in expected.arrays().items():
            np.testing.assert_array_equal(net.arrays()[name], array)

    @pytest.mark.usefixtures("read_here")
    def test_options_and_json(self, small, tmp_path, capsys):
        out = str(tmp_path / "net.npz")
        assert cli.main(["import-nir", str(small), out, "--steps", "77", "--dt", "5e-5", "--json"]) == 0
        table = json.loads(capsys.readouterr().out)
        assert table["steps"] == 77
        assert table["layers"][2]["tau_s"] == 16.0

    def test_errors(self, tmp_path, capsys):
        assert cli.main(["import-nir", str(tmp_path / "none.nir"), str(tmp_path / "net.npz")]) == 1
        assert capsys.readouterr().err.endswith("none.nir: no such file; pass a graph written by nir.write\n")
        assert list(tmp_path.iterdir()) == []
