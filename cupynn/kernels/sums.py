"""Sums over the samples of a batch that is computed in parts, each continuing the sum of the parts before."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError


@dataclass
class BatchSum:
    """Progress of a layer's gradient, a sum over the batch.

    The split of the batch does not change its bits: each part adds its samples in order to the gradient so far. On a GPU,
    where dense layers sum group by group, a group stays open if a part ends within it.

    Attributes
    ----------
    batch : int
        Samples in the whole batch: the gradient is their mean.
    done : int
        Samples added so far.
    closed, open : ndarray on the device, or None
        Sums over all groups before the open one, and over the open one.
    merged : ndarray on the device, or None
        Gradient of all arrays of a layer together, if its kernels sum it so.
    """

    batch: int
    done: int = 0
    closed: Any = None
    open: Any = None
    merged: Any = None

    @property
    def share(self) -> np.float32:
        """Weight of a sample in the mean."""
        return np.float32(1 / max(1, self.batch))


def sums_of_part(before: list[BatchSum], layers: int, samples: int, batch: int | None, add: bool) -> list[BatchSum]:
    """Return the sums of each layer for a part with some samples: new ones or, with `add`, those of the parts before.

    batch: samples in the whole batch; by default as before or, for the first part, `samples`

    Raises
    ------
    InputError
        If there is nothing to add to, or the parts do not fit together.
    """
    if checks.flag("add", add) and not before:
        raise InputError("add=True, but there are no gradients to add to: pass it from the second part of a batch on")
    done, known = (before[0].done, before[0].batch) if add else (0, samples)
    whole = known if batch is None else checks.integer("batch", batch, minimum=1)
    if done + samples > whole or (add and whole != known):
        raise InputError(
            f"batch={whole}: this part has {samples} samples, the parts before {done}"
            f"{f' of a batch of {known}' if add else ''}: pass the size of the whole batch"
        )
    return before if add else [BatchSum(whole) for _ in range(layers)]
