"""Checks of what the figures are made of; each error says what to pass and where to get it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError, only
from cupynn.network.network import Network
from cupynn.results.recording import Recording
from cupynn.spikes.trains import SpikeTrains

RECORDING = "the result of net.record(x), where x has a few samples, such as test.x[:10]"
TRAINS = "SpikeTrains, such as net.encode(x) or net.forward(net.encode(x)) returns"


def recording(value: Recording) -> Recording:
    """Return `value` if it is a recording, or raise InputError."""
    return only("recording", value, Recording, RECORDING)


def spikes_by_layer(value: Recording | SpikeTrains) -> dict[str, SpikeTrains]:
    """Return the trains of a recording by layer; trains alone are copied to host memory and named "spikes"."""
    if isinstance(value, SpikeTrains):
        return {"spikes": value.to_host()}
    return only("recording", value, Recording, f"{RECORDING}, or {TRAINS}").spikes


def network(value: Network) -> Network:
    """Return `value` if it is a network, or raise InputError."""
    return only("net", value, Network, "a network, such as Sequential.load(path) returns")


def listed(name: str, value: Any) -> list:
    """Return `value`, one item or several, as a list that is not empty, or raise InputError."""
    value = value.tolist() if isinstance(value, np.ndarray) and not value.ndim else value  # a number in an array
    items = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    if not items:
        raise InputError(f"{name} is empty: pass at least one")
    return items


def sample_index(sample: int, spikes: SpikeTrains) -> int:
    """Return `sample` if it is an index in the batch, or raise InputError."""
    if not len(spikes):
        raise InputError("there are no samples: pass at least one")
    return checks.integer("sample", sample, maximum=len(spikes) - 1)


def neuron_indices(name: str, value: int | Sequence[int], size: int) -> list[int]:
    """Return flat indices, one or several, of neurons of a layer of this size, or raise InputError."""
    return [checks.integer(name, neuron, maximum=size - 1) for neuron in listed(name, value)]


def neurons_by_layer(value: Any, trains: dict[str, SpikeTrains]) -> dict[str, np.ndarray]:
    """Return the chosen neurons of each of the drawn layers, by default all, or raise InputError.

    Parameters
    ----------
    value : int, sequence of int, dict of str to these, or None
        Neurons of the only layer, or of each layer by its name.
    trains : dict of str to SpikeTrains
        The layers that are drawn.
    """
    if value is not None and not isinstance(value, Mapping):
        if len(trains) > 1:
            last = list(trains)[-1]
            raise InputError(
                f"neurons={value!r} with {len(trains)} layers: pass a dict, such as {{{last!r}: range(10)}}, "
                f"or one layer, such as layers={last!r}"
            )
        value = {name: value for name in trains}
    chosen = {checks.choice("neurons", name, trains): each for name, each in (value or {}).items()}
    picked = {name: neuron_indices("neurons", each, trains[name].size) for name, each in chosen.items()}
    for name, each in picked.items():
        if len(set(each)) < len(each):
            raise InputError(f"neurons of {name!r} repeat: pass each index once")
    return {name: np.array(picked.get(name, range(spikes.size))) for name, spikes in trains.items()}


def only_neurons(spikes: SpikeTrains, neurons: np.ndarray) -> SpikeTrains:
    """Return the trains of these neurons, in this order and numbered from 0."""
    if neurons.size == spikes.size and (np.diff(neurons) == 1).all():
        return spikes
    place = np.full(spikes.size, -1)
    place[neurons] = np.arange(neurons.size)
    samples, steps, fired = spikes.events()
    kept = place[fired] >= 0
    return SpikeTrains.from_events(
        samples[kept], steps[kept], place[fired[kept]], shape=(len(spikes), spikes.steps, neurons.size)
    )


def class_names(value: Sequence[str] | None, count: int) -> list[str]:
    """Return the given names of the classes, or their numbers if there are no names."""
    if value is None:
        return [str(number) for number in range(count)]
    names = listed("classes", value)
    if not all(isinstance(name, str) for name in names) or len(names) != count:
        raise InputError(f"classes={value!r}: pass {count} names, one per class, such as test.classes")
    return [checks.printable(name) for name in names]
