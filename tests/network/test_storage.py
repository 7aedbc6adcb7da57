"""Files of networks: what goes in comes out bit for bit, a failed write leaves the old file, no damage goes unnoticed."""

import gc
import json
import os
import warnings
import zipfile
from functools import partial
from pathlib import Path

import factories
import numpy as np
import pytest

from cupynn import Sequential, checkpoint, encoders
from cupynn.checks import InputError
from cupynn.config import Registry
from cupynn.encoders import Encoder, Poisson
from cupynn.encoders.intensity import IntensityEncoder
from cupynn.layers import LAYERS, Layer, SpikingDense, SpikingLayer, SpikingRecurrent, register
from cupynn.losses import SpikeCount
from cupynn.network import definition, storage

STEPS = 30


def make(units=5, seed=3, encoder=True):
    layers = [
        SpikingDense(units, v_th=1.5, initial_weight=1.0, psp_kernel="srm", t_ref=1, name="hidden"),
        SpikingDense(3, v_th=1.0, tau_m=20.0, tau_s=20.0, lateral_inhibition=0.25),
    ]
    net = Sequential(layers, (4, 2), STEPS, Poisson(max_rate=0.4, fresh=False) if encoder else None, seed)
    net.layers[1].params["weight"][0, 0] = np.float32(1) / 3  # not what the seed gives
    return net


def equal(one, other):
    return definition.describe(one) == definition.describe(other) and all(
        np.array_equal(array, (b.params | b.buffers)[name])
        for a, b in zip(one.layers, other.layers, strict=True)
        for name, array in (a.params | a.buffers).items()
    )


@pytest.fixture
def path(tmp_path):
    """A saved network."""
    make().save(tmp_path / "net.npz")
    return tmp_path / "net.npz"


refuses = partial(factories.refuses, Sequential.load)


class TestRoundTrip:
    @pytest.mark.parametrize("encoder", [True, False])
    def test_bit_for_bit(self, tmp_path, encoder):
        net = make(encoder=encoder)
        net.save(tmp_path / "net.npz")
        loaded = Sequential.load(tmp_path / "net.npz")
        assert equal(net, loaded)
        assert repr(loaded.layers) == repr(net.layers)
        assert repr(loaded.encoder) == repr(net.encoder)
        assert (loaded.input_shape, loaded.steps, loaded.seed) == ((4, 2), STEPS, 3)

    def test_predictions_and_further_training(self, path):
        rng = np.random.default_rng(0)
        data = rng.integers(0, 256, (20, 4, 2), dtype=np.uint8), rng.integers(0, 3, 20)
        net, loaded = make(), Sequential.load(path)
        np.testing.assert_array_equal(loaded.predict(data[0]), net.predict(data[0]))
        assert net.evaluate(data).spikes == loaded.evaluate(data).spikes
        for each in (net, loaded):
            each.fit(data, epochs=1, loss=SpikeCount(desired=8, undesired=2, margin=1), progress=False)
        assert equal(net, loaded)
        assert not equal(net, make())

    @pytest.mark.parametrize("kind", [str, Path])
    def test_any_path_and_name(self, tmp_path, kind):
        net = make()
        net.save(kind(tmp_path / "no suffix"))
        assert os.listdir(tmp_path) == ["no suffix"]
        assert equal(checkpoint.load(kind(tmp_path / "no suffix")), net)

    def test_weights_in_another_order_of_memory(self, tmp_path):
        net = make()
        net.layers[0].params["weight"] = np.asfortranarray(net.layers[0].params["weight"])
        net.save(tmp_path / "net.npz")
        assert equal(Sequential.load(tmp_path / "net.npz"), net)

    @pytest.mark.parametrize("trained", [True, False])
    def test_fixed_weights(self, tmp_path, trained):
        layers = [SpikingRecurrent(6, v_th=1.0, reservoir=(1, 2, 3), trained=trained), SpikingDense(3, v_th=1.0)]
        net = Sequential(layers, (4, 2), STEPS)
        net.layers[0].buffers["lateral"][2, 3] = 0.25
        net.layers[0].weight[1, 1] = 0.5
        net.save(tmp_path / "net.npz")
        loaded = Sequential.load(tmp_path / "net.npz")
        assert equal(loaded, net)
        assert loaded.layers[0].lateral[2, 3] == 0.25
        assert loaded.layers[0].weight[1, 1] == 0.5

    def test_a_file_is_replaced(self, path):
        other = make(seed=4)
        other.save(path)
        assert equal(Sequential.load(path), other)
        assert os.listdir(path.parent) == ["net.npz"]

    def test_the_file_is_free_of_pickles(self, path):
        with np.load(path, allow_pickle=False) as archive:
            assert set(archive.files) == {"definition", "hidden/weight", "dense_2/weight"}
            assert json.loads(archive["definition"].tobytes())["format"] == storage.FORMAT


class TestWriting:
    @pytest.mark.parametrize(
        ("error", "raised"),
        [(OSError(28, "No space left on device"), InputError), (KeyboardInterrupt(), KeyboardInterrupt)],
        ids=["disk full", "interrupted"],
    )
    @pytest.mark.parametrize("where", ["numpy.savez", "os.fsync", "pathlib.Path.replace"])
    def test_a_failure_leaves_the_old_file(self, path, monkeypatch, error, raised, where):
        before = path.read_bytes()

        def fail(file, *_, **__):
            if where == "numpy.savez":
                file.write(b"half of it")
            raise error

        monkeypatch.setattr(where, fail)
        with pytest.raises(raised) as caught:
            make(seed=4).save(path)
        monkeypatch.undo()
        assert os.listdir(path.parent) == ["net.npz"]
        assert path.read_bytes() == before
        if raised is InputError:
            assert str(path) in str(caught.value)
            assert "No space left on device" in str(caught.value)

    def test_the_target_is_never_half_written(self, path, monkeypatch):
        before, replace, seen = path.read_bytes(), Path.replace, []

        def spy(temporary, target):
            seen.append((temporary.parent, target, path.read_bytes()))
            return replace(temporary, target)

        monkeypatch.setattr("pathlib.Path.replace", spy)
        make(seed=4).save(path)
        assert seen == [(path.parent, path, before)]  # from the same folder: across file systems no file moves at once
        assert path.read_bytes() != before

    @pytest.mark.parametrize("parent", ["missing", "file"])
    def test_a_folder_that_cannot_be_written(self, tmp_path, parent):
        (tmp_path / "file").write_text("no folder")
        path = tmp_path / parent / "net.npz"
        with pytest.raises(InputError, match=r"cannot write .*choose an existing") as caught:
            make().save(path)
        assert str(path) in str(caught.value)
        assert os.listdir(tmp_path) == ["file"]

    def test_a_read_only_folder(self, tmp_path):
        tmp_path.chmod(0o500)
        try:
            if os.access(tmp_path, os.W_OK):
                pytest.skip("this user may write anywhere: run the tests as another")
            with pytest.raises(InputError, match="cannot write"):
                make().save(tmp_path / "net.npz")
        finally:
            tmp_path.chmod(0o700)

    def test_a_folder_in_the_way(self, tmp_path):
        (tmp_path / "net.npz").mkdir()
        with pytest.raises(InputError, match="cannot write"):
            make().save(tmp_path / "net.npz")
        assert os.listdir(tmp_path) == ["net.npz"]


def rewrite(path, change):
    """Save the arrays of a file again after `change(arrays, header)`."""
    with np.load(path) as archive:
        arrays = dict(archive)
    header = json.loads(arrays["definition"].tobytes())
    change(arrays, header)
    if "definition" in arrays and arrays["definition"].dtype == np.uint8:
        arrays["definition"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, **arrays)


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """Bytes of a file whose arrays are larger than the buffers they are read through, as those of real networks are."""
    path = tmp_path_factory.mktemp("intact") / "net.npz"
    make(units=400).save(path)
    return path.read_bytes()


class TestDamage:
    def test_truncated(self, tmp_path, intact):
        path = tmp_path / "net.npz"
        for size in {*range(0, len(intact), 199), *range(64), *range(len(intact) - 64, len(intact))}:
            path.write_bytes(intact[:size])
            refuses(path)

    def test_a_damaged_file_is_not_left_open(self, tmp_path, intact):
        (tmp_path / "net.npz").write_bytes(intact[:-10])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            refuses(tmp_path / "net.npz")
            gc.collect()
        assert not caught

    def test_flipped_bits(self, tmp_path, intact):
        """A flip is noticed, or hit nothing that matters; half of them hit the headers, where they do the oddest things."""
        path, net, rng = tmp_path / "net.npz", make(units=400), np.random.default_rng(0)
        starts = [place for place in range(len(intact)) if intact[place : place + 6] == b"\x93NUMPY"]
        headers = [place for start in starts for place in range(start - 60, start + 128)]
        directory = range(len(intact) - 300, len(intact))
        for places, number in ((headers, 300), (directory, 300), (range(len(intact)), 300)):
            for place in rng.choice(places, number):
                damaged = bytearray(intact)
                damaged[place] ^= 1 << rng.integers(8)
                path.write_bytes(damaged)
                try:
                    found = Sequential.load(path)
                except InputError as error:
                    found = str(error)
                assert str(path) in found if isinstance(found, str) else equal(found, net), place

    def test_shifted_data(self, tmp_path, intact):
        """One bit in the length of an array's header moves where its data begin: only the checksum can tell."""
        at = intact.index(b"\x93NUMPY", intact.index(b"hidden/weight")) + 8
        for bit in range(8):
            (tmp_path / "net.npz").write_bytes(intact[:at] + bytes([intact[at] ^ 1 << bit]) + intact[at + 1 :])
            refuses(tmp_path / "net.npz")

    @pytest.mark.parametrize("content", [b"", b"PK", b"a text\n", b"\x93NUMPY\x01\x00", bytes(1000)], ids=repr)
    def test_files_of_another_kind(self, tmp_path, content):
        (tmp_path / "net.npz").write_bytes(content)
        refuses(tmp_path / "net.npz", "is damaged or not a cupynn network")

    def test_arrays_of_another_program(self, tmp_path):
        path = tmp_path / "net.npz"
        np.savez(path, weight=np.ones((3, 2)), bias=np.ones(3))
        refuses(path, "is damaged or not a cupynn network")
        with path.open("wb") as file:
            np.save(file, np.ones(3))
        refuses(path, "is damaged or not a cupynn network")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "a zip file")
        refuses(path, "is damaged or not a cupynn network")

    @pytest.mark.parametrize(
        "members",
        [
            {"model/data.pkl": b"\x80\x02}q\x00.", "model/byteorder": b"little", "model/data/0": bytes(64)},  # torch.save
            {"metadata.json": b"{}", "config.json": b"{}", "model.weights.h5": b"\x89HDF\r\n\x1a\n"},  # .keras
        ],
        ids=["PyTorch", "Keras"],
    )
    def test_archives_of_other_frameworks(self, tmp_path, members):
        with zipfile.ZipFile(tmp_path / "net.pt", "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        refuses(tmp_path / "net.pt", "is damaged or not a cupynn network")

    def test_a_keras_h5_file(self, tmp_path):
        h5py = pytest.importorskip("h5py", reason='h5py is not installed: pip install -e ".[test]"')
        with h5py.File(tmp_path / "net.h5", "w") as file:
            file["weights"] = np.ones(3)
        refuses(tmp_path / "net.h5", "is damaged or not a cupynn network")

    def test_no_file(self, tmp_path):
        refuses(tmp_path / "net.npz", "no such file")
        refuses(tmp_path, r"is a folder: pass its best\.npz")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda arrays, header: arrays.pop("dense_2/weight"), "holds the arrays.*'dense_2/weight'"),
            (lambda arrays, header: arrays.update(more=np.ones(2)), "holds the arrays.*'more'"),
            (lambda arrays, header: arrays.pop("definition"), "is damaged or not a cupynn network"),
            (lambda arrays, header: arrays.update(definition=np.ones(3)), "is damaged or not a cupynn network"),
            (lambda arrays, header: arrays.update({"hidden/weight": np.ones((5, 7), "f4")}), r"hidden/weight is.*\(5, 8\)"),
            (lambda arrays, header: arrays.update({"hidden/weight": np.ones((5, 8))}), "hidden/weight is float64"),
            (lambda arrays, header: arrays.update({"hidden/weight": np.ones((5, 8), ">f4")}), "hidden/weight is >f4"),
            (lambda arrays, header: arrays["hidden/weight"].fill(np.nan), "hidden/weight is.*not finite"),
            (lambda arrays, header: arrays["hidden/weight"].__setitem__((2, 3), -np.inf), "hidden/weight is.*not finite"),
            (lambda arrays, header: header.update(format=2), "has format 2, this version reads 1"),
            (lambda arrays, header: header.update(format="1"), "has format '1'"),
            (lambda arrays, header: header.pop("format"), "is damaged or not a cupynn network"),
            (lambda arrays, header: header.pop("network"), "network: expected a table"),
            (lambda arrays, header: header.update(network=[]), "network: expected a table"),
            (lambda arrays, header: header["network"].pop("steps"), "network: key 'steps' is missing"),
            (lambda arrays, header: header["network"].update(depth=3), "network: unknown key 'depth'"),
            (lambda arrays, header: header["network"].update(layers=3), r"network\.layers: expected a list"),
            (lambda arrays, header: header["network"].update(layers=[]), "network: layers is empty"),
            (lambda arrays, header: header["network"]["layers"].pop(), "holds the arrays"),
            (lambda arrays, header: header["network"]["layers"][1].update(kind="Dense"), r"layers\[1\]: kind='Dense'"),
            (lambda arrays, header: header["network"]["layers"][1].update(v_th=-1), r"layers\[1\].*v_th=-1"),
            (lambda arrays, header: header["network"]["encoder"].update(max_rate=7), "encoder.*max_rate=7"),
        ],
    )  # fmt: skip
    def test_contents_that_do_not_fit(self, path, change, message):
        rewrite(path, change)
        refuses(path, message)

    def test_pickles_are_refused_unopened(self, path, tmp_path):
        trap = tmp_path / "sprung"

        class Trap:
            def __reduce__(self):
                return (Path.touch, (trap,))

        rewrite(path, lambda arrays, _: arrays.update({"hidden/weight": np.array([Trap()])}))
        refuses(path, "is damaged or not a cupynn network")
        assert not trap.exists()

    def test_an_array_that_claims_to_be_huge(self, path):
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 4000000), }".ljust(117) + b"\n"
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        members["hidden/weight.npy"] = b"\x93NUMPY\x01\x00v\x00" + header
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        refuses(path)


class Narrow(SpikingDense):
    """A layer of a user's: its weights are the product of a column and a row, which are all that it keeps."""

    def build(self, input_shape, rng):
        self.input_shape = input_shape
        self.params = {
            "column": np.ones((self.units, 1), np.float32),
            "row": np.ones((1, int(np.prod(input_shape))), np.float32),
        }
        self.grads = {name: np.zeros_like(array) for name, array in self.params.items()}


class TestMoreThanTheFileHolds:
    """A file of 1 kB may declare weights of gigabytes: it is refused before any are drawn."""

    @pytest.mark.parametrize(
        ("shape", "layers"),
        [
            ((18_000,), [{"kind": "SpikingDense", "units": 18_000}]),
            ((18_000,), [{"kind": "SpikingDense", "units": 10}, {"kind": "SpikingRecurrent", "units": 18_000}]),
            ((1, 18_000, 18_000), [{"kind": "SpikingConv2D", "maps": 1, "kernel_size": 18_000}]),
            ((1, 200, 200), [{"kind": "SpikingPool2D", "kernel_size": 2}, {"kind": "SpikingDense", "units": 30_000}]),
            ((30_000,), [{"kind": "Narrow", "units": 30_000}, {"kind": "SpikingDense", "units": 30_000}]),
            ((10_000,), [{"kind": "SpikingDense", "units": 100}] + [{"kind": "SpikingDense", "units": 1000}] * 4),
        ],
    )
    def test_nothing_is_built(self, path, monkeypatch, shape, layers):
        monkeypatch.setitem(LAYERS, "Narrow", Narrow)
        monkeypatch.setattr(Sequential, "_name_layers", lambda _: pytest.fail("about to be built"))
        tables = [table | {"v_th": 1.0} for table in layers]
        rewrite(path, lambda _, header: header["network"].update(input_shape=shape, layers=tables))
        refuses(path, r"network\.layers declare at least [0-9,]{9,} weights, but the file holds 55: save it again")
        with pytest.raises(InputError, match="declare at least"):
            checkpoint.from_bytes(path.read_bytes())

    def test_layers_of_users_are_loaded(self, tmp_path, monkeypatch):
        """Also one that has fewer arrays than the layer from which it is derived."""
        monkeypatch.setitem(LAYERS, "Narrow", Narrow)
        net = Sequential([Narrow(3000, v_th=1.0)], (2000,), STEPS)
        net.layers[0].params["row"][...] = np.arange(2000)
        net.save(tmp_path / "net.npz")
        assert equal(net, Sequential.load(tmp_path / "net.npz"))


class Doubled(Poisson):
    """An encoder of a user's."""


class TestClassesOfUsers:
    """`save` says what `load` will need; it writes the file all the same, as training it again may take hours."""

    def test_a_layer_that_is_not_registered(self, tmp_path, monkeypatch):
        monkeypatch.delitem(LAYERS, "Narrow", raising=False)
        net = Sequential([Narrow(3, v_th=1.0), Narrow(2, v_th=1.0)], (4,), STEPS)
        remedy = r"^to load this network again, decorate the class Narrow with @layers\.register$"
        with pytest.warns(UserWarning, match=remedy) as told:
            net.save(tmp_path / "net.npz")
        assert len(told) == 1
        assert told[0].filename == __file__
        refuses(tmp_path / "net.npz", r"kind='Narrow': pass one of .*; for a class of your own, .* @layers\.register$")
        monkeypatch.setitem(LAYERS, "Narrow", None)  # is taken back after the test
        del LAYERS["Narrow"]
        assert register(Narrow) is Narrow
        net.save(tmp_path / "net.npz")
        assert equal(net, Sequential.load(tmp_path / "net.npz"))

    def test_an_encoder(self, tmp_path, monkeypatch):
        net = Sequential([SpikingDense(3, v_th=1.0)], (4,), STEPS, Doubled())
        with pytest.warns(UserWarning, match=r"decorate the class Doubled with @encoders\.register"):
            net.save(tmp_path / "net.npz")
        refuses(tmp_path / "net.npz", r"kind='Doubled': pass one of .* @encoders\.register$")
        monkeypatch.setitem(encoders.ENCODERS, "Doubled", None)
        del encoders.ENCODERS["Doubled"]
        encoders.register(Doubled)
        net.save(tmp_path / "net.npz")
        assert isinstance(Sequential.load(tmp_path / "net.npz").encoder, Doubled)

    def test_a_layer_with_the_name_of_another(self, tmp_path):
        """Loading would make the other."""
        impostor = type("SpikingDense", (SpikingDense,), {"__module__": "mine"})
        with pytest.warns(UserWarning, match="decorate the class SpikingDense"):
            Sequential([impostor(3, v_th=1.0)], (4,), STEPS).save(tmp_path / "net.npz")
        with pytest.raises(InputError, match="there is a SpikingDense already: rename the class"):
            register(impostor)

    def test_a_class_that_is_defined_again(self, tmp_path, monkeypatch):
        """As in a notebook cell that ran twice: networks from before are saved without a warning."""
        monkeypatch.setitem(LAYERS, "Narrow", Narrow)
        net = Sequential([Narrow(3, v_th=1.0)], (4,), STEPS)
        again = type("Narrow", (Narrow,), {"__module__": Narrow.__module__, "__qualname__": Narrow.__qualname__})
        assert register(again) is again
        net.save(tmp_path / "net.npz")
        assert type(Sequential.load(tmp_path / "net.npz").layers[0]) is again

    @pytest.mark.parametrize("wrong", [Poisson, Narrow(3, v_th=1.0), "Narrow"])
    def test_what_is_not_a_layer_class(self, wrong):
        with pytest.raises(InputError, match=r"^layers\.register got .*: pass a class derived from Layer$"):
            register(wrong)

    @pytest.mark.parametrize(
        ("add", "kind", "message"),
        [
            (register, Layer, "which is abstract: define its methods backward, build, forward first"),
            (register, SpikingLayer, "which is abstract: define its methods backward, build, forward first"),
            (
                register,
                type("Unfinished", (SpikingLayer,), {"build": None}),
                "which is abstract: .* backward, forward",
            ),
            (encoders.register, Encoder, "which is abstract: define its methods check, encode first"),
            (encoders.register, IntensityEncoder, "which is abstract: define its methods encode first"),
        ],
    )
    def test_an_abstract_class(self, add, kind, message):
        with pytest.raises(InputError, match=rf"register got .*, {message}"):
            add(kind)
        assert kind.__name__ not in LAYERS.keys() | encoders.ENCODERS.keys()

    def test_the_base_itself(self):
        class Base:
            pass

        with pytest.raises(InputError, match=r"^mine got .*Base.*: pass a class derived from it$"):
            Registry(Base, "mine").add(Base)
