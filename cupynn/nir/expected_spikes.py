"""Expected spikes of a graph, in NIR's own format, for comparison with runs elsewhere."""

from io import BytesIO
from os import PathLike
from pathlib import Path

import numpy as np

from cupynn.files import writing
from cupynn.spikes.trains import SpikeTrains

from .library import nir_library
from .neuron import DT


def write(path: str | PathLike, spikes: dict[str, SpikeTrains]) -> None:
    """Write the observable "spikes" of each node as events, to a file for `nir.read_data`.

    The time of an event is the middle of its step, so that no rounding moves it to another step when a reader divides by
    the step length. Neurons of an image are numbered in the order (channel, row, column).
    """
    library = nir_library()
    nodes = {name: library.NIRNodeData({"spikes": _events(trains, library)}) for name, trains in spikes.items()}
    content = BytesIO()
    library.write_data(content, library.NIRGraphData(nodes))
    with writing(Path(path)) as file:
        file.write(content.getvalue())


def _events(trains: SpikeTrains, library):
    """Return one row of neurons and of times in seconds per sample, padded with -1 and infinity."""
    events = trains.events()
    sizes = np.bincount(events.samples, minlength=len(trains))
    places = np.arange(events.samples.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    neurons = np.full((len(trains), sizes.max(initial=0)), -1, np.int64)
    times = np.full(neurons.shape, np.inf)
    neurons[events.samples, places] = events.neurons
    times[events.samples, places] = (events.steps + 0.5) * DT
    return library.EventData(neurons, times, trains.size, duration(trains.steps))


def duration(steps: int) -> float:
    """Return a number of steps in seconds, such that int(duration / DT) gives the steps again."""
    seconds = steps * DT
    return seconds if int(seconds / DT) == steps else float(np.nextafter(seconds, np.inf))
