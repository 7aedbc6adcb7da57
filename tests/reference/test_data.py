"""Samples that a config of the original program names."""

import numpy as np
import pytest
from originals import CONV, DENSE, GOLDEN, OUTPUT_WEIGHTS, STEPS, golden, written

from cupynn import reference
from cupynn.checks import InputError


def samples(folder, keys, config=DENSE):
    """Training samples of a config with these keys."""
    written(folder, OUTPUT_WEIGHTS, "test/golden/weights/output.txt")
    return reference.load(written(folder, keys + config, "config.txt"), root=folder, device="cpu").train


def refused(folder, keys, problem):
    with pytest.raises(InputError, match=problem):
        samples(folder, keys).load()


class TestLoad:
    def test_a_dump(self, tmp_path):
        written(tmp_path, "-1 -1\n3 29\n0 1\n-1 -1\n", "test/input_0_5.dat")
        found = samples(tmp_path, "TRAIN_DATA_PATH = test/input_0_5.dat; TRAIN_SAMPLES = 1;")
        assert repr(found) == "Samples(path='test/input_0_5.dat', count=1, per_class=None)"
        spikes, labels = found.load()
        assert spikes.shape == (1, 30, 4)
        assert [tuple(map(int, event)) for event in zip(*spikes.events(), strict=True)] == [(0, 1, 0), (0, 29, 3)]
        np.testing.assert_array_equal(labels, [5])
        assert labels.dtype == np.int64

    def test_images(self, tmp_path):
        written(tmp_path, "-1 -1\n7 3\n-1 -1\n", "input_0_1.dat")
        spikes, _ = samples(tmp_path, "TRAIN_DATA_PATH = input_0_1.dat;", CONV).load()
        assert spikes.shape == (1, 20, 1, 6, 6)
        assert spikes.to_dense()[0, 3, 0, 1, 1] == 1

    def test_nmnist(self, tmp_path):
        for label in (1, 0):
            written(tmp_path, "1 0\n#\n2 1\n#\n3 2\n#\n", f"nmnist/Train_{label}.dat")
        spikes, labels = samples(tmp_path, "TRAIN_DATA_PATH = nmnist/;").load()
        np.testing.assert_array_equal(labels, [0, 0, 0, 1, 1, 1])
        spikes, labels = samples(tmp_path, "TRAIN_DATA_PATH = nmnist; TRAIN_PER_CLASS = 2; TRAIN_SAMPLES = -1;").load()
        np.testing.assert_array_equal(labels, [0, 0, 1, 1])
        np.testing.assert_array_equal(spikes.events().neurons, [0, 1, 0, 1])
        _, labels = samples(tmp_path, "TRAIN_DATA_PATH = nmnist; TRAIN_PER_CLASS = 2; TRAIN_SAMPLES = 3;").load()
        np.testing.assert_array_equal(labels, [0, 0, 1])
        _, labels = samples(tmp_path, "TRAIN_DATA_PATH = nmnist; TRAIN_SAMPLES = 4; TRAIN_PER_CLASS = -1;").load()
        np.testing.assert_array_equal(labels, [0, 0, 0, 1])

    def test_cochleagrams_in_a_folder_per_class(self, tmp_path):
        for name, level in (("3/f1_u10.dat", 5e-4), ("11/f1_u10.dat", 0.0)):
            written(tmp_path, f"{level} {level} {level}\n" * 4, f"speech/{name}")
        spikes, labels = samples(tmp_path, "TRAIN_DATA_PATH = speech;").load()
        np.testing.assert_array_equal(labels, [11, 3])
        assert not spikes.counts[0].any()
        assert (spikes.counts[1] > 10).all()

    def test_what_is_dropped_is_reported_once(self, tmp_path):
        for label in range(3):
            written(tmp_path, "1 0 28 29\n#\n", f"nmnist/Train_{label}.dat")
        with pytest.warns(UserWarning, match=r"Train_0.dat: dropped 1 of 3 spikes at step 30 or later") as seen:
            spikes, _ = samples(tmp_path, "TRAIN_DATA_PATH = nmnist;").load()
        assert spikes.total == 6
        assert len(seen) == 1
        assert "(and 2 more files with such a report)" in str(seen[0].message)
        assert seen[0].filename == __file__
        written(tmp_path, "0 0 0 0\n" * 4, "speech/a_1.dat")
        with pytest.warns(UserWarning, match=r"a_1.dat: 1 of 1 samples last longer than 30 steps, up to 40, and are cut:"):
            samples(tmp_path, "TRAIN_DATA_PATH = speech;").load()

    def test_only_the_files_that_are_needed_are_read(self, tmp_path):
        written(tmp_path, "1 0\n#\n", "nmnist/Train_0.dat")
        written(tmp_path, "garbage", "nmnist/Train_1.dat")
        written(tmp_path, "garbage", "nmnist/.hidden_1.dat")
        assert len(samples(tmp_path, "TRAIN_DATA_PATH = nmnist; TRAIN_SAMPLES = 1;").load()[1]) == 1
        refused(tmp_path, "TRAIN_DATA_PATH = nmnist; TRAIN_PER_CLASS = 1;", r"Train_1.dat, line 1: 'garbage'")

    def test_training_on_them(self, tmp_path):
        for label in (0, 1):
            written(tmp_path, "1 0 4 8\n2 1 5 9\n#\n" * 2, f"nmnist/Train_{label}.dat")
        written(tmp_path, OUTPUT_WEIGHTS, "test/golden/weights/output.txt")
        config = "TEST_EPOCH = 2; TRAIN_DATA_PATH = nmnist;" + DENSE.replace("DESIRED_LEVEL = 10", "DESIRED_LEVEL = 5")
        config = written(tmp_path, config, "config.txt")
        history = reference.load(config, root=tmp_path, device="cpu").fit(progress=False)
        assert len(history) == 2

    @pytest.mark.parametrize(
        ("keys", "problem"),
        [
            ("TRAIN_SAMPLES = 6;", "TRAIN_DATA_PATH is missing: .*pass the data, for example"),
            ("TRAIN_DATA_PATH = none;", "line 1: TRAIN_DATA_PATH = none: no such file or folder, as written or relative to"),
            ("TRAIN_DATA_PATH = empty;", r"the folder .*empty contains no file \*.dat"),
            ("TRAIN_DATA_PATH = input.dat;", "expected a file name that ends with the class"),
            ("TRAIN_DATA_PATH = input_1.dat; TRAIN_SAMPLES = 0;", "no samples: expected at least one"),
            ("TRAIN_DATA_PATH = input_1.dat; TRAIN_PER_CLASS = 0;", "no samples: expected at least one"),
        ],
    )
    def test_errors(self, tmp_path, keys, problem):
        written(tmp_path, "text", "empty/file.txt")
        for name in ("input.dat", "input_1.dat"):
            written(tmp_path, "-1 -1\n3 29\n-1 -1\n", name)
        refused(tmp_path, keys, problem)

    @golden
    def test_the_originals(self):
        definition = reference.load(GOLDEN / "SpikingCNNMnistConfig_test.txt", root=GOLDEN, device="cpu")
        for part in (definition.train, definition.test):
            spikes, labels = part.load()
            assert (spikes.shape, spikes.total) == ((1, STEPS, 1, 28, 28), 8927)
            np.testing.assert_array_equal(labels, [5])
        assert (definition.epochs, definition.augment) == (1, None)
        assert definition.unused == ("SHOWIMAGE", "WHITE_NOISE", "NUM_CLASSES (output)")


class TestPick:
    @pytest.mark.parametrize(
        ("keys", "chosen"),
        [
            ("", [0, 1, 2, 3, 4, 5]),
            ("TRAIN_SAMPLES = -1;", [0, 1, 2, 3, 4, 5]),
            ("TRAIN_SAMPLES = 2;", [0, 1]),
            ("TRAIN_SAMPLES = 0;", []),
            ("TRAIN_PER_CLASS = 1;", [0, 1, 4]),
            ("TRAIN_PER_CLASS = 2;", [0, 1, 2, 3, 4]),
            ("TRAIN_PER_CLASS = 2; TRAIN_SAMPLES = 3; TEST_SAMPLES = 1;", [0, 1, 2]),
        ],
    )
    def test_which(self, tmp_path, keys, chosen):
        np.testing.assert_array_equal(samples(tmp_path, keys).pick([7, 3, 7, 3, 0, 7]), chosen)

    def test_of_nothing(self, tmp_path):
        assert samples(tmp_path, "TRAIN_PER_CLASS = 1;").pick([]).size == 0
