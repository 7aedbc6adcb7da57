"""Predictions of a network compared with the targets of all samples."""

import numpy as np

from cupynn.losses import CountLoss, targets
from cupynn.parallel import Ranks


class Score:
    """Accuracy and confusion matrix, or in a regression R squared, from the counts of all samples.

    Parameters
    ----------
    classes : int
        Number of classes, labels or values per sample.
    y : ndarray
        Targets of all samples.
    loss : CountLoss or None
        Loss that defines the targets; None for one class per sample.
    """

    def __init__(self, classes: int, y: np.ndarray, loss: CountLoss | None) -> None:
        self.y, self.predicts = y, "class" if loss is None else loss.predicts
        self.threshold = 0.0 if loss is None else loss.threshold
        shapes = {"class": (classes, classes), "labels": (classes, 2, 2)}
        self.confusion = None if self.predicts == "counts" else np.zeros(shapes[self.predicts], np.int64)
        self.squares = np.zeros(len(y) if self.predicts == "counts" else 0)

    def add(self, part: slice, counts: np.ndarray) -> None:
        """Add the counts (part, classes) of some samples."""
        y = self.y[part]
        if self.predicts == "counts":
            self.squares[part] = targets.squared_errors(counts, y)
        elif self.predicts == "class":
            np.add.at(self.confusion, (y, counts.argmax(1)), 1)
        else:
            labels = np.broadcast_to(np.arange(y.shape[1]), y.shape)
            np.add.at(self.confusion, (labels, y.astype(np.int64), (counts > self.threshold).astype(np.int64)), 1)

    def total(self, ranks: Ranks) -> None:
        """Take the sums of all processes."""
        if self.confusion is None:
            self.squares = ranks.total(self.squares)
        else:
            self.confusion = ranks.total(self.confusion)

    @property
    def accuracy(self) -> float | None:
        """Share of the predictions that are correct, or None in a regression."""
        if self.confusion is None:
            return None
        return float(np.trace(self.confusion, axis1=-2, axis2=-1).sum() / self.confusion.sum())

    @property
    def r2(self) -> float | None:
        """Share of the variance of the targets that is predicted, or None for classes and labels."""
        return None if self.confusion is not None else targets.r2(float(self.squares.sum()), self.y)
