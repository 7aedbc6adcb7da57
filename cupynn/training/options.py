"""The training options of a definition, all checked here except `steps` and `terms`, which depend on the network."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from cupynn import checks
from cupynn.augment import Augment
from cupynn.losses import CountLoss, RateBand, SpikeCount
from cupynn.optimizers import Adam, Optimizer


@dataclass(frozen=True)
class Options:
    """Options of `fit`, which documents them; they are also the keys of the [training] table of a definition.

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
    restore_best: bool = False
    terms: Mapping[str, RateBand] | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            object.__setattr__(self, field.name, _checked(field.name, value))


def default_loss() -> CountLoss:
    """Return the loss that `fit` and definitions without a loss use, the paper's."""
    return SpikeCount()


def default_optimizer() -> Optimizer:
    """Return the optimizer that `fit` and definitions without an optimizer use, the paper's."""
    return Adam(1e-3, schedule="inverse-sqrt")


def _checked(name: str, value: Any) -> Any:
    if name in ("boost", "restore_best"):
        return checks.flag(name, value)
    if name in ("steps", "terms") or (value is None and name not in ("epochs", "batch_size")):
        return value  # the network, unknown here, limits the steps and has the layers
    return checks.only(name, value, Augment) if name == "augment" else checks.integer(name, value, minimum=1)
