"""`cupynn runs`: what a folder of runs holds, and how far each run is."""

import json
import os
import shutil

import pytest
from filelock import FileLock

from cupynn import InputError, cli
from cupynn.run import list_runs
from cupynn.run.folder import LOCK


@pytest.fixture(scope="module")
def runs(small_run, tmp_path_factory):
    """A folder with a finished run, and copies of it that were interrupted and damaged."""
    place = tmp_path_factory.mktemp("runs")
    for name in ("a", "b", "c"):
        shutil.copytree(small_run, place / name)
    (place / "b" / "result.json").unlink()
    (place / "c" / "metrics.csv").write_text("nonsense")
    (place / "none of ours").mkdir()
    for when, name in enumerate("abc"):
        os.utime(place / name / "definition.toml", (1e9 + when, 1e9 + when))
    return place


def test_states_and_accuracies(runs):
    finished, interrupted, damaged = list_runs(runs)
    assert (finished.folder, finished.state, finished.epochs, finished.of) == (runs / "a", "finished", 2, 2)
    assert finished.test == json.loads((runs / "a" / "result.json").read_text())["test"]["accuracy"]
    assert (interrupted.state, interrupted.epochs, interrupted.test) == ("interrupted", 2, None)
    assert interrupted.validation == finished.validation > 0
    assert (damaged.state, damaged.epochs) == ("damaged", None)
    assert "metrics.csv" in damaged.problem


def test_a_run_that_trains(runs):
    with FileLock(runs / "b" / LOCK):
        assert [run.state for run in list_runs(runs)] == ["finished", "training", "damaged"]


def test_the_table(runs, capsys):
    assert cli.main(["runs", str(runs)]) == 0
    heading, finished, *_, problem = capsys.readouterr().out.splitlines()
    assert heading.split() == ["run", "started", "state", "epochs", "validation", "test"]
    assert finished.split()[0] == str(runs / "a")
    assert problem.startswith("damaged: ")


def test_the_table_for_programs(runs, capsys):
    assert cli.main(["runs", str(runs), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["state"] for line in lines] == ["finished", "interrupted", "damaged"]


def test_no_runs(tmp_path, capsys):
    assert cli.main(["runs", str(tmp_path)]) == 0
    assert "no runs in" in capsys.readouterr().out
    with pytest.raises(InputError, match="is not a folder: pass one that contains runs"):
        list_runs(tmp_path / "missing")


def test_runs_in_sub_folders(runs, tmp_path):
    shutil.copytree(runs / "a", tmp_path / "reproduce" / "a-0")
    shutil.copytree(runs / "b", tmp_path / "b")
    assert {run.folder for run in list_runs(tmp_path)} == {tmp_path / "b", tmp_path / "reproduce" / "a-0"}
