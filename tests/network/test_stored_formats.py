"""Files that version 0.1.0 wrote: every later version reads them, and continues what they left unfinished.

The files in `data/0.1.0` stay as they are. When a format changes, add the files of the new version beside them.

- `network.npz`: saved by `net.save`; `counts.npz`: images, and the firing counts of all its layers for them.
- `training.npz`: the training below, ended by SIGINT in its second epoch; `training.sha256`: digest of the weights of the
  same training without a break, on the computer that wrote the files.
- `finished-run`, `interrupted-run`: folders that ``cupynn train`` left, without pictures; the second was ended by SIGINT.

The trainings have no regularizer: the last bits of its exponential, NumPy's, depend on the processor.
"""

import json
import shutil
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from factories import figures

import cupynn
from cupynn import InputError, Sequential, datasets, encoders, layers, losses, optimizers, presets, run
from cupynn.config import make, renewed
from cupynn.network import definition

STORED = Path(__file__).parents[1] / "data" / "0.1.0"
UPDATES = 6  # per epoch of the training
STOPPED = 9  # updates that had been done when the training was interrupted


def make_network():
    """The network of `training.npz`, with its initial weights."""
    parts = [
        layers.SpikingDense(12, v_th=8.0, name="hidden"),
        layers.SpikingDense(10, v_th=3.0, lateral_inhibition=0.5, name="output"),
    ]
    return Sequential(parts, (8, 8), 60, encoders.Poisson(0.5), seed=4, device="cpu")


def train(network, optimizer=None, **options):
    """The training of `training.npz`."""
    data = datasets.load("digits")[0]
    usual = {"loss": losses.SpikeCount(12, 1, 1), "epochs": 3, "batch_size": 8, "boost": True, "progress": False}
    optimizer = optimizer or optimizers.Adam(0.02, average=0.9)
    return network.fit(data[: 8 * UPDATES], validation=data[100:120], optimizer=optimizer, **usual | options)


def weights(network):
    return {f"{layer.name}/{name}": array for layer in network.layers for name, array in layer.params.items()}


def digest(network):
    return sha256(b"".join(array.tobytes() for array in weights(network).values())).hexdigest()


def same_weights(actual, expected, message=""):
    actual, expected = weights(actual), weights(expected)
    assert list(actual) == list(expected)
    for name in expected:
        np.testing.assert_array_equal(actual[name], expected[name], err_msg=f"{name} {message}")


@pytest.fixture
def copied(tmp_path):
    """A function that copies a stored file or folder, so that the test may write to it."""

    def copy(name):
        source = STORED / name
        return (shutil.copytree if source.is_dir() else shutil.copyfile)(source, tmp_path / name)

    return copy


class TestNetwork:
    def test_its_parts(self):
        network = Sequential.load(STORED / "network.npz", "cpu")
        kinds = ["SpikingConv2D", "SpikingPool2D", "SpikingRecurrent", "SpikingRecurrent", "SpikingDense"]
        assert [type(layer).__name__ for layer in network.layers] == kinds
        assert [layer.name for layer in network.layers] == ["conv", "pool", "reservoir", "lateral", "output"]
        assert type(network.encoder) is encoders.Poisson
        assert (network.encoder.max_rate, network.steps, network.seed, network.input_shape) == (0.4, 60, 11, (9, 10))
        assert network.layers[0].padding == (1, 0)
        assert network.layers[1].stride == (2, 2)
        assert network.layers[3].psp_kernel == "srm"
        assert (network.layers[4].overshoot, network.layers[4].silent_slope) == (True, 0.25)

    def test_every_count_of_every_layer(self):
        network = Sequential.load(STORED / "network.npz", "cpu")
        with np.load(STORED / "counts.npz") as stored:
            expected = {name: stored[name] for name in stored.files}
        x = expected.pop("x")
        output = network.forward(network.encode(x, samples=np.arange(len(x)), draw=3))
        found = dict(zip(expected, network.trains, strict=True))
        assert list(found) == ["input", *(layer.name for layer in network.layers)]
        for name, trains in found.items():
            assert expected[name].any()
            np.testing.assert_array_equal(trains.counts, expected[name], err_msg=name)
        assert output is network.trains[-1]

    def test_written_again_and_read(self, tmp_path):
        network = Sequential.load(STORED / "network.npz", "cpu")
        network.save(tmp_path / "again.npz")
        with np.load(STORED / "network.npz") as before, np.load(tmp_path / "again.npz") as after:
            assert sorted(before.files) == sorted(after.files)
            for name in set(before.files) - {"definition"}:
                np.testing.assert_array_equal(before[name], after[name], err_msg=name)


class TestFormerNames:
    """The window of a pooling layer was `size`, where a convolution had `kernel_size`."""

    TABLE = MappingProxyType({"kind": "SpikingPool2D", "size": [2, 3], "v_th": 1.0})

    def test_a_definition(self):
        layer = make(layers.LAYERS, self.TABLE, "here")
        assert layer.kernel_size == (2, 3)
        assert "size" not in layer.config()
        nested = renewed({"layers": [dict(self.TABLE), {"kind": "Other", "size": 2}], "size": 3})
        assert nested == {"layers": [renewed(self.TABLE), {"kind": "Other", "size": 2}], "size": 3}

    def test_a_class_derived_from_it(self, monkeypatch, tmp_path):
        class Mine(layers.SpikingPool2D):
            pass

        class Sized(layers.SpikingPool2D):
            def __init__(self, size, v_th):
                super().__init__(size, v_th=v_th)
                self.size = size

        registry = layers.LAYERS | {"Mine": Mine, "Sized": Sized}
        for kind in ("Mine", "Sized"):
            assert make(registry, self.TABLE | {"kind": kind}, "here").kernel_size == (2, 3)
        nested = renewed([dict(self.TABLE) | {"kind": kind} for kind in registry], registry)
        assert [table["kind"] for table in nested if "size" not in table] == ["SpikingPool2D", "Mine"]
        monkeypatch.setitem(layers.LAYERS, "Mine", Mine)
        self.resumed(tmp_path, monkeypatch, Mine)

    def test_a_call(self):
        with pytest.raises(InputError, match="SpikingPool2D has no argument 'size': pass kernel_size"):
            layers.SpikingPool2D(size=2, v_th=1.0)

    def test_both_names(self):
        with pytest.raises(InputError, match=r"unknown key 'size'.*: known are kernel_size"):
            make(layers.LAYERS, self.TABLE | {"kernel_size": 2}, "here")

    def test_a_training_is_resumed(self, tmp_path, monkeypatch):
        self.resumed(tmp_path, monkeypatch, layers.SpikingPool2D)

    def resumed(self, tmp_path, monkeypatch, kind):
        def fit(epochs, **more):
            parts = [kind(2, v_th=0.5), layers.SpikingDense(10, v_th=1.0)]
            network = Sequential(parts, (8, 8), 30, encoders.Poisson(0.5), device="cpu")
            data = datasets.load("digits")[0][:16]
            network.fit(data, epochs=epochs, batch_size=8, loss=losses.SpikeCount(6, 1, 1), progress=False, **more)
            return network

        path, real = tmp_path / "training.npz", definition.describe

        def describe(network):
            text = json.dumps(real(network))
            assert "kernel_size" in text
            return json.loads(text.replace("kernel_size", "size"))

        with monkeypatch.context() as patch:
            patch.setattr(definition, "describe", describe)
            fit(1, checkpoint=path)
        same_weights(fit(2, checkpoint=path, resume=True), fit(2))


class TestTraining:
    def test_it_ends_as_if_it_had_not_been_interrupted(self, copied):
        alone, resumed = make_network(), make_network()
        expected = train(alone)
        history = train(resumed, checkpoint=copied("training.npz"), resume=True)
        as_then = digest(alone) == (STORED / "training.sha256").read_text(encoding="utf-8").strip()
        same_weights(resumed, alone, "(a training without a break " + ("is as it was)" if as_then else "has changed too)"))
        assert figures(history) == figures(expected)

    def test_it_was_interrupted_in_an_epoch(self, copied):
        """The test above would pass with a state that is not used."""
        seen, optimizer = [], optimizers.Adam(0.02, average=0.9)
        plain = optimizer.step
        optimizer.step = lambda network: (seen.append(optimizer.updates), plain(network))
        train(make_network(), optimizer, checkpoint=copied("training.npz"), resume=True)
        assert seen == list(range(STOPPED, 3 * UPDATES))
        assert STOPPED % UPDATES


class TestRun:
    def test_a_finished_one(self):
        opened = cupynn.open_run(STORED / "finished-run")
        assert len(opened.history) == len(opened.result["epochs"]) == 2
        assert [epoch.figures() for epoch in opened.history.epochs] == opened.result["epochs"]
        assert opened.definition.tables() == opened.result["definition"]
        assert opened.classes == tuple("0123456789")
        _, validation, test = opened.data()
        assert opened.network().evaluate(test).accuracy == opened.result["test"]["accuracy"]
        assert opened.network(best=False).evaluate(validation).accuracy == opened.history["validation_accuracy"][-1]

    def test_a_finished_one_has_nothing_to_resume(self, copied):
        folder = copied("finished-run")
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert run.resume(folder, progress=False) == folder
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    @pytest.mark.usefixtures("no_figures")
    def test_an_interrupted_one(self, copied, tmp_path):
        folder = copied("interrupted-run")
        opened = cupynn.open_run(folder)
        assert len(opened.history) == 1
        assert "not finished, 1 of 2 epochs" in repr(opened)
        run.resume(folder, progress=False, device="cpu")
        alone = run.train(presets.read(folder / "definition.toml"), tmp_path / "alone", progress=False, device="cpu")
        resumed, expected = cupynn.open_run(folder), cupynn.open_run(alone)
        assert figures(resumed.history) == figures(expected.history)
        assert resumed.result["test"] == expected.result["test"]
        for best in (True, False):
            same_weights(resumed.network(best), expected.network(best))
        assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in alone.iterdir())
