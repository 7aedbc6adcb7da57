"""Benchmark the paper's networks on a GPU: a training step, each of its kernels, an epoch, and the limits of the hardware.

    CUPYNN_DATA=... python tests/bench/bench_cuda.py [--short] [mlp] [cnn] [nmnist] [recipe] [products]      (default: all)

Steps are timed with CUDA events after a warm-up, as the median of 20. Kernels are timed by events around each launch, in a
separate run. The upper bound for memory bandwidth is that of a copy of 1 GiB. `recipe` is `mnist-cnn-augmented` as `fit`
trains it, with T = 40 and small batches; the time beyond its kernels is time in which the GPU waits for the host. `products`
measures how long cuBLAS needs for the matrix products of the MLP in half and single precision, and so whether event-driven
or dense computation is faster on this card.
One line of JSON per benchmark is appended to results/cuda.jsonl. With --short everything is tiny and no result is stored,
which is how to try the script without a GPU. To compare with snnTorch and SpikingJelly on the same card, run
python tests/bench/steps --device cuda.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from time import perf_counter

import cupy
import numpy as np

from cupynn import Sequential, datasets, encoders, layers, losses, optimizers, presets
from cupynn.augment import Augment
from cupynn.device.device import machine, resolve
from cupynn.kernels.cuda import CudaSource

RESULTS = Path(__file__).parent / "results" / "cuda.jsonl"
SHORT = "--short" in sys.argv
REPEATS, WARM_UP, STEPS = (1, 1, 30) if SHORT else (20, 30, 400)
SAMPLES = 16 if SHORT else 55_000  # per epoch
BATCH = dict.fromkeys(("mlp", "cnn", "nmnist"), 8) if SHORT else {"mlp": 128, "cnn": 64, "nmnist": 64}


def elapsed(work, repeats: int = REPEATS) -> float:
    """Return the milliseconds that `work` takes by the clock of the device, median over repeats."""
    times = []
    for _ in range(repeats):
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(cupy.cuda.get_elapsed_time(start, end))
    return median(times)


def copy_bandwidth() -> float:
    """Return the bytes per second that a copy reads and writes."""
    source = cupy.zeros(1 << (10 if SHORT else 28), np.float32)
    target = cupy.empty_like(source)
    return 2 * source.nbytes / (elapsed(lambda: cupy.copyto(target, source)) / 1e3)


class KernelTimes:
    """Context manager that times every kernel launch and counts the bytes of its arrays, each array once."""

    def __enter__(self):
        self.events, self.launch = defaultdict(list), CudaSource.launch

        def timed(source, name, *arguments, **options):
            start, end = cupy.cuda.Event(), cupy.cuda.Event()
            start.record()
            self.launch(source, name, *arguments, **options)
            end.record()
            size = sum(argument.nbytes for argument in arguments if isinstance(argument, cupy.ndarray))
            self.events[f"{source.stem}.{name}"].append((start, end, size))

        CudaSource.launch = timed
        return self

    def __exit__(self, *_):
        CudaSource.launch = self.launch
        cupy.cuda.Device().synchronize()

    def totals(self, steps: int) -> dict[str, dict[str, float]]:
        """Return milliseconds and gigabytes per step of each kernel, slowest first."""
        sums = {
            name: {
                "ms": sum(cupy.cuda.get_elapsed_time(start, end) for start, end, _ in launches) / steps,
                "gb": sum(size for *_, size in launches) / steps / 1e9,
            }
            for name, launches in self.events.items()
        }
        return dict(sorted(sums.items(), key=lambda item: -item[1]["ms"]))


def images() -> tuple[np.ndarray, np.ndarray]:
    """Return MNIST, or noise of the same shape and mean if MNIST is not available."""
    try:
        train, _ = datasets.load("mnist")
        return train.x, train.y
    except Exception as error:  # a machine without network access: times do not depend on the images
        print(f"MNIST is not available ({str(error).splitlines()[0]}): using noise of the same mean intensity")
        rng = np.random.default_rng(0)
        return (rng.random((8000, 28, 28)) < 0.19).astype(np.uint8) * 180, rng.integers(0, 10, 8000)


def network(name: str):
    """Return network, loss, optimizer, data and labels."""
    if name == "nmnist":
        parts = [layers.SpikingDense(800, 15.0), layers.SpikingDense(10, 15.0, lateral_inhibition=1.0)]
        net = Sequential(parts, (2312,), 30 if SHORT else 540, encoders.Poisson(1 / 5.5), device="cuda")
        desired = 20 if SHORT else 35
        rng = np.random.default_rng(0)
        x = (rng.random((2000, 2312)) < 0.1).astype(np.uint8) * 50  # about 4,000 events per sample, like a recording
        return net, losses.SpikeCount(desired), optimizers.Adam(1e-3), x, rng.integers(0, 10, 2000)
    preset = presets.read({"mlp": "mnist", "cnn": "mnist-cnn"}[name]).replace(**{"network.steps": STEPS, "loss.desired": 20})
    net, loss, optimizer = preset.build("cuda")
    return net, loss, optimizers.Adam(optimizer.lr), *images()


def bench(name: str, ceiling: float) -> dict:
    """Measure step, kernels and epoch of a network; `ceiling` is a copy's bandwidth in bytes per second."""
    net, loss, optimizer, x, y = network(name)
    device, batch = net.device, BATCH[name]
    x, y = device.put(x), device.put(y.astype(np.int32))
    numbers = cupy.arange(len(x))

    def step(index: int = 0) -> None:
        part = slice(index * batch, (index + 1) * batch)
        error = loss(net.forward(net.encode_checked(x[part], numbers[part], 1)), y[part], cupy.ones(batch, np.float32))
        net.backward(error, input_error=False)
        optimizer.step(net)

    whole = len(x) // batch
    for index in range(WARM_UP):
        step(index % whole)
    forward = elapsed(lambda: net.forward(net.encode_checked(x[:batch], numbers[:batch], 1)))
    train = elapsed(step)
    cupy.cuda.Device().synchronize()
    start = perf_counter()
    for index in range(SAMPLES // batch):
        step(index % whole)
    cupy.cuda.Device().synchronize()
    epoch = perf_counter() - start
    with KernelTimes() as kernels:
        for index in range(5):
            step(index)
    by_kernel = kernels.totals(steps=5)
    spikes = {"input": int(net.trains[0].total)} | {
        layer.name: int(trains.total) for layer, trains in zip(net.layers, net.trains[1:], strict=True)
    }
    print(f"\n{name}, batch {batch}: step {train:.3f} ms, forward {forward:.3f} ms, {SAMPLES:,} samples {epoch:.2f} s")
    print("spikes per sample:", ", ".join(f"{key} {value / batch:,.0f}" for key, value in spikes.items()))
    show(by_kernel, ceiling)
    return {
        "net": name,
        "batch": batch,
        "step_ms": train,
        "forward_ms": forward,
        "epoch_s": epoch,
        "kernels": by_kernel,
        "spikes_a_sample": {key: value / batch for key, value in spikes.items()},
        "memory_mb": cupy.get_default_memory_pool().total_bytes() / 2**20,
        **gathers(net, spikes, by_kernel),
    }


def show(by_kernel: dict[str, dict[str, float]], ceiling: float) -> None:
    """Print the time and bandwidth of each kernel."""
    whole = sum(value["ms"] for value in by_kernel.values())
    for key, value in by_kernel.items():
        reach = 1e12 * value["gb"] / value["ms"] / ceiling
        share, once = value["ms"] / whole, f"{reach:6.1%} of a copy's bandwidth if each array is read once"
        print(f"  {key:28} {value['ms']:8.3f} ms {share:6.1%}, {once}")


def recipe(ceiling: float) -> dict:
    """Measure a step of `fit` with the recipe, after enough training to reach typical firing rates."""
    experiment = presets.read("mnist-cnn-augmented")
    net, loss, optimizer = experiment.build("cuda")
    x, y = images()
    batch, steps = (8, 2) if SHORT else (experiment.training["batch_size"], 300)
    data = x[: steps * batch], y[: steps * batch]
    augment = Augment()

    def train() -> float:
        start = perf_counter()
        options = {"batch_size": batch, "augment": augment, "progress": False}
        epoch = net.fit(data, loss=loss, optimizer=optimizer, epochs=1, **options).epochs[-1]
        ms = (perf_counter() - start) * 1e3 / steps
        print(f"{ms:.3f} ms per step, accuracy {epoch.accuracy:.2%}")
        return ms

    print(f"\nrecipe, batch {batch}, T = {net.steps}")
    step_ms = [train() for _ in range(1 if SHORT else 6)]
    with KernelTimes() as kernels:
        train()
    by_kernel = kernels.totals(steps)
    print(f"{sum(value['ms'] for value in by_kernel.values()):.3f} ms per step in kernels")
    show(by_kernel, ceiling)
    return {"net": "recipe", "batch": batch, "step_ms": step_ms, "kernels": by_kernel}


def gathers(net, spikes: dict[str, int], by_kernel: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return how many GB of weights the dense layers read for their input spikes, and how fast in TB/s."""
    names = list(spikes)
    gathered = sum(
        4 * spikes[below] * layer.units
        for below, layer in zip(names, net.layers, strict=False)
        if isinstance(layer, layers.SpikingDense)
    )
    seconds = sum(by_kernel[key]["ms"] for key in ("dense.forward", "dense.forward_coupled") if key in by_kernel) / 1e3
    print(f"  dense layers read {gathered / 1e9:.2f} GB of weights per batch, at {gathered / seconds / 1e12:.2f} TB/s")
    return {"gathered_gb": gathered / 1e9, "gather_tb_s": gathered / seconds / 1e12}


def products() -> dict:
    """Measure the three matrix products of the MLP with cuBLAS at batch 128."""
    rows, results = BATCH["mlp"] * STEPS, {}
    for dtype in (np.float16, np.float32):
        spikes, weight = cupy.zeros((rows, 784), dtype), cupy.zeros((784, 800), dtype)
        currents = spikes @ weight
        forward = elapsed(lambda s=spikes, w=weight: s @ w)
        gradient = elapsed(lambda s=spikes, c=currents: c.T @ s)
        flops = 2 * rows * 784 * 800
        name = np.dtype(dtype).name
        results[name] = {"forward_ms": forward, "gradient_ms": gradient, "tflops": flops / forward / 1e9}
        print(f"{name}: currents {forward:.3f} ms ({results[name]['tflops']:.0f} TFLOP/s), gradient {gradient:.3f} ms")
    return {"net": "products", **results}


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    about = machine(resolve("cuda"))
    print(about)
    ceiling = copy_bandwidth()
    print(f"bandwidth of a copy: {ceiling / 1e12:.2f} TB/s")
    wanted = [name for name in sys.argv[1:] if name != "--short"] or [*BATCH, "recipe", "products"]
    others = {"recipe": lambda: recipe(ceiling), "products": products}
    rows = [others[name]() if name in others else bench(name, ceiling) for name in wanted]
    if SHORT:
        return
    with RESULTS.open("a", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps({"machine": about, "copy_tb_s": ceiling / 1e12, **row}) + "\n")


if __name__ == "__main__":
    main()
