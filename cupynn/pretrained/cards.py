"""The card of a trained network."""

import json
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from cupynn import toml

CARD = "card.toml"


@dataclass(frozen=True)
class Card:
    """What is known about a trained network.

    Attributes
    ----------
    name : str
        As `Sequential.pretrained` takes it.
    task : str
        What the network recognizes.
    network : str
        Sizes of the layers and number of time steps, in the notation of the paper.
    command : str
        Command that trains it again, with its seed.
    accuracy : float
        Test accuracy of the stored weights. The test set was used once, after the best epoch had been chosen on held-out
        training data.
    trained_accuracy : float
        Test accuracy of the weights before they were rounded to half precision.
    classes : tuple of str
        Names of the classes.
    confusion : ndarray of int, shape (classes, classes)
        Number of test samples by label (row) and prediction (column).
    limits : str
        What the network is not good for.
    licence : str
        Licence of the training data.
    """

    name: str
    task: str
    network: str
    command: str
    accuracy: float
    trained_accuracy: float
    classes: tuple[str, ...]
    confusion: np.ndarray
    limits: str
    licence: str

    @classmethod
    def read(cls, folder: Path) -> "Card":
        """Read the card in the folder of a trained network."""
        written: dict[str, Any] = toml.loads((folder / CARD).read_text(encoding="utf-8"))
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        test, classes = result["test"], tuple(result["classes"])
        return cls(
            name=folder.name, accuracy=test["accuracy"], classes=classes, confusion=np.array(test["confusion"]), **written
        )

    @property
    def samples(self) -> int:
        """Number of test samples."""
        return int(self.confusion.sum())

    @property
    def confused(self) -> list[tuple[str, str, int]]:
        """Label, prediction and number of test samples, for pairs of classes that are confused, the most frequent first."""
        errors = self.confusion - np.diag(self.confusion.diagonal())
        places = [divmod(int(place), len(errors)) for place in np.argsort(-errors, axis=None, kind="stable")]
        return [(self.classes[i], self.classes[j], int(errors[i, j])) for i, j in places if errors[i, j]]

    def __str__(self) -> str:
        error = sqrt(self.accuracy * (1 - self.accuracy) / self.samples)
        lines = {
            "task": self.task,
            "network": self.network,
            "test accuracy": f"{self.accuracy:.2%} of {self.samples:,} samples, standard error {error:.2%}",
            "before rounding": f"{self.trained_accuracy:.2%} with weights in single precision",
            "most errors": ", ".join(f"{i} taken for {j}: {n}" for i, j, n in self.confused[:3]) or "none",
            "trained by": self.command,
            "not good for": self.limits,
            "data": self.licence,
        }
        width = max(map(len, lines))
        return "\n".join([self.name, *(f"  {key:{width}}  {text}" for key, text in lines.items())])
