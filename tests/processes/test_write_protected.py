"""Where nothing can be written, and where several processes write at once: real processes, and what they leave."""

import ctypes
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from factories import ROOT
from reliability.kills import DEFINITION

COUNTS = "from cupynn.spikes import SpikeTrains; print(int(SpikeTrains.from_dense([[[0], [1], [1]]]).counts.sum()))"
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, PR_CAPBSET_DROP = 1, 2, 24


def obey():
    """Have a process of root obey the modes of files as any other does."""
    libc = ctypes.CDLL(None)
    if os.geteuid() == 0 and any(libc.prctl(PR_CAPBSET_DROP, c, 0, 0, 0) for c in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH)):
        os._exit(77)


def start(code, *arguments, cwd=ROOT, **environment):
    """A Python process with nothing but these variables in its environment."""
    variables = {"PATH": os.defpath, "CUPYNN_OFFLINE": "1", **{name: str(value) for name, value in environment.items()}}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=cwd, env=variables, preexec_fn=obey, **pipes)


def finish(process, code=0):
    out, err = process.communicate(timeout=300)
    if process.returncode == 77:
        pytest.skip("this user may write anywhere: run the tests as another")
    assert process.returncode == code, err
    return out, err


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package as it is installed, where nobody can write to it."""
    if sys.platform != "linux":
        pytest.skip("drops the rights of root as Linux does")
    site = tmp_path_factory.mktemp("site")
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "cupynn", site / "cupynn", ignore=skip)
    for name in ("layers", "datasets"):
        shutil.copytree(ROOT / name, site / "cupynn" / name, ignore=skip)
    folders = [site, *(path for path in site.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    yield site
    for folder in folders:
        folder.chmod(0o755)


class TestNowhereToWrite:
    @pytest.mark.parametrize("home", ["/dev/null", "read-only"])
    def test_kernels_are_compiled_each_time(self, installed, tmp_path, home):
        home = installed if home == "read-only" else home
        out, err = finish(start(COUNTS, cwd=tmp_path, PYTHONPATH=installed, HOME=home))
        assert out == "2\n"
        assert err.count("set NUMBA_CACHE_DIR to a writable folder") == 1

    def test_a_place_of_ones_own(self, installed, tmp_path):
        out, err = finish(start(COUNTS, cwd=tmp_path, PYTHONPATH=installed, HOME="/dev/null", NUMBA_CACHE_DIR=tmp_path))
        assert (out, err) == ("2\n", "")
        assert list(tmp_path.rglob("*.nbi"))

    def test_no_home_at_all(self, installed, tmp_path):
        """Without HOME the password file says where it is."""
        out, _ = finish(start(COUNTS, cwd=tmp_path, PYTHONPATH=installed))
        assert out == "2\n"

    def test_a_download(self, installed, tmp_path):
        code = "import sys; from cupynn import cli; sys.exit(cli.main(['datasets', '--download', 'mnist']))"
        variables = {"PYTHONPATH": installed, "HOME": "/dev/null", "NUMBA_CACHE_DIR": tmp_path, "CUPYNN_OFFLINE": "0"}
        _, err = finish(start(code, cwd=tmp_path, **variables), code=1)
        assert "the download folder, cannot be written" in err
        assert "set CUPYNN_DATA to another folder" in err

    def test_a_run(self, installed, tmp_path):
        code = "import sys; from cupynn import cli; sys.exit(cli.main(['train', 'digits', '--quiet']))"
        variables = {"PYTHONPATH": installed, "HOME": "/dev/null", "NUMBA_CACHE_DIR": tmp_path}
        _, err = finish(start(code, cwd=installed, **variables), code=1)
        assert "cannot create folder runs" in err
        assert "choose another with --out" in err


class TestCache:
    @pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
    def test_a_damaged_one_is_made_anew(self, tmp_path, suffix):
        finish(start(COUNTS, NUMBA_CACHE_DIR=tmp_path, HOME=tmp_path))
        files = list(tmp_path.rglob(f"*{suffix}"))
        assert files
        for file in files:
            file.write_bytes(file.read_bytes()[:50])
        assert finish(start(COUNTS, NUMBA_CACHE_DIR=tmp_path, HOME=tmp_path)) == ("2\n", "")

    def test_a_full_disk(self, tmp_path):
        code = f"import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); {COUNTS}"
        code = code.replace("; from", "; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)); from", 1)
        assert finish(start(code, NUMBA_CACHE_DIR=tmp_path, HOME=tmp_path)) == ("2\n", "")

    def test_two_fill_it_at_once(self, tmp_path):
        both = [start(COUNTS, NUMBA_CACHE_DIR=tmp_path, HOME=tmp_path) for _ in range(2)]
        assert [finish(process) for process in both] == [("2\n", "")] * 2
        assert finish(start(COUNTS, NUMBA_CACHE_DIR=tmp_path, HOME=tmp_path)) == ("2\n", "")


class TestTwoAtOnce:
    TRAIN = "import sys; from cupynn import cli; sys.exit(cli.main(['train', *sys.argv[1:], '--quiet']))"

    @pytest.fixture
    def definition(self, tmp_path):
        path = tmp_path / "small.toml"
        path.write_text(DEFINITION.replace("EPOCHS", "1"), encoding="utf-8")
        return path

    def test_trainings_have_folders_of_their_own(self, definition, tmp_path):
        """Both are told the same time, so that they want the same folder."""
        same = (
            "import cupynn.run.folder as run; import types; run.datetime = types.SimpleNamespace(now=lambda: run.Then()); "
        )
        same += "run.Then = type('Then', (), {'__format__': lambda self, _: 'then'}); "
        both = [start(same + self.TRAIN, definition, cwd=tmp_path, PYTHONPATH=ROOT, HOME=tmp_path) for _ in range(2)]
        for process in both:
            finish(process)
        folders = sorted(path.name for path in (tmp_path / "runs").iterdir())
        assert folders == ["small-then", "small-then-2"]
        one, other = (np.load(tmp_path / "runs" / name / "last.npz") for name in folders)
        for array in one.files:
            np.testing.assert_array_equal(one[array], other[array])

    def test_one_folder_takes_one(self, definition, tmp_path):
        out = tmp_path / "run"
        both = [start(self.TRAIN, definition, "--out", out, cwd=ROOT, HOME=tmp_path) for _ in range(2)]
        results = [process.communicate(timeout=300) for process in both]
        assert sorted(process.returncode for process in both) == [0, 1]
        refused = next(err for process, (_, err) in zip(both, results, strict=True) if process.returncode)
        assert "another process trains in this folder" in refused or "is not empty" in refused
        assert (out / "result.json").is_file()
