"""Recordings for other libraries: a block for Neo, with which Elephant works, and a table of events for pandas."""

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.spikes.trains import SpikeTrains

if TYPE_CHECKING:
    import neo
    import pandas as pd


def block(
    spikes: dict[str, SpikeTrains], membranes: dict[str, np.ndarray], dt: float, layers: Sequence[str] | None
) -> "neo.Block":
    """Return a Neo block; `Recording.to_neo` documents it."""
    dt = checks.number("dt", dt, above=0)
    names = _chosen(spikes, layers)
    neo, units = _library("neo", "to_neo"), _library("quantities", "to_neo", "neo")
    found = neo.Block(name="recording", dt_ms=dt)
    groups = {name: neo.Group(name=name) for name in names}
    found.groups.extend(groups.values())
    for sample in range(len(spikes[names[0]])):
        segment = neo.Segment(name=f"sample {sample}", index=sample)
        for name in names:
            trains = _trains(neo, units, spikes[name][sample], name, dt)
            segment.spiketrains.extend(trains)
            groups[name].add(*trains)
            if name in membranes:
                values = membranes[name][sample].reshape(spikes[name].steps, -1)
                signal = neo.AnalogSignal(
                    values, units=units.dimensionless, sampling_period=dt * units.ms, name=f"{name} membrane", layer=name
                )
                segment.analogsignals.append(signal)
                groups[name].add(signal)
        found.segments.append(segment)
    found.check_relationships()
    return found


def table(spikes: dict[str, SpikeTrains], layers: Sequence[str] | None) -> "pd.DataFrame":
    """Return a table of events; `Recording.to_pandas` documents it."""
    names = _chosen(spikes, layers)
    pandas = _library("pandas", "to_pandas")
    events = [spikes[name].to_host().events() for name in names]
    samples, steps, neurons = (np.concatenate(each) for each in zip(*events, strict=True))
    codes = np.repeat(np.arange(len(names)), [len(each.steps) for each in events])
    columns = {"sample": samples, "layer": pandas.Categorical.from_codes(codes, names), "neuron": neurons, "step": steps}
    return pandas.DataFrame(columns)


def _trains(neo: Any, units: Any, spikes: SpikeTrains, layer: str, dt: float) -> list["neo.SpikeTrain"]:
    """Return a train for each neuron of one sample, those without a spike too."""
    _, steps, neurons = spikes.to_host().events()
    order = np.argsort(neurons, kind="stable")
    times = np.split(steps[order] * dt, np.cumsum(np.bincount(neurons, minlength=spikes.size))[:-1])
    period = {"t_stop": spikes.steps * dt, "sampling_rate": 1 / dt / units.ms}
    return [
        neo.SpikeTrain(each, units=units.ms, name=f"{layer} {neuron}", layer=layer, neuron=neuron, **period)
        for neuron, each in enumerate(times)
    ]


def _chosen(spikes: dict[str, SpikeTrains], layers: Sequence[str] | None) -> list[str]:
    if layers is None:
        return list(spikes)
    if isinstance(layers, str) or not isinstance(layers, Sequence) or not layers:
        raise InputError(f'layers={layers!r}: pass a list of names, such as ["{next(iter(spikes))}"]')
    return [checks.choice("layers", name, spikes) for name in layers]


def _library(name: str, method: str, extra: str | None = None) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise InputError(f'{method} needs the library {name}: pip install "cupynn[{extra or name}]"') from None
