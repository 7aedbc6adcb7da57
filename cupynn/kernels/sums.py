"""Sums over the samples of a batch that is computed in parts: each part goes on where the one before has stopped."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Sum:
    """How far the sum over a batch has come that a layer's gradient is.

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
