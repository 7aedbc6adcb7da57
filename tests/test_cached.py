"""Values that are computed once, without a lock that a forked child would inherit."""

import os
import re
import signal
from threading import Event, Thread

import pytest
from factories import ROOT

from cupynn.cached import cached


class Slow:
    computed = 0

    def __init__(self):
        self.begun, self.go = Event(), Event()

    @cached
    def value(self):
        """What takes long."""
        Slow.computed += 1
        self.begun.set()
        self.go.wait(30)
        return [Slow.computed]


def test_once_for_each_object():
    one, other = Slow(), Slow()
    one.go.set(), other.go.set()
    assert one.value is one.value
    assert one.value is not other.value
    assert Slow.value.__doc__ == "What takes long."


def test_two_threads_get_the_same():
    slow, found = Slow(), []
    threads = [Thread(target=lambda: found.append(slow.value)) for _ in range(2)]
    for thread in threads:
        thread.start()
        slow.begun.wait(30)
        slow.begun.clear()
    slow.go.set()
    for thread in threads:
        thread.join()
    assert found[0] is found[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_forked_during_a_computation_does_not_hang():
    slow, ready = Slow(), Slow()
    thread = Thread(target=lambda: slow.value)
    thread.start()
    slow.begun.wait(30)
    ready.go.set()
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # ends it, should it hang
        os._exit(0 if ready.value else 1)
    _, status = os.waitpid(child, 0)
    slow.go.set()
    thread.join()
    assert status == 0


def test_no_other_is_used():
    for folder in ("cupynn", "layers", "datasets"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not re.search(r"import.*cached_property|@.*cached_property", path.read_text(encoding="utf-8")), path
