"""Training on several processes: the result of one, one set of bits in all, one message where something goes wrong.

Programs in `tests/mpi` run under a real mpirun; without mpi4py and an MPI these tests are skipped.
"""

import json
import re
import shutil

import numpy as np
import pytest
from factories import LOSS, draw_data
from factories import dense_network as make
from hypothesis import given
from hypothesis import strategies as st
from mpi.launch import needs_mpi, start
from mpi.train import fit, leave
from reliability.kills import DEFINITION

from cupynn import InputError, cli, open_run
from cupynn.parallel import Ranks, launch, mpi, world

FIGURES = ("number", "loss", "accuracy", "validation_loss", "validation_accuracy", "spikes", "silent", "rate")
FIGURES += ("r2", "validation_r2", "terms")
CASES = ("plain", "images", "best", "numbers", "recurrent")


def read(folder, case, ranks):
    """Arrays and history that each process left, which have the same bits; those of one."""
    arrays = [dict(np.load(folder / f"{case}-{rank}.npz")) for rank in range(ranks)]
    histories = [json.loads((folder / f"{case}-{rank}.json").read_text(encoding="utf-8")) for rank in range(ranks)]
    for other, history in zip(arrays, histories, strict=True):
        assert history == histories[0]
        for name, array in other.items():
            np.testing.assert_array_equal(array, arrays[0][name])
    return arrays[0], [{name: epoch[name] for name in FIGURES} for epoch in histories[0]]


def assert_close(found, expected):
    """Up to the rounding of sums in another order, which no spike noticed."""
    (arrays, history), (others, other_history) = found, expected
    for name, array in others.items():
        np.testing.assert_allclose(arrays[name], array, rtol=0, atol=2e-6)
    sums = ("loss", "r2", "terms")
    rounded = [{name: pytest.approx(epoch[name] or 0, rel=1e-12) for name in sums} for epoch in other_history]
    history = [epoch | {name: epoch[name] or 0 for name in sums} for epoch in history]
    assert history == [epoch | own for epoch, own in zip(other_history, rounded, strict=True)]


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """What one process makes of each case."""
    folder = tmp_path_factory.mktemp("one")
    for case in CASES:
        leave(folder, case, 0, *fit(Ranks(), case))
    return {case: read(folder, case, 1) for case in CASES}


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """What two, and four, make of each, and of the first once more."""
    folders = {}
    for ranks in (2, 4):
        folders[ranks] = tmp_path_factory.mktemp(f"on-{ranks}")
        done = start(ranks, "-m", "mpi.train", folders[ranks], ",".join([*CASES, "again"]))
        assert done.returncode == 0, done.stderr
        assert done.stdout + done.stderr == ""
    return {ranks: {case: read(folder, case, ranks) for case in (*CASES, "again")} for ranks, folder in folders.items()}


class TestAlone:
    @given(st.integers(0, 300), st.integers(1, 40))
    def test_shares_make_up_the_batch(self, samples, size):
        parts = []
        for rank in range(size):
            ranks = Ranks()
            ranks.size, ranks.rank = size, rank
            parts.append(range(samples)[ranks.share(samples)])
        assert [sample for part in parts for sample in part] == list(range(samples))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
        assert len(parts[0]) == max(map(len, parts))  # the first shows its figures: it has some, if anybody has

    def test_one_process_asks_nobody(self):
        ranks, array = world(), np.arange(3)
        assert type(ranks) is Ranks
        assert (ranks.size, ranks.first, ranks.entered) == (1, True, True)
        assert ranks.total(array) is array
        assert ranks.share(7) == slice(0, 7)
        assert ranks.greatest(3, 4) == (3, 4)
        assert ranks.on_first(lambda: 5) == 5
        assert ranks.device("cuda:1") == "cuda:1"
        ranks.same({"one": b"1"}, "")
        with pytest.raises(ZeroDivisionError), ranks:
            1 / 0  # noqa: B018

    @pytest.mark.parametrize(
        ("environment", "expected"),
        [
            ({}, (1, 0)),
            ({"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3", "PMIX_RANK": "3"}, (4, 3)),
            ({"PMI_SIZE": "2", "PMI_RANK": "1"}, (2, 1)),
            ({"SLURM_STEP_NUM_TASKS": "8", "PMIX_RANK": "5"}, (8, 5)),
            ({"SLURM_STEP_NUM_TASKS": "8"}, (1, 0)),  # of a batch script's own step
        ],
    )
    def test_launchers_are_recognised(self, environment, expected):
        assert launch.started(environment) == expected

    def test_options_are_checked(self):
        with pytest.raises(InputError, match=r"ranks is an int: pass the result of parallel.world\(\)"):
            make().fit(draw_data(), ranks=4)
        ranks = Ranks()
        ranks.entered = False
        with pytest.raises(InputError, match=r"use `with parallel\.world"):
            make().fit(draw_data(), ranks=ranks)
        ranks.entered, ranks.size = True, 4
        with pytest.raises(InputError, match="batch_size=3 for 4 processes"):
            make().fit(draw_data(), loss=LOSS, ranks=ranks, batch_size=3)

    def test_evaluation_takes_ranks(self):
        net = make()
        assert repr(net.evaluate(draw_data(), ranks=Ranks())) == repr(net.evaluate(draw_data()))
        with pytest.raises(InputError, match="ranks"):
            net.evaluate(draw_data(), ranks=2)


class TestWithoutMpi:
    """Under a launcher that nobody can talk to, several trainings would overwrite each other."""

    @staticmethod
    def run(code, rank=0):
        environment = {"OMPI_COMM_WORLD_SIZE": "3", "OMPI_COMM_WORLD_RANK": str(rank)}
        arguments = f"{code}; sys.exit(cli.main(['train', 'digits', '--show']))"
        return start(0, "-c", f"import sys; from cupynn import cli; {arguments}", **environment)

    def test_mpi4py_is_missing(self):
        done = self.run("sys.modules['mpi4py'] = None")
        assert done.returncode == 1
        assert done.stdout == ""
        assert re.fullmatch(
            r"cupynn: error: 3 processes were started, but MPI cannot be used .*pip install.*\n", done.stderr
        )

    def test_the_first_alone_says_so(self):
        done = self.run("sys.modules['mpi4py'] = None", rank=2)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "")

    @needs_mpi
    def test_the_mpirun_of_another_mpi(self):
        done = self.run("pass")
        assert done.returncode == 1
        assert "3 processes were started, but mpi4py sees 1: start them with the mpirun of " in done.stderr


@needs_mpi
class TestMessages:
    @pytest.mark.parametrize("ranks", [2, 3])
    def test_all_agree(self, ranks):
        done = start(ranks, "-m", "mpi.messages")
        assert done.returncode == 0, done.stderr
        told = re.findall(r"rank \d of \d: well, \d threads", done.stdout)  # launchers mix the ends of lines
        assert sorted(told) == [f"rank {rank} of {ranks}: well, 1 threads" for rank in range(ranks)]


@needs_mpi
class TestTheSame:
    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize("ranks", [2, 4])
    def test_as_one_process(self, one, several, ranks, case):
        assert_close(several[ranks][case], one[case])

    @pytest.mark.parametrize("ranks", [2, 4])
    def test_twice_the_same_bits(self, several, ranks):
        (arrays, history), (others, other_history) = several[ranks]["plain"], several[ranks]["again"]
        assert history == other_history
        for name, array in others.items():
            np.testing.assert_array_equal(arrays[name], array)


@needs_mpi
class TestEnds:
    def test_a_signal_to_one_saves_and_ends_all(self, tmp_path, one, several):
        path = tmp_path / "training.npz"
        done = start(2, "-m", "mpi.train", tmp_path, "TERM", path)
        assert done.returncode == 143
        assert f"cupynn: interrupted at epoch 2 after 24 samples; saved in {path}: continue" in done.stderr
        assert done.stderr.count("cupynn:") == 1
        saved = path.read_bytes()
        for ranks in (2, 4, 1):
            path.write_bytes(saved)
            if ranks == 1:
                leave(tmp_path, "plain", 0, *fit(Ranks(), "plain", checkpoint=path, resume=True))
                assert_close(read(tmp_path, "plain", 1), one["plain"])
                continue
            done = start(ranks, "-m", "mpi.train", tmp_path, "plain", path)
            assert done.returncode == 0, done.stderr
            found = read(tmp_path, "plain", ranks)
            assert_close(found, one["plain"])
            if ranks == 2:  # the same number as before: the same bits as if nothing had come between
                for name, array in several[2]["plain"][0].items():
                    np.testing.assert_array_equal(found[0][name], array)

    @pytest.mark.parametrize(
        ("case", "message"),
        [
            ("error", "cupynn: rank 1: Traceback"),
            ("bad input", "cupynn: rank 1: error: no such file"),
            ("other data", "cupynn: error: data differs between rank 0 and rank 1"),
            ("callback", r"cupynn: error: at the start of epoch 2, dense_1/weight differs between rank 0 and rank 1"),
        ],
    )
    def test_one_message_and_no_waiting(self, tmp_path, case, message):
        done = start(2, "-m", "mpi.train", tmp_path, case)
        assert done.returncode == 1
        assert re.search(rf"^{message}", done.stderr, re.MULTILINE), done.stderr
        assert done.stderr.count("cupynn:") == 1
        assert list(tmp_path.iterdir()) == []


@needs_mpi
class TestCommand:
    @pytest.fixture
    def definition(self, tmp_path):
        path = tmp_path / "tiny.toml"
        path.write_text(DEFINITION.replace("EPOCHS", "2"), encoding="utf-8")
        return path

    def test_a_killed_process_ends_all_and_the_run_goes_on(self, tmp_path, definition):
        alone, folder = tmp_path / "alone", tmp_path / "run"
        assert cli.main(["train", str(definition), "--out", str(alone), "--quiet"]) == 0
        done = start(2, "-m", "mpi.command", "KILL", "train", definition, "--out", folder)
        assert done.returncode not in (0, 1)
        told = f"if one process dies, all stop; resume with: mpirun -n 2 cupynn train --resume {folder}\n"
        assert done.stdout.count(told) == 1
        assert (folder / "training.npz").is_file()
        assert not (folder / "result.json").exists()
        done = start(4, "-m", "mpi.command", "well", "train", "--resume", folder, "--json")
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert len(re.findall(r"^epoch 2/2", done.stdout, re.MULTILINE)) == 1
        assert "training on 4 processes, each on cpu, 1 thread" in done.stdout
        assert json.loads(done.stdout.splitlines()[-1])["folder"] == str(folder)
        assert {path.name for path in folder.iterdir()} == {path.name for path in alone.iterdir()}
        found, expected = open_run(folder).result, open_run(alone).result
        assert found["test"]["accuracy"] == pytest.approx(expected["test"]["accuracy"], abs=0.02)  # rounding moves spikes
        assert [epoch["number"] for epoch in found["epochs"]] == [1, 2]

    def test_what_all_get_wrong_is_told_once(self, tmp_path):
        done = start(4, "-m", "cupynn", "train", tmp_path / "none.toml")
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.count("no such preset or .toml file") == 1


class TestGpus:
    """Which GPU a process takes, by those of its machine; `mpi4py` is not asked."""

    @staticmethod
    def processes(monkeypatch, gpus, rank, visible):
        ranks = object.__new__(mpi.Processes)
        ranks.here = len(visible)
        ranks.neighbours = type("Neighbours", (), {"rank": rank, "allgather": lambda _, own: visible})()
        monkeypatch.setattr(mpi.diagnosis, "usable_gpus", lambda: gpus)
        return ranks

    def test_one_each(self, monkeypatch):
        for name in ("cuda", "auto"):
            found = [self.processes(monkeypatch, 4, rank, [None] * 4).device(name) for rank in range(4)]
            assert found == ["cuda:0", "cuda:1", "cuda:2", "cuda:3"]
            assert self.processes(monkeypatch, 1, 2, ["0", "1", "2"]).device(name) == "cuda"  # what the launcher shows it

    def test_too_few(self, monkeypatch):
        ranks = self.processes(monkeypatch, 2, 0, [None] * 4)
        with pytest.raises(InputError, match="4 processes on one machine with 2 usable GPUs: start one process per GPU"):
            ranks.device("auto")
        with pytest.raises(InputError, match="pass 'cuda' for one GPU per process"):
            ranks.device("cuda:1")
        assert ranks.device("cpu") == "cpu"

    @needs_mpi
    @pytest.mark.skipif(shutil.which("g++") is None, reason="no g++ to execute CUDA sources on the CPU: apt-get install g++")
    def test_gradients_go_through_nccl(self, tmp_path, one):
        done = start(2, "-m", "mpi.gpus", tmp_path)
        assert done.returncode == 0, done.stderr
        assert_close(read(tmp_path, "plain", 2), one["plain"])
