"""Train small networks with `fit` on the processes of mpirun; each process leaves its weights and its history.

python -m mpi.train FOLDER CASE,CASE... [CHECKPOINT]
"""

import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
from test_training import LOSS, draw_data

from cupynn import Sequential, layers, parallel
from cupynn.augment import Augment
from cupynn.checks import InputError
from cupynn.encoders import Poisson
from cupynn.optimizers import Adam
from cupynn.results import History
from cupynn.training.loop import Training

BATCH, SAMPLES = 6, 31  # the last batch has one sample, for whatever number of processes
FAILS = 10  # update in which the process of rank 1 fails, of 18


def make(images: bool, device: str) -> Sequential:
    """A network for the data of `test_training`, with a convolution if they are taken as images."""
    first = [layers.SpikingConv2D(4, 2, v_th=2.0), layers.SpikingPool2D(2, v_th=1.0)] if images else []
    dense = [layers.SpikingDense(units, v_th=2.0, initial_weight=1.0) for units in (10, 3)]
    return Sequential([*first, *dense], (1, 3, 3) if images else (9,), 50, Poisson(0.5), device=device)


def fit(ranks: parallel.Ranks, case: str, device: str = "cpu", **options) -> tuple[Sequential, History]:
    """Train; a case has its own options, or its own way to go wrong."""
    (x, y), (held_out, labels) = draw_data(SAMPLES), draw_data(13, seed=1)
    net = make(case == "images", device)
    if case == "images":
        x, held_out = x.reshape(-1, 1, 3, 3), held_out.reshape(-1, 1, 3, 3)
        options |= {"augment": Augment(scale=0.3), "boost": False}
    if case == "other data" and ranks.rank == 1:
        x = x + 1
    if case == "callback":
        options["callbacks"] = [lambda network, history: network.layers[0].params["weight"].fill(7)]
    if case in FAILURES:
        fail(ranks.rank, FAILURES[case])
    usual = {"loss": LOSS, "optimizer": Adam(0.02), "epochs": 3, "batch_size": BATCH, "boost": True, "progress": False}
    usual |= {"validation": (held_out, labels), "sample_weight": np.linspace(0.5, 2, SAMPLES)}
    return net, net.fit((x, y), ranks=ranks, **usual | options)


def _raise(error: Exception) -> None:
    raise error


FAILURES = {
    "TERM": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "KILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "error": lambda: _raise(ZeroDivisionError("no such luck")),
    "bad input": lambda: _raise(InputError("no such file")),
}


def fail(rank: int, how) -> None:
    """Have the process of rank 1 fail within a step."""
    plain, steps = Training._update, []

    def step(*arguments):
        steps.append(1)
        if len(steps) == FAILS and rank == 1:
            how()
        return plain(*arguments)

    Training._update = step


def leave(folder: Path, case: str, rank: int, net: Sequential, history: History) -> None:
    """Write what `read` in `test_ranks` reads."""
    arrays = {name.replace("/", "."): net.device.get(array) for name, array in net.arrays().items()}
    np.savez(folder / f"{case}-{rank}.npz", **arrays)
    (folder / f"{case}-{rank}.json").write_text(json.dumps([asdict(epoch) for epoch in history.epochs]), encoding="utf-8")


def main(folder: str, cases: str, checkpoint: str | None = None) -> None:
    """Train each case."""
    path = checkpoint and Path(checkpoint)
    options = {"checkpoint": path, "checkpoint_seconds": 0, "resume": path.exists()} if path else {}
    with parallel.world() as ranks:
        for case in cases.split(","):
            leave(Path(folder), case, ranks.rank, *fit(ranks, case, **options))


if __name__ == "__main__":
    main(*sys.argv[1:])
