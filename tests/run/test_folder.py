"""Files of a run that do not fit one another: a damaged result is written again, the best network is that of the history."""

import shutil
from dataclasses import replace

import pytest
from factories import FILES, SMALL, Stop

from cupynn import InputError, checkpoint, cli, open_run, presets, run
from cupynn.training.checkpointer import Checkpointer as Keeper
from cupynn.training.tally import Tally

pytestmark = pytest.mark.usefixtures("no_figures")


class TestResult:
    @pytest.mark.parametrize("content", [b"", b"[]", b'{"test": ', None], ids=["empty", "list", "cut", "missing"])
    def test_it_is_written_again(self, folder, small_run, content):
        for picture in ("raster.png", "curves.png"):
            (folder / picture).unlink()
        (folder / "result.json").unlink() if content is None else (folder / "result.json").write_bytes(content)
        before = {name: (folder / name).read_bytes() for name in ("best.npz", "last.npz", "metrics.csv")}
        assert cli.main(["train", "--resume", str(folder), "--quiet"]) == 0
        assert {path.name for path in folder.iterdir()} == FILES
        found, expected = open_run(folder).result, open_run(small_run).result
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
        assert "result.json is damaged, and so are the files to write it from: train again with `cupynn train" in line
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


def pretend(monkeypatch, accuracies):
    """Have the epochs these validation accuracies."""
    plain = Tally.epoch

    def epoch(*arguments):
        found, held_out = plain(*arguments)
        return replace(found, validation_accuracy=accuracies[found.number - 1]), held_out

    monkeypatch.setattr(Tally, "epoch", epoch)


def train_until_killed(definition, folder, accuracies):
    """Train with these validation accuracies; end between the networks of the second epoch and its state."""
    plain = Keeper.after_epoch

    def after_epoch(keeper):
        if keeper.state.epoch == 3:
            raise Stop
        plain(keeper)

    with pytest.MonkeyPatch.context() as patch:
        pretend(patch, accuracies)
        patch.setattr(Keeper, "after_epoch", after_epoch)
        with pytest.raises(Stop):
            run.train(presets.read(definition, {"training.epochs": 3}), folder, progress=False)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The folder of a run whose second epoch was the best and was not saved; tests take a copy."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "small.toml").write_text(SMALL, encoding="utf-8")
    train_until_killed(folder / "small.toml", folder / "run", [0.5, 0.9])
    return folder / "run"


class TestBest:
    @pytest.fixture
    def interrupted(self, killed, tmp_path):
        """A copy of it."""
        return shutil.copytree(killed, tmp_path / "run")

    @pytest.mark.parametrize("damaged", [False, True])
    def test_an_epoch_that_does_worse_when_it_is_trained_again(self, monkeypatch, interrupted, damaged):
        folder = interrupted
        first = (folder / "best.npz.previous").read_bytes()
        assert b'"epoch": 1' in first
        assert b'"epoch": 2' in (folder / "best.npz").read_bytes()
        if damaged:
            (folder / "best.npz").write_bytes(b"")
        pretend(monkeypatch, [None, 0.3, 0.4])
        run.resume(folder, progress=False)
        assert {path.name for path in folder.iterdir()} == FILES
        assert (folder / "best.npz").read_bytes() == first
        result = open_run(folder).result
        assert (result["best_epoch"], len(result["epochs"])) == (1, 3)

    def test_twice(self, monkeypatch, interrupted):
        """The network of an epoch whose state was never saved does not push out the one that the state knows."""
        pretend(monkeypatch, [0.5, 0.9])
        monkeypatch.setattr(Keeper, "after_epoch", lambda keeper: (_ for _ in ()).throw(Stop))
        with pytest.raises(Stop):
            run.resume(interrupted, progress=False)
        assert b'"epoch": 1' in (interrupted / "best.npz.previous").read_bytes()

    def test_one_that_is_nowhere(self, interrupted, capsys):
        (interrupted / "best.npz.previous").unlink()
        assert cli.main(["train", "--resume", str(interrupted)]) == 1
        assert "best.npz does not hold the network of epoch 1, the best so far" in capsys.readouterr().err

    def test_files_of_version_0_1_0_say_no_epoch(self, monkeypatch, definition, tmp_path):
        folder = tmp_path / "run"
        pretend(monkeypatch, [0.5, 0.4, 0.3])
        train_until_killed(definition, folder, [0.5, 0.4, 0.3])
        network = checkpoint.load(folder / "best.npz", "cpu")
        network.save(folder / "best.npz")
        before = (folder / "best.npz").read_bytes()
        run.resume(folder, progress=False)
        assert (folder / "best.npz").read_bytes() == before
