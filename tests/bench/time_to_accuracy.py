"""Measure the training time to a test accuracy on MNIST with 784-800-10, for cupynn and other frameworks.

    CUPYNN_DATA=... python tests/bench/time_to_accuracy.py [--seconds 600] [--only NAME ...] [--plot]

The frameworks train one after the other, each for the given number of seconds. Every 10,000 images, and every 30,000 after
the first 60,000, they classify the test set; this time is not counted. cupynn trains with HM2-BP on Poisson trains, with the
400 steps of the paper and with 25. snnTorch and SpikingJelly train by surrogate gradients: with 400 steps on the same kind
of trains and, as in their tutorials, with 25 steps and the image as a constant current. Both use the time constants of their
tutorials. All use Adam with a cosine schedule that reaches zero at the end, batches of 50 and the same number of threads;
the settings were tuned by one or two attempts only. The figure also shows the log of the paper's program.
The script writes results/time-to-accuracy.json and .png. With --plot it only draws the figure again.
"""

import argparse
import json
import subprocess
import sys
from math import cos, pi
from pathlib import Path
from time import perf_counter

import numpy as np

from cupynn import datasets

RESULTS = Path(__file__).parent / "results" / "time-to-accuracy.json"
BATCH, EVERY, LATER = 50, 10_000, 30_000  # images per update, between tests in the first 60,000, and between later tests
TAU_M = {"snntorch": 20.0, "spikingjelly": 2.0}
# Test accuracy after epochs of 669 s on a Titan Xp, from the log of the authors.
PAPER = {1: 97.32, 5: 98.45, 10: 98.57, 20: 98.64, 50: 98.79, 100: 98.83, 101: 98.93}
PAPER_EPOCH = 669.0
LOWEST = 95.0  # lowest accuracy in the figure
CONTESTANTS = {
    "cupynn, T = 400": ("cupynn", 400),
    "cupynn, T = 25": ("cupynn", 25),
    "snnTorch, T = 25": ("snntorch", 25),
    "SpikingJelly, T = 25": ("spikingjelly", 25),
    "snnTorch, T = 400": ("snntorch", 400),
    "SpikingJelly, T = 400": ("spikingjelly", 400),
}


def cupynn_trainer(steps: int):
    """Return two functions: train on a batch with a fraction of the learning rate, and classify."""
    from steps.nets import NETS

    from cupynn import optimizers

    network, loss, _ = NETS["mlp" if steps == 400 else "mlp-25"].experiment().build("cpu")
    optimizer = optimizers.Adam(1e-2)

    def train(x: np.ndarray, y: np.ndarray, share: float) -> None:
        optimizer.lr = 1e-2 * max(share, 1e-6)
        error = loss(network.forward(network.encode(x)), y)
        network.backward(error, input_error=False)
        optimizer.step(network)

    return train, network.predict


def torch_trainer(package: str, steps: int):
    """Return two functions: train on a batch with a fraction of the learning rate, and classify."""
    import torch
    from steps import peers
    from torch import nn

    torch.manual_seed(0)
    peer, generator = peers.PEERS[package], torch.Generator().manual_seed(0)
    synapses = [nn.Linear(784, 800), nn.Linear(800, 10)]
    network = peers.Layers(peer, synapses, [peer.leaky(TAU_M[package]) for _ in synapses])
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def counts(x: np.ndarray) -> torch.Tensor:
        pixels = torch.from_numpy(x.reshape(len(x), -1)).float() / 255
        if steps == 400:
            given = (torch.rand(steps, *pixels.shape, generator=generator) < pixels / 5.5).float()
        else:
            given = pixels.expand(steps, *pixels.shape)
        return network(given).sum(0)

    def train(x: np.ndarray, y: np.ndarray, share: float) -> None:
        optimizer.param_groups[0]["lr"] = 1e-3 * share
        loss = nn.functional.cross_entropy(counts(x), torch.from_numpy(y).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def classify(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return torch.cat([counts(x[at : at + 200]).argmax(1) for at in range(0, len(x), 200)]).numpy()

    return train, classify


def measure(name: str, seconds: float) -> dict:
    """Train one framework in this process."""
    package, steps = CONTESTANTS[name]
    (train_set, test_set), rng = datasets.load("mnist"), np.random.default_rng(0)
    train, classify = cupynn_trainer(steps) if package == "cupynn" else torch_trainer(package, steps)
    train(train_set.x[:BATCH], train_set.y[:BATCH], 0.0)  # compiles
    curve, spent, seen, order = [], 0.0, 0, np.empty(0, int)
    while spent < seconds:
        if len(order) < BATCH:
            order = np.concatenate([order, rng.permutation(len(train_set))])
        picked, order = np.split(order, [BATCH])
        share = (1 + cos(pi * min(1.0, spent / seconds))) / 2
        start = perf_counter()
        train(train_set.x[picked], train_set.y[picked], share)
        spent += perf_counter() - start
        seen += BATCH
        if seen % (EVERY if seen <= 60_000 else LATER) == 0 or spent >= seconds:
            accuracy = float(np.mean(classify(test_set.x) == test_set.y)) * 100
            curve.append({"images": seen, "seconds": spent, "accuracy": accuracy})
            print(f"{name}: {seen:,} images, {spent:.0f} s, {accuracy:.2f} %", file=sys.stderr, flush=True)
    from cupynn.device.device import machine

    return {"name": name, "machine": machine(), "budget": seconds, "batch": BATCH, "curve": curve}


def draw(results: list[dict]) -> None:
    """Draw the time, on a logarithmic axis, at which each accuracy was first reached."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    from cupynn.plot.style import GREY, PALETTE

    figure = Figure(figsize=(8, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    colours = {"cupynn": PALETTE[1], "snnTorch": PALETTE[0], "SpikingJelly": PALETTE[2]}
    paper = [{"seconds": epoch * PAPER_EPOCH, "accuracy": accuracy} for epoch, accuracy in PAPER.items()]
    for result in [*results, {"name": "the paper's program, T = 400, Titan Xp", "curve": paper}]:
        framework = result["name"].split(",")[0]
        best, points = 0.0, []
        for point in result["curve"]:
            if point["accuracy"] > best:
                best = point["accuracy"]
                points.append((best, point["seconds"]))
        accuracies, seconds = np.array(points).T
        style = "-" if "T = 400" in result["name"] else "--"
        colour = colours.get(framework, GREY)
        name = result["name"] if best > LOWEST else f"{result['name']}: {best:.1f} %"
        axes.plot(accuracies, seconds, style, color=colour, marker="o", markersize=3, label=name)
    axes.set_yscale("log")
    axes.set_xlim(LOWEST, 99.05)
    ticks = {1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min", 3600: "1 h", 36000: "10 h"}
    axes.yaxis.set_major_locator(FixedLocator(list(ticks)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: ticks.get(round(value), "")))
    axes.set_xlabel("test accuracy on MNIST, 784-800-10 (%)")
    axes.set_ylabel("training time until it was first reached")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left")
    figure.savefig(RESULTS.with_suffix(".png"), dpi=150)


def main() -> None:
    """Train the selected frameworks, store their curves, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600, help="training time for each (default: 600)")
    parser.add_argument(
        "--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS), help="frameworks (default: all)"
    )
    parser.add_argument("--plot", action="store_true", help="draw the stored results, without training")
    parser.add_argument("--child", choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child, options.seconds)))
        return
    kept = {result["name"]: result for result in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
    for name in [] if options.plot else options.only:
        command = [sys.executable, __file__, "--child", name, "--seconds", str(options.seconds)]
        kept[name] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        RESULTS.write_text(json.dumps(list(kept.values()), indent=1) + "\n")
    draw(list(kept.values()))


if __name__ == "__main__":
    main()
