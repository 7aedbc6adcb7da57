"""Measure an update of the paper's networks on several processes, and extrapolate to larger machines.

    CUPYNN_DATA=... mpirun -n 2 python tests/bench/bench_ranks.py mlp | cnn [--batch 128]   (needs MNIST)

Each process measures, as medians: c, seconds per sample for both passes; u, seconds of the optimizer step, which every
process does; M, bytes of the gradients; s, seconds to sum them over the processes. For N processes and a batch of n samples:

    time of an update    t(N) = n c / N + u + s(N)
    of the sum           s(N) = 2 (N - 1) a + 2 (N - 1) / N * M / b      (a: seconds per message; b: bytes per second)
    efficiency           t(1) / (N t(N))

Every process sends N - 1 parts of M / N bytes to be added, and as many sums; a ring of NCCL sends the same amount. a and b
of other machines, and c and u on a GPU, are assumptions, not measurements: see `table`. Communication does not overlap with
the backward pass: on two cores the sum took 2.2 ms of the 76 ms of an update (MLP, 2 processes, batch 128), and overlapping
could not save more than that.
"""

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np

from cupynn import datasets, parallel, presets
from cupynn.evaluation.parts import Parts

WARM_UP, REPEATS = 12, 7
PRESET, BATCH = {"mlp": "mnist", "cnn": "mnist-cnn"}, {"mlp": 128, "cnn": 32}

# Assumptions: a GPU takes 0.5 s (MLP) or 5 s (CNN) per epoch of 60,000 samples, the project's targets on an H200; a node has
# 16 of the cores measured here.
GPU_SECONDS = {"mlp": 0.5 / 60000, "cnn": 5 / 60000}
NODE_CORES = 16


def timed(function: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    start = perf_counter()
    function()
    return perf_counter() - start


def measure(ranks: parallel.Ranks, net: str, batch: int) -> tuple[float, float, float, int]:
    """Return c (seconds per sample), u and s (seconds), and M (bytes), as in the docstring of the module."""
    network, loss, optimizer = presets.read(PRESET[net]).build("cpu")
    optimizer.epochs = 1
    train, _ = datasets.load("mnist")
    share = ranks.share(batch)
    samples = share.stop - share.start
    parts = Parts(network, train.x, samples, sharing=ranks.here)
    times = []
    for index in range(WARM_UP + REPEATS):
        numbers = np.arange(index * batch, (index + 1) * batch)[share]

        def draw(part: slice, numbers=numbers) -> tuple:
            picks = numbers[part]
            return network.encode_checked(train.x[picks], picks, 1), train.y[picks], np.ones(len(picks), np.float32)

        passes = timed(lambda draw=draw: parts.gradients(loss, draw, samples, batch))
        ranks.greatest(0)  # wait for all, so that the sum alone is measured next
        total = timed(lambda: ranks.sum_gradients(network))
        times.append((passes / samples, timed(lambda: optimizer.step(network)), total))
    size = sum(gradient.nbytes for layer in network.layers for gradient in layer.grads.values())
    return *(median(column) for column in zip(*times[WARM_UP:], strict=True)), size


def table(net: str, batch: int, sample: float, update: float, size: int) -> list[str]:
    """Return lines of text with the extrapolation to larger machines."""
    gpu = GPU_SECONDS[net]
    machines = [  # name, N, a, b, c, u: NVLink carries 300 GB/s each way, the nodes' network 100 Gbit/s
        ("GPUs of one machine", (1, 2, 4, 8), 5e-6, 300e9, gpu, update * gpu / sample),
        ("nodes", (1, 2, 8, 32, 64), 2e-6, 12.5e9, sample / NODE_CORES, update / NODE_CORES),
    ]
    lines = []
    for name, sizes, latency, bandwidth, own, step in machines:
        for samples in (batch, 16 * batch):
            single = samples * own + step
            for n in sizes:
                total = 2 * (n - 1) * latency + 2 * (n - 1) / n * size / bandwidth
                time = samples * own / n + step + total
                lines.append(
                    f"{name:20} {n:3}  batch {samples:5}  update {1e3 * time:8.3f} ms, of which sum {1e3 * total:7.3f} ms  "
                    f"{samples / time:12,.0f} samples/s  efficiency {single / n / time:4.0%}"
                )
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", choices=PRESET, help="network to measure")
    parser.add_argument("--batch", type=int, help="samples per batch (default: 128 for mlp, 32 for cnn)")
    options = parser.parse_args()
    batch = options.batch or BATCH[options.net]
    with parallel.world() as ranks:
        sample, update, total, size = measure(ranks, options.net, batch)
        if ranks.first:
            print(
                f"{options.net}, {ranks.size} processes, batch {batch}: {1e3 * sample:.3f} ms per sample and process, "
                f"optimizer step {1e3 * update:.2f} ms, gradients {size:,} bytes, their sum {1e3 * total:.2f} ms"
            )
            if ranks.size > 1:
                print(*table(options.net, batch, sample, update, size), sep="\n")


if __name__ == "__main__":
    main()
