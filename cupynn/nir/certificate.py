"""What a file of NIR keeps of a network, measured: layer by layer, in the file and in the frameworks that run it."""

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
    """How the spikes of a layer agree with those they should be.

    Attributes
    ----------
    status : {"faithful", "lossy", "unsupported", "untested"}
        Untested is a layer that agrees by its silence.
    why : str
        In one sentence; empty where there is nothing to say.
    spikes : int or None
        How many there were.
    mismatched : int or None
        Places (sample, step, neuron) where the one fires and the other does not.
    count_difference : int or None
        Absolute difference of firing counts, summed over samples and neurons.
    """

    status: str
    why: str = ""
    spikes: int | None = None
    mismatched: int | None = None
    count_difference: int | None = None


@dataclass(frozen=True)
class Fidelity:
    """What became of a layer.

    Attributes
    ----------
    layer, node : str
        Its name, and that of its neurons in the graph.
    neurons, spikes : int
        Its size, and how often they fired in the network itself.
    file : Verdict
        What the format drops: the network that the file describes, run by cupynn, against the network itself.
    frameworks : dict of str to Verdict
        What a framework does: its run of the file against the network that the file describes.
    """

    layer: str
    node: str
    neurons: int
    spikes: int
    file: Verdict
    frameworks: dict[str, Verdict]


@dataclass(frozen=True)
class Certificate:
    """What a file of NIR keeps of a network.

    Attributes
    ----------
    file, sha256 : str
        Name of the file, and the digest of its bytes.
    samples : str
        What was run.
    batch, steps, input_spikes : int
        Its size.
    versions : dict of str to str
        Of cupynn, nir, and the frameworks that ran.
    layers : tuple of Fidelity
    not_run : dict of str to str
        Frameworks that did not run, and why.
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
        """Whether every layer fires as it should, in the file and in each framework that ran."""
        return all(verdict.status == FAITHFUL for _, _, verdict in self.verdicts())

    def verdicts(self) -> Iterator[tuple[str, str, Verdict]]:
        """Layer, "file" or framework, and verdict."""
        for layer in self.layers:
            yield layer.layer, "file", layer.file
            for name, verdict in layer.frameworks.items():
                yield layer.layer, name, verdict

    def table(self) -> dict[str, Any]:
        """All of it, as `save` writes it."""
        return {"format": FORMAT, "faithful": self.faithful} | asdict(self)

    def save(self, path: str | PathLike) -> None:
        """Write it to a file, JSON."""
        files.write_text(checks.path("path", path), json.dumps(self.table(), indent=1, ensure_ascii=False) + "\n")

    def __str__(self) -> str:
        names = list(self.layers[0].frameworks)
        heads = ["layer", "spikes", "file", *(f"{name} {self.versions.get(name, '')}".rstrip() for name in names)]
        rows = [heads]
        for layer in self.layers:
            found = [layer.file, *layer.frameworks.values()]
            rows.append([layer.layer, f"{layer.spikes:,}", *(verdict.status for verdict in found)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [f"{self.file}, {self.batch} samples of {self.steps} steps: {self.samples}, {self.input_spikes:,} spikes"]
        lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines += [f"{layer}, {where}: {verdict.why}" for layer, where, verdict in self.verdicts() if verdict.why]
        return "\n".join(lines + [f"{name}: {why}" for name, why in self.not_run.items()])
