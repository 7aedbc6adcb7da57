"""Base class of the optimizers: learning-rate schedules, moments and weight averages."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy, deepcopy
from math import cos, floor, pi, sqrt
from typing import Any, ClassVar
from weakref import ref

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.config import Configured
from cupynn.device.device import Device
from cupynn.kernels.aligned import as_writable
from cupynn.network.finite import refuse_diverged
from cupynn.network.network import Network
from cupynn.optimizers import rates as layer_rates
from cupynn.optimizers.regularizers import ExponentialRegularizer, update_kernels
from cupynn.optimizers.state import pack, unpack
from cupynn.optimizers.trained import check_moments, named, trained_arrays

CHECK_EVERY = 8  # updates between two checks of `step` on a GPU, where each waits for the GPU


SCHEDULES = {
    "constant": lambda epoch, epochs: 1.0,
    "inverse-sqrt": lambda epoch, epochs: 1 / sqrt(floor(epoch) + 1),  # the paper's
    "cosine": lambda epoch, epochs: (1 + cos(pi * min(1.0, epoch / epochs))) / 2,
}


class Optimizer(Configured, ABC):
    """Base class: updates the parameters of a network with the gradients of its backward pass.

    An optimizer belongs to the first network that it updates, with the layers trained then: to freeze or unfreeze a layer
    later, create a new optimizer. Copies, by `copy.deepcopy`, `pickle` or joblib, keep the moments, and belong to the first
    network that they update, which must have the same layers. `state_dict` and `load_state_dict` store the moments in files.

    Parameters
    ----------
    lr : float
        Learning rate.
    schedule : {"constant", "inverse-sqrt", "cosine"}
        Decay of the rate: none, ``lr / sqrt(epoch + 1)`` (the paper), or half a cosine down to zero.
    regularizer : ExponentialRegularizer, optional
    average : float
        Decay of an exponential moving average of each parameter, in [0, 1); 0 keeps no average. After update n,
        ``mean += (1 - a) * (weight - mean)`` with ``a = min(average, (1 + n) / (10 + n))``, so the first updates are soon
        forgotten. `Sequential.fit` continues to train the weights themselves, but it uses the averages for validation and
        callbacks, and copies them to the network at the end.
    centralize : bool
        Whether to subtract its mean from the gradient of each neuron (gradient centralization, Yong et al., 2020).
        Spikes are never negative, so one step would otherwise move nearly all weights of a neuron in the same direction, and
        its input by far more than any single weight. Neurons with one input are not affected.
    clip_norm : float, optional
        Largest norm of all gradients together: if it is larger, all are scaled down to it. The gradients in ``layer.grads``
        are scaled in place.
    weight_decay : float
        Decay of the weights, apart from the gradient as in AdamW (Loshchilov and Hutter, 2019): each update first multiplies
        them by ``1 - rate * weight_decay``. Arrays of one axis, such as thresholds, do not decay.
    warmup : int, optional
        Number of updates in which the rate rises linearly to that of the schedule.
    rates : dict of str to float, optional
        Factors of the rate by layer, such as ``{"hidden": 0.1}``, or by array of a layer, ``{"hidden/weight": 0.1}``.

    Attributes
    ----------
    epoch : float
        Epochs done, the argument of the schedule. `Sequential.fit` sets it; a training loop that you write must set it.
    epochs : int or None
        Total number of epochs; only the cosine schedule needs it.
    moments : dict
        Arrays that the optimizer keeps per parameter, by (layer name, parameter name).
    updates : int
        Number of updates done.

    Examples
    --------
    >>> from cupynn.optimizers import Adam
    >>> optimizer = Adam(0.1, schedule="inverse-sqrt")
    >>> optimizer.epoch = 3
    >>> optimizer.rate
    0.05
    """

    own_moments: ClassVar[int]  # arrays per parameter, without the average
    squares: ClassVar[tuple[int, ...]] = ()  # numbers of those that are means of squares
    epoch: float
    epochs: int | None
    moments: dict[tuple[str, str], tuple[np.ndarray, ...]]
    updates: int
    _checks = True  # whether `step` checks for values that are not finite

    def __init__(
        self,
        lr: float,
        schedule: str,
        regularizer: ExponentialRegularizer | None,
        average: float = 0.0,
        centralize: bool = False,
        clip_norm: float | None = None,
        weight_decay: float = 0.0,
        warmup: int | None = None,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        self.lr = checks.number("lr", lr, above=0)
        self.schedule = checks.choice("schedule", schedule, SCHEDULES)
        self.regularizer = None if regularizer is None else checks.only("regularizer", regularizer, ExponentialRegularizer)
        self.average = checks.number("average", average, minimum=0, maximum=0.999999)
        self.centralize = checks.flag("centralize", centralize)
        self.clip_norm = None if clip_norm is None else checks.number("clip_norm", clip_norm, above=0)
        self.weight_decay = checks.number("weight_decay", weight_decay, minimum=0)
        self.warmup = None if warmup is None else checks.integer("warmup", warmup, minimum=1, maximum=2**53)
        self.rates = layer_rates.checked(rates)
        self.epoch = 0.0
        self.epochs = None
        self.moments = {}
        self.updates = 0
        self._network: ref[Network] | None = None
        self._device: Device | None = None

    def config(self) -> dict[str, Any]:
        """Return the arguments that recreate this optimizer; `weight_decay` only if it is used, as earlier files lack it."""
        return {name: value for name, value in super().config().items() if name != "weight_decay" or value}

    @property
    def moment_count(self) -> int:
        """Number of arrays kept per parameter; the average is the last."""
        return self.own_moments + (self.average > 0)

    @property
    def rate(self) -> float:
        """Current learning rate, without the factors in `rates`."""
        if self.schedule == "cosine" and self.epochs is None:
            raise InputError("schedule='cosine' needs optimizer.epochs: set it to the total number of epochs")
        return self.lr * SCHEDULES[self.schedule](self.epoch, self.epochs) * layer_rates.warm(self.warmup, self.updates)

    def step(self, network: Network) -> None:
        """Update every parameter of the network once; frozen layers stay as they are.

        Parameters
        ----------
        network : Sequential
            The same network in every call.

        Raises
        ------
        InputError
            If `network` is not a network or not the one of earlier updates, or a parameter is read-only.
        Diverged
            If a weight, gradient or moment is not finite after the update. On a GPU only every eighth update is checked.
        """
        if not hasattr(network, "layers") or not hasattr(network, "device"):
            raise InputError(f"network is a {type(network).__name__}: pass the Sequential itself, optimizer.step(net)")
        rate, xp = self.rate, network.device.xp
        trained = trained_arrays(network)
        self._belong_to(network)
        self._move(network.device)
        with network.device:
            moments, arrays = dict(self.moments), []
            if self.clip_norm is not None and trained:
                rows = [gradient.reshape(len(gradient), -1) for _, gradient in trained.values()]
                update_kernels(rows[0]).clip(rows, self.clip_norm)
            for key, (parameter, gradient) in trained.items():
                weight = parameter.reshape(len(parameter), -1)
                gradient = gradient.reshape(weight.shape)
                none = xp.zeros(len(weight), np.float32)
                regularized = self.regularizer is not None and len(parameter.shape) > 1  # weights, not biases
                decay = self.regularizer.decay(weight) if regularized else none
                shift = update_kernels(weight).row_mean(gradient) if self.centralize and weight.shape[1] > 1 else none
                if key not in moments:
                    own = [xp.zeros_like(weight) for _ in range(self.own_moments)]
                    moments[key] = (*own, weight.copy()) if self.average else (*own,)
                own_rate = rate * layer_rates.factor(self.rates, key)
                keep = 1 - own_rate * self.weight_decay * (parameter.ndim > 1)
                arrays.append((weight, gradient, shift, decay, moments[key], np.float32(own_rate), np.float32(keep)))
            self.moments, self.updates = moments, self.updates + 1  # only now: no change if memory ran out above
            share = np.float32(1 - min(self.average, (1 + self.updates) / (10 + self.updates)))
            for weight, gradient, shift, decay, own, own_rate, keep in arrays:
                if keep != 1:
                    weight *= keep
                self._update(weight, gradient, shift, decay, own[: self.own_moments], own_rate)
            for layer in network.layers:
                layer.project()
            if self.average:
                for weight, _, _, _, own, _, _ in arrays:
                    update_kernels(weight).average(weight, own[-1], share)
        if self._checks and (not network.device.on_cuda or self.updates % CHECK_EVERY == 0):
            refuse_diverged(network.device, named(network, self.moments), f"update {self.updates}")

    @contextmanager
    def unchecked(self) -> Iterator[None]:
        """Leave the check for values that are not finite to the caller of `step`; `fit` knows the batch and the epoch."""
        self._checks = False
        try:
            yield
        finally:
            self._checks = True

    def averaged(self, network: Network) -> Network:
        """Return a copy of the network whose parameters are the averages, or the network itself without averages.

        A copy, so that neither an interrupted evaluation nor a callback can change the training.
        """
        if not (self.average and self.moments):
            return network
        self._move(network.device)
        memo: dict[int, Any] = {}  # the copy of each array, also for a second reference in a layer
        with network.device:
            for layer in network.layers:
                memo |= {id(array): array for array in (*layer.grads.values(), *layer.buffers.values())}
                for name, parameter in layer.params.items():
                    moments = self.moments.get((layer.name, name), (parameter,))
                    memo[id(parameter)] = moments[-1].reshape(parameter.shape).copy()
        twin = copy(network)
        twin.layers = deepcopy(network.layers, memo)
        return twin

    def apply_averages(self, network: Network) -> None:
        """Replace the parameters of the network by their averages, if there are any."""
        with network.device:
            for layer, mean in zip(network.layers, self.averaged(network).layers, strict=True):
                for name, parameter in layer.params.items():
                    parameter[...] = mean.params[name]

    def restart_averages(self, network: Network) -> None:
        """Replace the averages, if there are any, by the parameters of the network."""
        if not (self.average and self.moments):
            return
        with network.device:
            for layer in network.layers:
                for name, parameter in layer.params.items():
                    self.moments[layer.name, name][-1][...] = parameter.reshape(len(parameter), -1)

    def pending(self, network: Network) -> int:
        """Return the bytes of the moments that the first update of a network allocates."""
        arrays = {(layer.name, name): array for layer in network.layers for name, array in layer.params.items()}
        return self.moment_count * sum(array.nbytes for key, array in arrays.items() if key not in self.moments)

    def restore(
        self, network: Network, updates: int, epoch: float, moments: dict[tuple[str, str], tuple[np.ndarray, ...]]
    ) -> None:
        """Continue from the attributes of another optimizer of the same class; refuse another network as `check` does.

        Parameters
        ----------
        network : Sequential
        updates, epoch, moments : int, float, dict
            Attributes of the other optimizer, the moments on the device of the network.
        """
        self._belong_to(network)
        self.updates, self.epoch, self.moments, self._device = updates, epoch, moments, network.device

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return a copy of the state, with which `load_state_dict` continues training in a new process, to the same bits.

        Returns
        -------
        dict of str to ndarray
            Class, updates, epoch and moments in host memory, by names that `numpy.savez` accepts.

        Examples
        --------
        >>> from cupynn.optimizers import Adam
        >>> {name: array.item() for name, array in Adam().state_dict().items()}
        {'kind': 'Adam', 'updates': 0, 'epoch': 0.0}
        """
        return pack(type(self).__name__, self.updates, self.epoch, self._on_host())

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from the state of another optimizer; the next network that is updated must have the same layers.

        Parameters
        ----------
        state : mapping of str to ndarray
            Result of `state_dict` of an optimizer with the same arguments, also as read by `numpy.load`.

        Raises
        ------
        InputError
            If it is not such a state; nothing is changed then.

        Examples
        --------
        A training loop stores network and optimizer after each epoch, and continues from these files later:

        >>> net.save("net.npz")                                          # doctest: +SKIP
        >>> np.savez("optimizer.npz", **optimizer.state_dict())          # doctest: +SKIP

        >>> net = Sequential.load("net.npz")                             # doctest: +SKIP
        >>> optimizer = optimizers.Adam(0.01)                            # doctest: +SKIP
        >>> optimizer.load_state_dict(np.load("optimizer.npz"))          # doctest: +SKIP
        """
        self.updates, self.epoch, self.moments = unpack(state, type(self).__name__, self.moment_count, self.squares)
        self._network = self._device = None

    def __getstate__(self) -> dict[str, Any]:
        moments = {key: tuple(moment.copy() for moment in held) for key, held in self._on_host().items()}
        return vars(self) | {"moments": moments, "_network": None, "_device": None, "_checks": True}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.moments = {key: tuple(map(as_writable, held)) for key, held in self.moments.items()}

    def _on_host(self) -> dict[tuple[str, str], tuple[np.ndarray, ...]]:
        get = self._device.get if self._device else lambda moment: moment
        return {key: tuple(map(get, held)) for key, held in self.moments.items()}

    def check(self, network: Network) -> None:
        """Refuse another network than that of earlier updates, or one that trains other arrays.

        Raises
        ------
        InputError
            If the optimizer has updated another network before, layers were frozen or unfrozen since, or `rates` names a
            layer that the network does not train.
        """
        if self.rates:
            layer_rates.check(self.rates, network)
        if self._network is not None and self._network() is not network:
            raise InputError("this optimizer holds the moments of another network: create a new one")
        if self.updates or self.moments:
            check_moments(self.moments, network)

    def _belong_to(self, network: Network) -> None:
        self.check(network)
        self._network = self._network or ref(network)

    def _move(self, device: Device) -> None:
        """Move the moments to the device of the network."""
        if self._device is not device:
            self.moments = {key: tuple(map(device.put, moments)) for key, moments in self._on_host().items()}
            self._device = device

    @abstractmethod
    def _update(self, weight, gradient, shift, decay, moments, rate) -> None:
        """Update one weight matrix in place."""
