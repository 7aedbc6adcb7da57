"""The options of a training that a definition can hold; all but `steps`, which the network bounds, are checked here."""

from dataclasses import dataclass, fields
from typing import Any

from cupynn import checks
from cupynn.augment import Augment


@dataclass(frozen=True)
class Options:
    """How a network is trained: options of `fit`, and the keys of the [training] table of a definition.

    Parameters
    ----------
    epochs : int
        Passes over the data.
    batch_size : int
        Samples of one update.
    part_size : int, optional
        Samples that are computed together, at most; by default as many as fit into memory.
    steps : int, optional
        Time steps of a sample in training; by default the network's.
    boost : bool
        Whether misclassified samples get a larger weight after each epoch.
    augment : Augment, optional
        Changes the training images in each epoch.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    epochs: int = 10
    batch_size: int = 32
    part_size: int | None = None
    steps: int | None = None
    boost: bool = False
    augment: Augment | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            object.__setattr__(self, field.name, _checked(field.name, value))


def _checked(name: str, value: Any) -> Any:
    if name == "boost":
        return checks.flag(name, value)
    if name == "steps" or (value is None and name not in ("epochs", "batch_size")):
        return value  # steps are bounded by the network, which is not known here
    return checks.only(name, value, Augment) if name == "augment" else checks.integer(name, value, minimum=1)
