"""Train snnTorch on the files and splits of a row of the results, with the best settings of a small grid.

    CUPYNN_DATA=... python tests/bench/peer_accuracy.py emnist-bymerge-test

The network has the sizes of the row's. Its input follows snnTorch's tutorials: images are a constant current for 25 steps,
events and speech are counts of spikes in FRAMES frames. It is trained by surrogate gradients with the cross-entropy of the
output counts, Adam with a cosine schedule, and batches of 64. Decay and learning rate are chosen on the row's validation
data, after training on at most SEARCHED samples. The best pair is trained on all samples, with each seed of the row, and
tested with the weights of the best epoch. The script writes results/ROW-snntorch.json.
"""

import argparse
import json
from itertools import pairwise, product
from math import cos, pi, prod
from pathlib import Path
from time import perf_counter

import numpy as np
import recipes
import torch
from steps import peers
from torch import nn

from cupynn import presets
from cupynn.datasets import Dataset
from cupynn.device.device import machine

STEPS, FRAMES = 25, 60
GRID = {"beta": (0.8, 0.95), "rate": (5e-4, 2e-3)}
EPOCHS = {"emnist-bymerge-test": 8, "n-mnist-subset": 40, "fsdd": 60, "fsdd-speaker": 60}
SEARCHED, BATCH = 20_000, 64


def given(experiment: presets.Experiment, data: Dataset) -> torch.Tensor:
    """Return the input, (samples, steps, inputs), or (samples, 1, inputs) if it is the same at every step."""
    if data.x.dtype == np.uint8:
        return torch.from_numpy(data.x.reshape(len(data), 1, -1)).float() / 255
    network, _, _ = experiment.build("cpu")
    parts = []
    for first in range(0, len(data), 100):
        picked = data[first : first + 100]
        dense = network.encode(picked.x, np.arange(first, first + len(picked)), 0).to_dense(np.float32)
        per = network.steps // FRAMES
        frames = dense[:, : per * FRAMES].reshape(len(picked), FRAMES, per, prod(network.input_shape)).sum(2)
        parts.append(torch.from_numpy(frames))
    return torch.cat(parts)


class Trainer:
    """A network of snnTorch with its optimizer."""

    def __init__(self, sizes: list[int], beta: float, rate: float, seed: int) -> None:
        torch.manual_seed(seed)
        synapses = [nn.Linear(before, after) for before, after in pairwise(sizes)]
        self.network = peers.Layers(peers.SnnTorch, synapses, [peers.SnnTorch.leaky(1 / (1 - beta)) for _ in synapses])
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=rate)
        self.rate, self.order = rate, np.random.default_rng(seed)

    def counts(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output counts, (samples, classes)."""
        steps = x.expand(-1, STEPS, -1) if x.shape[1] == 1 else x
        return self.network(steps.transpose(0, 1)).sum(0)

    def fit(self, x: torch.Tensor, y: torch.Tensor, held: tuple, epochs: int) -> tuple[float, dict]:
        """Train; return the best accuracy on held-out data, and the weights of that epoch."""
        best, weights = -1.0, {}
        batches = -(-len(x) // BATCH)
        for epoch in range(epochs):
            for index, picked in enumerate(np.array_split(self.order.permutation(len(x)), batches)):
                share = (1 + cos(pi * (epoch + index / batches) / epochs)) / 2
                self.optimizer.param_groups[0]["lr"] = self.rate * share
                loss = nn.functional.cross_entropy(self.counts(x[picked]), y[picked])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
            accuracy = self.accuracy(*held)
            if accuracy > best:
                best = accuracy
                weights = {name: value.clone() for name, value in self.network.state_dict().items()}
        return best, weights

    def accuracy(self, x: torch.Tensor, y: torch.Tensor) -> float:
        """Return the fraction of samples that are classified correctly."""
        with torch.no_grad():
            found = torch.cat([self.counts(x[first : first + 500]).argmax(1) for first in range(0, len(x), 500)])
        return float((found == y).double().mean())


def main() -> None:
    """Search the grid, train and test the best settings, write the result file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("row", choices=EPOCHS, help="row of the results")
    row = parser.parse_args().row
    tables = recipes.definition(row, 0)
    experiment = presets.Experiment(row, **tables)
    (x, y), held, test = (
        (given(experiment, data), torch.from_numpy(np.asarray(data.y)).long()) for data in experiment.load_data()
    )
    sizes = [x.shape[2], *(layer["units"] for layer in tables["network"]["layers"])]
    tried = []
    for beta, rate in product(*GRID.values()):
        start = perf_counter()
        accuracy, _ = Trainer(sizes, beta, rate, 0).fit(x[:SEARCHED], y[:SEARCHED], held, EPOCHS[row])
        tried.append({"beta": beta, "rate": rate, "validation": accuracy, "seconds": perf_counter() - start})
        print(tried[-1], flush=True)
    best = max(tried, key=lambda one: one["validation"])
    runs = []
    for seed in recipes.ROWS[row].seeds:
        trainer, start = Trainer(sizes, best["beta"], best["rate"], seed), perf_counter()
        validation, weights = trainer.fit(x, y, held, EPOCHS[row])
        seconds = perf_counter() - start
        trainer.network.load_state_dict(weights)
        runs.append({"seed": seed, "validation": validation, "test": trainer.accuracy(*test), "seconds": seconds})
        print(runs[-1], flush=True)
    about = machine() | {"peer": peers.label(peers.SnnTorch)}
    result = {"row": row, "sizes": sizes, "epochs": EPOCHS[row], "machine": about, "grid": tried, "runs": runs}
    path = Path(recipes.RESULTS) / f"{row}-snntorch.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
