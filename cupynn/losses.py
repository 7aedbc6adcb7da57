"""Losses on firing counts: their value, and the error that they give the output layer."""

from typing import NamedTuple

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.config import Configured
from cupynn.spikes import SpikeTrains


class CountError(NamedTuple):
    """What a loss hands to the backward pass."""

    value: float
    """Mean of the samples' losses."""
    delta: np.ndarray
    """Derivative of each sample's loss by the firing counts, float32 (B, classes)."""
    trains: SpikeTrains
    """The output trains, those of silent labels filled in."""


class SpikeCount(Configured):
    """Squared distance of the firing counts from a target (paper: equation 1, with a margin).

    With target y_i, `desired` for the label's neuron and `undesired` for the others, and z_i = o_i - y_i taken as zero where
    abs(z_i) <= margin, a sample's loss is ``weight * sum(z ** 2) / 2`` and its error ``delta_i = weight * z_i``.

    A label whose neuron is silent could never learn to fire: for the backward pass its train is replaced by `desired` evenly
    spaced spikes, at the multiples of floor(T / desired).

    Parameters
    ----------
    desired, undesired : int
        Target counts.
    margin : int
        Largest distance that counts as reached.

    Raises
    ------
    InputError
        If an argument is negative, or `desired` is not greater than `undesired`.

    Examples
    --------
    >>> SpikeCount(desired=30, undesired=5)
    SpikeCount(desired=30)
    """

    def __init__(self, desired: int = 35, undesired: int = 5, margin: int = 5) -> None:
        self.desired = checks.integer("desired", desired, minimum=1)
        self.undesired = checks.integer("undesired", undesired)
        self.margin = checks.integer("margin", margin)
        if self.desired <= self.undesired:
            raise InputError(f"desired={desired} with undesired={undesired}: pass a desired count above the undesired one")

    def __call__(self, spikes: SpikeTrains, labels: np.ndarray, sample_weight: np.ndarray | None = None) -> CountError:
        """Value, error and trains for the backward pass.

        Parameters
        ----------
        spikes : SpikeTrains, shape (B, T, classes)
        labels : array_like of int, shape (B,)
        sample_weight : array_like of float, shape (B,), optional
            Weights of the samples, not negative; 1 by default.

        Raises
        ------
        InputError
            If shapes do not fit, a label is out of range, a weight is negative or not finite, or `desired` spikes do not
            fit into T steps.
        """
        if len(spikes.neuron_shape) != 1:
            raise InputError(
                f"the output has shape {spikes.neuron_shape}: end the network with a layer of one axis, classes"
            )
        if self.desired >= spikes.steps:
            raise InputError(
                f"desired={self.desired} spikes do not fit into {spikes.steps} steps: pass fewer, or more steps"
            )
        classes = spikes.size
        labels = checks.labels("labels", labels, classes, spikes.batch)
        weights = _weights(sample_weight, spikes.batch)
        target = np.full((spikes.batch, classes), self.undesired, np.float32)
        target[np.arange(spikes.batch), labels] = self.desired
        distance = spikes.counts - target
        distance[np.abs(distance) <= self.margin] = 0
        delta = distance * weights[:, None]
        value = float((delta * distance).sum() / 2 / max(1, spikes.batch))
        return CountError(value, delta, self._fill_silent_labels(spikes, labels))

    def _fill_silent_labels(self, spikes: SpikeTrains, labels: np.ndarray) -> SpikeTrains:
        silent = np.flatnonzero(spikes.counts[np.arange(spikes.batch), labels] == 0)
        if silent.size == 0:
            return spikes
        spacing = spikes.steps // self.desired
        times = np.arange(spacing, spikes.steps, spacing)
        samples, steps, neurons = spikes.events()
        return SpikeTrains.from_events(
            np.concatenate([samples, np.repeat(silent, times.size)]),
            np.concatenate([steps, np.tile(times, silent.size)]),
            np.concatenate([neurons, np.repeat(labels[silent], times.size)]),
            shape=spikes.shape,
        )


def _weights(sample_weight, batch: int) -> np.ndarray:
    if sample_weight is None:
        return np.ones(batch, np.float32)
    weights = np.asarray(sample_weight, np.float32)
    if weights.shape != (batch,):
        raise InputError(f"sample_weight has shape {weights.shape}: pass one weight a sample, shape ({batch},)")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise InputError("sample_weight holds a negative or non-finite value: pass weights of at least 0")
    return weights


LOSSES: dict[str, type] = {"SpikeCount": SpikeCount}
