"""The epochs of a training in the page: the trains of its samples and the weights after each epoch that was kept."""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.network import epochs
from cupynn.network.network import DRAW, Network
from cupynn.plot.page import contents
from cupynn.spikes.trains import Data, SpikeTrains

MOST = 60  # epochs, as a slider hardly shows more
FIGURES = ("accuracy", "validation_accuracy", "spikes", "silent")


def folder_of(path: str | PathLike) -> Path:
    """Return the folder that `explore` got as `epochs`, if it holds any."""
    folder = checks.path("epochs", path)
    if not epochs.numbers(folder):
        kept = "pass a folder of KeepEpochs, or the folder epochs of a run trained with --keep-epochs"
        raise InputError(f"epochs={str(folder)!r} holds no epochs, such as epoch-001.npz: {kept}")
    return folder


class Stages:
    """The epochs in a folder, as the page shows them.

    Attributes
    ----------
    tables : list of dict
        A table for each epoch in the page, in order; the one with "base" has the weights that the page holds already.
    notes : list of str
        What does not fit.
    """

    def __init__(
        self, block: contents.Block, network: Network, tables: list[dict[str, Any]], folder: Path, room: float
    ) -> None:
        self._block, self._network, self._folder, self._end = block, network, folder, block.written + room
        for table, layer in zip(tables[1:], contents.shown(network), strict=True):
            table["trained"] = [name for name in ("weight", "bias", "lateral") if name in table and name in layer.params]
        self._trained = [table["trained"] for table in tables[1:]]
        self._stages = {each: self._figures(each) for each in epochs.numbers(folder)}
        self.tables: list[dict[str, Any]] = []
        self.notes: list[str] = []

    def put(self, x: Data, samples: list[dict[str, Any]]) -> None:
        """Store the trains of all epochs on the samples of the page, taken from `x`, then the weights of as many as fit."""
        picks = np.array([sample["number"] for sample in samples])
        spikes = self._network.encode_checked(x[picks], picks, DRAW).to_host()
        own = contents.table_size(len(self._network.layers) + 1) * len(picks)  # of an epoch, in the table of the page
        others = [number for number, stage in self._stages.items() if not stage["base"]]
        expected = own + contents.ENLARGED * sum(_bytes(place) for sample in samples for place in sample["trains"][1:])
        stored: list[int] = []
        for number in _spread(others, min(MOST, self._room // expected)):
            trains = contents.own_trains(self._load(number), spikes)
            if sum(contents.sample_size(trains, sample) for sample in range(len(picks))) <= self._room:
                self._stages[number]["samples"] = [self._sample(trains, sample) for sample in range(len(picks))]
                self._end -= own
                stored.append(number)
        weighted = _spread(stored, self._room // max(self._weights_size(), 1))
        for number in weighted:
            self._stages[number]["weights"] = self._weights(number)
        self._conclude(stored, weighted)

    @property
    def _room(self) -> int:
        return max(0, int(self._end - self._block.written))

    def _conclude(self, stored: list[int], weighted: list[int]) -> None:
        base = [number for number, stage in self._stages.items() if stage["base"]]
        self.tables = [stage for number, stage in self._stages.items() if number in stored or stage["base"]]
        if not base:
            self.tables.append({"number": None, "base": True})
        if left := len(self._stages) - len(stored) - len(base):
            self.notes.append(f"{left} of {len(self._stages)} epochs are left out")
        if left := len(stored) - len(weighted):
            self.notes.append(
                f"the weights of {left} of {len(self._stages)} epochs are left out, so their spikes have no causes"
            )

    def _load(self, number: int) -> Network:
        return epochs.load(type(self._network), self._folder, number).network

    def _figures(self, number: int) -> dict[str, Any]:
        """Return the figures of an epoch, after a check that its network differs from the page's in its weights alone."""
        kept = epochs.load(type(self._network), self._folder, number)
        if contents.fixed_tables(kept.network) != contents.fixed_tables(self._network):
            path = epochs.place(self._folder, number)
            raise InputError(f"{path} has other layers than this network: pass the epochs of its own training")
        arrays = self._network.arrays()
        same = all(
            np.array_equal(own, self._network.device.get(arrays[name])) for name, own in kept.network.arrays().items()
        )
        own = [
            contents.neuron_constants(each) if contents.has_trained_constants(each) else None
            for each in contents.shown(kept.network)
        ]
        constants = {"constants": [None, *own]} if any(own) else {}
        return {"number": number, "base": same} | constants | {name: kept.figures.get(name) for name in FIGURES}

    def _sample(self, trains: list[SpikeTrains], sample: int) -> dict[str, Any]:
        counts = trains[-1].counts[sample].ravel()
        places = contents.put_sample(self._block, trains[1:], sample)  # the input is that of the page
        return {"prediction": int(counts.argmax()), "silent": not counts.any(), "trains": [None, *places]}

    def _weights_size(self) -> float:
        return contents.full_size(self._arrays(self._network)) / 2

    def _weights(self, number: int) -> list[dict[str, Any] | None]:
        arrays = self._arrays(self._load(number))
        return [None, *({name: contents.halved(self._block, array) for name, array in each.items()} for each in arrays)]

    def _arrays(self, network: Network) -> list[dict[str, np.ndarray]]:
        """Return the weights that training changes, of the layers whose weights are in the page."""
        weights = [contents.weights_of(network, layer) for layer in contents.shown(network)]
        return [{name: own[name] for name in trained} for own, trained in zip(weights, self._trained, strict=True)]


def _bytes(place: dict[str, Any]) -> int:
    """Return the bytes that the trains of a layer and a sample take in the block."""
    return sum(int(each["type"][1]) * each["n"] + contents.ALIGNMENT for each in place.values())


def _spread(numbers: list[int], most: float) -> list[int]:
    """Return at most this many of the numbers, evenly spaced, the last among them."""
    count = min(len(numbers), int(most))
    if count < 2:
        return numbers[-1:] * count
    return [numbers[round(place)] for place in np.linspace(0, len(numbers) - 1, count)]
