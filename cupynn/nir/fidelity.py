"""Measure a certificate: run the network, the network described by the file, and the file in each framework."""

import hashlib
from collections.abc import Sequence
from itertools import compress
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import cupynn
from cupynn import checks
from cupynn.checks import InputError
from cupynn.encoders import Poisson
from cupynn.evaluation import evaluate as evaluation
from cupynn.layers import Layer
from cupynn.sequential import Sequential
from cupynn.spikes.compare import mismatched
from cupynn.spikes.trains import SpikeTrains

from . import frameworks
from .certificate import FAITHFUL, LOSSY, UNSUPPORTED, UNTESTED, Certificate, Fidelity, Verdict
from .hdf5 import read_graph
from .read import from_nir
from .write import INPUT, NEURONS, node_names

RATES = (0.02, 0.05, 0.1, 0.3)  # of the default samples: a layer that is silent at one rate may fire at another
PLACES = 1 << 26  # largest product of samples, steps and neurons that a framework runs at once


class Trial(NamedTuple):
    """Samples to run, and the frameworks to run them in."""

    trains: SpikeTrains
    samples: str
    frameworks: tuple[str, ...]


class Measured(NamedTuple):
    """The certificate, and the expected spikes of each node at the steps of the graph, (B, T, *shape)."""

    certificate: Certificate
    expected_spikes: dict[str, SpikeTrains]


def certify(
    network: Sequential, path: str | PathLike, *, samples: Any = None, frameworks: Sequence[str] | None = None
) -> Certificate:
    """Compare a network with the file that `export` wrote.

    Parameters
    ----------
    network : Sequential
    path : path
        Path of the file.
    samples, frameworks
        As in `export`.

    Raises
    ------
    InputError
        If the file cannot be read or describes another network, or the samples do not fit the network.
    """
    return measure(network, checks.path("path", path), trial(network, samples, frameworks)).certificate


def trial(network: Sequential, samples: Any, names: Sequence[str] | None) -> Trial:
    """Check samples and frameworks, and encode the samples as `evaluate` does."""
    checks.only("network", network, Sequential)
    wanted = frameworks.chosen(names)
    if samples is None:
        shape = network.input_shape
        x = np.full((len(RATES), *shape), 1.0, np.float32) * np.reshape(RATES, (-1, *[1] * len(shape)))
        trains = Poisson(1.0).encode(x, network.steps, 0, 0, np.arange(len(x)))
        return Trial(trains, f"random trains of {', '.join(f'{rate:.0%}' for rate in RATES)} per step", wanted)
    samples = network.inputs(samples)
    return Trial(network.encode(samples, np.arange(len(samples)), evaluation.DRAW).to_host(), "samples given", wanted)


def measure(network: Sequential, path: Path, trial: Trial) -> Measured:
    """Run the network, the file and the frameworks, and compare their spikes."""
    fires = [layer.has_neurons for layer in network.layers]
    depth, steps, trains = sum(fires), network.steps, trial.trains
    described = from_nir(read_graph(path), steps + depth, device="cpu")
    shapes, expected_shapes = ([each.output_shape for each in one.layers] for one in (described, network))
    if shapes != expected_shapes or described.input_shape != network.input_shape:
        raise InputError(f"{path} describes {described!r}, not {network!r}: pass the network that was exported")
    nodes = [name + NEURONS for name in compress(node_names(network).values(), fires)]
    ours = [each.to_host() for each in compress(network.run(trains)[1:], fires)]
    file = list(compress(described.run(_window(trains, 0, steps + depth))[1:], fires))  # layer n is n steps later
    expected = [_window(each, delay, steps) for delay, each in enumerate(file, start=1)]
    absent = {name: why for name in trial.frameworks if (why := frameworks.missing(name))}
    running = [name for name in trial.frameworks if name not in absent]
    theirs = {name: _in_framework(name, path, trains, nodes, expected) for name in running}
    layers = []
    for index, layer in enumerate(compress(network.layers, fires)):
        verdict = _of_file(layer, ours[index], _window(file[index], 0, steps), bool(layers) and layers[-1].file)
        found = {name: verdicts[index] for name, verdicts in theirs.items()}
        layers.append(Fidelity(layer.name, nodes[index], ours[index].size, int(ours[index].total), verdict, found))
    certificate = Certificate(
        file=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        samples=trial.samples,
        batch=len(trains),
        steps=steps,
        input_spikes=int(trains.total),
        versions={"cupynn": cupynn.__version__} | frameworks.versions("nir", *frameworks.NEEDED, *running),
        layers=tuple(layers),
        not_run=absent,
    )
    return Measured(certificate, {INPUT: trains} | dict(zip(nodes, expected, strict=True)))


def _window(trains: SpikeTrains, first: int, steps: int) -> SpikeTrains:
    """Return `steps` steps from `first` on, silent beyond the end."""
    events = trains.events()
    inside = (events.steps >= first) & (events.steps < first + steps)
    shape = (len(trains), steps, *trains.neuron_shape)
    return SpikeTrains.from_events(events.samples[inside], events.steps[inside] - first, events.neurons[inside], shape=shape)


def _verdict(expected: SpikeTrains, found: SpikeTrains, why: str) -> Verdict:
    """Compare spike by spike; a layer with a reason to differ is lossy even if no spike differs."""
    one, other, differing = int(expected.total), int(found.total), mismatched(expected, found)
    difference = int(np.abs(expected.counts.astype(np.int64) - found.counts).sum())
    status = FAITHFUL if one else UNTESTED
    if differing or why:
        changed = f"{one:,} spikes become {other:,}; {differing:,} have no match"
        changed = changed if differing else "no difference on these samples"
        status, why = LOSSY, f"{why}: {changed}" if why else changed
    elif not one:
        why = "silent on these samples"
    return Verdict(status, why, other, differing, difference)


def _of_file(layer: Layer, ours: SpikeTrains, described: SpikeTrains, below: Verdict | bool) -> Verdict:
    """Return the verdict on the file's description of a layer."""
    if layer.t_ref:
        return _verdict(ours, described, f"t_ref={layer.t_ref} is left out")
    if below is not False and getattr(layer, "bias", False):
        return _verdict(ours, described, "its bias begins to act later")
    return _verdict(ours, described, "its input differs" if below and below.status == LOSSY and below.mismatched else "")


def _in_framework(
    name: str, path: Path, trains: SpikeTrains, nodes: Sequence[str], expected: Sequence[SpikeTrains]
) -> list[Verdict]:
    """Return a framework's verdict for each layer of the file."""
    batch = max(1, PLACES // (trains.steps * (trains.size + sum(each.size for each in expected))))
    batches = []
    try:
        for start in range(0, len(trains), batch):
            dense = frameworks.simulate(name, path, trains[start : start + batch].to_dense(), nodes)
            batches.append([SpikeTrains.from_dense(each) for each in dense])
    except Exception as error:  # its error is the framework's verdict
        why = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        return [Verdict(UNSUPPORTED, why) for _ in nodes]
    found = [
        SpikeTrains.concatenate(list(each)).reshape(there.neuron_shape)
        for each, there in zip(zip(*batches, strict=True), expected, strict=True)
    ]
    return [_verdict(one, other, "") for one, other in zip(expected, found, strict=True)]
