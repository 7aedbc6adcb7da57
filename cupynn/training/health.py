"""The health of a network: whether it can fire at all, whether it does, whether its numbers are finite."""

from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.layers import Layer
from cupynn.layers.dense import SpikingDense
from cupynn.losses import CountLoss
from cupynn.network.network import DRAW, Network
from cupynn.ragged import Ragged
from cupynn.results.evaluation import Evaluation
from cupynn.results.history import Epoch
from cupynn.spikes.trains import Data, SpikeTrains

SATURATED = 0.9  # of the largest firing count: the mean of a layer beyond which its neurons can tell nothing apart
DEAD = 0.5  # of a layer's neurons: more that never fire are worth a word
ENOUGH = 300  # validation samples that say so
CHANCE = 1.3  # times the accuracy of a guess: what a training is above after EPOCHS, or does not learn
EPOCHS = 5
PROBE = 64  # samples, spread over the data, that are encoded to see whether they fire
# Updates from one look at the numbers to the next on a GPU, where a look is some ten launches. On a CPU every update is
# looked at: 0.09 ms of the 36 ms that a batch of 32 takes in the paper's MLP.
LOOK_EVERY = 8
KINDS = ("the gradient of", "the array", "a moment of the optimizer for")  # what is looked at of each parameter


class Diverged(InputError):
    """The numbers of a training are no longer finite.

    Examples
    --------
    >>> try:                                                             # doctest: +SKIP
    ...     net.fit(train, optimizer=optimizers.Adam(10.0))
    ... except Diverged:
    ...     net = Sequential.load("before.npz")
    """


def before_training(network: Network, loss: CountLoss, x: Data, steps: int, classes: int | None = None) -> list[str]:
    """Refuse a network that can never fire or never reach its target; return what else its user should know.

    Parameters
    ----------
    network, loss, x
        Of the training.
    steps : int
        Of a sample in it.
    classes : int, optional
        How many the data have, where that is known.

    Raises
    ------
    InputError
        If a weight is read-only or not finite, or a layer without trained weights, the data or the loss's target cannot be
        reached.
    """
    for layer in network.layers:
        for name in layer.params:
            checks.writable(f"{layer.name}/{name}", layer.params[name])
            checks.writable(f"the gradient of {layer.name}/{name}", layer.grads[name])
    loss.check(network.output_shape, steps, network.layers[-1].neuron.max_count(steps))
    with network.device:
        for name, array in network.arrays().items():
            if not bool(network.device.xp.isfinite(array).all()):
                raise InputError(f"{name} holds a value that is not finite: make the network anew, or load it from a file")
        notices = [notice for layer in network.layers if (notice := _cannot_fire(layer, steps))]
    notices += _silent_data(network, x, steps)
    if not isinstance(x, SpikeTrains) and (notice := network.encoder.notice(x, steps)):
        notices.append(notice)
    outputs = network.output_shape[-1]
    if classes is not None and outputs > classes:
        notices.append(
            f"the network has {outputs} outputs for {classes} classes: the extra outputs learn to stay silent; "
            f"give the last layer {classes} neurons"
        )
    return notices


def _cannot_fire(layer: Layer, steps: int) -> str | None:
    """What is wrong with a layer that stays below its threshold though all its inputs fire at every step."""
    highest = layer.drive() * layer.neuron.reach(steps)
    if highest * (1 + 1e-4) > layer.v_th:  # room for the rounding of the simulation
        return None
    what = f"no neuron of layer {layer.name} can reach v_th={layer.v_th:g}: all inputs at every step give {highest:.3g}"
    if not layer.params:
        raise InputError(f"{what}; lower v_th")
    return f"{what} with the weights as they are; lower v_th, or raise initial_weight"


def _silent_data(network: Network, x: Data, steps: int) -> list[str]:
    if isinstance(x, SpikeTrains):
        if not int(x.total):
            raise InputError("the data has no spike at all: nothing can be learnt from it")
        return []
    if isinstance(x, Ragged) and not x.lengths.any():
        raise InputError("the data has no event at all: nothing can be learnt from it")
    numbers = np.unique(np.linspace(0, len(x) - 1, PROBE).astype(np.int64))
    if int(network.encode_checked(x[numbers], numbers, DRAW, steps).total):
        return []
    if isinstance(x, np.ndarray) and not x.any():
        raise InputError("the data is zero throughout, and encoded without a spike: nothing can be learnt from it")
    return [
        f"{numbers.size} samples, spread over the data, are encoded by {network.encoder} without a spike: "
        "raise its rate or gain, or pass more steps"
    ]


def after_epoch(network: Network, epoch: Epoch, steps: int, held_out: Evaluation | None = None) -> list[str]:
    """What a user should know: layers that never fire, or fire whenever they can, and a network that does not learn."""
    notices = []
    classes = network.output_shape[-1]
    if epoch.number == EPOCHS and classes > 1 and epoch.accuracy * classes < CHANCE:
        notices.append(
            f"after {EPOCHS} epochs {epoch.accuracy:.0%} are right, about as many as by chance: try another learning rate, "
            "such as optimizers.Adam(0.01)"
        )
    for layer in network.layers:
        count, most = epoch.spikes[layer.name], layer.neuron.max_count(steps)
        if count == 0:
            what, change, verb = "is dead, none of its neurons fires", "lower", "raise"
        elif count > SATURATED * most:
            what, change, verb = "is saturated, its neurons fire at nearly every step they can", "raise", "lower"
        else:
            continue
        weights = f", {verb} initial_weight" if layer.params else ""
        remedy = f"{change} v_th={layer.v_th:g}{weights}, or {verb} the encoder's rate"
        notices.append(f"layer {layer.name} {what}: {remedy}")
    return notices + (_dead_neurons(network, held_out) if held_out else [])


def _dead_neurons(network: Network, held_out: Evaluation) -> list[str]:
    """Fully connected layers that have died for the most part; neurons that see an image's border may never fire.

    784-400-400-10 on 20,000 images of Fashion-MNIST, T = 100, three epochs by Adam(0.01): 84 % of the second layer fire for
    no image, 30 % with a silent_slope of 0.2; held-out accuracy 86.3 and 87.3 %.
    """
    if held_out.confusion.sum() < ENOUGH:
        return []
    trained = (layer for layer in network.layers if isinstance(layer, SpikingDense) and layer.params)
    return [
        f"most neurons of layer {layer.name} fire for no validation sample: lower the optimizer's lr"
        + (f", or pass silent_slope=0.2 in place of {layer.silent_slope:g}" if layer.silent_slope > 0.2 else "")
        for layer in trained
        if DEAD < held_out.dead[layer.name] < 1
    ]


class Watch:
    """Sees whether weights, gradients and moments stay finite; on a GPU nobody waits for it before `check`."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.names = [f"{kind} {layer.name}/{name}" for layer in network.layers for name in layer.params for kind in KINDS]
        self.every = LOOK_EVERY if network.device.on_cuda else 1
        self.updates = self.looked = 0
        with network.device:
            self.first: Any = network.device.xp.zeros(len(self.names), np.int64)  # update after which each was not finite

    def after_update(self, state: Any) -> None:
        """Look at the numbers if it is time; on a CPU, raise Diverged."""
        self.updates += 1
        if self.updates % self.every == 0 and self.names:
            self._look(state)
            if not self.network.device.on_cuda:
                self.check(state)

    def check(self, state: Any) -> None:
        """Raise Diverged if a number has been found that is not finite; waits for a GPU."""
        if not self.names:
            return
        if self.looked < self.updates:
            self._look(state)
        first = self.network.device.get(self.first)
        if first.any():
            index = int(np.argmin(np.where(first > 0, first, first.max() + 1)))
            ago = self.updates - int(first[index])
            place = f"batch {state.batch - ago} of epoch {state.epoch}" if ago < state.batch else f"epoch {state.epoch}"
            raise Diverged(
                f"the training has diverged: {self.names[index]} is not finite after {place}; "
                "lower the optimizer's lr, or the sample weights"
            )

    def _look(self, state: Any) -> None:
        """Note which arrays hold a value that is not finite."""
        xp, moments, self.looked = self.network.device.xp, state.optimizer.moments, self.updates
        with self.network.device, np.errstate(all="ignore"):
            finite = [
                each
                for layer in self.network.layers
                for name in layer.params
                for each in self._finite(layer.grads[name], layer.params[name], moments.get((layer.name, name), ()))
            ]
            self.first = xp.where((self.first == 0) & ~xp.stack(finite), self.updates, self.first)

    def _finite(self, gradient: Any, array: Any, moments: tuple) -> list:
        """Return whether gradient, array and moments of a parameter are finite; no GPU is waited for."""
        xp = self.network.device.xp
        if not self.network.device.on_cuda and all(map(_bounded, (gradient, array))):
            return [np.True_] * len(KINDS)
        first, second, *others = (xp.isfinite(each).all() for each in (gradient, array, *moments))
        return [first, second, xp.stack(others).all() if others else second]


def _bounded(array: np.ndarray) -> bool:
    """Whether an array is finite, by its sum of squares: one pass at the speed of memory. Beyond 1e19 it says no."""
    return bool(np.isfinite(np.dot(array.reshape(-1), array.reshape(-1))))
