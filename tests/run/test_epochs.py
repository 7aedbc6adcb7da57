"""The network after each epoch, in the folder of a run: with the same bytes after an interruption, at any moment."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from factories import FILES, Stop

from cupynn import InputError, Sequential, cli, open_run, plot, presets, run
from cupynn.network import epochs
from cupynn.training.checkpointer import Checkpointer


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """Drawing would take most of the time."""
    figure = SimpleNamespace(savefig=lambda path, **_: Path(path).write_bytes(b"a figure"))
    for name in ("raster", "curves"):
        monkeypatch.setattr(plot, name, lambda *_, **__: figure)


def train(definition, folder):
    return run.train(presets.read(definition, {"training.epochs": 3}), folder, progress=False, keep_epochs=True)


def content(folder):
    return {path.name: path.read_bytes() for path in (folder / "epochs").iterdir()}


def test_the_command_keeps_them(definition, tmp_path):
    words = ["train", str(definition), "--epochs", "2", "--keep-epochs", "--quiet", "--out", str(tmp_path / "run")]
    assert cli.main(words) == 0
    found = open_run(tmp_path / "run")
    assert {path.name for path in found.folder.iterdir()} == FILES | {"epochs"}
    assert epochs.numbers(found.epochs_folder) == [1, 2]
    assert sorted(content(found.folder)) == ["epoch-001.npz", "epoch-002.npz"]
    second = epochs.load(Sequential, found.epochs_folder, 2)
    for name, array in found.network(best=False, device="cpu").arrays().items():
        np.testing.assert_array_equal(second.network.arrays()[name], array)
    epoch = found.history[1]
    assert second.figures["validation_accuracy"] == epoch.validation_accuracy
    assert second.figures["spikes"] == epoch.spikes
    assert "seconds" not in second.figures


@pytest.mark.parametrize("epoch", [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_resumed_run_has_the_same_files(definition, tmp_path, monkeypatch, epoch):
    """Stopped after the file of an epoch and before the state of the training, so that the epoch is trained again."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(definition, whole)
    plain = Checkpointer.after_epoch

    def after_epoch(keeper):
        if keeper.state.epoch == epoch + 1:
            raise Stop
        plain(keeper)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpointer, "after_epoch", after_epoch)
        with pytest.raises(Stop):
            train(definition, broken)
    assert epochs.numbers(broken / "epochs") == list(range(1, epoch + 1))
    run.resume(broken, progress=False)
    assert content(broken) == content(whole)


def test_a_run_keeps_none_unless_it_is_asked(small_run):
    assert open_run(small_run).epochs_folder is None


def test_a_process_that_was_killed_before_the_definition(definition, tmp_path):
    for keep in (True, False):
        folder = tmp_path / str(keep)
        (folder / "epochs").mkdir(parents=True)
        run.train(presets.read(definition, {"training.epochs": 1}), folder, progress=False, keep_epochs=keep)
        assert (folder / "epochs").exists() == keep
    (tmp_path / "other" / "epochs").mkdir(parents=True)
    (tmp_path / "other" / "epochs" / "mine").touch()
    with pytest.raises(InputError, match="is not empty"):
        train(definition, tmp_path / "other")


def test_mistakes(definition, tmp_path, capsys):
    with pytest.raises(InputError, match="keep_epochs=1: pass True or False"):
        run.train(presets.read(definition), tmp_path / "run", keep_epochs=1)
    assert cli.main(["train", "--resume", str(tmp_path), "--keep-epochs"]) == 1
    assert "leave out EXPERIMENT, --out, --show, --keep-epochs" in capsys.readouterr().err
