"""Standard output that is closed, full or read no further: a training ends well, a command that prints an answer says so."""

import errno
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from factories import SMALL

from cupynn import InputError, cli, open_run
from cupynn.console import CannotPrint, Lenient, Strict, command, say
from cupynn.parallel import Ranks
from cupynn.run.folder import resume_command

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
FULL = "cupynn: error: cannot write to standard output (No space left on device): redirect it elsewhere\n"
CLOSED = FULL.replace("No space left on device", "Bad file descriptor")


@pytest.fixture(scope="module")
def definition(tmp_path_factory):
    path = tmp_path_factory.mktemp("definition") / "small.toml"
    path.write_text(SMALL.replace("epochs = 2", "epochs = 1"), encoding="utf-8")
    return path


def shell(line, *arguments):
    """Run `cupynn "$@"` with the redirections of a line of shell."""
    command = ["sh", "-c", f'"$0" -m cupynn "$@" {line}', sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.process
@pytest.mark.parametrize("line", ["> /dev/full 2>&1", "<&- >&- 2>&-"])
def test_a_training_goes_on(definition, tmp_path, line):
    done = shell(line, "train", definition, "--out", tmp_path / "run")
    assert done.stderr == ""
    assert done.returncode == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))
    assert result["test"]["accuracy"] > 0.3


@pytest.mark.process
def test_a_training_whose_reader_is_gone_goes_on(definition, tmp_path):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        command = [sys.executable, "-m", "cupynn", "train", str(definition), "--out", str(tmp_path / "run")]
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "run" / "result.json").is_file()


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        pytest.param("> /dev/full", ["evaluate", "RUN"], marks=pytest.mark.process),
        (">&-", ["datasets", "--json"]),
        pytest.param("> /dev/full", ["train", "digits", "--show"], marks=pytest.mark.process),
        ("> /dev/full", ["train", "--help"]),
        (">&-", ["--version"]),
    ],
)
def test_an_answer_that_cannot_be_printed_is_an_error(small_run, line, arguments):
    arguments = [str(small_run) if each == "RUN" else each for each in arguments]
    done = shell(line, *arguments)
    assert (done.returncode, done.stderr) == (1, FULL if "full" in line else CLOSED)


@pytest.mark.process
def test_the_json_of_a_training_is_an_answer(small_run):
    done = shell("> /dev/full", "train", "--resume", small_run, "--json")
    assert (done.returncode, done.stderr) == (1, FULL)


@pytest.mark.process
def test_errors_that_cannot_be_printed_keep_their_exit_code():
    for line in ("2>&-", "2> /dev/full"):
        done = shell(line, "evaluate", "nowhere")
        assert (done.returncode, done.stdout) == (1, "")


class Full(io.StringIO):
    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


class TestStreams:
    def test_lenient(self, monkeypatch):
        closed = io.StringIO()
        closed.close()
        for stream in (None, Full(), closed, Lenient(None)):
            monkeypatch.setattr(sys, "stdout", stream)
            say("nothing")
            assert not Lenient(stream).isatty()

    def test_strict(self):
        for stream in (None, Full()):
            strict = Strict(stream)
            for _ in range(2):
                with pytest.raises(CannotPrint):
                    strict.write("something")
            with pytest.raises(CannotPrint):
                strict.flush()

    def test_streams_are_restored(self, capsys):
        before = sys.stdout, sys.stderr
        cli.main(["devices"])
        assert (sys.stdout, sys.stderr) == before
        assert sys.stdout is before[0]
        assert Strict(sys.stdout) == sys.stdout
        assert capsys.readouterr().out


class TestCommand:
    FOLDER = Path("q b;touch x")

    def read(self, text):
        """Words that a shell makes of a command."""
        done = subprocess.run(["sh", "-c", f"printf '%s\\n' {text}"], capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    def test_each_word_stays_one(self):
        for name in ("q b;touch x", "$HOME", "it's", "`id`", "-x", "*"):
            *_, found = self.read(command("cupynn", "train", "--resume", Path(name)))
            assert Path(found) == Path(name)
            assert not found.startswith("-")

    def test_on_windows(self, monkeypatch):
        folder = Path("q b")
        monkeypatch.setattr(os, "name", "nt")
        assert command("cupynn", "train", folder) == 'cupynn train "q b"'

    def test_of_a_run(self, tmp_path):
        class Two(Ranks):
            size = 2

        words = ["cupynn", "train", "--resume"]
        assert self.read(resume_command(self.FOLDER, Two())) == ["mpirun", "-n", "2", *words, str(self.FOLDER)]
        folder = tmp_path / self.FOLDER
        folder.mkdir()
        (folder / "definition.toml").touch()
        (folder / "metrics.csv").write_text("number\nx\n", encoding="utf-8")
        opened = open_run(folder)
        for read in (lambda: opened.result, lambda: opened.network(), lambda: opened.history):
            with pytest.raises(InputError) as error:
                read()
            [told] = re.findall(r"`(cupynn train .*)`", str(error.value))
            assert self.read(told) == ["cupynn", "train", str(folder / "definition.toml")]
