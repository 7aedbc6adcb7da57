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
from factories import LOSS, draw_data

from cupynn import Sequential, layers, parallel
from cupynn.augment import Augment
from cupynn.checks import InputError
from cupynn.encoders import Poisson
from cupynn.losses import CountRegression, RateBand
from cupynn.optimizers import Adam
from cupynn.results import History
from cupynn.training.loop import Training

BATCH, SAMPLES = 6, 31  # the last batch has one sample, for whatever number of processes
FAILS = 10  # update in which the process of rank 1 fails, of 18


def make(case: str, device: str) -> Sequential:
    """A network for the data of `factories`, with a convolution if they are taken as images."""
    images, outputs = case == "images", 4 if case == "numbers" else 3
    if case == "recurrent":
        options = {"v_th": 2.0, "initial_weight": 1.0, "train_delays": True, "max_delay": 9}
        parts = [layers.SpikingRecurrent(10, train_lateral=True, **options), layers.SpikingDense(3, **options)]
        return Sequential(parts, (9,), 50, Poisson(0.5), device=device)
    first = [layers.SpikingConv2D(4, 2, v_th=2.0), layers.SpikingPool2D(2, v_th=1.0)] if images else []
    dense = [layers.SpikingDense(units, v_th=2.0, initial_weight=1.0) for units in (10, outputs)]
    shape, population = (1, 3, 3) if images else (9,), 2 if outputs == 4 else 1
    return Sequential([*first, *dense], shape, 50, Poisson(0.5), device=device, neurons_per_class=population)


def fit(ranks: parallel.Ranks, case: str, device: str = "cpu", **options) -> tuple[Sequential, History]:
    """Train; a case has its own options, or its own way to go wrong."""
    (x, y), (held_out, labels) = draw_data(SAMPLES), draw_data(13, seed=1)
    net = make(case, device)
    if case == "images":
        x, held_out = x.reshape(-1, 1, 3, 3), held_out.reshape(-1, 1, 3, 3)
        options |= {"augment": Augment(scale=0.3), "boost": False}
    if case == "first":
        options |= {"epochs": 1, "optimizer": Adam(0.15)}
    if case == "best":  # the first of its epochs
        labels = fit(parallel.Ranks(), "first", device)[0].predict(held_out)
        options |= {"restore_best": True, "optimizer": Adam(0.15)}
    if case == "numbers":
        y, labels = (np.stack([each[:, :3].mean(1), each[:, 6:].mean(1)], axis=1) / 20 for each in (x, held_out))
        options |= {"loss": CountRegression(), "boost": False, "terms": {"dense_1": RateBand(high=2, weight=0.1)}}
        options["optimizer"] = Adam(0.02, clip_norm=1.0, weight_decay=0.1, warmup=5, rates={"dense_1": 0.5})
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
