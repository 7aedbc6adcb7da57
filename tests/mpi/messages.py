"""What processes tell each other, checked by each of them on all of mpirun."""

import sys
from threading import Timer
from time import sleep

import numpy as np

from cupynn import get_num_threads, parallel
from cupynn.checks import InputError


def outcome(function) -> str:
    """The error's message."""
    try:
        return f"returned {function()}"
    except InputError as error:
        return str(error)


def refuse() -> None:
    """What the first process does."""
    raise InputError("no room")


with parallel.world() as ranks:
    size, rank = ranks.size, ranks.rank
    # Sums are taken in the order of the ranks, whose rounding shows: 1 + 2^-24 + 2^-24 ... is 1, the other way it is more.
    each = np.array([1] + [2**-24] * (size - 1), np.float32)
    for shape in [(), (1,), (5,), (3, 7)]:
        total = ranks.total(np.full(shape, each[rank], np.float32))
        assert (total.shape, total.dtype) == (shape, np.float32)
        assert (total == 1).all(), total
        assert (ranks.total(np.full(shape, each[size - 1 - rank], np.float32)) > 1).all() == (size > 2)
    assert (ranks.total(np.arange(10) * 10**rank) == np.arange(10) * int("1" * size)).all()
    assert ranks.total(np.zeros(0)).size == 0
    assert ranks.greatest(rank, -rank, 7) == (size - 1, 0, 7)
    assert ranks.on_first(lambda: f"from {rank}") == "from 0"
    assert outcome(lambda: ranks.on_first(refuse)) == "no room"
    assert ranks.every(bytes([rank])) == [bytes([number]) for number in range(size)]
    ranks.same({"one": b"1", "two": b"2"}, "do so")
    parts = {"one": b"1", "two": b"last" if rank == size - 1 else b"2"}
    assert outcome(lambda: ranks.same(parts, "do so")) == f"two differs between rank 0 and rank {size - 1}: do so"
    assert outcome(lambda: ranks.device("cuda:1")).startswith("device='cuda:1' for ")
    assert [ranks.device(name) for name in ("auto", "cpu")] == ["auto", "cpu"]
    # Nobody holds the interpreter while he waits for one that is late: threads and signals have their turn.
    late = []
    Timer(0.2, lambda: late.append(rank)).start()
    if rank == 0:
        sleep(0.5)
    ranks.greatest(0)
    assert late == [rank]
    sys.stdout.write(f"rank {rank} of {size}: well, {get_num_threads()} threads\n")
