"""Files of a run that do not fit one another: a damaged result is written again, the best network is that of the history."""

import shutil
from dataclasses import replace

import pytest
from test_cli import FILES, SMALL

from cupynn import InputError, checkpoint, cli, open_run, presets, run
from cupynn.training.checkpointer import Checkpointer as Keeper
from cupynn.training.tally import Tally


class Stop(Exception):
    """What ends a training here as a kill would."""


@pytest.fixture(scope="module")
def definition(tmp_path_factory):
    path = tmp_path_factory.mktemp("definition") / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(definition, tmp_path_factory):
    return run.train(presets.read(definition), tmp_path_factory.mktemp("runs") / "run", progress=False)


@pytest.fixture
def folder(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


class TestResult:
    @pytest.mark.parametrize("content", [b"", b"[]", b'{"test": ', None], ids=["empty", "list", "cut", "missing"])
    def test_it_is_written_again(self, folder, trained, content):
        for picture in ("raster.png", "curves.png"):
            (folder / picture).unlink()
        (folder / "result.json").unlink() if content is None else (folder / "result.json").write_bytes(content)
        before = {name: (folder / name).read_bytes() for name in ("best.npz", "last.npz", "metrics.csv")}
        assert cli.main(["train", "--resume", str(folder), "--quiet"]) == 0
        assert {path.name for path in folder.iterdir()} == FILES
        found, expected = open_run(folder).result, open_run(trained).result
        assert found.pop("seconds") == sum(epoch["seconds"] for epoch in expected["epochs"])
        expected.pop("seconds")
        assert found == expected
        assert {name: (folder / name).read_bytes() for name in before} == before

    @pytest.mark.parametrize("other", ["best.npz", "metrics.csv"])
    def test_one_that_cannot_be(self, folder, other, capsys):
        for name in ("result.json", other):
            (folder / name).write_bytes(b"")
        assert cli.main(["train", "--resume", str(folder)]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert "result.json is damaged, and so is what it is written from: train again with `cupynn train" in line
        assert other in line

    def test_opening_says_how(self, folder):
        (folder / "result.json").write_text("{", encoding="utf-8")
        with pytest.raises(InputError, match=f"write it again with `cupynn train --resume {folder}`"):
            open_run(folder).result  # noqa: B018

    def test_a_run_that_was_not_finished_trains_on(self, folder):
        (folder / "result.json").unlink()
        lines = (folder / "metrics.csv").read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / "metrics.csv").write_text("".join(lines[:2]), encoding="utf-8")
        run.resume(folder, progress=False)
        assert len(open_run(folder).history) == 2


class TestBest:
    def interrupted(self, monkeypatch, definition, folder, accuracies):
        """Train with these validation accuracies; end between the networks of the second epoch and its state."""
        self.pretend(monkeypatch, accuracies)
        plain = Keeper.after_epoch

        def after_epoch(keeper):
            if keeper.state.epoch == 3:
                raise Stop
            plain(keeper)

        with monkeypatch.context() as patch:
            patch.setattr(Keeper, "after_epoch", after_epoch)
            with pytest.raises(Stop):
                run.train(presets.read(definition, {"training.epochs": 3}), folder, progress=False)

    def pretend(self, monkeypatch, accuracies):
        plain = Tally.epoch

        def epoch(*arguments):
            found, held_out = plain(*arguments)
            return replace(found, validation_accuracy=accuracies[found.number - 1]), held_out

        monkeypatch.setattr(Tally, "epoch", epoch)

    @pytest.mark.parametrize("damaged", [False, True])
    def test_an_epoch_that_does_worse_when_it_is_trained_again(self, monkeypatch, definition, tmp_path, damaged):
        folder = tmp_path / "run"
        with monkeypatch.context() as patch:
            self.interrupted(patch, definition, folder, [0.5, 0.9])
        first = (folder / "best.npz.previous").read_bytes()
        assert b'"epoch": 1' in first
        assert b'"epoch": 2' in (folder / "best.npz").read_bytes()
        if damaged:
            (folder / "best.npz").write_bytes(b"")
        self.pretend(monkeypatch, [None, 0.3, 0.4])
        run.resume(folder, progress=False)
        assert {path.name for path in folder.iterdir()} == FILES
        assert (folder / "best.npz").read_bytes() == first
        result = open_run(folder).result
        assert (result["best_epoch"], len(result["epochs"])) == (1, 3)

    def test_twice(self, monkeypatch, definition, tmp_path):
        """The network of an epoch whose state was never saved does not push out the one that the state knows."""
        folder = tmp_path / "run"
        with monkeypatch.context() as patch:
            self.interrupted(patch, definition, folder, [0.5, 0.9])
            patch.setattr(Keeper, "after_epoch", lambda keeper: (_ for _ in ()).throw(Stop))
            with pytest.raises(Stop):
                run.resume(folder, progress=False)
        assert b'"epoch": 1' in (folder / "best.npz.previous").read_bytes()

    def test_one_that_is_nowhere(self, monkeypatch, definition, tmp_path, capsys):
        folder = tmp_path / "run"
        with monkeypatch.context() as patch:
            self.interrupted(patch, definition, folder, [0.5, 0.9])
        (folder / "best.npz.previous").unlink()
        assert cli.main(["train", "--resume", str(folder)]) == 1
        assert "best.npz does not hold the network of epoch 1, the best until now" in capsys.readouterr().err

    def test_files_of_version_0_1_0_say_no_epoch(self, monkeypatch, definition, tmp_path):
        folder = tmp_path / "run"
        self.interrupted(monkeypatch, definition, folder, [0.5, 0.4, 0.3])
        network = checkpoint.load(folder / "best.npz", "cpu")
        network.save(folder / "best.npz")
        before = (folder / "best.npz").read_bytes()
        run.resume(folder, progress=False)
        assert (folder / "best.npz").read_bytes() == before
