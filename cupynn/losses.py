"""Losses on firing counts: their value, and the error that they give the output layer."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.config import Configured
from cupynn.kernels import loss_cuda
from cupynn.kernels.cuda import on_device
from cupynn.spikes.cuda_trains import CudaTrains
from cupynn.spikes.trains import SpikeTrains


@dataclass(frozen=True)
class CountError:
    """What a loss hands to the backward pass; its arrays lie on the device of the trains.

    Attributes
    ----------
    delta : ndarray of float32, shape (B, classes)
        Derivative of each sample's loss by the firing counts.
    trains : SpikeTrains, shape (B, T, classes)
        The output trains, those of silent labels filled in.
    losses : ndarray of float64, shape (B,)
        Loss of each sample.

    Examples
    --------
    >>> spikes = SpikeTrains.from_events([0] * 8, range(1, 9), [1] * 8, shape=(1, 40, 2))  # neuron 1 fires eight times
    >>> error = SpikeCount(desired=20, undesired=2, margin=0)(spikes, labels=[1])
    >>> error.delta, error.value
    (array([[ -2., -12.]], dtype=float32), 74.0)
    """

    delta: np.ndarray
    trains: SpikeTrains
    losses: np.ndarray

    @property
    def value(self) -> float:
        """Mean of the samples' losses."""
        losses = self.losses.get() if on_device(self.losses) else self.losses
        return float(losses.sum()) / max(1, len(losses))

    def __repr__(self) -> str:
        return f"CountError(value={self.value:.2f}, samples={len(self.losses)})"


class CountLoss(Configured, ABC):
    """A loss on the firing counts of the last layer, whose neurons stand for the classes.

    A label whose neuron is silent could never learn to fire: for the backward pass its train is replaced by `desired` evenly
    spaced spikes, at the multiples of floor(T / desired).

    Examples
    --------
    >>> spikes = SpikeTrains.from_dense(np.zeros((1, 40, 2)))
    >>> SpikeCount(desired=4, undesired=0)(spikes, labels=[1]).trains.counts
    array([[0, 3]], dtype=int32)
    """

    desired: int

    @property
    def least(self) -> int:
        """Firing count of a label's neuron that the loss is content with, as far as there is one."""
        return 0

    @abstractmethod
    def _distance(self, counts: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Loss of each sample (B,), and its derivative by the counts (B, classes), both without sample weights."""

    @abstractmethod
    def _distance_cuda(self, counts: Any, labels: Any, weights: Any) -> tuple[Any, Any]:
        """The same on a GPU, with sample weights."""

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
        if not isinstance(spikes, SpikeTrains):
            raise InputError(
                f"spikes is a {type(spikes).__name__}: pass what net.forward(...) returned, SpikeTrains, not its counts"
            )
        self.check(spikes.neuron_shape, spikes.steps)
        if not spikes.on_cuda and (on_device(labels) or on_device(sample_weight)):
            raise InputError("labels or sample_weight lie on a GPU, the trains in host memory: pass NumPy arrays")
        if not on_device(labels):  # what lies on a GPU was checked before it came there
            labels = checks.labels("labels", labels, spikes.size, spikes.batch)
        if not on_device(sample_weight):
            sample_weight = checks.weights("sample_weight", sample_weight, spikes.batch)
        if spikes.on_cuda:
            return self._error_cuda(spikes, labels, sample_weight)
        losses, delta = self._distance(spikes.counts, labels)
        delta = (delta * sample_weight[:, None]).astype(np.float32)
        return CountError(delta, self._fill_silent_labels(spikes, labels), losses * sample_weight)

    def check(self, output_shape: tuple[int, ...], steps: int, most: int | None = None) -> None:
        """Refuse a network that can never satisfy the loss.

        Parameters
        ----------
        output_shape : tuple of int
            Of the network: one axis, classes.
        steps : int
            Number of time steps T, above `desired`.
        most : int, optional
            How often a neuron of the output can fire.

        Raises
        ------
        InputError
            If it cannot.
        """
        if len(output_shape) != 1:
            raise InputError(f"the output has shape {output_shape}: end the network with a layer of one axis, classes")
        if self.desired >= steps:
            raise InputError(f"desired={self.desired} spikes do not fit into {steps} steps: pass fewer, or more steps")
        if most is not None and self.least > most:
            raise InputError(
                f"desired={self.desired}: in {steps} steps and with its t_ref a neuron of the output fires at most {most} "
                "times: pass fewer, more steps, or a smaller t_ref"
            )

    def _error_cuda(self, spikes: CudaTrains, labels: Any, weights: Any) -> CountError:
        for name, array in (("labels", labels), ("sample_weight", weights)):
            if array.shape != (spikes.batch,):
                raise InputError(f"{name} has shape {array.shape}: pass one a sample, shape ({spikes.batch},)")
        with spikes.bits.words.device:
            labels = spikes.xp.asarray(labels, np.int32, order="C")
            weights = spikes.xp.asarray(weights, np.float32, order="C")
            losses, delta = self._distance_cuda(spikes.bits.counts, labels, weights)
            filled = loss_cuda.fill_silent_labels(spikes.bits, labels, spikes.steps // self.desired)
        return CountError(delta, CudaTrains(filled, spikes.steps, spikes.neuron_shape), losses)

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


class SpikeCount(CountLoss):
    """Squared distance of the firing counts from a target (paper: equation 1, with a margin).

    With target y_i, `desired` for the label's neuron and `undesired` for the others, and z_i = o_i - y_i taken as zero where
    abs(z_i) <= margin, a sample's loss is ``weight * sum(z ** 2) / 2`` and its error ``delta_i = weight * z_i``.

    For the backward pass the train of a silent label is replaced by `desired` evenly spaced spikes.

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
        self.desired = checks.integer("desired", desired, minimum=1, maximum=checks.LARGEST_INT)
        self.undesired = checks.integer("undesired", undesired, maximum=checks.LARGEST_INT)
        self.margin = checks.integer("margin", margin, maximum=checks.LARGEST_INT)
        if self.desired <= self.undesired:
            raise InputError(f"desired={desired} with undesired={undesired}: pass a desired count above the undesired one")

    @property
    def least(self) -> int:
        """The lowest firing count within the margin."""
        return self.desired - self.margin

    def _distance(self, counts: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        target = np.full(counts.shape, self.undesired, np.float64)
        target[np.arange(len(labels)), labels] = self.desired
        distance = counts - target
        distance[np.abs(distance) <= self.margin] = 0
        return (distance**2).sum(1) / 2, distance

    def _distance_cuda(self, counts: Any, labels: Any, weights: Any) -> tuple[Any, Any]:
        return loss_cuda.spike_count(counts, labels, weights, self.desired, self.undesired, self.margin)


class SoftmaxCount(CountLoss):
    """Cross-entropy of the softmax over the firing counts.

    A sample's loss is ``-weight * log(softmax(o)[label])`` and its error ``delta = weight * (softmax(o) - onehot)``.

    Parameters
    ----------
    desired : int
        Number of evenly spaced spikes that replace the train of a silent label for the backward pass.

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


LOSSES: dict[str, type[CountLoss]] = {"SpikeCount": SpikeCount, "SoftmaxCount": SoftmaxCount}
