"""The base class of losses on firing counts: their values and the errors of the output layer."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.config import Configured
from cupynn.kernels import loss_cuda
from cupynn.kernels.cuda import on_device
from cupynn.losses import targets
from cupynn.spikes.cuda_trains import CudaTrains
from cupynn.spikes.trains import SpikeTrains


@dataclass(frozen=True)
class CountError:
    """Result of a loss, the input of the backward pass; its arrays are on the device of the trains.

    Attributes
    ----------
    delta : ndarray of float32, shape (B, classes)
        Derivative of each sample's loss with respect to the firing counts.
    trains : SpikeTrains, shape (B, T, classes)
        Output trains, with spikes filled in for silent labels.
    losses : ndarray of float64, shape (B,)
        Loss of each sample.
    neurons_per_class : int
        Number of output neurons per class, which must be that of the network.

    Examples
    --------
    >>> from cupynn.losses import SpikeCount
    >>> spikes = SpikeTrains.from_events([0] * 8, range(1, 9), [1] * 8, shape=(1, 40, 2))  # neuron 1 fires eight times
    >>> error = SpikeCount(desired=20, undesired=2, margin=0)(spikes, labels=[1])
    >>> error.delta, error.value
    (array([[ -2., -12.]], dtype=float32), 74.0)
    """

    delta: np.ndarray
    trains: SpikeTrains
    losses: np.ndarray
    neurons_per_class: int = 1

    @property
    def value(self) -> float:
        """Mean loss of the samples."""
        losses = self.losses.get() if on_device(self.losses) else self.losses
        return float(losses.sum()) / max(1, len(losses))

    def __repr__(self) -> str:
        return f"CountError(value={self.value:.2f}, samples={len(self.losses)})"


class CountLoss(Configured, ABC):
    """Base class of losses on the firing counts of the last layer, which has one neuron per class, or several.

    The counts of the neurons of a class are summed before they are compared with the target of the class, and its error is
    the error of each of them. The output layer has the neurons of class 0 first, then those of class 1, and so on.

    If all neurons of the label's class are silent, they could never learn to fire: for the backward pass, the train of each
    is replaced by `desired` evenly spaced spikes, at the multiples of floor(T / desired), or by its share of them.

    Attributes
    ----------
    predicts : {"class", "labels", "counts"}
        Targets of the samples: a class, int (B,); labels, zeros and ones (B, classes); or counts, float (B, outputs).
    threshold : float
        Count above which an output predicts its label, if the loss predicts labels.

    Examples
    --------
    >>> from cupynn.losses import SpikeCount
    >>> spikes = SpikeTrains.from_dense(np.zeros((1, 40, 2)))
    >>> SpikeCount(desired=4, undesired=0)(spikes, labels=[1]).trains.counts
    array([[0, 3]], dtype=int32)
    """

    predicts: ClassVar[str] = "class"
    threshold: float = 0.0
    desired: int = 0  # 0 for a loss without such an argument

    @property
    def least(self) -> int:
        """Smallest firing count of the label's class without a loss, or 0."""
        return 0

    @abstractmethod
    def _distance(self, counts: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the loss of each sample (B,) and its derivative (B, classes), both without sample weights."""

    @abstractmethod
    def _distance_cuda(self, counts: Any, labels: Any, weights: Any) -> tuple[Any, Any]:
        """Do the same on a GPU, with sample weights."""

    def __call__(
        self,
        spikes: SpikeTrains,
        labels: np.ndarray,
        sample_weight: np.ndarray | None = None,
        neurons_per_class: int = 1,
    ) -> CountError:
        """Return the losses, and the errors and trains for the backward pass.

        Parameters
        ----------
        spikes : SpikeTrains, shape (B, T, neurons)
        labels : array_like, shape (B,) or (B, classes)
            Targets of the kind that the loss `predicts`.
        sample_weight : array_like of float, shape (B,), optional
            Non-negative weights of the samples, 1 by default.
        neurons_per_class : int
            That of the network.

        Raises
        ------
        InputError
            If shapes do not match, a label is out of range, a weight is negative or not finite, or `desired` spikes do not
            fit into T steps.
        """
        if not isinstance(spikes, SpikeTrains):
            raise InputError(
                f"spikes is a {type(spikes).__name__}: pass the SpikeTrains that net.forward(...) returned, not its counts"
            )
        self.check(spikes.neuron_shape, spikes.steps, neurons_per_class=neurons_per_class)
        if not spikes.on_cuda and (on_device(labels) or on_device(sample_weight)):
            raise InputError("labels or sample_weight are on a GPU but the trains are in host memory: pass NumPy arrays")
        classes = spikes.size // neurons_per_class
        if not on_device(labels):  # arrays on a GPU were checked before they were copied
            labels = targets.check(self.predicts, "labels", labels, classes, spikes.batch)
        if not on_device(sample_weight):
            sample_weight = checks.weights("sample_weight", sample_weight, spikes.batch)
        if spikes.on_cuda:
            return self._error_cuda(spikes, labels, sample_weight, neurons_per_class)
        counts = targets.class_counts(spikes.counts, neurons_per_class)
        losses, delta = self._distance(counts, labels)
        delta = (delta * sample_weight[:, None]).astype(np.float32)
        filled = self._fill_silent(spikes, counts, labels, neurons_per_class)
        return CountError(_each_neuron(delta, neurons_per_class), filled, losses * sample_weight, neurons_per_class)

    def check(self, output_shape: tuple[int, ...], steps: int, most: int | None = None, neurons_per_class: int = 1) -> None:
        """Refuse a network that cannot reach the target of the loss.

        Parameters
        ----------
        output_shape : tuple of int
            Output shape of the network: one axis, the classes.
        steps : int
            Number of time steps T, above `desired`.
        most : int, optional
            Largest firing count of an output neuron.
        neurons_per_class : int
            Number of output neurons per class.

        Raises
        ------
        InputError
            If the shape has more axes, or `desired` spikes are too many.
        """
        if len(output_shape) != 1:
            raise InputError(f"the output has shape {output_shape}: end the network with a layer of one axis, the classes")
        check_population(output_shape, neurons_per_class)
        highest = (steps - 1 if most is None else most) * neurons_per_class
        remedy = f"pass {self._fitting(highest)}, or more steps"
        if self.desired and -(-self.desired // neurons_per_class) >= steps:
            raise InputError(f"desired={self.desired} spikes do not fit into {steps} steps: {remedy}")
        if most is not None and self.least > highest:
            neuron = "an output neuron fires" if neurons_per_class == 1 else f"{neurons_per_class} output neurons fire"
            times = "once" if highest == 1 else f"{highest} times"
            raise InputError(
                f"desired={self.desired}: with its t_ref, {neuron} at most {times} in {steps} steps: {remedy}, or a smaller "
                "t_ref"
            )

    def _fitting(self, highest: int) -> str:
        """Return arguments for outputs that fire at most `highest` times, as an error suggests them."""
        return f"desired={fitting(highest)}"

    def check_targets(self, targets: np.ndarray, steps: int, most: int) -> None:
        """Refuse targets that the outputs cannot reach; `CountRegression` does.

        Parameters
        ----------
        targets : ndarray
            Checked targets of all samples.
        steps, most : int
            Number of time steps, and largest count of an output.
        """

    def _fills(self, labels: Any) -> Any:
        """Return the number of spikes for each output (B, classes) that replace its train if it is silent, 0 for none.

        Losses whose labels are not classes have another rule.
        """
        return labels.astype(np.int32) * self.desired

    def _error_cuda(self, spikes: CudaTrains, labels: Any, weights: Any, size: int) -> CountError:
        shape = (spikes.batch,) if self.predicts == "class" else (spikes.batch, spikes.size // size)
        if labels.shape != shape:
            what = "one value per sample" if self.predicts == "class" else "the targets of all outputs"
            raise InputError(f"labels has shape {labels.shape}: pass {what}, shape {shape}")
        if weights.shape != (spikes.batch,):
            raise InputError(f"sample_weight has shape {weights.shape}: pass one value per sample, shape ({spikes.batch},)")
        with spikes.bits.words.device:
            xp = spikes.xp
            labels = xp.asarray(labels, _ON_DEVICE[self.predicts], order="C")
            weights = xp.asarray(weights, np.float32, order="C")
            counts = targets.class_counts(spikes.bits.counts, size)
            losses, delta = self._distance_cuda(counts, labels, weights)
            if self.predicts == "class":
                spacing = spikes.steps // -(-self.desired // size)
                filled = loss_cuda.fill_silent_labels(spikes.bits, labels, counts, spacing, size)
            else:
                wanted = _each_neuron(_wanted(self._fills(labels), counts, size, xp), size)
                filled = loss_cuda.fill_silent(spikes.bits, wanted, spikes.steps)
            delta = _each_neuron(delta, size)
        return CountError(delta, CudaTrains(filled, spikes.steps, spikes.neuron_shape), losses, size)

    def _fill_silent(self, spikes: SpikeTrains, counts: np.ndarray, labels: np.ndarray, size: int) -> SpikeTrains:
        if self.predicts == "class":
            wanted = np.zeros(counts.shape, np.int32)
            silent = np.flatnonzero(counts[np.arange(spikes.batch), labels] == 0)
            wanted[silent, labels[silent]] = -(-self.desired // size)
        else:
            wanted = _wanted(self._fills(labels), counts, size, np)
        rows, neurons = np.nonzero(_each_neuron(wanted, size))
        if rows.size == 0:
            return spikes
        spacing = spikes.steps // np.minimum(wanted[rows, neurons // size], spikes.steps)
        number = (spikes.steps - 1) // spacing
        place = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)  # of each spike in its train
        samples, steps, fired = spikes.events()
        return SpikeTrains.from_events(
            np.concatenate([samples, np.repeat(rows, number)]),
            np.concatenate([steps, np.repeat(spacing, number) * (place + 1)]),
            np.concatenate([fired, np.repeat(neurons, number)]),
            shape=spikes.shape,
        )


_ON_DEVICE = {"class": np.int32, "labels": np.uint8, "counts": np.float32}


def fitting(highest: int) -> int:
    """Return a desired count that leaves a neuron room, if it fires at most `highest` times."""
    return max(1, 3 * highest // 4)


def population(neurons_per_class: int) -> dict[str, int]:
    """Return the option of a loss for several neurons per class; none for one, as custom losses may not take it."""
    return {} if neurons_per_class == 1 else {"neurons_per_class": neurons_per_class}


def check_error(error: CountError, neurons_per_class: int) -> None:
    """Raise InputError unless a loss was computed for the number of neurons per class of the network."""
    if error.neurons_per_class != neurons_per_class:
        raise InputError(
            f"the error is for neurons_per_class={error.neurons_per_class}, the network has {neurons_per_class}: "
            "pass neurons_per_class=net.neurons_per_class to the loss"
        )


def check_population(output_shape: tuple[int, ...], neurons_per_class: int) -> None:
    """Raise InputError unless the neurons of an output are as many for each class."""
    checks.integer("neurons_per_class", neurons_per_class, minimum=1)
    if neurons_per_class > 1 and (len(output_shape) != 1 or output_shape[0] % neurons_per_class):
        raise InputError(
            f"neurons_per_class={neurons_per_class} for an output of shape {output_shape}: give the last layer a multiple "
            f"of {neurons_per_class} neurons"
        )


def _wanted(fills: Any, counts: Any, size: int, xp: Any) -> Any:
    """Return the spikes of each neuron of a silent class (B, classes), 0 for classes that fire; all on one device."""
    return xp.where(counts == 0, -(-fills // size), 0).astype(np.int32)


def _each_neuron(classes: Any, size: int) -> Any:
    """Return values of classes (B, classes) for each neuron (B, neurons)."""
    return classes if size == 1 else classes.repeat(size, 1)
