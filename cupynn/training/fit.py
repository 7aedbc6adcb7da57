"""`fit`: checks all arguments before training starts."""

from collections.abc import Mapping, Sequence
from inspect import isclass
from os import PathLike
from time import perf_counter
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.augment import Augment
from cupynn.checks import InputError
from cupynn.config import explained
from cupynn.console import say
from cupynn.kernels import is_compiled
from cupynn.losses import CountLoss, RateBand
from cupynn.network.inputs import Labelled
from cupynn.network.network import Network
from cupynn.optimizers import Optimizer
from cupynn.parallel import Ranks
from cupynn.results.history import History
from cupynn.training import health
from cupynn.training.bar import Bar
from cupynn.training.callbacks import LiveCurves
from cupynn.training.checkpointer import make_checkpointer
from cupynn.training.loop import Callback, Training
from cupynn.training.options import Options, default_loss, default_optimizer
from cupynn.training.samples import Samples
from cupynn.training.state import State
from cupynn.training.tally import Tally

# Options of fit in other libraries, and their equivalents here.
ELSEWHERE = {
    "validation_data": "pass validation=(x, y)",
    "val_data": "pass validation=(x, y)",
    "criterion": "pass loss, such as losses.SpikeCount()",
    "loss_fn": "pass loss, such as losses.SpikeCount()",
    "num_epochs": "pass epochs",
    "max_epochs": "pass epochs",
    "num_steps": "pass steps, at most those of the network",
    "scheduler": 'pass optimizer=optimizers.Adam(lr, schedule="cosine")',
    "metrics": 'accuracy, loss and activity are always recorded: history["accuracy"]',
    "validation_split": "pass validation=held, from train, held = data.split(0.1)",
    "verbose": "pass progress=False to print nothing",
    "x": "pass one pair, fit((x, y), ...)",
    "y": "pass one pair, fit((x, y), ...)",
    "restore_best_weights": "pass restore_best=True",
    "lr": "pass optimizer=optimizers.Adam(lr)",
    "learning_rate": "pass optimizer=optimizers.Adam(learning_rate)",
    "shuffle": "samples are always shuffled, with the network's seed",
    "class_weight": "pass sample_weight, one weight per sample",
    "seed": "pass it to Sequential",
    "device": "pass it to Sequential, or call net.to(device)",
}

FEW_EPOCHS = 50  # the paper's optimizer needs more
SLOW = (
    "the default optimizer, Adam(0.001) of the paper, learns slowly (87 % on digits after 10 epochs, not 98 %): "
    'pass optimizer=optimizers.Adam(0.01, schedule="cosine")'
)


@explained("pass the data as one argument, a Dataset or a pair: fit((x, y), ...)", ELSEWHERE)
def fit(
    network: Network,
    data: Any,
    *,
    loss: CountLoss | None = None,
    optimizer: Optimizer | None = None,
    epochs: int = 10,
    batch_size: int = 32,
    part_size: int | None = None,
    steps: int | None = None,
    validation: Any = None,
    sample_weight: np.ndarray | None = None,
    boost: bool = False,
    augment: Augment | None = None,
    restore_best: bool = False,
    terms: Mapping[str, RateBand] | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: str | PathLike | None = None,
    checkpoint_seconds: float = 60.0,
    resume: bool = False,
    progress: bool = True,
    live: bool = False,
    ranks: Ranks | None = None,
) -> History:
    """Train a network.

    Parameters
    ----------
    network : Sequential
    data : Dataset, pair of data (samples, *input_shape) and labels (samples,), or map dataset
        Axes of length one may differ: images (28, 28) fit a network of (1, 28, 28). A map dataset, as PyTorch and tonic have
        it, returns a pair (sample, label) for each index from 0 to its length; it is read into memory once. With the losses
        ``SpikeCount(multilabel=True)`` and ``CountRegression()``, targets (samples, outputs) take the place of labels.
    loss : CountLoss, optional
        By default ``SpikeCount()``, the loss of the paper.
    optimizer : Optimizer, optional
        By default ``Adam(1e-3, schedule="inverse-sqrt")``, the optimizer of the paper, which learns slowly; for a few epochs
        pass ``Adam(0.01, schedule="cosine")``.
    epochs : int
        Passes over the data.
    batch_size : int
        Samples per update.
    part_size : int, optional
        Largest number of samples that are computed together. By default a batch is split into the fewest equal parts that
        fit into memory; the result does not depend on it.
    steps : int, optional
        Time steps per sample in training, at most those of the network; fewer steps are faster. Validation and later use
        take all steps of the network, which give finer counts. Recordings are cut after `steps`.
    validation : like `data`, optional
        Data to evaluate after each epoch.
    sample_weight : array_like of float, shape (samples,), optional
        Weights of the samples in the loss.
    boost : bool
        Whether to multiply the weights of misclassified samples by exp(weighted error rate of their class / 20) after each
        epoch, as the original program does.
    augment : Augment, optional
        Scales, rotates and distorts the training images differently in each epoch.
    restore_best : bool
        Whether to leave the network with the weights of the epoch with the highest validation accuracy, ``history.best``,
        instead of the last. Training itself does not change. The copy of the weights is in host memory.
    terms : dict of str to RateBand, optional
        Terms of the loss on the counts of layers, by the name of the layer, such as ``{"hidden": losses.RateBand(high=5)}``
        for fewer spikes. ``history["terms"]`` has their values, which are not part of ``history["loss"]``.
    callbacks : sequence of callables
        Called as ``callback(network, history)`` after each epoch; training ends if one returns True. With an optimizer that
        averages, `network` is a copy with the averages, see `Optimizer`.
    checkpoint : path, optional
        File for the state of the training run, saved every `checkpoint_seconds`, after each epoch, and when SIGINT or
        SIGTERM ends training, which then raises `Interrupted`. The previous state is kept next to it. Without a checkpoint,
        SIGINT raises KeyboardInterrupt after the current batch. Validation and callbacks are interrupted immediately.
    checkpoint_seconds : float
        Time between two saves within an epoch.
    resume : bool
        Whether to continue from `checkpoint`, with the same data and options except `epochs`. The final network has the same
        bits as after training without a break. Callbacks start without their earlier state.
    progress : bool
        Whether to show a bar in a terminal or notebook, and a line per epoch.
    live : bool
        Whether to draw the curves of loss, accuracy and activity after each epoch; in notebooks only.
    ranks : Ranks, optional
        Processes from `parallel.world` that train the network together. All pass the same arguments, share the samples of
        each update, and end with the same network and history. Only the first one calls callbacks, which must not change
        the network, shows progress and writes the checkpoint.

    Returns
    -------
    History

    Raises
    ------
    InputError
        If an argument cannot be used; nothing is changed then. Also if the checkpoint cannot be written.

    Examples
    --------
    >>> from cupynn import Sequential, datasets, encoders, layers, optimizers
    >>> train, held_out = datasets.load("digits")[0][:200].split(0.2)
    >>> net = Sequential([layers.SpikingDense(10, v_th=10.0)], (8, 8), 100, encoders.Poisson(0.5), device="cpu")
    >>> history = net.fit(train, validation=held_out, optimizer=optimizers.Adam(0.05), epochs=3, progress=False)
    >>> history.best.validation_accuracy > 0.5
    True
    """
    ranks = _checked_ranks(ranks)
    slow = optimizer is None and isinstance(epochs, int) and epochs <= FEW_EPOCHS
    loss = default_loss() if loss is None else checks.only("loss", loss, CountLoss)
    optimizer = default_optimizer() if optimizer is None else checks.only("optimizer", optimizer, Optimizer)
    optimizer.check(network)
    if terms is not None:
        checks.only("terms", terms, Mapping, 'a dict of terms by layer, such as {"dense_1": losses.RateBand(...)}')
    options = Options(epochs, batch_size, part_size, steps, boost, augment, restore_best, terms)
    network.check_terms(options.terms or {})
    if options.boost and loss.predicts != "class":
        raise InputError(f"boost=True with {loss!r}: only samples with one class each can be boosted")
    train, held_out = network.labelled(data, loss), None if validation is None else _validation(network, validation, loss)
    if options.restore_best:
        _check_restorable(network, held_out)
    samples = Samples(network, train, sample_weight, options)
    callbacks = _checked_callbacks(callbacks, held_out, live)
    progress = checks.flag("progress", progress) and ranks.first
    from cupynn.datasets import Dataset  # here, as a network alone needs none of the readers

    classes = len(data.classes) if isinstance(data, Dataset) else None
    notices = health.before_training(network, loss, train.x, samples.steps, classes)
    notices += health.targets_below_one(loss, train.y)
    for targets in (train.y, *(() if held_out is None else (held_out.y,))):
        most = network.layers[-1].neuron.max_count(samples.steps) * network.neurons_per_class
        loss.check_targets(targets, samples.steps, most)
    tally = Tally(network, loss, options.terms or {})
    state = State(network, optimizer, samples, tally, History(), health.Watch(network))
    checkpointer = make_checkpointer(checkpoint, checkpoint_seconds, resume, state, loss, options, held_out, ranks)
    if progress and compiles(network):
        say("compiling the kernels for this processor, once; this takes up to half a minute")
    with checkpointer, network.device, Bar(options.epochs, len(samples), progress) as bar:
        for notice in checkpointer.begin(state, resume):
            bar.tell(notice)
        if slow:
            bar.tell(SLOW)
        bar.tell_once(notices, state.history)
        Training(state, options, loss, held_out, callbacks, ranks).run(checkpointer, bar)
    state.history.seconds = perf_counter() - state.start
    return state.history


def compiles(network: Network) -> bool:
    """Return whether the kernels of a layer are not compiled yet."""
    modules = {layer.twins[0] for layer in network.layers if hasattr(layer, "twins")}
    return not network.device.on_cuda and not all(map(is_compiled, modules))


def _checked_ranks(ranks: Any) -> Ranks:
    if ranks is None:
        return Ranks()
    if not checks.only("ranks", ranks, Ranks, "the result of parallel.world()").entered:
        raise InputError("ranks is not entered: use `with parallel.world() as ranks:`, so that an error ends all processes")
    return ranks


def _checked_callbacks(callbacks: Any, validation: Labelled | None, live: Any) -> list[Callback]:
    if not isinstance(callbacks, Sequence) or not all(map(callable, callbacks)) or any(map(isclass, callbacks)):
        raise InputError(f"callbacks={callbacks!r}: pass a list of callables, such as [EarlyStopping(patience=3)]")
    for callback in callbacks:
        if validation is None and getattr(callback, "needs_validation", False):
            raise InputError(f"{type(callback).__name__} needs validation data: pass validation=... to fit")
    return [*callbacks, LiveCurves()] if checks.flag("live", live) else [*callbacks]


def _check_restorable(network: Network, validation: Labelled | None) -> None:
    if validation is None:
        raise InputError("restore_best=True needs validation data: pass validation=... to fit")
    for name, array in network.arrays().items():
        checks.writable(name, array)


def _validation(network: Network, data: Any, loss: CountLoss) -> Labelled:
    try:
        return network.labelled(data, loss)
    except InputError as error:
        raise InputError(f"validation: {error}") from None
