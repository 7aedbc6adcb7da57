"""One training step of the paper's networks, T = 400, against snnTorch and SpikingJelly: forward, backward, Adam.

    CUPYNN_DATA=... python tests/bench/bench_step.py mlp | cnn [--device cuda]   (needs pip install -e ".[bench]", and MNIST)

mlp: 784-800-10 at batch 50; cnn: 15C5-P2-40C5-P2-300-10 at batch 10. Each contestant runs in a process of its own, one after
the other, on the same images with the same number of threads. Ours encodes the images within the step; the others get their
spikes ready-made. Ours is first trained for some steps, so that its layers are as active as in training; the cost of the
others does not depend on activity. A line of JSON each is appended to results/step.jsonl.
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

from cupynn import datasets

RESULTS = Path(__file__).parent / "results" / "step.jsonl"
STEPS, REPEATS = 400, 7
BATCH = {"mlp": 50, "cnn": 10}
PRESET = {"mlp": "mnist", "cnn": "mnist-cnn"}


def cupynn_step(net: str, x: np.ndarray, y: np.ndarray, device: str):
    """Return the step, and what to call it."""
    from cupynn import __version__, optimizers, presets  # not above: the others run without our threads beside them

    network, loss, optimizer = presets.read(PRESET[net]).build(device)
    optimizer = optimizers.Adam(optimizer.lr)
    batch = BATCH[net]

    def step(index: int) -> None:
        part = slice(index * batch, (index + 1) * batch)
        error = loss(network.forward(network.encode(x[part])), y[part])
        network.backward(error, input_error=False)
        optimizer.step(network)
        if device == "cuda":
            network.device.xp.cuda.Device().synchronize()

    return step, f"cupynn {__version__}, encoding included"


def torch_step(forward, network, net: str, x: np.ndarray, y: np.ndarray, device: str):
    """Return the step of a PyTorch network, whose `forward` takes spikes (T, B, ...) to counts (B, classes)."""
    import torch

    batch = BATCH[net]
    rates = x[:batch].reshape(batch, *((784,) if net == "mlp" else (1, 28, 28))) / 255 / 5.5
    drawn = np.random.default_rng(0).random((STEPS, *rates.shape)) < rates
    spikes, labels = torch.from_numpy(drawn.astype(np.float32)).to(device), torch.from_numpy(y[:batch]).to(device)
    optimizer = torch.optim.Adam(network.to(device).parameters(), lr=1e-3)

    def step(_: int) -> None:
        loss = torch.nn.functional.cross_entropy(forward(spikes), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()

    return step


def snntorch_step(net: str, x: np.ndarray, y: np.ndarray, device: str):
    """Return the step, and what to call it: synapses over all time steps at once, then the neurons step by step."""
    import snntorch
    import torch
    from torch import nn

    synapses = nn.ModuleList(_synapses(net))
    neurons = nn.ModuleList(snntorch.Leaky(beta=1 - 1 / 64) for _ in synapses)

    def forward(spikes):
        for synapse, neuron in zip(synapses, neurons, strict=True):
            currents = synapse(spikes.flatten(0, 1)).unflatten(0, spikes.shape[:2])
            membrane, fired = neuron.init_leaky(), []
            for current in currents:
                out, membrane = neuron(current, membrane)
                fired.append(out)
            spikes = torch.stack(fired)
        return spikes.sum(0)

    label = f"snnTorch {snntorch.__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads, Leaky"
    return torch_step(forward, nn.ModuleList([synapses, neurons]), net, x, y, device), label


def spikingjelly_step(net: str, x: np.ndarray, y: np.ndarray, device: str):
    """Return the step, and what to call it: its multi-step mode."""
    from importlib.metadata import version

    import torch
    from spikingjelly.activation_based import functional, layer, neuron
    from torch import nn

    def block(synapse):
        return layer.SeqToANNContainer(synapse), neuron.LIFNode(tau=64.0, step_mode="m", detach_reset=True)

    network = nn.Sequential(*(part for synapse in _synapses(net) for part in block(synapse)))

    def forward(spikes):
        functional.reset_net(network)
        return network(spikes).sum(0)

    label = f"SpikingJelly {version('spikingjelly')}, torch {torch.__version__}, {torch.get_num_threads()} threads, LIFNode"
    return torch_step(forward, network, net, x, y, device), label


def _synapses(net: str) -> list:
    """What stands before each layer of neurons; the pools spike as well, as in the paper."""
    from torch import nn

    if net == "mlp":
        return [nn.Linear(784, 800, bias=False), nn.Linear(800, 10, bias=False)]
    return [
        nn.Conv2d(1, 15, 5, bias=False),
        nn.AvgPool2d(2),
        nn.Conv2d(15, 40, 5, bias=False),
        nn.AvgPool2d(2),
        nn.Sequential(nn.Flatten(), nn.Linear(640, 300, bias=False)),
        nn.Linear(300, 10, bias=False),
    ]


CONTESTANTS = {"cupynn": (cupynn_step, 60), "snntorch": (snntorch_step, 1), "spikingjelly": (spikingjelly_step, 1)}


def measure(net: str, contestant: str, device: str) -> dict:
    """Time one contestant in this process."""
    train, _ = datasets.load("mnist")
    make, warm_up = CONTESTANTS[contestant]
    step, label = make(net, train.x, train.y, device)
    for index in range(warm_up):
        step(index)
    seconds = []
    for index in range(warm_up, warm_up + REPEATS):
        start = perf_counter()
        step(index)
        seconds.append(perf_counter() - start)
    from cupynn.device import machine  # after the others were timed

    per_sample = [value / BATCH[net] * 1e3 for value in seconds]
    return {
        "net": net,
        "contestant": contestant,
        "label": label,
        "ms_per_sample": median(per_sample),
        "fastest_ms_per_sample": min(per_sample),
        "slowest_ms_per_sample": max(per_sample),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "batch": BATCH[net],
        "steps": STEPS,
        "repeats": REPEATS,
        "device": device,
        "machine": machine(),
    }


def main() -> None:
    """Run all contestants, print and keep what they did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("net", choices=BATCH)
    parser.add_argument("--only", choices=CONTESTANTS, help="run one contestant in this process and print its JSON")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.net, options.only, options.device)))
        return
    results = []
    for contestant in CONTESTANTS:
        command = [sys.executable, __file__, options.net, "--only", contestant, "--device", options.device]
        results.append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
    machine = results[0]["machine"]
    where = (
        machine.get("gpu", "no GPU") if options.device == "cuda" else f"{machine['processor']}, {machine['threads']} threads"
    )
    print(f"{where}; {options.net}, T = {STEPS}, batch {BATCH[options.net]}")
    for result in results:
        ratio = result["ms_per_sample"] / results[0]["ms_per_sample"]
        print(
            f"{result['label']:62} {result['ms_per_sample']:8.3f} ms a sample "
            f"({result['fastest_ms_per_sample']:.3f} to {result['slowest_ms_per_sample']:.3f}), "
            f"{ratio:5.1f} x, {result['peak_memory_mb']:6.0f} MB"
        )
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(result) + "\n" for result in results)


if __name__ == "__main__":
    main()
