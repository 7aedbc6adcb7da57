"""Texts of the original program: weights, spikes, samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from originals import refuses, written

from cupynn import reference
from cupynn.checks import InputError
from cupynn.reference.samples import class_label
from cupynn.reference.text import TextFile
from cupynn.reference.weights import read_conv_weights, read_dense_weights


class TestText:
    @pytest.mark.parametrize(
        ("data", "line", "problem"),
        [
            (b"", 1, "the file is empty; expected numbers"),
            (b" \n\t\r\n ", 1, "the file is empty"),
            (b"1 2\n3 \xff 4\n", 2, "not UTF-8 text; expected numbers"),
            (b"1 2\n\n3 \x00 4\n", 3, r"control character '\\x00'"),
        ],
    )
    def test_what_is_no_text(self, tmp_path, data, line, problem):
        refuses(problem, TextFile, written(tmp_path, data), "numbers", line=line)

    def test_what_cannot_be_read(self, tmp_path):
        refuses(r": cannot be read \(.*\); expected numbers", TextFile, tmp_path / "none.txt", "numbers")
        refuses(r": cannot be read \(.*\); expected numbers", TextFile, tmp_path, "numbers")

    @pytest.mark.parametrize("word", ["nan", "inf", "-inf", "1e999", "1_0", "x", "0x1", "1.2.3", "--1", "9" * 5000, "-1e31"])
    def test_words_that_are_no_numbers(self, tmp_path, word):
        file = TextFile(written(tmp_path, f"1 2\n\n3 {word} 4\n"), "numbers")
        for kind in (int, float):
            with pytest.raises(InputError, match=rf"line 3: '{word[:40]}': expected a (whole|finite) number"):
                file.numbers(file.rows, kind)

    @pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**64])
    def test_whole_numbers_whose_sums_would_overflow(self, tmp_path, number):
        file = TextFile(written(tmp_path, f"1\n{number}\n"), "numbers")
        with pytest.raises(InputError, match=f"line 2: '{number}': expected a whole number"):
            file.numbers(file.rows, int)

    def test_numbers(self, tmp_path):
        file = TextFile(written(tmp_path, "\ufeff1 -2\r\n\r\n+3e1 .5\n"), "numbers")
        np.testing.assert_array_equal(file.numbers(file.rows, float), [1, -2, 30, 0.5])
        assert [file.line_of(index) for index in range(6)] == [1, 1, 3, 3, 3, 3]
        assert file.last == 3
        with pytest.raises(InputError, match=r"line 13: '\+3e1': expected a whole number"):
            file.numbers(file.rows[2:], int, first=13)


class TestDenseWeights:
    def test_values(self, tmp_path):
        path = written(
            tmp_path, "7 stack2line_0 h_0_0 1\n8\ta_0\th_0_1\t2.5e-1\n\n9 a_1 h_0 -3\n10 a_1 h_1 4\n11 a_0 h_0 .5\n"
        )
        weight = read_dense_weights(path, 2, 2)
        assert weight.dtype == np.float32
        np.testing.assert_array_equal(weight, [[1.5, -3], [0.25, 4]])

    def test_sparse(self, tmp_path):
        path = written(tmp_path, "0 a_2 b_1 8\n1 a_2 b_1 8\n")
        np.testing.assert_array_equal(read_dense_weights(path, 2, 3, sparse=True), [[0, 0, 0], [0, 0, 16]])
        refuses(r"no weight from pre_0 to post_0: expected all 6 pairs", read_dense_weights, path, 2, 3, line=2)

    @pytest.mark.parametrize(
        ("text", "line", "problem"),
        [
            ("0 a_0 b_0 1\n1 a_1 b_0 1 7\n", 2, "expected `index pre_<j> post_<i> value`"),
            ("0 a_0 b_0 1\n1 a_1 b_0\n", 2, "expected `index"),
            ("0 a_0 b_0 1\n1 a b_0 1\n", 2, "expected `index"),
            ("0 a_0 b_0 1\n-1 a_1 b_0 1\n", 2, "expected `index"),
            ("0 a_0 b_0 1\n1 a_x b_0 1\n", 2, "expected `index"),
            ("0 a_0 b_0 1\n1 a_1 b_0 nan\n", 2, "'nan': expected a finite number"),
            ("0 a_0 b_0 1\n1 a_2 b_0 1\n", 2, "pre_2: expected pre_0 to pre_1"),
            ("0 a_0 b_0 1\n\n1 a_1 b_1 1\n", 3, "post_1: expected post_0 to post_0"),
            ("0 a_0 b_0 1\n2 a_1 b_0 1\n", 2, "index 2 after 0: expected 1"),
            ("garbage\n", 1, "'garbage': expected `index"),
        ],
    )
    def test_errors(self, tmp_path, text, line, problem):
        refuses(problem, read_dense_weights, written(tmp_path, text), 1, 2, line=line)


class TestConvWeights:
    def test_values(self, tmp_path):
        path = written(tmp_path, " ".join(map(str, range(12))) + "\n 12 13 14 15\n\n")
        weight = read_conv_weights(path, (2, 2, 2, 2))
        assert weight.dtype == np.float32
        np.testing.assert_array_equal(weight, np.arange(16).reshape(2, 2, 2, 2))
        refuses("16 values in all: expected 8, 2 x 1 x 2 x 2", read_conv_weights, path, (2, 1, 2, 2), line=1)
        refuses("16 values in all: expected 15, 15 x 1 x 1 x 1", read_conv_weights, path, (15, 1, 1, 1), line=2)
        refuses("16 values in all: expected 18, 2 x 1 x 3 x 3", read_conv_weights, path, (2, 1, 3, 3), line=2)

    def test_no_number(self, tmp_path):
        refuses("'inf': expected a finite number", read_conv_weights, written(tmp_path, "1\n2 inf"), (3, 1, 1, 1), line=2)


class TestSpikes:
    def test_pairs(self, tmp_path):
        path = written(tmp_path, "-1\t-1\n2 0\n0 3\n0 1\n-1 -1\n\n")
        spikes = reference.read_spikes(path, 3, 4)
        assert spikes.dtype == np.uint8
        np.testing.assert_array_equal(spikes, [[0, 0, 1], [1, 0, 0], [0, 0, 0], [1, 0, 0]])
        assert reference.read_spikes(written(tmp_path, "-1 -1\n-1 -1\n"), 3, 4).sum() == 0

    def test_spikes_at_the_end_time_are_dropped_and_reported(self, tmp_path):
        """Dumps of the original program contain them; it reads steps 0 to END_TIME - 1."""
        path = written(tmp_path, "-1 -1\n2 3\n0 4\n1 4\n0 0\n1 900\n-1 -1\n")
        problem = r"file.txt: dropped 3 of 5 spikes at step 4 or later.*: steps 0 to 3 count"
        with pytest.warns(UserWarning, match=problem) as seen:
            spikes = reference.read_spikes(path, 3, 4)
        np.testing.assert_array_equal(spikes, [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]])
        assert len(seen) == 1
        assert seen[0].filename == __file__
        assert reference.read_spikes(path, 3, 901).sum() == 5

    def test_maps(self, tmp_path):
        # two channels of 1 x 2 neurons, three steps
        path = written(tmp_path, "1 0 0 0 0 1\n0 0 1 1 0 0\n")
        expected = [[1, 0, 0, 0], [0, 0, 1, 1], [0, 1, 0, 0]]
        for neurons in (4, (2, 1, 2)):
            np.testing.assert_array_equal(reference.read_spikes(path, neurons, 3), expected)
        one_line = written(tmp_path, "1 0 0 0 0 1 0 0 1 1 0 0")
        np.testing.assert_array_equal(reference.read_spikes(one_line, (2, 1, 2), 3), expected)

    @pytest.mark.parametrize(
        ("text", "line", "problem"),
        [
            ("-1 -1\n3 0\n-1 -1\n", 2, "neuron 3: expected 0 to 2"),
            ("-1 -1\n1 0\n\n1 -4\n-1 -1\n", 4, "time -4: expected at least 0"),
            ("-1 -1\n-1 2\n-1 -1\n", 2, "neuron -1: expected 0 to 2"),
            ("-1 5\n1 1\n-1 -1\n", 1, "expected `-1 -1` before the spikes"),
            ("-1 -1\n1 1\n2 2\n", 3, "expected `-1 -1` after the spikes"),
            ("-1 -1\n", 1, "expected `-1 -1` after the spikes"),
            ("-1 -1\n1 1\n-1 -1\n2 2\n-1 -1\n", 4, "expected the end of the file after one presentation"),
            ("-1 -1\n1 1 1\n-1 -1\n", 2, "'1 1 1': expected `neuron time`"),
            ("-1 -1\n1\n-1 -1\n", 2, "'1': expected `neuron time`"),
            ("-1 -1\n1 1.5\n-1 -1\n", 2, "'1.5': expected a whole number"),
            ("5 1\n-1 -1\n", 1, "5: expected 0 or 1, or a first line `-1 -1`"),
            ("0 1 0 1\n0 1 2 1\n0 0 0 0\n", 2, "2: expected 0 or 1"),
            ("0 1 0 1\n0 1 0 1\n0 0 0\n", 3, "11 values in all: expected 12, of 3 neurons in 4 steps"),
            ("0 1 0 1\n0 1 0 1\n0 0 0 0 0\n", 3, "13 values in all: expected 12"),
            ("0 1 0 1 0 1\n0 1 0 1 0 1\n", 2, "2 lines: expected one per channel, with 3 neurons in all"),
            ("spikes\n", 1, "'spikes': expected a whole number"),
        ],
    )
    def test_errors(self, tmp_path, text, line, problem):
        refuses(problem, reference.read_spikes, written(tmp_path, text), 3, 4, line=line)

    def test_arguments(self, tmp_path):
        path = tmp_path / "spikes.dat"
        for neurons, steps, problem in ((0, 4, r"neurons\[0\]=0"), ((2, 0), 4, r"neurons\[1\]=0"), (3, 0, "steps=0")):
            with pytest.raises(InputError, match=problem):
                reference.read_spikes(path, neurons, steps)
        spikes = np.zeros((2, 6))
        for array, problem in (
            (np.zeros(3), r"shape \(3,\)"),
            (np.zeros((0, 3)), "non-empty"),
            (spikes + 2, "0 and 1"),
        ):
            with pytest.raises(InputError, match=problem):
                reference.write_spikes(path, array)
        with pytest.raises(InputError, match="channels=4 with 6 neurons"):
            reference.write_spikes(path, spikes, channels=4)
        with pytest.raises(InputError, match=r"cannot write .*: .*; choose an existing"):
            reference.write_spikes(tmp_path / "none" / "spikes.dat", spikes)
        assert list(tmp_path.iterdir()) == []

    def test_a_full_disk_leaves_the_file_as_it_was(self, tmp_path, monkeypatch):
        path = tmp_path / "spikes.dat"
        reference.write_spikes(path, np.eye(3))
        before = path.read_bytes()

        def full(_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(InputError, match=r"cannot write .*: No space left on device; choose an existing"):
            reference.write_spikes(path, np.zeros((3, 3)))
        assert [each.read_bytes() for each in tmp_path.iterdir()] == [before]

    @hypothesis_settings(max_examples=40)
    @given(arrays(np.uint8, array_shapes(min_dims=4, max_dims=4, max_side=4), elements=st.integers(0, 1)))
    def test_round_trip(self, tmp_path_factory, spikes):
        path = tmp_path_factory.getbasetemp() / "round_trip.dat"
        steps, *shape = spikes.shape
        flat = spikes.reshape(steps, -1)
        reference.write_spikes(path, spikes)
        np.testing.assert_array_equal(reference.read_spikes(path, tuple(shape), steps), flat)
        reference.write_spikes(path, spikes.astype(float), channels=shape[0])
        for neurons in (tuple(shape), flat.shape[1]):
            np.testing.assert_array_equal(reference.read_spikes(path, neurons, steps), flat)


class TestSamples:
    def test_nmnist(self, tmp_path):
        path = written(tmp_path, "1\t0\t3\t\n4 2 2\n#\n#\n2 8 9 1000\n#\n\n", "Train_7.dat")
        with pytest.warns(UserWarning, match=r"Train_7.dat: dropped 2 of 7 spikes at step 10 or later") as seen:
            spikes, labels = reference.read_nmnist(path, (2, 2), 10)
        assert seen[0].filename == __file__
        np.testing.assert_array_equal(labels, [7, 7, 7])
        assert spikes.shape == (3, 10, 2, 2)
        assert [tuple(map(int, event)) for event in zip(*spikes.events(), strict=True)] == [
            (0, 1, 0),
            (0, 3, 3),
            (0, 4, 0),
            (2, 9, 1),
        ]

    @pytest.mark.parametrize(
        ("text", "line", "problem"),
        [
            ("1 0\n#\n2 1\n", 3, "expected `#` after the last sample"),
            ("1 0\n", 1, "expected `#` after the last sample"),
            ("1 0\n#\n0 1\n#\n", 3, "channel 0: expected 1 to 4"),
            ("1 0\n#\n1 1\n5 1\n#\n", 4, "channel 5: expected 1 to 4"),
            ("1 0\n2 1 -1\n#\n", 2, "time -1: expected at least 0"),
            ("1 0\n#\n\n2\n#\n", 4, "a channel without times"),
            ("1 0\n#\n2 x\n#\n", 3, "'x': expected a whole number"),
            ("1 0\n# 1\n#\n", 2, "'#': expected a whole number"),
        ],
    )
    def test_nmnist_errors(self, tmp_path, text, line, problem):
        refuses(problem, reference.read_nmnist, written(tmp_path, text, "test_1.dat"), 4, 10, line=line)

    def test_class_label(self):
        assert class_label("folder/input_spikes_0_5.dat") == 5
        for name in ("5.dat", "a_x.dat", "a_5.txt", "a_-5.dat"):
            refuses(": expected a file name that ends with the class", class_label, name)

    def test_cochleagram(self, tmp_path):
        path = written(tmp_path, "0.5 1e-3 2\n\n3 4 5\n")
        np.testing.assert_array_equal(reference.read_cochleagram(path, channels=2), [[0.5, 1e-3, 2], [3, 4, 5]])
        refuses("2 channels in all: expected 78", reference.read_cochleagram, path, line=3)
        refuses("2 channels in all: expected 1", reference.read_cochleagram, path, channels=1, line=3)
        path = written(tmp_path, "1 2 3\n3 4\n")
        refuses("2 frames: expected 3", reference.read_cochleagram, path, channels=2, line=2)
        path = written(tmp_path, "1 2\n3 inf\n")
        refuses("'inf': expected a finite", reference.read_cochleagram, path, channels=2, line=2)
