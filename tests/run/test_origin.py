"""Where a run comes from: command, commit and machine of each session."""

import json
import shutil
import subprocess
import sys

import pytest
from factories import SMALL

import cupynn
from cupynn import cli, run
from cupynn.run import origin


@pytest.fixture
def folder(small_run, tmp_path):
    return shutil.copytree(small_run, tmp_path / "run")


def test_a_run_says_how_it_was_made(folder):
    [session] = origin.read(folder)
    assert session["cupynn"] == cupynn.__version__
    assert {"started", "command", "commit", "runs_on", "processor", "python", "numpy", "numba"} <= session.keys()


def test_the_command_is_that_of_the_process(tmp_path, monkeypatch):
    definition, out = tmp_path / "a definition.toml", tmp_path / "run"
    definition.write_text(SMALL, encoding="utf-8")
    arguments = ["train", str(definition), "--out", str(out), "--quiet"]
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/cupynn", *arguments])
    assert cli.main(arguments) == 0
    assert origin.read(out)[0]["command"] == f"cupynn train '{definition}' --out {out} --quiet"


def test_every_session_that_trains_is_added(folder):
    (folder / "result.json").unlink()
    lines = (folder / "metrics.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "metrics.csv").write_text("".join(lines[:2]), encoding="utf-8")
    run.resume(folder, progress=False)
    assert len(origin.read(folder)) == 2


@pytest.mark.parametrize("content", ["", "{", "{}", "[1, 2]", '"text"'])
def test_a_damaged_file_begins_anew(folder, content):
    (folder / origin.ORIGIN).write_text(content, encoding="utf-8")
    assert origin.read(folder) == []
    origin.note(folder, cupynn.Sequential.pretrained("digits", "cpu").device)
    assert len(json.loads((folder / origin.ORIGIN).read_text(encoding="utf-8"))) == 1


class TestCommit:
    def test_of_a_clone(self, tmp_path, monkeypatch):
        package = tmp_path / "cupynn" / "__init__.py"
        package.parent.mkdir()
        package.touch()
        monkeypatch.setattr(cupynn, "__file__", str(package))
        assert origin.commit() is None
        git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
            subprocess.run([*git, *command], check=True)
        clean = origin.commit()
        assert len(clean) == 40
        package.write_text("changed", encoding="utf-8")
        assert origin.commit() == f"{clean}-dirty"

    def test_without_git(self, tmp_path, monkeypatch):
        (tmp_path / ".git").mkdir()
        monkeypatch.setattr(cupynn, "__file__", str(tmp_path / "cupynn" / "__init__.py"))
        monkeypatch.setenv("PATH", str(tmp_path))
        assert origin.commit() is None
