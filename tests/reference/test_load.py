"""Configs, networks and checkpoints of the original program: small ones made here, and those of its own test case."""

import re

import numpy as np
import pytest
from originals import CONV, DENSE, GOLDEN, INHIBITION, OUTPUT_WEIGHTS, RESERVOIR, SHAPES, STEPS, golden, refuses, written

from cupynn import Sequential, cli, layers, losses, optimizers, reference
from cupynn.augment import Augment
from cupynn.checks import InputError
from cupynn.reference.config import read_config
from cupynn.reference.folder import Folder
from cupynn.reference.samples import class_label
from cupynn.reference.weights import read_conv_weights, read_dense_weights


@pytest.fixture
def external(tmp_path):
    """A folder with the weights that the configs name."""
    written(tmp_path, OUTPUT_WEIGHTS, "test/golden/weights/output.txt")
    return tmp_path


class TestConfig:
    def test_values(self, tmp_path):
        config = read_config(written(tmp_path, DENSE))
        assert dict(config.globals) == {
            "EFFECT_RATIO": "true",
            "OPTIMIZER": "adam",
            "BATCH_SIZE": "2",
            "END_TIME": "30",
            "LAMBDA_REG": "10",
            "BETA_REG": "0.4",
            "WEIGHT_LIMIT": "8.0",
        }
        assert [block["NAME"] for block in config.layers] == ["data", "hidden", "output"]
        assert config.layers[1].number("initW") == 0.5
        assert config.layers[1].integer("VTH") == 2
        assert config.layers[2]["refOutputTrainPath"] == "a.dat"
        assert config.layers[2].repeated == {"refOutputTrainPath": ["b.dat"]}
        assert len(config.layers[0]) == 3
        assert "'NUM_NEURONS': '4'" in repr(config.layers[0])

    @pytest.mark.parametrize(
        ("old", "new", "line", "problem"),
        [
            ("BATCH_SIZE = 2;", "BATCH_SIZE = 2", 3, "'BATCH_SIZE = 2': expected `;` after the value"),
            ("BATCH_SIZE = 2;", "BATCH_SIZE = 2 OPTIMIZER = adam;", 3, "expected `KEY = value;`"),
            ("BATCH_SIZE = 2;", "BATCH_SIZE", 3, "'BATCH_SIZE': expected `KEY = value;`"),
            ("BATCH_SIZE = 2;", "BATCH_SIZE = ;", 3, "BATCH_SIZE: expected a value"),
            ("BATCH_SIZE = 2;", "END_TIME = 2;", 4, "END_TIME is already set in line 3"),
            ("NAME  = data;", "NAME  = data; NAME = x;", 8, "NAME is already set in line 8"),
            ("NUM_NEURONS = 4;\n]", "NUM_NEURONS = 4;", 10, "`[` inside the block that begins in line 6"),
            ("[\nLAYER = DATA", "LAYER = DATA", 9, "`]` without `[`"),
            ("b.dat;\n]", "b.dat;", 18, "the block that begins here is not closed"),
            ("DATASPIKING", "DATA", 7, "LAYER = DATA: only spiking layers can be imported: DATASPIKING, CONV"),
            ("LAYER = SPIKING; NAME = h", "LAYER = LRN; NAME = h", 12, "LAYER = LRN: only spiking layers"),
            ("LAYER = SPIKING; NAME = h", "LAYER = DATASPIKING; NAME = h", 12, "expected DATASPIKING as the first layer"),
            ("LAYER = DATASPIKING;", "LAYER = SPIKING;", 7, "expected DATASPIKING as the first layer"),
            ("LAYER = DATASPIKING;", "", 6, "LAYER is missing in the block that begins here"),
            ("NAME  = data;", "", 6, "NAME is missing in the block"),
            ("NAME = hidden", "NAME = data", 12, "NAME = data: an earlier layer has this name"),
            ("INPUT = hidden;", "", 18, "INPUT is missing in the block"),
            ("INPUT = hidden", "INPUT = hiden", 21, "INPUT = hiden: .*expected the previous layer, hidden"),
            ("INPUT = hidden", "INPUT = data", 21, "INPUT = data: .*expected the previous layer, hidden"),
        ],
    )
    def test_errors(self, tmp_path, old, new, line, problem):
        assert DENSE.count(old) == 1
        refuses(problem.replace("`[`", r"`\[`"), read_config, written(tmp_path, DENSE.replace(old, new)), line=line)

    def test_a_single_layer(self, tmp_path):
        path = written(tmp_path, "[ LAYER = DATASPIKING; NAME = data; ]")
        refuses("1 layers: expected an input and at least one layer", read_config, path, line=1)


class TestFolder:
    @pytest.fixture
    def root(self, tmp_path):
        return tmp_path / "golden"

    def find(self, root, text):
        block = read_config(written(root.parent, f"KEY = {text};" + DENSE, "config.txt")).globals
        return Folder(root).find(block, "KEY")

    def test_relative_to_the_root(self, root):
        path = written(root, "1", "test/weights/w.txt")
        written(root, "2", "weights/w.txt")
        assert self.find(root, "test/weights/w.txt") == path
        assert self.find(root, r"test\weights\w.txt") == path
        assert self.find(root, "../golden/test/weights/w.txt").samefile(path)

    def test_as_it_is_written_comes_first(self, root, tmp_path, monkeypatch):
        path = written(tmp_path, "1", "elsewhere/w.txt")
        written(root, "2", "elsewhere/w.txt")
        assert self.find(root, path) == path  # absolute
        monkeypatch.chdir(tmp_path)
        assert self.find(root, "elsewhere/w.txt").samefile(path)

    def test_the_root_can_be_a_folder_within_the_path(self, root):
        path = written(root, "1", "mnist/w.txt")
        assert self.find(root, "test/golden/mnist/w.txt") == path
        assert self.find(root / "mnist", "test/golden/mnist/w.txt") == path
        with pytest.raises(InputError, match="no such file"):
            self.find(root / "mnist", "golden/mnist/mnist.txt")

    def test_a_file_of_the_same_name_elsewhere_is_not_taken(self, root):
        """It can be that of another network; only sizes that differ would reveal it."""
        for name in ("w.txt", "a/w.txt", "b/test/w.txt", "x/w.txt/other"):
            written(root, "1", name)
        for text in ("test/w.txt", "golden/test/w.txt"):
            problem = f"line 1: KEY = {text}: no such file, as written or relative to .*golden; files of this name there: "
            with pytest.raises(InputError, match=problem + "a/w.txt, b/test/w.txt, w.txt, x/w.txt; "):
                self.find(root, text)
        for number in range(6):
            written(root, "1", f"c/{number}/w.txt")
        with pytest.raises(InputError, match=r"c/2/w\.txt and 5 more; correct the path"):
            self.find(root, "test/w.txt")

    def test_no_such_file(self, root):
        written(root, "1", "weights/w.txt")
        for name in ("weights/W.txt", "weights", ".", "x" * 5000):
            with pytest.raises(InputError, match="no such file, as written or relative to"):
                self.find(root, name)
        with pytest.raises(InputError, match="pass as root the folder that the paths start from"):
            self.find(root, "weights/v.txt")

    def test_no_folder(self, tmp_path):
        with pytest.raises(InputError, match="no such folder"):
            Folder(tmp_path / "none")


class TestLoad:
    def test_dense(self, external):
        definition = reference.load(written(external, DENSE, "config.txt"), root=external)
        network = definition.network
        hidden, output = network.layers
        assert (network.input_shape, network.output_shape, network.steps) == ((4,), (2,), 30)
        assert network.encoder.config() == {"kind": "Poisson", "max_rate": 1 / 5.5, "fresh": False}
        assert (hidden.name, hidden.v_th, hidden.tau_m, hidden.tau_s, hidden.t_ref) == ("hidden", 2, 64, 8, 2)
        assert (output.name, output.v_th, output.tau_m, output.tau_s, output.t_ref) == ("output", 1, 32, 4, 3)
        assert (hidden.psp_kernel, hidden.effect_ratio, hidden.lateral_inhibition) == ("srm", True, 0)
        assert (output.psp_kernel, output.effect_ratio, output.lateral_inhibition) == ("srm", True, 1.5)
        assert hidden.initial_weight == 0.5
        assert 0.1 < np.abs(hidden.params["weight"]).max() <= 0.5
        np.testing.assert_allclose(output.params["weight"], [[0, 1, 2], [0.1, 1.1, 2.1]], rtol=1e-6)
        assert repr(definition.loss) == repr(losses.SpikeCount(10, 2, 1))
        regularizer = optimizers.ExponentialRegularizer(10, 0.4, 8)
        expected = optimizers.Adam(1e-3, schedule="inverse-sqrt", regularizer=regularizer)
        assert repr(definition.optimizer) == repr(expected)
        assert (definition.batch_size, definition.boost) == (2, False)
        assert definition.globals["END_TIME"] == "30"
        assert [block["NAME"] for block in definition.layers] == ["data", "hidden", "output"]
        network.forward(network.encode(np.full((1, 4), 255, np.uint8)))

    def test_conv(self, tmp_path):
        definition = reference.load(written(tmp_path, CONV), root=tmp_path)
        images = np.full((2, 6, 6), 200, np.uint8)  # as datasets.load gives them; the network takes (1, 6, 6)
        np.testing.assert_array_equal(definition.network.counts(images), definition.network.counts(images[:, None]))
        conv, pool, output = definition.network.layers
        assert definition.network.input_shape == (1, 6, 6)
        assert (conv.output_shape, conv.kernel_size, conv.padding) == ((2, 6, 6), (3, 3), (1, 1))
        assert not conv.effect_ratio
        assert conv.params["weight"].std() == pytest.approx(0.3, rel=0.5)
        assert (pool.name, pool.v_th, pool.psp_kernel, pool.params) == ("pool", 2, "srm", {})
        assert pool.output_shape[0] == 2
        assert (output.params["weight"] == np.float32(0.3)).all()
        assert isinstance(definition.loss, losses.SoftmaxCount)
        assert definition.loss.desired == 12
        assert repr(definition.optimizer) == repr(optimizers.SGD(1e-3, momentum=0.9, schedule="inverse-sqrt"))
        assert (definition.batch_size, definition.boost) == (1, True)
        definition.network.forward(definition.network.encode(np.full((1, 1, 6, 6), 255, np.uint8)))

    def test_augmentation(self, external, tmp_path):
        """SCALE is in percent; where the original program augments, it draws the trains again in each epoch."""
        assert reference.load(written(external, DENSE, "config.txt"), root=external).augment is None
        keys = "SCALE = 12; ROTATION = 10; DISTORTION = 3.4; "
        definition = reference.load(written(external, keys + DENSE, "config.txt"), root=external)
        assert repr(definition.augment) == repr(Augment(0.12, 10, 3.4))
        assert definition.network.encoder.fresh
        assert definition.network.input_shape == (1, 2, 2)  # images, which can be augmented
        assert definition.network.layers[0].params["weight"].shape == (3, 4)
        definition = reference.load(written(tmp_path, "ROTATION = 5;" + CONV), root=tmp_path)
        assert repr(definition.augment) == repr(Augment(0, 5, 0))
        definition = reference.load(written(tmp_path, "SCALE = 0; ROTATION = 0.0;" + CONV), root=tmp_path)
        assert definition.augment is None
        assert not definition.network.encoder.fresh

    @pytest.mark.parametrize(
        ("keys", "problem"),
        [
            ("SCALE = 100;", r"scale=1.0: pass a fraction below 1"),
            ("ROTATION = -1;", r"rotation=-1.0: pass a finite number"),
            ("DISTORTION = x;", "DISTORTION = x: expected a number"),
            ("TEST_EPOCH = -1;", "TEST_EPOCH=-1: pass a whole number of at least 0"),
            ("TRAIN_SAMPLES = -2;", "TRAIN_SAMPLES=-2: pass a whole number of at least 0"),
            ("TEST_PER_CLASS = many;", "TEST_PER_CLASS = many: expected a whole number"),
        ],
    )
    def test_training_errors(self, external, keys, problem):
        refuses(problem, reference.load, written(external, keys + DENSE, "config.txt"), external, line=1)

    def test_no_images_to_augment(self, external):
        config = "SCALE = 12;" + DENSE.replace("NUM_NEURONS = 4", "NUM_NEURONS = 5")
        problem = "expected square images with CHANNELS = 1; set SCALE, ROTATION and DISTORTION to 0 if"
        refuses(problem, reference.load, written(external, config, "config.txt"), external)

    def test_epochs_and_training(self, external):
        config = "TEST_EPOCH = 3;" + DENSE.replace("DESIRED_LEVEL = 10", "DESIRED_LEVEL = 5")
        config = written(external, config, "config.txt")
        definition = reference.load(config, root=external, device="cpu")
        assert definition.epochs == 3
        x, y = np.full((4, 4), 255, np.uint8), [0, 1, 0, 1]
        before = definition.network.layers[1].params["weight"].copy()
        assert len(definition.fit((x, y), progress=False)) == 3
        assert definition.optimizer.epochs == 3
        assert (definition.network.layers[1].params["weight"] != before).any()
        assert len(definition.fit((x, y), epochs=1, progress=False)) == 1
        other = reference.load(written(external, DENSE, "config.txt"), root=external)
        assert other.epochs is None
        with pytest.raises(InputError, match=r"config.txt: TEST_EPOCH is missing: pass epochs"):
            other.fit((x, y))

    def test_keys_without_effect_are_named_once(self, external):
        config = "SHOWIMAGE = false; WHITE_NOISE = 0.1; IS_GRADIENT_CHECKING = true; CHANNELS = 1;" + DENSE.replace(
            "VTH =", "WEIGHT_DECAY = 0.1; VTH ="
        ).replace("initW = 0.5;", "initW = 0.5; TAU_MM = 3; DESIRED_LEVEL = 5; MARGIN = 2;")
        path = written(external, config, "config.txt")
        own = ("WEIGHT_DECAY (hidden, output)", "TAU_MM (hidden)", "DESIRED_LEVEL (hidden)", "MARGIN (hidden)")
        assert reference.load(path, root=external).unused == ("SHOWIMAGE", "WHITE_NOISE", "CHANNELS", *own)
        assert reference.load(written(external, DENSE, "config.txt"), root=external).unused == ()

    def test_keys_that_a_checkpoint_replaces_are_not_named(self, external):
        path = written(external, " ".join(map(str, VALUES)), "checkpoint.txt")
        assert reference.load(written(external, DENSE, "config.txt"), external, path).unused == ()

    def test_weights_of_another_network_are_not_taken(self, external):
        """`weights/output.txt` is missing, while another network has a file of this name and of the same sizes."""
        written(external, OUTPUT_WEIGHTS, "other/weights/output.txt")
        config = written(external, DENSE.replace("test/golden/weights", "weights"), "config.txt")
        refuses("other/weights/output.txt, test/golden/weights/output.txt; ", reference.load, config, external, line=28)

    def test_conv_from_a_file(self, tmp_path):
        written(tmp_path, " ".join(map(str, range(18))), "x/conv.txt")
        config = CONV.replace("initType = Gaussian; initW = 0.3;", "initType = External; weightPath = x/conv.txt;")
        conv = reference.load(written(tmp_path, config), root=tmp_path).network.layers[0]
        np.testing.assert_array_equal(conv.params["weight"], np.arange(18).reshape(2, 1, 3, 3))

    def test_gaussian_weights_come_from_the_seed_of_the_network(self, external):
        config = written(external, DENSE.replace("Bernoulli", "Gaussian"), "config.txt")
        first, second = (reference.load(config, root=external).network.layers[0].params["weight"] for _ in range(2))
        np.testing.assert_array_equal(first, second)
        assert 0.1 < np.abs(first).max() <= 1.5

    def test_reservoir(self, external):
        reservoir = reference.load(written(external, RESERVOIR, "config.txt"), root=external).network.layers[0]
        assert isinstance(reservoir, layers.SpikingRecurrent)
        assert reservoir.params == {}
        assert reservoir.reservoir == (3, 1, 1)
        weight = reservoir.buffers["weight"]
        assert weight.shape == (3, 4)
        assert set(np.abs(weight).ravel()) <= {0, 8, 16}  # two synapses from each input, of either sign
        assert set(np.abs(weight).sum(0)) <= {0, 16}
        assert reservoir.buffers["lateral"].shape == (3, 3)

    def test_reservoir_from_files(self, external):
        written(external, "0 data_1 r_0 8\n1 data_1 r_0 8\n2 data_3 r_2 -8\n", "weights/in.txt")
        written(external, "0 r_0 r_1 1\n1 r_2 r_2 -1\n", "weights/lateral.txt")
        files = "External; weightPath = weights/in.txt; lweightPath = weights/lateral.txt"
        config = written(external, RESERVOIR.replace("Fixed", files), "config.txt")
        buffers = reference.load(config, root=external).network.layers[0].buffers
        np.testing.assert_array_equal(buffers["weight"], [[0, 16, 0, 0], [0, 0, 0, 0], [0, 0, 0, -8]])
        np.testing.assert_array_equal(buffers["lateral"], [[0, 0, 0], [1, 0, 0], [0, 0, -1]])

    def test_options_that_are_left_out(self, external):
        config = re.sub(r"(EFFECT_RATIO|LAMBDA_REG|OPTIMIZER) = \w+;", "", DENSE).replace(INHIBITION, "")
        definition = reference.load(written(external, config, "config.txt"), root=external)
        assert [layer.effect_ratio for layer in definition.network.layers] == [False, False]
        assert definition.network.layers[1].lateral_inhibition == 0
        assert isinstance(definition.optimizer, optimizers.SGD)
        assert definition.optimizer.regularizer is None

    @pytest.mark.parametrize(
        ("old", "new", "line", "problem"),
        [
            ("END_TIME = 30;", "", 1, "END_TIME is missing outside the blocks: expected `END_TIME = value;`"),
            ("END_TIME = 30;", "END_TIME = x;", 4, "END_TIME = x: expected a whole number"),
            ("END_TIME = 30;", "END_TIME = 0;", 4, "END_TIME=0: pass a whole number of at least 1"),
            ("BATCH_SIZE = 2;", "BATCH_SIZE = 2.5;", 3, "BATCH_SIZE = 2.5: expected a whole number"),
            ("EFFECT_RATIO = true;", "EFFECT_RATIO = yes;", 2, "EFFECT_RATIO = yes: expected one of true, false"),
            ("OPTIMIZER = adam;", "OPTIMIZER = lbfgs;", 2, "OPTIMIZER = lbfgs: expected one of adam, sgd"),
            ("WEIGHT_LIMIT= 8.0;", "", 1, "WEIGHT_LIMIT is missing outside the blocks"),
            ("WEIGHT_LIMIT= 8.0;", "WEIGHT_LIMIT= 0;", 1, "w_max=0.0: pass a finite number greater than 0"),
            ("BATCH_SIZE = 2;", "BATCH_SIZE = 2; DYNAMIC_THRESHOLD = true;", 3, "not supported: expected false"),
            ("VTH = 2; T_REFRAC = 2;", "T_REFRAC = 2;", 11, "VTH is missing in the block that begins here"),
            ("VTH = 2;", "VTH = high;", 14, "VTH = high: expected a number"),
            ("VTH = 2;", "VTH = nan;", 14, "VTH=nan: pass a finite number"),
            ("VTH = 2;", "VTH = -2;", 11, "v_th=-2.0: pass a finite number"),
            ("initW = 0.5;", "", 11, "initW is missing"),
            ("initType = Bernoulli;", "", 11, "initType is missing"),
            ("Bernoulli", "Uniform", 15, "initType = Uniform: expected one of Bernoulli, Gaussian, Fixed, External"),
            ("weightPath = test/golden/weights/output.txt;", "", 18, "weightPath is missing"),
            ("weights/output.txt", "weights/none.txt", 28, "no such file, as written or relative to .*; pass as root"),
            ("LOCAL_INHIBITION", "LOCAL", 29, "laterialType = LOCAL: expected one of NULL, LOCAL_INHIBITION, RESERVOIR"),
            ("localInbStrength = 1.5;", "", 18, "localInbStrength is missing"),
            ("initW = 0.5;", "initW = 0.5; lweightPath = x;", 16, "expected laterialType = RESERVOIR in the same block"),
            ("initW = 0.5;", "initW = 0.5; ADD_BIAS = true; BIAS_FREQ = 4;", 16, "BIAS_FREQ = 4: not supported: expected 1"),
            ("initW = 0.5", "initW = 1e308", 16, r"initW=1e\+308: pass a finite number of at most 1e\+30"),
            ("MARGIN = 1;", "", 18, "MARGIN is missing"),
            ("DESIRED_LEVEL = 10;", "DESIRED_LEVEL = 2;", 18, "desired=2 with undesired=2"),
        ],
    )
    def test_errors(self, external, old, new, line, problem):
        assert DENSE.count(old) == 1
        config = written(external, DENSE.replace(old, new), "config.txt")
        refuses(problem, reference.load, config, root=external, line=line)

    @pytest.mark.parametrize(
        ("old", "new", "line", "problem"),
        [
            ("3 x 1 x 1", "3 x 1", 17, "reservoirDim = 3 x 1: expected three sizes, `a x b x c`"),
            ("3 x 1 x 1", "3 x 1 x 2", 11, r"reservoir=\(3, 1, 2\): pass three sizes whose product is units=3"),
            ("reservoirDim = 3 x 1 x 1;", "", 11, "reservoirDim is missing"),
            ("Fixed", "Gaussian", 15, "expected External or Fixed for the weights of a reservoir"),
            ("weightConnect = 2", "weightConnect = 0", 17, "weightConnect=0"),
            ("weightConnect = 2", "weightConnect = 1001", 17, "weightConnect=1001: pass a whole number from 1 to 1000"),
            ("initW = 8", "initW = -1e31", 16, r"initW=-1e\+31: pass a finite number of at least -1e\+30"),
        ],
    )
    def test_reservoir_errors(self, external, old, new, line, problem):
        config = written(external, RESERVOIR.replace(old, new), "config.txt")
        refuses(problem, reference.load, config, root=external, line=line)

    @pytest.mark.parametrize(
        ("old", "new", "line", "problem"),
        [
            ("NUM_NEURONS = 36", "NUM_NEURONS = 35", 7, "NUM_NEURONS = 35: expected square images with CHANNELS = 1"),
            ("CHANNELS = 1", "CHANNELS = 3", 7, "expected square images with CHANNELS = 3"),
            ("SOFTMAXSPIKING", "POOLINGSPIKING", 14, "expected SPIKING or SOFTMAXSPIKING as the last layer"),
            ("KERNEL_SIZE = 3", "KERNEL_SIZE = 0", 9, "KERNEL_SIZE=0"),
            ("KERNEL_SIZE = 3", "KERNEL_SIZE = 9", 1, "kernel_size"),
        ],
    )
    def test_conv_errors(self, tmp_path, old, new, line, problem):
        config = CONV.replace(old, new).replace("NAME = output;", "NAME = output; SIZE = 1; SKIP = 1;")
        refuses(problem, reference.load, written(tmp_path, config), root=tmp_path, line=line)


# Weights and biases of `hidden`; weights, lateral weights and biases of `output`.
VALUES = (*range(12), 0, 0, 0, *range(20, 26), 0, -1.5, -1.5, 0, 0.25, 0.25)


class TestCheckpoint:
    def path(self, folder, values):
        return written(folder, " ".join(map(str, values[:15])) + "\n" + " ".join(map(str, values[15:])), "checkpoint.txt")

    def test_values(self, external):
        config = written(external, DENSE.replace("weights/output.txt", "none.txt"), "config.txt")
        path = self.path(external, VALUES)
        hidden, output = reference.load(config, checkpoint=path).network.layers  # no need for the initial weights
        np.testing.assert_array_equal(hidden.params["weight"], np.arange(12).reshape(3, 4))
        np.testing.assert_array_equal(output.params["weight"], np.arange(20, 26).reshape(2, 3))

    def test_biases(self, external):
        """They start at 0 without a checkpoint."""
        config = written(
            external, DENSE.replace("initW = 0.5;", "initW = 0.5; ADD_BIAS = true; BIAS_FREQ = 1;"), "config.txt"
        )
        values = [*VALUES[:12], 0.5, -0.25, 2, *VALUES[15:]]
        for checkpoint, expected in ((None, [0, 0, 0]), (self.path(external, values), [0.5, -0.25, 2])):
            definition = reference.load(config, root=external, checkpoint=checkpoint)
            hidden, output = definition.network.layers
            assert hidden.params["bias"].tolist() == expected
            assert "bias" not in output.params
            assert not {"ADD_BIAS", "BIAS_FREQ"} & {key.split()[0] for key in definition.unused}

    def test_inhibition_of_strength_zero_has_lateral_weights_too(self, external):
        config = written(external, DENSE.replace("localInbStrength = 1.5", "localInbStrength = 0"), "config.txt")
        values = [0 if value == -1.5 else value for value in VALUES]
        network = reference.load(config, checkpoint=self.path(external, values)).network
        np.testing.assert_array_equal(network.layers[1].params["weight"], np.arange(20, 26).reshape(2, 3))
        with pytest.raises(InputError, match="expected -0, diagonal 0"):
            reference.load(config, checkpoint=self.path(external, VALUES))

    def test_the_command_line_imports_it(self, external, capsys):
        config, path = written(external, DENSE, "config.txt"), self.path(external, VALUES)
        out = external / "net.npz"
        assert cli.main(["import-reference", str(config), "--checkpoint", str(path), "--out", str(out)]) == 0
        shown = capsys.readouterr().out
        assert "hidden  SpikingDense" in shown
        assert f"saved as {out}" in shown
        weight = Sequential.load(out).layers[0].params["weight"]
        np.testing.assert_array_equal(weight, np.arange(12).reshape(3, 4))
        assert cli.main(["import-reference", str(config), "--checkpoint", str(external / "none.txt")]) == 1
        assert "none.txt" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("values", "line", "problem"),
        [
            (VALUES[:-1], 2, r"26 values in all: layer 'output' expects values 16 to 27 \(weight 6, lateral 4, bias 2\)"),
            (VALUES[:14], 1, r"14 values in all: layer 'hidden' expects values 1 to 15 \(weight 12, bias 3\)"),
            ([*VALUES, 1], 2, r"28 values in all: expected 27 \(hidden 15, output 12\)"),
            ([*VALUES[:-1], "nan"], 2, "'nan': expected a finite number"),
            ([*VALUES[:22], -1.4, *VALUES[23:]], 2, "lateral weights of layer 'output' .*: expected -1.5, diagonal 0"),
        ],
    )
    def test_errors(self, external, values, line, problem):
        network = reference.load(written(external, DENSE, "config.txt"), root=external).network
        before = [layer.params["weight"].copy() for layer in network.layers]
        path = self.path(external, values)
        with pytest.raises(InputError, match=re.escape(f"{path}, line {line}: ") + f".*{problem}"):
            reference.load_checkpoint(network, path)
        for layer, weight in zip(network.layers, before, strict=True):
            np.testing.assert_array_equal(layer.params["weight"], weight)

    def test_conv(self, tmp_path):
        network = reference.load(written(tmp_path, CONV), root=tmp_path).network
        conv, _, output = network.layers
        sizes = (conv.params["weight"].size, 2, output.params["weight"].size, 2)
        path = written(tmp_path, " ".join(map(str, range(sum(sizes)))), "checkpoint.txt")
        reference.load_checkpoint(network, path)
        np.testing.assert_array_equal(conv.params["weight"].ravel(), np.arange(18))
        np.testing.assert_array_equal(output.params["weight"].ravel(), 20 + np.arange(sizes[2]))

    def test_reservoir(self, external):
        network = reference.load(written(external, RESERVOIR, "config.txt"), root=external).network
        values = [*range(12), *range(30, 39), 0, 0, 0, *VALUES[15:]]
        reference.load_checkpoint(network, self.path(external, values))
        buffers = network.layers[0].buffers
        np.testing.assert_array_equal(buffers["weight"], np.arange(12).reshape(3, 4))
        np.testing.assert_array_equal(buffers["lateral"], np.arange(30, 39).reshape(3, 3))

    def test_no_network(self, tmp_path):
        with pytest.raises(InputError, match="network='network': pass a Sequential"):
            reference.load_checkpoint("network", tmp_path)


@golden
class TestOriginals:
    CONFIG = GOLDEN / "SpikingCNNMnistConfig_test.txt"

    def test_config(self):
        config = read_config(self.CONFIG)
        assert len(config.globals) == 17
        assert config.globals["TRAIN_DATA_PATH"] == "test/cnn_mnist/input_spikes_0_5.dat"
        names = ["data", "conv1", "pooling1", "conv2", "pooling2", "hidden", "output"]
        assert [block["NAME"] for block in config.layers] == names
        assert [len(block) for block in config.layers] == [3, 15, 11, 15, 10, 13, 19]
        train, test = (f"test/golden/cnn_mnist/spikes/pool2/{phase}/pool2_1.dat" for phase in ("train", "test"))
        assert config.layers[4]["refOutputTrainPath"] == train
        assert config.layers[4].repeated == {"refOutputTrainPath": [test]}

    def test_network(self):
        definition = reference.load(self.CONFIG, root=GOLDEN)
        network = definition.network
        assert (network.input_shape, network.steps) == ((1, 28, 28), STEPS)
        assert [layer.output_shape for layer in network.layers[:4]] == list(SHAPES.values())[:4]
        weights = [layer.params["weight"] for layer in network.layers if layer.params]
        assert [weight.shape for weight in weights] == [(5, 1, 5, 5), (3, 5, 5, 5), (100, 48), (10, 100)]
        first = np.array([weight.ravel()[:2] for weight in weights])
        np.testing.assert_allclose(first, [[-0.9, 0.09], [0.11, 2.5], [-0.37, first[2, 1]], [-0.23, first[3, 1]]], rtol=1e-6)
        np.testing.assert_allclose(weights[2][:3, 0], [-0.37, -0.29, 0.91], rtol=1e-6)  # in the order of the file
        assert network.layers[-1].lateral_inhibition == 1
        assert all(layer.effect_ratio for layer in network.layers)
        assert repr(definition.loss) == repr(losses.SpikeCount(35, 5, 5))
        assert (definition.batch_size, definition.boost) == (1, True)

    def test_trained_weights(self):
        weights = GOLDEN / "weights"
        assert read_conv_weights(weights / "conv1_info_trained.txt", (5, 1, 5, 5)).flat[0] == np.float32(-0.899)
        assert read_conv_weights(weights / "conv2_info_trained.txt", (3, 5, 5, 5)).flat[0] == np.float32(0.109)
        assert read_dense_weights(weights / "hidden_info_trained.txt", 100, 48)[0, 0] == np.float32(-0.369)
        assert read_dense_weights(weights / "output_info_trained.txt", 10, 100)[1, 0] == np.float32(0.509)

    def test_spikes(self, tmp_path):
        total = 0
        for name, neurons in SHAPES.items():
            path = next((GOLDEN / "spikes" / name / "train").iterdir())
            spikes = reference.read_spikes(path, neurons, STEPS)
            assert spikes.shape == (STEPS, np.prod(neurons))
            total += int(spikes.sum())
            channels = None if isinstance(neurons, int) else neurons[0]
            reference.write_spikes(tmp_path / name, spikes, channels=channels)
            assert (tmp_path / name).read_bytes() == path.read_bytes()
        assert total == 23_435

    def test_input(self):
        path = GOLDEN / "input_spikes_0_5.dat"
        spikes = reference.read_spikes(path, 784, STEPS)
        assert spikes.sum() == 8927
        assert spikes[371, 152] == 1
        assert class_label(path) == 5

    def test_a_value_too_few(self, tmp_path):
        text = (GOLDEN / "spikes" / "pool2" / "train" / "pool2_1.dat").read_text()
        path = written(tmp_path, text[:-2])
        refuses("21599 values in all: expected 21600", reference.read_spikes, path, SHAPES["pool2"], STEPS, line=3)
