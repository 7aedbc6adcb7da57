"""Certificates: how well the layers of a network survive in a NIR file and in the frameworks that run it."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from os import PathLike
from typing import Any

from cupynn import checks, files

FAITHFUL, LOSSY, UNSUPPORTED, UNTESTED = "faithful", "lossy", "unsupported", "untested"
FORMAT = 1


@dataclass(frozen=True)
class Verdict:
    """Agreement of a layer's spikes with the expected spikes.

    Attributes
    ----------
    status : {"faithful", "lossy", "unsupported", "untested"}
        "untested" means that the layer agrees because it is silent.
    why : str
        One sentence, or an empty string.
    spikes : int or None
        Number of spikes found.
    mismatched : int or None
        Number of positions (sample, step, neuron) where only one of the two has a spike.
    count_difference : int or None
        Absolute difference of the firing counts, summed over samples and neurons.
    """

    status: str
    why: str = ""
    spikes: int | None = None
    mismatched: int | None = None
    count_difference: int | None = None


@dataclass(frozen=True)
class Fidelity:
    """Result for one layer.

    Attributes
    ----------
    layer, node : str
        Name of the layer, and of its neurons in the graph.
    neurons, spikes : int
        Number of neurons, and of their spikes in the original network.
    file : Verdict
        Losses of the format: the network described by the file, run by cupynn, compared with the original network.
    frameworks : dict of str to Verdict
        Differences of each framework: its run of the file compared with the network described by the file.
    """

    layer: str
    node: str
    neurons: int
    spikes: int
    file: Verdict
    frameworks: dict[str, Verdict]


@dataclass(frozen=True)
class Certificate:
    """Measured agreement of a NIR file with the network it was exported from.

    Attributes
    ----------
    file, sha256 : str
        Name of the file, and the digest of its bytes.
    samples : str
        Description of the samples.
    batch, steps, input_spikes : int
        Number of samples, of steps per sample, and of input spikes in all.
    versions : dict of str to str
        Versions of cupynn, nir and the frameworks that ran.
    layers : tuple of Fidelity
    not_run : dict of str to str
        Reasons by framework that did not run.
    """

    file: str
    sha256: str
    samples: str
    batch: int
    steps: int
    input_spikes: int
    versions: dict[str, str]
    layers: tuple[Fidelity, ...]
    not_run: dict[str, str]

    @property
    def faithful(self) -> bool:
        """Return True if every layer fires as expected, in the file and in each framework that ran."""
        return all(verdict.status == FAITHFUL for _, _, verdict in self.verdicts())

    def verdicts(self) -> Iterator[tuple[str, str, Verdict]]:
        """Yield layer name, "file" or the framework's name, and verdict."""
        for layer in self.layers:
            yield layer.layer, "file", layer.file
            for name, verdict in layer.frameworks.items():
                yield layer.layer, name, verdict

    def table(self) -> dict[str, Any]:
        """Return the certificate as `save` writes it."""
        return {"format": FORMAT, "faithful": self.faithful} | asdict(self)

    def save(self, path: str | PathLike) -> None:
        """Write the certificate to a JSON file."""
        files.write_text(checks.path("path", path), json.dumps(self.table(), indent=1, ensure_ascii=False) + "\n")

    def __str__(self) -> str:
        names = (f"{name} {self.versions.get(name, '')}".rstrip() for name in self.layers[0].frameworks)
        rows = [["layer", "spikes", "file", *names]]
        for layer in self.layers:
            statuses = [verdict.status for verdict in (layer.file, *layer.frameworks.values())]
            rows.append([layer.layer, f"{layer.spikes:,}", *statuses])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [f"{self.file}, {self.batch} samples of {self.steps} steps: {self.samples}, {self.input_spikes:,} spikes"]
        lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines += [f"{layer}, {where}: {verdict.why}" for layer, where, verdict in self.verdicts() if verdict.why]
        return "\n".join(lines + [f"{name}: {why}" for name, why in self.not_run.items()])
