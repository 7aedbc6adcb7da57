"""Kernels on several threads: every turn is taken once, an interrupt leaves none behind, and their number can be set."""

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import numpy as np
import psutil
import pytest
from factories import slow

import cupynn
from cupynn.checks import InputError
from cupynn.interrupt import Deferred
from cupynn.kernels import kernel
from cupynn.kernels import threads as module
from cupynn.kernels.threads import each, parallel
from cupynn.kernels.turns import INSIDE, _add_inside, new_turns


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


@kernel
def _meet(turns, begun, freed, done):
    """End the first turn once the second has begun, and the second once it is freed."""
    for turn in each(turns):
        if turn == 0:
            while _add_inside(begun, 0) == 0:
                pass
        else:
            _add_inside(begun, 1)
            while _add_inside(freed, 0) == 0:
                pass
        done[turn] += 1


class Meeting:
    """Two turns in two threads; the second, which a helper takes, lasts for `seconds`."""

    def __init__(self, seconds):
        self.begun, self.freed, self.done = new_turns(0), new_turns(0), np.zeros(2, np.int64)
        self.timer = threading.Timer(seconds, self.free)
        parallel(_meet, 0, *self.arguments)  # compiled

    @property
    def arguments(self):
        return self.begun.ctypes.data, self.freed.ctypes.data, self.done

    def free(self):
        self.freed[INSIDE] = 1

    def run(self):
        self.timer.start()
        parallel(_meet, 2, *self.arguments)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that send signals here")
class TestInterrupts:
    """A signal handler that raises: no thread may be left that writes to arrays which the caller takes for its own."""

    @pytest.fixture(autouse=True)
    def _alarm(self, threads):
        before = signal.signal(signal.SIGALRM, signal.default_int_handler)
        yield
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    @pytest.mark.parametrize("interval", [0, 0.02], ids=["once", "again and again"])
    def test_the_caller_leaves_after_its_helpers(self, interval):
        cupynn.set_num_threads(2)
        meeting, seen = Meeting(0.4), None
        signal.setitimer(signal.ITIMER_REAL, 0.1, interval)
        try:
            meeting.run()
        except KeyboardInterrupt:
            signal.setitimer(signal.ITIMER_REAL, 0)
            seen = meeting.done.tolist()
        assert seen == [1, 1]

    def test_wherever_it_comes(self):
        """Moments from before the first turn to after the last; memory freed meanwhile keeps what is written to it."""
        cupynn.set_num_threads(3)
        parallel(_count, 1, np.zeros(1, np.int64))
        interrupts = 0
        for moment in np.linspace(1e-6, 1e-3, 400):
            taken = np.zeros(20_000, np.int64)
            try:
                signal.setitimer(signal.ITIMER_REAL, moment)
                parallel(_count, taken.size, taken)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                interrupts += 1
            after, others = taken.copy(), [np.array([0, 9, 0, 0]) for _ in range(20)]
            assert taken.max() <= 1
            time.sleep(1e-4)
            np.testing.assert_array_equal(taken, after)
            assert all(other.tolist() == [0, 9, 0, 0] for other in others)
        assert interrupts > 0

    def test_a_kernel_is_compiled_to_the_end(self):
        """Numba that is interrupted may never compile again."""
        seen = []

        def compiled(*_):
            signal.raise_signal(signal.SIGALRM)
            signal.raise_signal(signal.SIGINT)
            seen.append("to the end")

        before = signal.getsignal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            parallel(compiled, 1)
        assert seen == ["to the end"]
        assert gc.isenabled()
        assert (signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGINT)) == (signal.default_int_handler, before)

    def test_all_that_came_meanwhile_are_delivered(self):
        """Also if the first handler raises, and one that comes while handlers are put back."""
        seen, plain = [], signal.signal
        before = plain(signal.SIGUSR1, lambda *_: seen.append("USR1"))

        def put_back(number, handler):
            signal.raise_signal(signal.SIGUSR1)
            return plain(number, handler)

        deferred = Deferred()
        try:
            deferred.__enter__()
            signal.raise_signal(signal.SIGALRM)
            signal.raise_signal(signal.SIGUSR1)
            with mock.patch.object(signal, "signal", put_back), pytest.raises(KeyboardInterrupt):
                deferred.__exit__()
            assert len(seen) > 2
            assert signal.getsignal(signal.SIGALRM) is signal.default_int_handler
        finally:
            plain(signal.SIGUSR1, before)

    def test_a_handler_that_computes_while_helpers_start(self, monkeypatch):
        cupynn.set_num_threads(4)
        begun, plain, taken = [], module.start_new_thread, np.zeros(9, np.int64)
        parallel(_count, 1, np.zeros(1, np.int64))

        def start(*arguments):
            if not begun:
                begun.append(1)
                parallel(_count, 9, taken)
            return plain(*arguments)

        monkeypatch.setattr(module, "start_new_thread", start)
        other = np.zeros(9, np.int64)
        parallel(_count, 9, other)
        assert (taken == 1).all()
        assert (other == 1).all()

    def test_what_a_handler_raises_within_a_call_comes_out_as_it_is(self):
        """Python makes a SystemError of it, which `except KeyboardInterrupt` would miss."""

        def interrupted(*_):
            raise SystemError("returned a result with an exception set") from KeyboardInterrupt("pressed")

        with pytest.raises(KeyboardInterrupt, match="pressed"):
            parallel(interrupted, 1)

    def test_another_system_error_is_passed_on(self):
        def broken(*_):
            raise SystemError("broken")

        with pytest.raises(SystemError, match="broken"):
            parallel(broken, 1)


def test_an_error_in_a_helper_is_the_callers(threads):
    cupynn.set_num_threads(2)

    def fail(turns, caller):
        if threading.get_ident() == caller:
            time.sleep(0.2)
        else:
            raise MemoryError("no room")

    parallel(fail, 0, threading.get_ident())  # the first call is made by the calling thread alone
    with pytest.raises(MemoryError, match="no room"):
        parallel(fail, 2, threading.get_ident())


@pytest.mark.parametrize(
    "other", [np.zeros(4, np.int32), np.zeros((2, 4), np.int64)[:, 0], np.zeros(4, np.int64).reshape(2, 2)], ids=str
)
def test_each_combination_of_types_is_compiled_by_one_thread(threads, other):
    """A second one as well: an interrupt must wait for it, and other threads must not begin it too."""
    cupynn.set_num_threads(3)
    callers = []

    def call(turns, array, pair):
        callers.append(threading.get_ident())

    for array in (np.zeros(4, np.int64), other):
        parallel(call, 5, array, (1.0, np.ones(2)))
        assert callers.pop() == threading.get_ident()
        assert not callers
        parallel(call, 5, array.copy() if array.flags.c_contiguous else array, (2.0, np.ones(3)))
        assert threading.get_ident() in callers
        callers.clear()


def test_another_number_while_kernels_run(threads):
    cupynn.set_num_threads(2)
    meeting = Meeting(0.3)
    change = threading.Timer(0.1, cupynn.set_num_threads, (3,))
    change.start()
    meeting.run()
    assert meeting.done.tolist() == [1, 1]
    assert cupynn.get_num_threads() == 3


def test_another_number_while_a_crew_is_made(threads, monkeypatch):
    cupynn.set_num_threads(2)
    plain = module._Crew.__init__

    def make(self, size):
        monkeypatch.undo()
        cupynn.set_num_threads(4)  # as by another thread
        plain(self, size)

    monkeypatch.setattr(module._Crew, "__init__", make)
    parallel(_count, 1, np.zeros(1, np.int64))
    module._THREADS.crew()
    assert module._THREADS.crew().size == cupynn.get_num_threads() == 4


def test_threads_end_with_their_crew(threads):
    number = psutil.Process().num_threads

    def use(threads):
        cupynn.set_num_threads(threads)
        for _ in range(2):
            parallel(_count, 50, np.zeros(50, np.int64))

    use(2)
    use(12)
    most = number()
    use(2)
    end = time.monotonic() + 20
    while number() > most - 10 and time.monotonic() < end:
        time.sleep(0.01)
    assert number() <= most - 10


def test_a_system_that_starts_no_more_threads(threads, monkeypatch):
    cupynn.set_num_threads(5)
    parallel(_count, 1, np.zeros(1, np.int64))
    started, plain = [], module.start_new_thread

    def start(*arguments):
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(plain(*arguments))

    monkeypatch.setattr(module, "start_new_thread", start)
    with pytest.raises(InputError, match=r"only 2 helper threads .* call cupynn.set_num_threads\(3\)"):
        parallel(_count, 9, np.zeros(9, np.int64))


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


@pytest.mark.parametrize(("setting", "printed"), [("3", "3"), slow("", None), slow(None, None)])
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
    monkeypatch.setenv("CUPYNN_THREADS", setting)
    with pytest.raises(InputError, match=r"^CUPYNN_THREADS="):
        module._default()
