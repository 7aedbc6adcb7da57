"""The comparison with the original program's files: its own test case, and small cases that differ in known places."""

import shutil

import numpy as np
import pytest
from originals import DENSE, GOLDEN, OUTPUT_WEIGHTS, golden, refuses, written

from cupynn import cli, optimizers, reference
from cupynn.training import step

HIDDEN_WEIGHTS = "".join(f"{3 * j + i}\tdata_{j}\thidden_{i}\t{0.4 + 0.1 * i}\n" for j in range(4) for i in range(3))
DUMP = "-1 -1\n" + "".join(f"{j} {t}\n" for j in range(4) for t in range(1 + j, 30, 2)) + "-1 -1\n"
FILES = {
    "hidden": "refOutputTrainPath = h0.dat; refOutputTestPath = h1.dat; refWeightPath = hw.txt;",
    "output": "refOutputTrainPath = o0.dat; refOutputTestPath = o1.dat; refWeightPath = ow.txt; refLWeightPath = lw.txt;",
}
CONFIG = "TRAIN_DATA_PATH = in_0_1.dat; TEST_DATA_PATH = in_0_1.dat;" + DENSE.replace(
    "initType = Bernoulli;\ninitW = 0.5;", f"initType = External; weightPath = h.txt; {FILES['hidden']}"
).replace("refOutputTrainPath = a.dat;\nrefOutputTrainPath = b.dat;", FILES["output"]).replace(
    "test/golden/weights/output.txt", "o.txt"
)


def synapses(weight):
    rows = [(pre, post) for pre in range(weight.shape[1]) for post in range(weight.shape[0])]
    return "".join(f"{n} pre_{pre} post_{post} {weight[post, pre]:.9g}\n" for n, (pre, post) in enumerate(rows))


def case(folder, text=CONFIG, optimizer=None):
    """Write a config and its files, as cupynn itself computes them step by step; return the path of the config."""
    for name, content in (("in_0_1.dat", DUMP), ("h.txt", HIDDEN_WEIGHTS), ("o.txt", OUTPUT_WEIGHTS)):
        written(folder, content, name)
    path = written(folder, text, "config.txt")
    definition = reference.load(path, root=folder, device="cpu")
    network, (spikes, labels) = definition.network, definition.train.load()
    for phase in (0, 1):
        network.forward(spikes)
        for name, trains in zip("ho", network.trains[1:], strict=True):
            reference.write_spikes(folder / f"{name}{phase}.dat", trains.to_dense()[0])
        if phase == 0:
            step(network, definition.loss, optimizer or optimizers.Adam(1e-3, regularizer=REGULARIZER), spikes, labels)
    for layer, name in zip(network.layers, ("hw.txt", "ow.txt"), strict=True):
        written(folder, synapses(layer.params["weight"]), name)
    written(folder, synapses(1.5 * (np.eye(2) - 1)), "lw.txt")
    return path


REGULARIZER = optimizers.ExponentialRegularizer(10, 0.4, 8)


@golden
class TestOriginals:
    CONFIG = GOLDEN / "SpikingCNNMnistConfig_test.txt"

    def test_no_spike_differs(self):
        result = reference.verify(self.CONFIG, root=GOLDEN)
        assert [each.layer for each in result.layers] == ["conv1", "pooling1", "conv2", "pooling2", "hidden", "output"]
        assert all((each.before, each.after) == (0, 0) for each in result.layers)
        assert sum(each.spikes for each in result.layers) == 46_857
        assert [each.weights is None for each in result.layers] == [False, True, False, True, False, False]
        assert result.agrees
        assert result.differing_spikes == 0
        assert result.largest_difference < 1e-6

    def test_the_command_line(self, capsys):
        assert cli.main(["import-reference", str(self.CONFIG), "--root", str(GOLDEN), "--verify"]) == 0
        shown = capsys.readouterr().out
        assert "\n0 of 46,857 spikes differ; weights differ by at most" in shown
        assert "without effect: SHOWIMAGE, WHITE_NOISE, NUM_CLASSES (output)\n" in shown
        assert "training data: test/cnn_mnist/input_spikes_0_5.dat (1 in all)" in shown

    @pytest.mark.slow
    def test_another_threshold_is_found(self, tmp_path, capsys):
        shutil.copytree(GOLDEN, tmp_path / "cnn_mnist", copy_function=shutil.copyfile)
        config = self.CONFIG.read_text().replace("VTH = 10;", "VTH = 11;")
        path = written(tmp_path, config, "config.txt")
        result = reference.verify(path, root=tmp_path / "cnn_mnist")
        assert [each.before == 0 for each in result.layers] == [True] * 4 + [False, True]  # the hidden layer alone
        assert not result.agrees
        assert cli.main(["import-reference", str(path), "--root", str(tmp_path / "cnn_mnist"), "--verify"]) == 1
        assert "spikes differ, and weights by up to" in capsys.readouterr().err


class TestVerify:
    def test_a_network_that_agrees(self, tmp_path):
        result = reference.verify(case(tmp_path), root=tmp_path, device="cpu")
        assert result.agrees
        assert result.largest_difference < 1e-6
        assert all(each.spikes > 0 for each in result.layers)
        assert "learning rate 0.001" in result.optimizer
        lines = str(result).splitlines()
        assert lines[0].split("  ")[0] == "layer"
        assert [line.split()[0] for line in lines[1:3]] == ["hidden", "output"]
        assert "step: Adam(" in lines[-1]

    def test_stochastic_gradient_descent(self, tmp_path):
        """1e-5 without momentum, where training has 1e-3 with a momentum of 0.9."""
        text = CONFIG.replace("OPTIMIZER = adam", "OPTIMIZER = sgd")
        path = case(tmp_path, text, optimizers.SGD(1e-5, 0.0, regularizer=REGULARIZER))
        result = reference.verify(path, root=tmp_path, device="cpu")
        assert result.largest_difference < 1e-8
        assert "learning rate 1e-05" in result.optimizer
        assert "momentum" not in result.optimizer
        path = case(tmp_path, text, optimizers.SGD(1e-3, 0.9, regularizer=REGULARIZER))
        assert reference.verify(path, root=tmp_path, device="cpu").largest_difference > 1e-5

    def test_adam_on_recordings_in_a_folder(self, tmp_path):
        """The builds for N-MNIST and speech have 1e-5, whatever the optimizer."""
        written(tmp_path, DUMP, "data/in_0_1.dat")
        text = CONFIG.replace("TRAIN_DATA_PATH = in_0_1.dat", "TRAIN_DATA_PATH = data")
        result = reference.verify(case(tmp_path, text, optimizers.Adam(1e-5, regularizer=REGULARIZER)), tmp_path, "cpu")
        assert result.largest_difference < 1e-7
        assert result.optimizer.startswith("Adam(")
        assert "learning rate 1e-05" in result.optimizer

    def test_differences_are_counted(self, tmp_path):
        path = case(tmp_path)
        spikes = reference.read_spikes(tmp_path / "h0.dat", 3, 30)
        spikes[[7, 8, 9], [0, 1, 2]] ^= 1
        reference.write_spikes(tmp_path / "h0.dat", spikes)
        spikes = reference.read_spikes(tmp_path / "o1.dat", 2, 30)
        spikes[3, 1] ^= 1
        reference.write_spikes(tmp_path / "o1.dat", spikes)
        written(tmp_path, synapses(1.25 * (np.eye(2) - 1)), "lw.txt")
        hidden, output = reference.verify(path, root=tmp_path, device="cpu").layers
        assert (hidden.before, hidden.after) == (3, 0)
        assert (output.before, output.after) == (0, 1)
        assert hidden.weights < 1e-6
        assert output.weights == pytest.approx(0.25)

    def test_layers_without_files(self, tmp_path):
        text = CONFIG.replace(FILES["hidden"], "").replace(FILES["output"], "refOutputTrainPath = o0.dat;")
        result = reference.verify(case(tmp_path, text), root=tmp_path, device="cpu")
        hidden, output = result.layers
        assert (hidden.spikes, hidden.before, hidden.after, hidden.weights) == (None,) * 4
        assert (output.before, output.after, output.weights) == (0, None, None)
        assert str(result).splitlines()[1].split() == ["hidden", "-", "-", "-", "-"]

    def test_spikes_at_the_end_time(self, tmp_path, capsys):
        path = case(tmp_path)
        dump = (tmp_path / "h0.dat").read_text().splitlines()
        written(tmp_path, "\n".join([*dump[:-1], "2 30", dump[-1]]), "h0.dat")
        with pytest.warns(UserWarning, match=r"h0.dat: dropped 1 of"):
            assert reference.verify(path, root=tmp_path, device="cpu").agrees
        assert cli.main(["import-reference", str(path), "--root", str(tmp_path), "--verify"]) == 0
        assert capsys.readouterr().out.count("h0.dat: dropped 1 of") == 1

    @pytest.mark.parametrize(
        ("old", "new", "problem"),
        [
            (
                "refWeightPath = hw.txt;",
                "refWeightPath = none/hw.txt;",
                "none/hw.txt: no such file.* hw.txt; ",
            ),
            ("h0.dat", "h9.dat", "refOutputTrainPath = h9.dat: no such file"),
            ("refWeightPath = hw.txt;", "refLWeightPath = lw.txt;", "this layer has no lateral weights"),
            ("TEST_DATA_PATH = in_0_1.dat;", "", "TEST_DATA_PATH is missing"),
        ],
    )
    def test_errors(self, tmp_path, old, new, problem):
        assert old in CONFIG
        case(tmp_path)
        path = written(tmp_path, CONFIG.replace(old, new), "config.txt")
        refuses(problem, reference.verify, path, root=tmp_path, device="cpu")

    def test_nothing_to_compare_with(self, tmp_path):
        text = CONFIG.replace(FILES["hidden"], "").replace(FILES["output"], "")
        path = case(tmp_path, text)
        refuses("there is nothing to compare with", reference.verify, path, root=tmp_path)

    def test_one_sample_is_compared(self, tmp_path):
        case(tmp_path)
        for name in ("data/in_0_0.dat", "data/in_0_1.dat"):
            written(tmp_path, DUMP, name)
        path = written(tmp_path, CONFIG.replace("TRAIN_DATA_PATH = in_0_1.dat", "TRAIN_DATA_PATH = data"), "config.txt")
        refuses("2 samples in data: one is compared, set TRAIN_SAMPLES", reference.verify, path, root=tmp_path, device="cpu")

    def test_a_checkpoint_has_no_files_to_compare_with(self, tmp_path, capsys):
        assert cli.main(["import-reference", str(case(tmp_path)), "--checkpoint", "x", "--verify"]) == 1
        assert "--verify with --checkpoint: leave out one" in capsys.readouterr().err

    def test_a_pool_has_no_weights(self, tmp_path):
        pool = "LAYER = POOLINGSPIKING; NAME = pool; INPUT = data; SIZE = 2; SKIP = 2; refWeightPath = hw.txt;"
        pool += "VTH = 1; T_REFRAC = 2; TAU_M = 64; TAU_S = 8;"
        text = CONFIG.replace("[\nLAYER = SPIKING;", f"[ {pool} ]\n[\nLAYER = SPIKING;", 1)
        text = text.replace("NAME = hidden; INPUT = data", "NAME = hidden; INPUT = pool")
        case(tmp_path)
        written(tmp_path, "".join(f"{i}\tpool_0\thidden_{i}\t1\n" for i in range(3)), "h.txt")
        path = written(tmp_path, text, "config.txt")
        refuses("refWeightPath = hw.txt: this layer has no weights", reference.verify, path, root=tmp_path)
