"""The result of an evaluation on labelled data."""

import json
from dataclasses import dataclass, fields
from os import PathLike
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.results import as_html
from cupynn.results.operations import Operations, from_figures


@dataclass(frozen=True)
class Evaluation:
    """The performance of a network on labelled data.

    Attributes
    ----------
    accuracy : float or None
        Fraction of samples for which the neuron of the label fires most; on a tie, the lowest index wins. With several
        labels per sample, the fraction of correct predictions among all pairs of sample and label; None in a regression.
    loss : float or None
        Mean loss per sample, if a loss was given.
    spikes : dict of str to float
        Mean number of spikes per neuron and sample, for "input" and each layer.
    silent : int
        Number of samples without any output spike; they are predicted as class 0.
    dead : dict of str to float
        Fraction of the neurons of each layer that do not fire for any sample.
    confusion : ndarray of int64, shape (classes, classes), or None
        Number of samples by label (row) and prediction (column). With several labels per sample, one matrix for each label,
        (labels, 2, 2): rows are samples without and with it, columns are predictions. None in a regression.
    r2 : float or None
        In a regression, the share of the variance of the targets that the counts predict (R squared): 1 for perfect
        predictions, 0 for the mean of the targets.
    samples : int
        Number of samples.
    operations : Operations or None
        Synaptic operations per sample, sparsity and size by layer; None if the connections of a layer of the user are
        unknown. ``print(evaluation.operations.as_text())`` shows them, with an estimate of the energy.

    Examples
    --------
    >>> from cupynn import Sequential, encoders, layers
    >>> net = Sequential([layers.SpikingDense(2, v_th=1.0)], (4,), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> net.evaluate((np.zeros((3, 4), np.float32), [0, 1, 1])).silent
    3
    """

    accuracy: float | None
    loss: float | None
    spikes: dict[str, float]
    silent: int
    dead: dict[str, float]
    confusion: np.ndarray | None
    r2: float | None = None
    samples: int = 0
    operations: Operations | None = None

    @property
    def score(self) -> float:
        """Accuracy, or in a regression `r2`."""
        return self.r2 if self.accuracy is None else self.accuracy

    def shown(self) -> str:
        """Return the score with its name."""
        return f"R2 {self.r2:.3f}" if self.accuracy is None else f"accuracy {self.accuracy:.2%}"

    def figures(self) -> dict[str, Any]:
        """Return all figures for a file in JSON."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        found["confusion"] = None if self.confusion is None else self.confusion.tolist()
        found["operations"] = None if self.operations is None else self.operations.figures()
        return {name: value for name, value in found.items() if name not in ("r2", "operations") or value is not None}

    def __repr__(self) -> str:
        loss = "" if self.loss is None else f", loss={self.loss:.2f}"
        spikes = ", ".join(f"{name} {count:.2f}" for name, count in self.spikes.items())
        dead = ", ".join(f"{name} {share:.0%}" for name, share in self.dead.items() if share)
        dead = f", dead: {dead}" if dead else ""
        score = f"r2={self.r2:.3f}" if self.accuracy is None else f"accuracy={self.accuracy:.2%}"
        return f"Evaluation({score}{loss}, silent={self.silent}, spikes per neuron: {spikes}{dead})"

    def _repr_html_(self) -> str:
        return as_html.evaluation(self)


def read(path: str | PathLike) -> Evaluation:
    """Read the evaluation on the test data from the folder of a finished run.

    Raises
    ------
    InputError
        If its result is missing or damaged.
    """
    file = checks.path("path", path) / "result.json"
    try:
        table = json.loads(file.read_text(encoding="utf-8"))["test"]
        confusion = None if table["confusion"] is None else np.array(table["confusion"], np.int64)
        counted = table.get("operations")
        values = {"confusion": confusion, "operations": None if counted is None else from_figures(counted)}
        return Evaluation(**table | values)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"cannot read {file} ({error}): pass the folder of a finished run") from None
