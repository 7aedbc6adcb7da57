"""Paths that no file can have, by every door: one error that names the path."""

import numpy as np
import pytest

from cupynn import (
    Sequential,
    checkpoint,
    checks,
    cli,
    datasets,
    encoders,
    layers,
    nir,
    open_run,
    optimizers,
    plot,
    presets,
    reference,
    run,
)
from cupynn.checks import InputError
from cupynn.datasets import cifar10, idx, sound
from cupynn.plot.films import Film
from cupynn.plot.page import Page
from cupynn.results import metrics

NET = Sequential([layers.SpikingDense(3, v_th=2.0, t_ref=0)], (8, 8), 40, encoders.Poisson(), device="cpu")
DATA = np.ones((6, 8, 8), np.uint8), np.arange(6) % 3
SMALL = {"training.epochs": 1, "network.steps": 10}

DOORS = [
    NET.save,
    Sequential.load,
    checkpoint.save.__get__(NET),
    checkpoint.load,
    lambda path: NET.fit(DATA, epochs=1, progress=False, optimizer=optimizers.Adam(), checkpoint=path),
    presets.read,
    lambda path: run.train(presets.read("digits", SMALL), path, progress=False, device="cpu"),
    run.resume,
    open_run,
    metrics.read,
    plot.curves,
    lambda path: Film.save(None, path),
    Page("", "").save,
    datasets.from_image_folder,
    datasets.read_image,
    lambda path: datasets.from_event_folder(path, (2, 8, 8)),
    lambda path: datasets.read_events(path, (2, 8, 8)),
    datasets.from_event_tables,
    datasets.from_shd,
    datasets.from_sound_folder,
    lambda path: datasets.read_sound(path, 8000),
    datasets.first_rate,
    datasets.from_npz,
    datasets.from_signals,
    datasets.read_signals,
    lambda path: idx.read(path, 1),
    cifar10.read,
    sound.read,
    nir.load,
    lambda path: nir.export(NET, path),
    lambda path: nir.certify(NET, path),
    reference.load,
    lambda path: reference.load_checkpoint(NET, path),
    lambda path: reference.read_spikes(path, 3, 10),
    lambda path: reference.write_spikes(path, np.ones((2, 3))),
]


@pytest.mark.parametrize("path", ["a\0b.npz", "a" * 5000], ids=["NUL", "long"])
@pytest.mark.parametrize("door", DOORS)
def test_one_error_names_the_path(door, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        door(path)
    assert repr(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words",
    [
        ["train", "digits", "--set", "training.epochs=1", "--out", "BAD"],
        ["train", "BAD.toml"],
        ["train", "--resume", "BAD"],
        ["evaluate", "BAD"],
        ["predict", "net.npz", "BAD.npy"],
        ["raster", "net.npz", "--file", "BAD.npy"],
        ["raster", "net.npz", "--file", "x.npy", "--out", "BAD.png"],
        ["export", "net.npz", "BAD.nir"],
        ["export", "net.npz", "net.nir", "--file", "BAD.npy"],
        ["import-nir", "BAD.nir", "net.npz"],
        ["import-reference", "BAD", "--out", "net.npz"],
    ],
)
@pytest.mark.parametrize("bad", ["a\0b", "a" * 5000], ids=["NUL", "long"])
def test_on_the_command_line(words, bad, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    NET.save("net.npz")
    np.save("x.npy", DATA[0])
    assert cli.main([word.replace("BAD", bad) for word in words]) == 1
    assert bad in capsys.readouterr().err.replace("\\x00", "\0")


def test_names_of_experiments(tmp_path):
    """Which become those of folders."""
    text = presets.read("digits").to_toml()
    (tmp_path / "x.toml").write_text(text.replace('name = "digits"', 'name = "a\\u0000b"', 1), encoding="utf-8")
    with pytest.raises(InputError, match="pass a name that can be part of a file name"):
        presets.read(tmp_path / "x.toml")


@pytest.mark.parametrize("path", ["a\0b", "~no such user/x"])
def test_paths_of_data(path):
    with pytest.raises(InputError, match=r"data: path=.* is not a valid path"):
        presets.read("digits").replace(**{"data.kind": "image-folder", "data.path": path})


def test_paths_that_are_not_there_yet_are_paths(tmp_path):
    assert checks.path("path", str(tmp_path / "none" / "net.npz")) == tmp_path / "none" / "net.npz"
    (tmp_path / "file").touch()
    assert checks.path("path", tmp_path / "file" / "net.npz") == tmp_path / "file" / "net.npz"
