"""What all optimizers share: learning-rate schedules, moments, averages."""

from abc import ABC, abstractmethod
from copy import copy, deepcopy
from math import cos, floor, pi, sqrt
from typing import Any, ClassVar
from weakref import ref

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.config import Configured
from cupynn.device.device import Device
from cupynn.network.network import Network
from cupynn.optimizers.regularizers import ExponentialRegularizer, update_kernels

SCHEDULES = {
    "constant": lambda epoch, epochs: 1.0,
    "inverse-sqrt": lambda epoch, epochs: 1 / sqrt(floor(epoch) + 1),  # the paper's
    "cosine": lambda epoch, epochs: (1 + cos(pi * min(1.0, epoch / epochs))) / 2,
}


class Optimizer(Configured, ABC):
    """Updates the parameters of a network from the gradients that its backward pass wrote.

    With `average`, it also keeps an exponential moving average of each parameter: after update n,
    ``mean += (1 - a) * (weight - mean)`` with ``a = min(average, (1 + n) / (10 + n))``, so that the first updates are soon
    forgotten. `Sequential.fit` validates with the averages, shows them to callbacks, and leaves the network with them;
    training itself goes on with the weights.

    With `centralize`, the mean of a neuron's gradient is taken off it before anything else (gradient centralization, Yong et
    al., 2020). As spikes only add, one step would push nearly all weights of a neuron the same way, and its drive by
    far more than any of them. Neurons with a single input, whose gradient is its own mean, learn as without it.

    Attributes
    ----------
    epoch : float
        Epochs done, set by `Sequential.fit`, or by whoever writes the loop: the schedule's argument.
    epochs : int or None
        Epochs in all; only the cosine schedule needs it.
    moments : dict
        What the optimizer remembers of each parameter, under (layer name, parameter name).
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

    own_moments: ClassVar[int]  # arrays that it remembers of each parameter, beside the average

    def __init__(
        self,
        lr: float,
        schedule: str,
        regularizer: ExponentialRegularizer | None,
        average: float = 0.0,
        centralize: bool = False,
    ) -> None:
        self.lr = checks.number("lr", lr, above=0)
        self.schedule = checks.choice("schedule", schedule, SCHEDULES)
        self.regularizer = (
            regularizer if regularizer is None else checks.only("regularizer", regularizer, ExponentialRegularizer)
        )
        self.average = checks.number("average", average, minimum=0, maximum=0.999999)
        self.centralize = checks.flag("centralize", centralize)
        self.epoch = 0.0
        self.epochs: int | None = None
        self.moments: dict[tuple[str, str], tuple[np.ndarray, ...]] = {}
        self.updates = 0
        self._network: ref[Network] | None = None
        self._device: Device | None = None

    @property
    def moment_count(self) -> int:
        """Number of arrays that it remembers of each parameter; the average is the last."""
        return self.own_moments + (self.average > 0)

    @property
    def rate(self) -> float:
        """The learning rate now."""
        if self.schedule == "cosine" and self.epochs is None:
            raise InputError("schedule='cosine' needs optimizer.epochs: set it to the number of epochs in all")
        return self.lr * SCHEDULES[self.schedule](self.epoch, self.epochs)

    def step(self, network: Network) -> None:
        """Update every parameter of the network once.

        Parameters
        ----------
        network : Sequential
            The same at each call.

        Raises
        ------
        InputError
            If what it is given is no network, or another one than it has updated before, or a parameter is read-only.
        """
        if not hasattr(network, "layers") or not hasattr(network, "device"):
            raise InputError(f"network is a {type(network).__name__}: pass the Sequential itself, optimizer.step(net)")
        rate, xp = np.float32(self.rate), network.device.xp
        self._belong_to(network)
        if self._device is not network.device:
            self._move(network.device)
        with network.device:
            moments, arrays = dict(self.moments), []
            for layer in network.layers:
                for name, parameter in layer.params.items():
                    checks.writable(f"{layer.name}/{name}", parameter)
                    key, weight = (layer.name, name), parameter.reshape(len(parameter), -1)
                    gradient = layer.grads[name].reshape(weight.shape)
                    none = xp.zeros(len(weight), np.float32)
                    decay = self.regularizer.decay(weight) if self.regularizer else none
                    shift = update_kernels(weight).row_mean(gradient) if self.centralize and weight.shape[1] > 1 else none
                    if key not in moments:
                        own = [xp.zeros_like(weight) for _ in range(self.own_moments)]
                        moments[key] = (*own, weight.copy()) if self.average else (*own,)
                    arrays.append((weight, gradient, shift, decay, moments[key]))
            self.moments, self.updates = moments, self.updates + 1  # memory may run out before, and changes nothing then
            share = np.float32(1 - min(self.average, (1 + self.updates) / (10 + self.updates)))
            for weight, gradient, shift, decay, own in arrays:
                self._update(weight, gradient, shift, decay, own[: self.own_moments], rate)
                if self.average:
                    update_kernels(weight).average(weight, own[-1], share)

    def averaged(self, network: Network) -> Network:
        """Return the network with the averages of its parameters.

        It is a copy, so that evaluating it, even when interrupted, and what callbacks do to it leave the training as it is.
        Without averages it is the network itself.

        Parameters
        ----------
        network : Network
            That of the updates.
        """
        if not (self.average and self.moments):
            return network
        memo: dict[int, Any] = {}  # what stands for each array in the copy, also where a layer holds it a second time
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
        """Leave the network with the averages of its parameters, if there are any.

        Parameters
        ----------
        network : Sequential
            That of the updates.
        """
        with network.device:
            for layer, mean in zip(network.layers, self.averaged(network).layers, strict=True):
                for name, parameter in layer.params.items():
                    parameter[...] = mean.params[name]

    def pending(self, network: Network) -> int:
        """Bytes of the moments that the first update of a network will allocate."""
        arrays = {(layer.name, name): array for layer in network.layers for name, array in layer.params.items()}
        return self.moment_count * sum(array.nbytes for key, array in arrays.items() if key not in self.moments)

    def restore(
        self, network: Network, updates: int, epoch: float, moments: dict[tuple[str, str], tuple[np.ndarray, ...]]
    ) -> None:
        """Go on where another of the same kind stopped.

        Parameters
        ----------
        network : Sequential
        updates, epoch, moments : int, float, dict
            The attributes of the other; the moments lie on the network's device.

        Raises
        ------
        InputError
            If the optimizer has updated another network before.
        """
        self._belong_to(network)
        self.updates, self.epoch, self.moments, self._device = updates, epoch, moments, network.device

    def check(self, network: Network) -> None:
        """Raise InputError if the optimizer has updated another network before.

        Parameters
        ----------
        network : Network

        Raises
        ------
        InputError
            If it has.
        """
        if self._network is not None and self._network() is not network:
            raise InputError("this optimizer remembers the moments of another network's weights: make a new one")

    def _belong_to(self, network: Network) -> None:
        self.check(network)
        self._network = self._network or ref(network)

    def _move(self, device: Device) -> None:
        """Bring the moments to where the network has gone."""
        self.moments = {
            key: tuple(device.put(self._device.get(moment)) for moment in moments) for key, moments in self.moments.items()
        }
        self._device = device

    @abstractmethod
    def _update(self, weight, gradient, shift, decay, moments, rate) -> None:
        """Update one matrix in place."""
