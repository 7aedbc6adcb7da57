"""Losses of classifiers: `SpikeCount`, also for several labels per sample, and `SoftmaxCount`."""

from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.kernels import loss_cuda
from cupynn.losses.base import CountLoss, fitting
from cupynn.losses.regression import squares


class SpikeCount(CountLoss):
    """Squared distance of the firing counts from a target (paper: equation 1, with a margin).

    The target y_i is `desired` for the label's neuron and `undesired` for all other neurons. With z_i = o_i - y_i, set to
    zero where abs(z_i) <= margin, a sample's loss is ``weight * sum(z ** 2) / 2`` and its error ``delta_i = weight * z_i``.

    Parameters
    ----------
    desired, undesired : int
        Target counts.
    margin : int
        Largest distance from the target without a loss.
    multilabel : bool
        Whether a sample has any number of labels, given by zeros and ones of shape (samples, classes). The target is
        `desired` for each of its labels, and an output predicts its label if it fires more than
        ``(desired + undesired) / 2`` times. Each silent neuron of a label is replaced as in `CountLoss`.

    Raises
    ------
    InputError
        If an argument is negative, or `desired` is not above `undesired`.

    Examples
    --------
    >>> SpikeCount(desired=30, undesired=5)
    SpikeCount(desired=30)

    The first sample has both labels, the second none:

    >>> import numpy as np
    >>> from cupynn import SpikeTrains
    >>> spikes = SpikeTrains.from_dense(np.ones((2, 20, 2)))
    >>> SpikeCount(desired=15, undesired=0, margin=0, multilabel=True)(spikes, [[1, 1], [0, 0]]).delta
    array([[ 5.,  5.],
           [20., 20.]], dtype=float32)
    """

    def __init__(self, desired: int = 35, undesired: int = 5, margin: int = 5, multilabel: bool = False) -> None:
        self.desired = checks.integer("desired", desired, minimum=1, maximum=checks.LARGEST_INT)
        self.undesired = checks.integer("undesired", undesired, maximum=checks.LARGEST_INT)
        self.margin = checks.integer("margin", margin, maximum=checks.LARGEST_INT)
        if self.desired <= self.undesired:
            raise InputError(f"desired={desired} with undesired={undesired}: pass a desired count above the undesired one")
        self.multilabel = checks.flag("multilabel", multilabel)

    def config(self) -> dict[str, Any]:
        """Return the arguments that recreate this loss; `multilabel` only if it is set, as earlier files lack it."""
        return {name: value for name, value in super().config().items() if name != "multilabel" or value}

    @property
    def predicts(self) -> str:
        """Return "labels" with `multilabel`, and otherwise "class"."""
        return "labels" if self.multilabel else "class"

    @property
    def threshold(self) -> float:
        """Return the count above which an output predicts its label."""
        return (self.desired + self.undesired) / 2

    @property
    def least(self) -> int:
        """Smallest firing count within the margin."""
        return self.desired - self.margin

    def _fitting(self, highest: int) -> str:
        desired = fitting(highest)
        return f"desired={desired}, undesired={desired // 7}, margin={desired // 7}"  # in the ratio of the defaults

    def _distance(self, counts: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.multilabel:
            return squares(counts, self._targets(labels), self.margin)
        target = np.full(counts.shape, self.undesired, np.float64)
        target[np.arange(len(labels)), labels] = self.desired
        return squares(counts, target, self.margin)

    def _distance_cuda(self, counts: Any, labels: Any, weights: Any) -> tuple[Any, Any]:
        if self.multilabel:
            return loss_cuda.count_distance(counts, self._targets(labels), weights, self.margin)
        return loss_cuda.spike_count(counts, labels, weights, self.desired, self.undesired, self.margin)

    def _targets(self, labels: Any) -> Any:
        """Return the target counts float32 (B, classes) of zeros and ones, on their device."""
        return labels.astype(np.float32) * np.float32(self.desired - self.undesired) + np.float32(self.undesired)


class SoftmaxCount(CountLoss):
    """Cross-entropy of the softmax over the firing counts.

    A sample's loss is ``-weight * log(softmax(o)[label])`` and its error ``delta = weight * (softmax(o) - onehot)``.

    Parameters
    ----------
    desired : int
        Number of spikes that replace the train of a silent label, as in `CountLoss`.

    Raises
    ------
    InputError
        If `desired` is less than 1.

    Examples
    --------
    >>> SoftmaxCount().desired
    35
    """

    def __init__(self, desired: int = 35) -> None:
        self.desired = checks.integer("desired", desired, minimum=1, maximum=checks.LARGEST_INT)

    def _distance(self, counts: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = np.arange(len(labels))
        shifted = counts - counts.max(1, keepdims=True).astype(np.float64)
        log_softmax = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        delta = np.exp(log_softmax)
        delta[rows, labels] -= 1
        return -log_softmax[rows, labels], delta

    def _distance_cuda(self, counts: Any, labels: Any, weights: Any) -> tuple[Any, Any]:
        return loss_cuda.softmax_count(counts, labels, weights)
