"""Measure what each part of the algorithm and of the recipe contributes, by training on MNIST without it.

    CUPYNN_DATA=... python tests/bench/ablation.py                  measure the missing variants, two at a time
    CUPYNN_DATA=... python tests/bench/ablation.py "srm kernel"     measure one variant again

784-400-400-10 is trained on the first 4,000 training images of MNIST for four epochs, with three seeds. The accuracy is
measured on the last 5,000 training images after the last epoch; the test images are not used. The learning rate is that of
the preset, which was chosen for the baseline, so a variant may do better with another one.
The script writes results/ablation.json, and fills the tables of notebooks/8_what_matters.ipynb from it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev
from time import perf_counter
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results" / "ablation.json"
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "8_what_matters.ipynb"
SEEDS = (0, 1, 2)
IMAGES, HELD_OUT, EPOCHS = 4_000, 5_000, 4
HIDDEN = ("hidden1", "hidden2")
LAYERS = (*HIDDEN, "output")
BASELINE = "baseline"


@dataclass(frozen=True)
class Variant:
    """Changes to values of the definition, or to the program itself."""

    group: str
    values: dict[str, Any] = field(default_factory=dict)
    patch: Callable[[], None] | None = None


def each_layer(key: str, value: Any, names: tuple[str, ...] = LAYERS) -> dict[str, Any]:
    """Return the definition's changes that set one value in several layers."""
    return {f"network.layers.{name}.{key}": value for name in names}


def scaled(key: str, factor: float) -> dict[str, Any]:
    """Return the changes that multiply a value of each layer by a factor."""
    found = {layer["name"]: layer[key] for layer in base().network["layers"]}
    return {f"network.layers.{name}.{key}": factor * value for name, value in found.items()}


def steps(count: int, tau_m: float, tau_s: float, desired: int) -> dict[str, Any]:
    """Return the changes for fewer steps: faster neurons without a refractory period, and lower target counts."""
    values = {"network.steps": count, "network.encoder.max_rate": 0.95}
    values |= {"loss.desired": desired, "loss.undesired": 1, "loss.margin": 1}
    return values | each_layer("tau_m", tau_m) | each_layer("tau_s", tau_s) | each_layer("t_ref", 0)


def no_self_effect() -> None:
    """Set h_i to zero in the weight gradient."""
    from cupynn.layers import dense_cpu

    run = dense_cpu.parallel

    def without(kernel: Any, count: int, *arguments: Any) -> None:
        if kernel is dense_cpu._weight_gradient:  # h_i is divided by the threshold
            *before, rule, batch, gradient = arguments
            arguments = (*before, rule._replace(v_th=float("inf")), batch, gradient)
        run(kernel, count, *arguments)

    dense_cpu.parallel = without


def silent_neurons_learn_nothing() -> None:
    """Set e_ij to zero where i is silent."""
    from cupynn.kernels import psp

    psp.SILENT_SPSP = np.float32(0)


def silent_labels_stay_silent() -> None:
    """Do not replace the spike train of a silent label's neuron."""
    from cupynn import losses

    losses.CountLoss._fill_silent_labels = lambda loss, spikes, labels: spikes


ALGORITHM, RECIPE = "algorithm", "recipe"


def variants() -> dict[str, Variant]:
    """Return all variants by name."""
    regularizer = {"kind": "ExponentialRegularizer", "beta": 0.04}
    regular = {"kind": "Regular", "max_rate": base().network["encoder"]["max_rate"], "random_phase": True}
    augment = {"kind": "Augment", "scale": 0.12, "rotation": 12.0, "distortion": 3.4}
    three_times = {"optimizer.lr": base().optimizer["lr"] * 3}
    overshoot, centralize = each_layer("overshoot", True, HIDDEN), {"optimizer.centralize": True}
    return {
        BASELINE: Variant("", {}),
        "slope 1 instead of the S-PSP": Variant(ALGORITHM, each_layer("effect_ratio", False)),
        "srm kernel": Variant(ALGORITHM, each_layer("psp_kernel", "srm")),
        "no self-effect": Variant(ALGORITHM, patch=no_self_effect),
        "no lateral inhibition": Variant(ALGORITHM, {"network.layers.output.lateral_inhibition": 0.0}),
        "silent neurons pass 0.2 of the error on": Variant(ALGORITHM, each_layer("silent_slope", 0.2)),
        "silent neurons pass no error on": Variant(ALGORITHM, each_layer("silent_slope", 0.0)),
        "slope 1, and silent neurons pass no error on": Variant(
            ALGORITHM, each_layer("effect_ratio", False) | each_layer("silent_slope", 0.0)
        ),
        "slope v_th / m², where the membrane overshoots to m": Variant(ALGORITHM, overshoot),
        "silent neurons learn nothing": Variant(ALGORITHM, patch=silent_neurons_learn_nothing),
        "silent labels stay silent": Variant(ALGORITHM, patch=silent_labels_stay_silent),
        "spike trains drawn only once": Variant(RECIPE, {"network.encoder.fresh": False}),
        "evenly spaced trains of random phases": Variant(RECIPE, {"network.encoder": regular}),
        "augmented images": Variant(RECIPE, {"training.augment": augment}),
        "no refractory period": Variant(RECIPE, each_layer("t_ref", 0)),
        "T = 100": Variant(RECIPE, steps(100, 40.0, 4.0, 20)),
        "T = 50": Variant(RECIPE, steps(50, 20.0, 2.0, 15)),
        "T = 25": Variant(RECIPE, steps(25, 10.0, 1.0, 10)),
        "half the thresholds": Variant(RECIPE, scaled("v_th", 0.5)),
        "double thresholds": Variant(RECIPE, scaled("v_th", 2.0)),
        "half the initial weights": Variant(RECIPE, initial(0.5)),
        "double initial weights": Variant(RECIPE, initial(2.0)),
        "no margin": Variant(RECIPE, {"loss.margin": 0}),
        "softmax of the counts": Variant(RECIPE, {"loss": {"kind": "SoftmaxCount"}}),
        "batches of 8": Variant(RECIPE, {"training.batch_size": 8}),
        "batches of 128": Variant(RECIPE, {"training.batch_size": 128}),
        "constant rate": Variant(RECIPE, {"optimizer.schedule": "constant"}),
        "averaged weights": Variant(RECIPE, {"optimizer.average": 0.98}),
        "averaged weights, constant rate": Variant(RECIPE, {"optimizer.average": 0.98, "optimizer.schedule": "constant"}),
        "rate / sqrt(epoch + 1), as in the paper": Variant(RECIPE, {"optimizer.schedule": "inverse-sqrt"}),
        "a third of the rate": Variant(RECIPE, {"optimizer.lr": base().optimizer["lr"] / 3}),
        "three times the rate": Variant(RECIPE, three_times),
        "centralized gradients": Variant(RECIPE, centralize),
        "centralized gradients, three times the rate": Variant(RECIPE, centralize | three_times),
        "centralized gradients, slope v_th / m², three times the rate": Variant(
            RECIPE, centralize | three_times | overshoot
        ),
        "regularised, as in the paper": Variant(RECIPE, {"optimizer.regularizer": regularizer | {"strength": 10.0}}),
        "regularised, a tenth as strong": Variant(RECIPE, {"optimizer.regularizer": regularizer | {"strength": 1.0}}),
        "boosted samples": Variant(RECIPE, {"training.boost": True}),
    }


def base() -> Any:
    """Return the experiment of the baseline."""
    from cupynn import presets

    changes = {"data.name": "mnist", "training.epochs": EPOCHS, "network.layers.hidden1.v_th": 20.0}
    return presets.read("fashion-mnist").replace(**changes)


def initial(factor: float) -> dict[str, Any]:
    """Return the changes that multiply the initial weights of all layers by a factor."""
    network, _, _ = base().build("cpu")
    bounds = {layer.name: float(np.abs(layer.params["weight"]).max()) for layer in network.layers}
    return {f"network.layers.{name}.initial_weight": factor * bound for name, bound in bounds.items()}


def changed(name: str, seed: int) -> Any:
    """Return the experiment of a variant."""
    values = dict(variants()[name].values)
    experiment = base().replace(**{"network.seed": seed})
    if "loss" in values:
        from dataclasses import replace

        experiment = replace(experiment, loss=values.pop("loss"))
    return experiment.replace(**values)


def measure(name: str, seed: int) -> dict[str, Any]:
    """Train and test one variant in this process."""
    from cupynn import datasets
    from cupynn.device.device import machine

    if patch := variants()[name].patch:
        patch()
    experiment = changed(name, seed)
    network, loss, optimizer = experiment.build("cpu")
    data, _ = datasets.load("mnist")
    start = perf_counter()
    network.fit(data[:IMAGES], loss=loss, optimizer=optimizer, progress=False, **vars(experiment.options()))
    seconds = perf_counter() - start
    found = network.evaluate(data[-HELD_OUT:])
    figures = {"accuracy": found.accuracy, "silent": found.silent, "spikes": found.spikes, "seconds": seconds}
    return {"name": name, "seed": seed} | figures | {"machine": machine()}


def run(name: str, seed: int) -> dict[str, Any]:
    """Measure in a separate process with one thread; patched kernels are compiled into a cache of their own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"CUPYNN_THREADS": "1"}
        if variants()[name].patch:
            environment["NUMBA_CACHE_DIR"] = folder
        command = [sys.executable, __file__, "--child", name, "--seed", str(seed)]
        done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=True, text=True)
    result = json.loads(done.stdout)
    print(f"{name}, seed {seed}: {100 * result['accuracy']:.2f} %, {result['seconds']:.0f} s", flush=True)
    return result


def table(group: str, results: list[dict[str, Any]]) -> str:
    """Return a Markdown table of a group, largest loss first, each variant compared with the baseline."""
    found = {name: {one["seed"]: one for one in results if one["name"] == name} for name in variants()}
    rows = []
    for name, variant in variants().items():
        if variant.group not in ("", group) or found[name].keys() != found[BASELINE].keys():
            continue
        accuracies = [100 * one["accuracy"] for one in found[name].values()]
        change = mean(100 * (one["accuracy"] - found[BASELINE][seed]["accuracy"]) for seed, one in found[name].items())
        spikes = [f"{mean(one['spikes'][layer] for one in found[name].values()):.1f}" for layer in HIDDEN]
        cells = f"{mean(accuracies):.2f} ± {stdev(accuracies):.2f} %", f"{change:+.2f}", ", ".join(spikes)
        rows.append((name != BASELINE, change, f"| {name} | {' | '.join(cells)} |"))
    head = "| | held-out accuracy | change | spikes per neuron |\n|---|---|---|---|"
    return "\n".join([head, *(line for *_, line in sorted(rows))])


def filled(notebook: dict[str, Any], results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a notebook with its tables filled from the results; each table is a cell."""
    notebook = json.loads(json.dumps(notebook))
    for cell in notebook["cells"]:
        group = cell["metadata"].get("ablation")
        if group:
            cell["source"] = table(group, results).splitlines(keepends=True)
    return notebook


def fill() -> None:
    """Fill the tables of the notebook."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    notebook = filled(json.loads(NOTEBOOK.read_text(encoding="utf-8")), results)
    NOTEBOOK.write_text(json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    """Measure the selected variants, and store each result at once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "variants", nargs="*", metavar="VARIANT", help="variants to measure again (default: the missing ones)"
    )
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--processes", type=int, default=2, help="parallel processes, one thread each (default: 2)")
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child, options.seed)))
        return
    if unknown := set(options.variants) - variants().keys():
        parser.error(f"unknown variant {', '.join(sorted(unknown))}: pass some of {'; '.join(variants())}")
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    kept = [result for result in kept if result["name"] not in options.variants]
    there = {(result["name"], result["seed"]) for result in kept}
    wanted = [(name, seed) for seed in SEEDS for name in options.variants or variants() if (name, seed) not in there]
    order = list(variants())
    with ThreadPoolExecutor(options.processes) as pool:
        for result in pool.map(lambda pair: run(*pair), wanted):
            kept.append(result)
            kept.sort(key=lambda result: (order.index(result["name"]), result["seed"]))
            RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    fill()


if __name__ == "__main__":
    main()
