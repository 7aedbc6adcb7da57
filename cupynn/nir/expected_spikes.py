"""Spikes to expect of a graph, in the form that NIR has for them, for those who run it elsewhere."""

from io import BytesIO
from os import PathLike
from pathlib import Path

import numpy as np

from cupynn.files import writing
from cupynn.spikes.trains import SpikeTrains

from .library import nir_library
from .neuron import DT


def write(path: str | PathLike, spikes: dict[str, SpikeTrains]) -> None:
    """Write the spikes of nodes to a file that `nir.read_data` reads: the observable "spikes" of each, as events.

    An event lies in the middle of its step, where no rounding moves it to another when a reader divides by the step. The
    neurons of an image are counted in the order (channel, row, column).
    """
    library = nir_library()
    nodes = {name: library.NIRNodeData({"spikes": _events(trains, library)}) for name, trains in spikes.items()}
    content = BytesIO()
    library.write_data(content, library.NIRGraphData(nodes))
    with writing(Path(path)) as file:
        file.write(content.getvalue())


def _events(trains: SpikeTrains, library):
    """Rows of neurons and of times in seconds, as long as the longest; -1 and infinity where there is no spike."""
    events = trains.events()
    sizes = np.bincount(events.samples, minlength=len(trains))
    places = np.arange(events.samples.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    neurons = np.full((len(trains), sizes.max(initial=0)), -1, np.int64)
    times = np.full(neurons.shape, np.inf)
    neurons[events.samples, places] = events.neurons
    times[events.samples, places] = (events.steps + 0.5) * DT
    return library.EventData(neurons, times, trains.size, duration(trains.steps))


def duration(steps: int) -> float:
    """Return the seconds of a number of steps, such that int(duration / DT) gives the steps again."""
    seconds = steps * DT
    return seconds if int(seconds / DT) == steps else float(np.nextafter(seconds, np.inf))
