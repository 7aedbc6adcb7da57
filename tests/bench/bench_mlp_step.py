"""One training step of the paper's MLP, 784-800-10, T = 400, against snnTorch: forward, backward, Adam.

    CUPYNN_DATA=... python tests/bench/bench_mlp_step.py        (needs pip install -e ".[bench]", and MNIST)

Each contestant runs in a process of its own, one after the other, on the same images with the same number of threads.
Ours encodes the images within the step; snnTorch gets its spikes ready-made. Ours is first trained for some steps, so that
its hidden layer is as active as in training; the cost of snnTorch does not depend on activity. A line of JSON each is
appended to results/mlp_step.jsonl.
"""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from cupynn import datasets, device, optimizers, presets

RESULTS = Path(__file__).parent / "results" / "mlp_step.jsonl"
BATCH, STEPS, HIDDEN, CLASSES = 50, 400, 800, 10
WARM_UP, REPEATS = 60, 7


def cupynn_step(x: np.ndarray, y: np.ndarray):
    """Return the step, and what to call it."""
    network, loss, optimizer = presets.read("mnist").build(x.shape[1:])
    optimizer = optimizers.Adam(3e-3)

    def step(index: int) -> None:
        part = slice(index * BATCH, (index + 1) * BATCH)
        error = loss(network.forward(network.encode(x[part])), y[part])
        network.backward(error, input_error=False)
        optimizer.step(network)

    return step, f"cupynn {device.machine()['cupynn']}, encoding included"


def snntorch_step(x: np.ndarray, y: np.ndarray):
    """Return the step, and what to call it: linear layers over all time steps at once, then the neurons step by step."""
    import snntorch
    import torch

    rng = np.random.default_rng(0)
    linear1, linear2 = torch.nn.Linear(784, HIDDEN, bias=False), torch.nn.Linear(HIDDEN, CLASSES, bias=False)
    neuron1, neuron2 = snntorch.Leaky(beta=1 - 1 / 64), snntorch.Leaky(beta=1 - 1 / 64)
    optimizer = torch.optim.Adam([*linear1.parameters(), *linear2.parameters()], lr=1e-3)
    rates = x[:BATCH].reshape(BATCH, -1) / 255 / 5.5
    spikes = torch.from_numpy((rng.random((STEPS, BATCH, 784)) < rates).astype(np.float32))
    labels = torch.from_numpy(y[:BATCH])

    def neurons(neuron, currents):
        membrane, out = neuron.init_leaky(), []
        for current in currents:
            fired, membrane = neuron(current, membrane)
            out.append(fired)
        return torch.stack(out)

    def step(_: int) -> None:
        hidden = neurons(neuron1, linear1(spikes.flatten(0, 1)).view(STEPS, BATCH, HIDDEN))
        output = neurons(neuron2, linear2(hidden.flatten(0, 1)).view(STEPS, BATCH, CLASSES))
        loss = torch.nn.functional.cross_entropy(output.sum(0), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step, f"snnTorch {snntorch.__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads, Leaky"


CONTESTANTS = {"cupynn": (cupynn_step, WARM_UP), "snntorch": (snntorch_step, 1)}


def measure(contestant: str) -> dict:
    """Time one contestant in this process."""
    train, _ = datasets.load("mnist")
    make, warm_up = CONTESTANTS[contestant]
    step, label = make(train.x, train.y)
    for index in range(warm_up):
        step(index)
    seconds = []
    for index in range(warm_up, warm_up + REPEATS):
        start = perf_counter()
        step(index)
        seconds.append(perf_counter() - start)
    return {
        "contestant": contestant,
        "label": label,
        "ms_per_sample": median(seconds) / BATCH * 1e3,
        "fastest_ms_per_sample": min(seconds) / BATCH * 1e3,
        "slowest_ms_per_sample": max(seconds) / BATCH * 1e3,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "batch": BATCH,
        "steps": STEPS,
        "repeats": REPEATS,
        "machine": device.machine(),
    }


def main() -> None:
    """Run all contestants, print and keep what they did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=CONTESTANTS, help="run one contestant in this process and print its JSON")
    only = parser.parse_args().only
    if only:
        print(json.dumps(measure(only)))
        return
    results = []
    for contestant in CONTESTANTS:
        process = subprocess.run([sys.executable, __file__, "--only", contestant], stdout=subprocess.PIPE, check=True)
        results.append(json.loads(process.stdout))
    machine = results[0]["machine"]
    print(f"{machine['processor']}, {machine['threads']} threads; MLP 784-{HIDDEN}-{CLASSES}, T = {STEPS}, batch {BATCH}")
    for result in results:
        ratio = result["ms_per_sample"] / results[0]["ms_per_sample"]
        print(
            f"{result['label']:60} {result['ms_per_sample']:7.3f} ms a sample "
            f"({result['fastest_ms_per_sample']:.3f} to {result['slowest_ms_per_sample']:.3f}), "
            f"{ratio:5.1f} x, {result['peak_memory_mb']:6.0f} MB"
        )
    with RESULTS.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(result) + "\n" for result in results)


if __name__ == "__main__":
    main()
