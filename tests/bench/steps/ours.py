"""Measure cupynn. It encodes the images within the step, and stores the spike trains for the other frameworks."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from cupynn import __version__
from cupynn.device.device import machine
from steps import counts, nets
from steps.bandwidth import read_bandwidth
from steps.clock import peak_memory, seconds

WARM_UP = 60  # training steps, after which the firing rates are typical of training


def run(net: str, device: str, repeats: int, folder: Path) -> dict[str, Any]:
    """Measure, and write trains, labels and synapses to the folder."""
    of = nets.NETS[net]
    network, loss, optimizer = of.build(device)
    with np.load(folder / "samples.npz") as held:
        x, y = held["x"], held["y"]
    batches = len(x) // of.batch

    def step(index: int) -> None:
        part = slice(index % batches * of.batch, (index % batches + 1) * of.batch)
        error = loss(network.forward(network.encode(x[part])), y[part])
        network.backward(error, input_error=False)
        optimizer.step(network)
        finish(network)

    def forward(index: int) -> None:
        network.forward(trains)
        finish(network)

    for index in range(WARM_UP):
        step(index)
    step_seconds = seconds(step, repeats)
    trains, labels = network.encode(x[: of.batch]), y[: of.batch]
    forward_seconds = seconds(forward, repeats)
    result = {
        "contestant": "cupynn",
        "label": f"cupynn {__version__}",
        "title": nets.title(network),
        "steps": network.steps,
        "batch": of.batch,
        "step_seconds": step_seconds,
        "forward_seconds": forward_seconds,
        "memory": peak_memory(network.device),
        "spikes": [found.total / of.batch for found in network.trains],
        "layers": ["input", *(layer.name for layer in network.layers)],
        "machine": machine(network.device),
    }
    counted = counts.count(network, errors(network, loss, labels))
    result |= {"counts": counted._asdict(), "multiply_adds": counted.step, "bytes": 4 * counted.step}
    if not network.device.on_cuda:
        bandwidth = read_bandwidth()
        result |= {
            "bandwidth": bandwidth,
            "floor": {"step": 4 * counted.step / bandwidth, "forward": 4 * counted.forward / bandwidth},
        }
    np.savez(folder / "trains.npz", trains=trains.to_host().time_first(np.bool_), labels=labels)
    (folder / "synapses.json").write_text(json.dumps(nets.synapses(network)), encoding="utf-8")
    return result


def finish(network) -> None:
    """Wait until the device has finished."""
    if network.device.on_cuda:
        network.device.xp.cuda.Device().synchronize()


def errors(network, loss, labels: np.ndarray) -> list[np.ndarray]:
    """Return the errors of each layer's counts from a backward pass, on the host."""
    error = loss(network.trains[-1], labels)
    trains = [*network.trains[:-1], network.device.trains(error.trains)]
    found = [network.device.put(error.delta)]
    for index in range(len(network.layers) - 1, 0, -1):
        found.append(network.layers[index].backward(trains[index], trains[index + 1], found[-1]))
    return [network.device.get(delta) for delta in reversed(found)]
