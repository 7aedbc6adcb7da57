"""`fit`: everything that a training is given, checked before any work is done."""

from collections.abc import Sequence
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
from cupynn.datasets import Dataset
from cupynn.kernels import is_compiled
from cupynn.losses import CountLoss, SpikeCount
from cupynn.network.inputs import Labelled
from cupynn.network.network import Network
from cupynn.optimizers import Adam, Optimizer
from cupynn.parallel import Ranks
from cupynn.results.history import History
from cupynn.training import health
from cupynn.training.bar import Bar
from cupynn.training.callbacks import LiveCurves
from cupynn.training.checkpointer import make_checkpointer
from cupynn.training.loop import Callback, Training
from cupynn.training.options import Options
from cupynn.training.samples import Samples
from cupynn.training.state import State
from cupynn.training.tally import Tally

# Options of fit in other libraries, and what does the same here.
ELSEWHERE = {
    "validation_data": "pass validation=(x, y)",
    "validation_split": "pass validation=held, of train, held = data.split(0.1)",
    "verbose": "pass progress=False to have nothing printed",
    "x": "pass the pair alone, fit((x, y), ...)",
    "y": "pass the pair alone, fit((x, y), ...)",
    "lr": "pass optimizer=optimizers.Adam(lr)",
    "learning_rate": "pass optimizer=optimizers.Adam(learning_rate)",
    "shuffle": "samples are always shuffled, by the network's seed",
    "class_weight": "pass sample_weight, one weight a sample",
    "seed": "pass it to Sequential",
    "device": "pass it to Sequential, or call net.to(device)",
}


@explained("the data are one, a Dataset or a pair: fit((x, y), ...)", ELSEWHERE)
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
    data : Dataset, or pair of data (samples, *input_shape) and labels (samples,)
    loss : CountLoss, optional
        By default that of the paper.
    optimizer : Optimizer, optional
        By default ``Adam(1e-3, schedule="inverse-sqrt")``, that of the paper.
    epochs : int
        Passes over the data.
    batch_size : int
        Samples of one update.
    part_size : int, optional
        Samples that are computed together, at most. By default a batch is split into the fewest equal parts that fit into
        memory; the result does not depend on it.
    steps : int, optional
        Time steps of a sample in training, at most the network's: the fewer, the faster. Validation, and all use afterwards,
        always use all the network's steps, which give finer counts. Recordings are cut after `steps`.
    validation : like `data`, optional
        Evaluated after each epoch.
    sample_weight : array_like of float, shape (samples,), optional
        Weights of the samples in the loss.
    boost : bool
        After each epoch raise the weight of samples that were misclassified, the more the worse their class does: by
        exp(weighted error rate of the class / 20), as the original program does.
    augment : Augment, optional
        Scales, rotates and distorts the training images anew in each epoch.
    callbacks : sequence of callables
        Each is called as ``callback(network, history)`` after each epoch; one that returns True ends the training. With an
        optimizer that averages, `network` is a copy that has the averages, as `Optimizer` describes.
    checkpoint : path, optional
        File for the state of the training, from which it can go on: saved every `checkpoint_seconds`, after each epoch, and
        when SIGINT or SIGTERM ends it, which then raises `Interrupted`. The state before is kept beside it. Without a
        checkpoint, SIGINT raises KeyboardInterrupt once the batch that is being trained on is done. In validation and in
        callbacks a signal is acted on at once.
    checkpoint_seconds : float
        Time between two saves within an epoch.
    resume : bool
        Whether to go on from `checkpoint`, with the same data and options; only `epochs` may be another. The network ends
        with the same bits as if nothing had come between. Callbacks begin anew: what they keep is their own affair.
    progress : bool
        Whether to show a bar in a terminal or notebook, and a line for each epoch.
    live : bool
        Whether to draw the curves of loss, accuracy and activity, after each epoch anew; in notebooks only.
    ranks : Ranks, optional
        Processes that train the network together, from `parallel.world`: all pass the same arguments, share the samples of
        each update, and end with the same network and history. The first alone calls callbacks, which must leave the network
        as it is, shows progress and writes the checkpoint.

    Returns
    -------
    History

    Raises
    ------
    InputError
        If anything handed in cannot be used; nothing is changed then. Also if the checkpoint cannot be written.

    Examples
    --------
    >>> from cupynn import Sequential, datasets, encoders, layers
    >>> train, held_out = datasets.load("digits")[0][:200].split(0.2)
    >>> net = Sequential([layers.SpikingDense(10, v_th=10.0)], (8, 8), 100, encoders.Poisson(0.5), device="cpu")
    >>> history = net.fit(train, validation=held_out, optimizer=Adam(0.05), epochs=3, progress=False)
    >>> history.best.validation_accuracy > 0.5
    True
    """
    ranks = _checked_ranks(ranks)
    loss = SpikeCount() if loss is None else checks.only("loss", loss, CountLoss)
    optimizer = Adam(1e-3, schedule="inverse-sqrt") if optimizer is None else checks.only("optimizer", optimizer, Optimizer)
    optimizer.check(network)
    options = Options(epochs, batch_size, part_size, steps, boost, augment)
    train, held_out = network.labelled(data), None if validation is None else _validation(network, validation)
    samples = Samples(network, train, sample_weight, options)
    callbacks = _checked_callbacks(callbacks, held_out, live)
    progress = checks.flag("progress", progress) and ranks.first
    classes = len(data.classes) if isinstance(data, Dataset) else None
    notices = health.before_training(network, loss, train.x, samples.steps, classes)
    state = State(network, optimizer, samples, Tally(network), History(), health.Watch(network))
    checkpointer = make_checkpointer(checkpoint, checkpoint_seconds, resume, state, loss, options, held_out, ranks)
    if progress and compiles(network):
        say("compiling the kernels for this processor, once; it takes up to half a minute")
    with checkpointer, network.device, Bar(options.epochs, len(samples), progress) as bar:
        for notice in checkpointer.begin(state, resume):
            bar.tell(notice)
        bar.tell_once(notices, state.history)
        Training(state, options, loss, held_out, callbacks, ranks).run(checkpointer, bar)
    state.history.seconds = perf_counter() - state.start
    return state.history


def compiles(network: Network) -> bool:
    """Whether kernels for one of the layers have still to be compiled, which takes time."""
    modules = {layer.twins[0] for layer in network.layers if hasattr(layer, "twins")}
    return not network.device.on_cuda and not all(map(is_compiled, modules))


def _checked_ranks(ranks: Any) -> Ranks:
    if ranks is None:
        return Ranks()
    if not checks.only("ranks", ranks, Ranks, "what parallel.world() gives").entered:
        raise InputError("ranks is not entered: use `with parallel.world() as ranks:`, so that an error ends all processes")
    return ranks


def _checked_callbacks(callbacks: Any, validation: Labelled | None, live: Any) -> list[Callback]:
    if not isinstance(callbacks, Sequence) or not all(map(callable, callbacks)) or any(map(isclass, callbacks)):
        raise InputError(f"callbacks={callbacks!r}: pass a list of callables, such as [EarlyStopping(patience=3)]")
    for callback in callbacks:
        if validation is None and getattr(callback, "needs_validation", False):
            raise InputError(f"{type(callback).__name__} needs validation data: pass validation=... to fit")
    return [*callbacks, LiveCurves()] if checks.flag("live", live) else [*callbacks]


def _validation(network: Network, data: Any) -> Labelled:
    try:
        return network.labelled(data)
    except InputError as error:
        raise InputError(f"validation: {error}") from None
