"""Targets of the samples: checked, and compared with what a network predicts.

A loss trains a network to predict one of three things: "class", one class per sample; "labels", any number of labels per
sample; "counts", a number per output. The targets are int64 (samples,), uint8 (samples, outputs) of zeros and ones, and
float32 (samples, outputs).
"""

from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.kernels.cuda import on_device


def check(predicts: str, name: str, value: Any, outputs: int, samples: int) -> np.ndarray:
    """Return the targets of samples, checked and converted.

    Parameters
    ----------
    predicts : {"class", "labels", "counts"}
    name : str
        For messages.
    value : array_like
    outputs, samples : int
        Number of classes, labels or values per sample, and of samples.

    Raises
    ------
    InputError
        If shape, type or values do not fit.
    """
    if predicts == "class":
        return checks.labels(name, value, outputs, samples)
    array = np.asarray(checks.host(name, value))
    if predicts == "counts" and outputs == 1 and array.shape == (samples,):
        array = array[:, None]
    if array.shape != (samples, outputs) or array.dtype.kind not in "biuf":
        found = f"{array.dtype} of shape {array.shape}"
        hint = " (labels of one class per sample? pass multilabel=False)" if predicts == "labels" and array.ndim == 1 else ""
        raise InputError(f"{name} is {found}: pass {_WANTED[predicts]}, shape ({samples}, {outputs}){hint}")
    if predicts == "labels":
        if not np.isin(array, (0, 1)).all():
            raise InputError(f"{name} has a value other than 0 and 1: pass 1 for each label of a sample, 0 for the rest")
        return array.astype(np.uint8)
    if not (np.isfinite(array).all() and (array >= 0).all() and (array <= checks.LARGEST_STEPS).all()):
        raise InputError(f"{name}: a value is negative, too large or not finite: scale the targets to counts of spikes")
    return array.astype(np.float32)


_WANTED = {"labels": "zeros and ones per sample and label", "counts": "a target count per sample and output"}


def class_counts(counts: Any, neurons_per_class: int) -> Any:
    """Return the counts (B, classes) of classes with several neurons each, int32, from those of the neurons."""
    if neurons_per_class == 1:
        return counts
    return counts.reshape(len(counts), -1, neurons_per_class).sum(2, dtype=np.int32)


def correct(predicts: str, counts: Any, targets: Any, threshold: float) -> Any:
    """Return which predictions are correct: bool (B,) of classes, (B, labels) of labels, which count above a threshold."""
    if predicts == "class":
        return counts.argmax(1) == targets
    return (counts > threshold) == (targets > 0)


def squared_errors(counts: Any, targets: Any) -> Any:
    """Return the sum of the squared errors of each sample, float64 (B,), of NumPy arrays or of arrays on a GPU."""
    if not on_device(counts):
        return ((counts - targets.astype(np.float64)) ** 2).sum(1)
    total = 0
    for output in range(counts.shape[1]):  # one after the other, as sums on a GPU depend on the size of the batch
        total = total + (counts[:, output] - targets[:, output].astype(np.float64)) ** 2
    return total


def r2(squares: float, targets: np.ndarray) -> float:
    """Return the share of the variance of the targets that is predicted, from the sum of the squared errors.

    With targets that are all the same, it is 1 without an error, and 0 otherwise.
    """
    spread = float(((targets - targets.mean(0, dtype=np.float64)) ** 2).sum())
    return 1 - squares / spread if spread else float(squares == 0)
