"""What the figures are made of is checked here: whoever hands in the wrong thing is told what to pass and how to get it."""

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes

from cupynn import checks
from cupynn.checks import InputError, only
from cupynn.network.network import Network
from cupynn.results.recording import Recording
from cupynn.spikes.trains import SpikeTrains

RECORDING = "what net.record(x) returned, x being a few samples such as test.x[:10]"
NETWORK = "a network, such as Sequential.load(path) returns"
TRAINS = "SpikeTrains, such as net.encode(x) or net.forward(net.encode(x)) returns"


def recording(value: Recording) -> Recording:
    """Return `value` if it is a recording with samples."""
    return only("recording", value, Recording, RECORDING)


def spikes_by_layer(value: Recording | SpikeTrains) -> dict[str, SpikeTrains]:
    """Return the trains of a recording by layer, or bare ones, in host memory, under the name "spikes"."""
    if isinstance(value, SpikeTrains):
        return {"spikes": value.to_host()}
    return only("recording", value, Recording, f"{RECORDING}, or {TRAINS}").spikes


def network(value: Network) -> Network:
    """Return `value` if it is a network."""
    return only("net", value, Network, NETWORK)


def listed(name: str, value: Any) -> list:
    """Return `value`, one item or several, as a list that is not empty."""
    items = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    if not items:
        raise InputError(f"{name} is empty: pass at least one")
    return items


def sample_index(sample: int, spikes: SpikeTrains) -> int:
    """Return `sample` if the batch has it, or raise InputError."""
    if not len(spikes):
        raise InputError("there are no samples: pass at least one")
    return checks.integer("sample", sample, maximum=len(spikes) - 1)


def neuron_indices(name: str, value: int | Sequence[int], size: int) -> list[int]:
    """Return flat indices of neurons of a layer of this size, one or several."""
    return [checks.integer(name, neuron, maximum=size - 1) for neuron in listed(name, value)]


def class_names(value: Sequence[str] | None, count: int) -> list[str]:
    """Return the names of the classes: those given, or their numbers."""
    if value is None:
        return [str(number) for number in range(count)]
    names = listed("classes", value)
    if not all(isinstance(name, str) for name in names) or len(names) != count:
        raise InputError(f"classes={value!r}: pass {count} names, one a class, such as test.classes")
    return names


def axes(name: str, value: Axes) -> Axes:
    """Return `value` if one can draw on it."""
    return only(name, value, Axes, "one Axes, such as `fig, ax = plt.subplots()` makes")
