"""Kernels on several threads: every turn is taken once, and the number of threads can be set."""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import cupynn
from cupynn.checks import InputError
from cupynn.kernels import kernel
from cupynn.kernels.threads import each, parallel


@kernel
def _count(turns, taken):
    for turn in each(turns):
        taken[turn] += 1


@pytest.fixture
def threads():
    """Restore the number of threads."""
    before = cupynn.get_num_threads()
    yield
    cupynn.set_num_threads(before)


@pytest.mark.parametrize("number", [1, 2, 7])
@pytest.mark.parametrize("count", [0, 1, 3, 10_000])
def test_every_turn_is_taken_once(threads, number, count):
    cupynn.set_num_threads(number)
    assert cupynn.get_num_threads() == number
    for _ in range(3):
        taken = np.zeros(count + 1, np.int64)
        parallel(_count, count, taken)
        assert taken.tolist() == [1] * count + [0]


def test_several_callers_at_once(threads):
    cupynn.set_num_threads(3)
    arrays = [np.zeros(5000, np.int64) for _ in range(8)]
    with ThreadPoolExecutor(8) as callers:
        list(callers.map(lambda taken: parallel(_count, 5000, taken), arrays))
    assert all((taken == 1).all() for taken in arrays)


def _in_a_child(connection):
    taken = np.zeros(100, np.int64)
    parallel(_count, 100, taken)
    connection.send(int(taken.sum()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_has_threads_of_its_own(threads):
    cupynn.set_num_threads(2)
    parallel(_count, 100, np.zeros(100, np.int64))
    parallel(_count, 100, np.zeros(100, np.int64))
    here, there = multiprocessing.get_context("fork").Pipe()
    child = multiprocessing.get_context("fork").Process(target=_in_a_child, args=(there,))
    child.start()
    assert here.poll(60)
    assert here.recv() == 100
    child.join(60)
    assert child.exitcode == 0


@pytest.mark.parametrize("number", [0, -1, 1025, 1.5, "2", True])
def test_numbers_that_are_none(number):
    with pytest.raises(InputError, match=r"^number="):
        cupynn.set_num_threads(number)


@pytest.mark.parametrize(("setting", "printed"), [("3", "3"), ("", None), (None, None)])
def test_the_environment_sets_the_number(setting, printed):
    environment = {key: value for key, value in os.environ.items() if key != "CUPYNN_THREADS"}
    if setting is not None:
        environment["CUPYNN_THREADS"] = setting
    code = "import cupynn; print(cupynn.get_num_threads())"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    number = int(done.stdout)
    assert str(number) == printed or (printed is None and 1 <= number <= (os.cpu_count() or 1))


@pytest.mark.parametrize("setting", ["0", "-1", "many", "1025", "1.5"])
def test_an_environment_that_sets_no_number(setting, monkeypatch):
    from cupynn.kernels import threads

    monkeypatch.setenv("CUPYNN_THREADS", setting)
    with pytest.raises(InputError, match=r"^CUPYNN_THREADS="):
        threads._default()
