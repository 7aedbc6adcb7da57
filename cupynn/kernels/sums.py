"""Sums over the samples of a batch that is computed in parts: each part goes on where the one before has stopped."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError


@dataclass
class BatchSum:
    """Progress of a layer's gradient, which is a sum over the batch.

    It has the same bits however the batch is split, since a part adds its samples, one after the other, to the gradient so
    far. On a GPU, where dense layers sum group by group, a part may end within a group: that group stays open then.

    Attributes
    ----------
    batch : int
        Samples of the whole batch: the gradient is their mean.
    done : int
        Samples that have been added.
    closed, open : ndarray of the device, or None
        The sum over all groups before the one that is open, and over that one.
    """

    batch: int
    done: int = 0
    closed: Any = None
    open: Any = None

    @property
    def share(self) -> np.float32:
        """What a sample counts for in the mean."""
        return np.float32(1 / max(1, self.batch))


def sums_of_part(before: list[BatchSum], layers: int, samples: int, batch: int | None, add: bool) -> list[BatchSum]:
    """Sums of each layer for a part of so many samples: new ones or, with `add`, those that the parts before have left.

    batch: samples of the whole batch; by default as before or, of the first part, its own

    Raises
    ------
    InputError
        If there is nothing to add to, or the parts do not fit together.
    """
    if checks.flag("add", add) and not before:
        raise InputError("add=True with no gradients to add to: pass it from the second part of a batch on")
    done, known = (before[0].done, before[0].batch) if add else (0, samples)
    whole = known if batch is None else checks.integer("batch", batch, minimum=1)
    if done + samples > whole or (add and whole != known):
        raise InputError(
            f"batch={whole}: this part has {samples} samples, those before {done}"
            f"{f', of a batch of {known}' if add else ''}: pass the size of the whole batch"
        )
    return before if add else [BatchSum(whole) for _ in range(layers)]
