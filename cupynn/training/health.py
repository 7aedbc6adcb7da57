"""Checks of a network: whether it can fire, whether it does fire and learn, and whether its values are finite."""

from typing import Any

import numpy as np

from cupynn import checks
from cupynn.augment import Augment
from cupynn.checks import InputError
from cupynn.evaluation.guide import see
from cupynn.layers import Layer
from cupynn.layers.constants import LOWEST, shown
from cupynn.layers.dense import SpikingDense
from cupynn.layers.recurrent import SpikingRecurrent
from cupynn.losses import CountLoss
from cupynn.losses.base import population
from cupynn.network.finite import Diverged, bounded
from cupynn.network.network import Network
from cupynn.results.evaluation import Evaluation
from cupynn.results.history import Epoch, History
from cupynn.spikes.trains import Data
from cupynn.training import probe

SATURATED = 0.9  # share of the largest firing count: above this mean, a layer cannot distinguish its inputs
DEAD = 0.5  # share of a layer's neurons that never fire: a notice appears above this share ...
ENOUGH = 300  # ... if there are at least this many validation samples
# After the last epoch, fewer suffice: of 200 hidden neurons trained on 1,000 digits, 4 to 6 % fire for none of 30, 50 or
# 100 validation samples, and 10 % if they are trained on 60 digits.
ENOUGH_AT_END = 50
GAP = 0.1  # training minus validation accuracy: a notice appears above this and ERRORS of its standard errors ...
ERRORS = 2
FITTED = 0.5  # ... if the training accuracy is at least this: below, the network has not learned much yet
CHANCE = 1.3  # times the accuracy of a guess: the network does not learn if it is below this after EPOCHS
EPOCHS = 5
# Updates between two checks on a GPU, where a check is about ten launches. On a CPU every update is checked: this takes
# 0.09 ms of the 36 ms of a batch of 32 in the paper's MLP.
LOOK_EVERY = 8
KINDS = ("the gradient of", "the array", "a moment of the optimizer for")  # arrays that are checked for each parameter


def before_training(network: Network, loss: CountLoss, x: Data, steps: int, classes: int | None = None) -> list[str]:
    """Refuse a network that cannot fire or cannot reach the target of the loss; return notices for the user.

    Parameters
    ----------
    network, loss, x
    steps : int
        Time steps per sample in training.
    classes : int, optional
        Number of classes of the data, if known.

    Raises
    ------
    InputError
        If all layers are frozen, a weight is read-only or not finite, the data has no spikes, the target of the loss cannot
        be reached, or a layer without trained weights can never fire.
    """
    if not any(layer.params for layer in network.layers) and any(layer.frozen_count for layer in network.layers):
        raise InputError("all layers are frozen, so training changes nothing: set trained = True on a layer")
    network.check_finite()
    for layer in network.layers:
        layer.check_arrays(network.device.on_cuda)
        if isinstance(layer, SpikingRecurrent):
            layer.amplifies = False
        layer.check_gradients()
        for name in layer.params:
            checks.writable(f"{layer.name}/{name}", layer.params[name])
            checks.writable(f"the gradient of {layer.name}/{name}", layer.grads[name])
    most = network.layers[-1].neuron.max_count(steps)
    loss.check(network.output_shape, steps, most, **population(network.neurons_per_class))
    with network.device:
        layers = [layer for layer in network.layers if layer.has_neurons]
        notices = [notice for layer in layers if (notice := _cannot_fire(layer, steps))]
    notices += probe.notices(network, x, steps)
    outputs = network.classes
    if classes is not None and outputs > classes:
        notices.append(
            f"the network has {outputs} outputs for {classes} classes: the extra outputs learn to stay silent; "
            f"give the last layer {classes * network.neurons_per_class} neurons"
        )
    return notices


def targets_below_one(loss: CountLoss, targets: np.ndarray) -> list[str]:
    """Return a notice if the targets of a regression look like shares: they are counts of spikes."""
    if loss.predicts != "counts" or not 0 < targets.max() <= 1:
        return []
    return ["all targets are in 0..1, but targets are counts of spikes: scale them, for example to 5 + 20 * y"]


def _weights(layer: Layer) -> list[str]:
    """Return the names of the trained arrays of a layer without constants of the neurons, which silent ones do not train."""
    return [name for name in layer.params if name not in LOWEST]


def _cannot_fire(layer: Layer, steps: int) -> str | None:
    """Return a notice if a layer stays below its threshold even when all its inputs fire at every step."""
    highest = layer.drive() * layer.neuron.reach(steps)
    if np.any(highest * (1 + 1e-4) > layer.v_th):  # tolerance for the rounding of the simulation
        return None
    most = f"all inputs at every step give {np.max(highest):.3g}"
    what = f"no neuron of layer {layer.name} can reach v_th={shown(layer.v_th)}: {most}"
    if not _weights(layer):
        raise InputError(f"{what}{' with its frozen weights' if layer.frozen_count else ''}; lower v_th{see('layer dead')}")
    return f"{what} with the current weights; lower v_th or raise initial_weight{see('layer dead')}"


def after_epoch(
    network: Network,
    epoch: Epoch,
    steps: int,
    held_out: Evaluation | None = None,
    encoded: bool = True,
    predicts: str = "class",
) -> list[str]:
    """Return notices of layers that never fire or always fire, and of a network that does not learn.

    `encoded` is whether the network's encoder made the spikes; otherwise its arguments change nothing. `predicts` is that of
    the loss: chance is known for classes only.
    """
    notices = []
    classes = network.classes
    if predicts == "class" and epoch.number == EPOCHS and classes > 1 and epoch.accuracy * classes < CHANCE:
        notices.append(
            f"the accuracy after {EPOCHS} epochs is {epoch.accuracy:.0%}, about chance: change the learning rate, for "
            "example to optimizers.Adam(0.01)" + see("accuracy at chance")
        )
    for layer in (each for each in network.layers if each.has_neurons):
        count, most = epoch.spikes[layer.name], layer.neuron.max_count(steps)
        if count == 0:
            what, change, verb = "is dead, no neuron fires", "lower", "raise"
            row = see("output silent") if layer is network.layers[-1] else see("layer dead")
        elif count > SATURATED * most:
            what, change, verb = "is saturated, its neurons fire at nearly every possible step", "raise", "lower"
            row = see("layer saturated")
        else:
            continue
        weights = [f"{verb} initial_weight"] if _weights(layer) else []
        *first, last = [f"{change} v_th={shown(layer.v_th)}", *weights, *(probe.strength(network, verb) if encoded else [])]
        remedy = f"{', '.join(first)}{', or ' if first else ''}{last}"
        notices.append(f"layer {layer.name} {what}: {remedy}{row}")
    notices += [
        f"the recurrent weights of layer {layer.name} amplify its error, which then passes on without recurrence: "
        "lower the optimizer's lr, or pass recurrent_error='none'" + see("recurrence amplifies")
        for layer in network.layers
        if isinstance(layer, SpikingRecurrent) and bool(layer.amplifies)
    ]
    enough = held_out is not None and held_out.samples >= ENOUGH
    return notices + (dead_neurons(network, held_out) if enough else [])


def after_training(history: History, held_out: int, x: Data, augment: Augment | None) -> list[str]:
    """Return notices of a network that fits the training data much better than the validation data.

    `held_out` is the number of validation samples; `x` and `augment` are the training data and how they were augmented.
    """
    epoch = history.epochs[-1]
    if epoch.validation_accuracy is None or epoch.accuracy < FITTED:  # None in a regression, too
        return []
    pairs = (epoch.accuracy, len(x)), (epoch.validation_accuracy, held_out)
    error = np.sqrt(sum(share * (1 - share) / count for share, count in pairs))
    if epoch.accuracy - epoch.validation_accuracy <= max(GAP, ERRORS * error):
        return []
    images = isinstance(x, np.ndarray) and x.dtype == np.uint8 and x.ndim in (3, 4) and not (augment and augment.shift)
    remedy = "augment=Augment(shift=3)" if images else "a regularizer to the optimizer"
    what = f"accuracy {epoch.accuracy:.0%} on the training data, {epoch.validation_accuracy:.0%} on the validation data"
    remedies = f"pass {remedy}, train on more samples, or use a smaller network"
    return [f"overfitting: {what}: {remedies}{see('overfitting')}"]


def dead_neurons(network: Network, held_out: Evaluation, data: str = "validation") -> list[str]:
    """Return notices of fully connected layers that are mostly dead. Neurons at the border of an image may never fire.

    784-400-400-10 on 20,000 images of Fashion-MNIST, T = 100, three epochs with Adam(0.01): 84 % of the second layer fire
    for no image, 30 % with a silent_slope of 0.2; held-out accuracy 86.3 and 87.3 %.
    """
    trained = (layer for layer in network.layers if isinstance(layer, SpikingDense) and layer.params)
    return [
        f"most neurons of layer {layer.name} never fire on the {data} data: lower the optimizer's lr"
        + (f", or pass silent_slope=0.2 instead of {layer.silent_slope:g}" if layer.silent_slope > 0.2 else "")
        + see("layer dead")
        for layer in trained
        if DEAD < held_out.dead[layer.name] < 1
    ]


class Watch:
    """Checks that weights, gradients and moments stay finite; on a GPU, only `check` waits for the result."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.names = [f"{kind} {layer.name}/{name}" for layer in network.layers for name in layer.params for kind in KINDS]
        self.every = LOOK_EVERY if network.device.on_cuda else 1
        self.updates = self.looked = 0
        with network.device:
            self.first: Any = network.device.xp.zeros(len(self.names), np.int64)  # update after which each was not finite

    def after_update(self, state: Any) -> None:
        """Check the arrays if it is time; on a CPU, raise Diverged."""
        self.updates += 1
        if self.updates % self.every == 0 and self.names:
            self._look(state)
            if not self.network.device.on_cuda:
                self.check(state)

    def check(self, state: Any) -> None:
        """Raise Diverged if a value was not finite; wait for the GPU."""
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
                f"training has diverged: {self.names[index]} is not finite after {place}; "
                "lower the optimizer's lr or the sample weights" + see("loss jumps")
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
        """Return whether gradient, array and moments of a parameter are finite, without waiting for the GPU."""
        xp = self.network.device.xp
        if not self.network.device.on_cuda and all(map(bounded, (gradient, array))):
            return [np.True_] * len(KINDS)
        first, second, *others = (xp.isfinite(each).all() for each in (gradient, array, *moments))
        return [first, second, xp.stack(others).all() if others else second]
