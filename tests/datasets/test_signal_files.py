"""Signals over time in .npz files, read directly and from a definition."""

import json

import numpy as np
import pytest

from cupynn import InputError, cli, datasets, open_run, presets
from cupynn.encoders import BSA

TIME = np.arange(100)[:, None]
WAVES = np.stack([np.sin(TIME / (2 + 2 * (index % 2)) + index) * (1 + index) for index in range(8)])
LABELS = np.arange(8) % 2


def save(path, **arrays):
    np.savez(path, **{"x": WAVES, "y": LABELS} | arrays)
    return path


def same(one, other):
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(one.lengths, other.lengths)


def test_the_file_is_read_as_its_arrays(tmp_path):
    options = {"band": (4, 40), "normalise": "range", "frame_rate": 125}
    data = datasets.from_signals(save(tmp_path / "eeg.npz", rate=250, classes=["rest", "task"]), **options)
    same(data.x, datasets.signals(WAVES, LABELS, rate=250, **options).x)
    assert (data.classes, data.y.tolist(), data.name, data.x.rate) == (("rest", "task"), LABELS.tolist(), "eeg", 125)
    assert datasets.from_signals(tmp_path / "eeg.npz", rate=500, name="other").x.rate == 500


def test_signals_of_different_lengths(tmp_path):
    lengths = np.array([30, 5, 65])
    path = save(tmp_path / "eeg.npz", x=WAVES[0], y=[0, 1, 0], lengths=lengths, rate=[250, 500, 250])
    data = datasets.from_signals(path, frame_rate=250)
    same(data.x, datasets.signals(np.split(WAVES[0], [30, 35]), [0, 1, 0], rate=[250, 500, 250], frame_rate=250).x)
    same(datasets.read_signals(path, frame_rate=250), data.x)


def test_values_as_they_are(tmp_path):
    path = save(tmp_path / "eeg.npz", x=abs(WAVES) / 9)
    same(datasets.from_signals(path, normalise="none").x, datasets.signals(abs(WAVES) / 9, LABELS, normalise=None).x)


def test_limits_of_another_file(tmp_path):
    train = save(tmp_path / "train.npz", rate=250)
    limits = datasets.signal_limits(WAVES, rate=250, band=(4, 40))
    new = save(tmp_path / "new.npz", x=WAVES[:2], y=[0, 1], rate=250)
    found = datasets.from_signals(new, band=(4, 40), limits=train).x
    same(found, datasets.signals(WAVES[:2], [0, 1], rate=250, band=(4, 40), limits=limits).x)


def test_the_rate_of_the_training_data(tmp_path):
    train = save(tmp_path / "train.npz", rate=250)
    np.savez(tmp_path / "new.npz", x=WAVES[:2])
    np.savez(tmp_path / "other.npz", x=WAVES[:2], rate=500)
    options = {"limits": train, "band": (4, 40), "frame_rate": 250}
    assert datasets.read_signals(tmp_path / "new.npz", **options).lengths.tolist() == [100, 100]
    assert datasets.read_signals(tmp_path / "other.npz", **options).lengths.tolist() == [50, 50]
    assert datasets.read_signals(tmp_path / "other.npz", rate=250, **options).lengths.tolist() == [100, 100]
    save(tmp_path / "train.npz", rate=[250] * 8)
    with pytest.raises(InputError, match=r"new\.npz: band without rate"):
        datasets.read_signals(tmp_path / "new.npz", **options)


@pytest.mark.parametrize("array", [WAVES[0], WAVES[:1]])
def test_new_signals_have_no_labels(tmp_path, array):
    np.save(tmp_path / "new.npy", array)
    same(datasets.read_signals(tmp_path / "new.npy", limits=(-1, 1)), datasets.signals(WAVES[:1], [0], limits=(-1, 1)).x)
    with pytest.raises(InputError, match=r"new\.npy holds the arrays x, but no labels y: write it with np\.savez"):
        datasets.from_signals(tmp_path / "new.npy")


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"x": WAVES[0]}, {}, r"eeg\.npz: arrays has shape \(100, 1\): pass \(signals, time, channels\)"),
        ({"y": [0.5] * 8}, {}, r"eeg\.npz: labels has dtype float64"),
        ({"y": [2**31] * 8}, {}, r"eeg\.npz: labels\[0\]=2147483648: this is far above the number of samples, 8"),
        ({"x": WAVES[0], "lengths": [50, 51]}, {}, r"eeg\.npz: lengths has shape \(2,\), int64, and x has \(100, 1\): pass"),
        ({"x": WAVES[0], "lengths": [2**63 - 1, 2**63 - 1, 102]}, {}, r"lengths has shape \(3,\)"),
        ({"x": WAVES[0], "lengths": [100, 0]}, {}, r"lengths has shape \(2,\)"),
        ({"x": WAVES[0], "lengths": 100}, {}, r"lengths has shape \(\)"),
        ({"lengths": [8]}, {}, r"lengths has shape \(1,\), int64, and x has \(8, 100, 1\)"),
        ({"classes": ["a"]}, {}, r"eeg\.npz: y\[1\]=1: labels must be within 0\.\.0"),
        ({"rate": "a"}, {}, r"eeg\.npz: rate='a': pass a finite number"),
        ({"x": WAVES[:, :, :0]}, {}, r"eeg\.npz: arrays\[0\] is float64 \(100, 0\)"),
        ({"x": np.float64(3)}, {}, r"eeg\.npz: arrays has shape \(\)"),
        ({}, {"limits": "none.npz"}, r"none\.npz: no such file"),
        ({}, {"limits": (0, 1), "normalise": "none"}, "limits with normalise=None"),
        ({}, {"band": (1, 2)}, "band without rate"),
    ],
)
def test_what_cannot_be_used(tmp_path, arrays, options, message):
    path = save(tmp_path / "eeg.npz", **arrays)
    with pytest.raises(InputError, match=message):
        datasets.from_signals(path, **options)


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK")
    np.savez(tmp_path / "b.npz", y=[0])
    for name, message in (("a.npz", "cannot be read"), ("b.npz", "holds the arrays y: write it"), ("c.npz", "no such file")):
        for read in (datasets.from_signals, datasets.read_signals):
            with pytest.raises(InputError, match=message):
                read(tmp_path / name)


DEFINITION = """
[data]
kind = "signals"
path = "eeg.npz"
test = {test}
validation = 0
band = [4, 40]
[network]
input_shape = [2]
steps = 100
encoder = {{ kind = "BSA", gain = 1.0, hold = 1, length = 10, width = 4.0, threshold = 0.6 }}
layers = [ {{ kind = "SpikingDense", name = "output", units = 2, v_th = 1.0 }} ]
[loss]
kind = "SpikeCount"
desired = 10
undesired = 1
margin = 1
[training]
epochs = 1
"""


def test_a_definition_trains_and_classifies_new_signals(tmp_path, capsys):
    save(tmp_path / "eeg.npz", rate=250)
    np.savez(tmp_path / "new.npz", x=WAVES[:2] / 2, rate=250)
    (tmp_path / "mine.toml").write_text(DEFINITION.format(test="0.25"))
    assert cli.main(["train", str(tmp_path / "mine.toml"), "--out", str(tmp_path / "run"), "--quiet"]) == 0
    train, _, test = open_run(tmp_path / "run").data()
    assert (len(train), len(test), train.input_shape) == (6, 2, (2,))
    capsys.readouterr()
    assert cli.main(["predict", str(tmp_path / "run"), str(tmp_path / "new.npz"), "--json"]) == 0
    found = [json.loads(line)["counts"] for line in capsys.readouterr().out.splitlines()]
    limits = datasets.signal_limits(WAVES, rate=250, band=(4, 40))
    x = datasets.signals(WAVES[:2] / 2, [0, 1], rate=250, band=(4, 40), limits=limits).x
    assert found == open_run(tmp_path / "run").network().counts(x).tolist()


def test_a_file_to_test_on_has_the_limits_of_the_training_data(tmp_path):
    save(tmp_path / "eeg.npz", rate=250)
    save(tmp_path / "new.npz", x=WAVES[:2] / 2, y=[0, 1], rate=250)
    (tmp_path / "mine.toml").write_text(DEFINITION.format(test='"new.npz"'))
    train, _, test = presets.read(tmp_path / "mine.toml").load_data()
    limits = datasets.signal_limits(WAVES, rate=250, band=(4, 40))
    same(test.x, datasets.signals(WAVES[:2] / 2, [0, 1], rate=250, band=(4, 40), limits=limits).x)
    same(train.x, datasets.signals(WAVES, LABELS, rate=250, band=(4, 40)).x)
    assert isinstance(presets.read(tmp_path / "mine.toml").build("cpu")[0].encoder, BSA)
