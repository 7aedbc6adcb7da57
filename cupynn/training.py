"""The training loop: batches, progress, history, callbacks, sample weights, checkpoints."""

import json
from collections.abc import Callable, Sequence
from inspect import isclass
from os import PathLike
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

import cupynn
from cupynn import checks, health
from cupynn.arguments import explained
from cupynn.augment import Augment
from cupynn.checks import InputError
from cupynn.console import say
from cupynn.datasets import Dataset
from cupynn.digest import whole_of_each
from cupynn.health import Watch
from cupynn.keeper import Keeper
from cupynn.live import LiveCurves
from cupynn.losses import CountError, CountLoss, SpikeCount
from cupynn.optimizers import Adam, Optimizer
from cupynn.parallel import Ranks
from cupynn.parts import Parts, Passed
from cupynn.progress import Bar, History, Tally, compiles
from cupynn.samples import Batch, Samples, sample_steps
from cupynn.spikes import SpikeTrains
from cupynn.state import State
from cupynn.state import settings as settings_of
from cupynn.stopping import EarlyStopping

if TYPE_CHECKING:
    from cupynn.network import Sequential


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

Callback = Callable[["Sequential", History], bool | None]

__all__ = ["EarlyStopping", "fit", "step"]


def step(
    network: "Sequential",
    loss: CountLoss,
    optimizer: Optimizer,
    spikes: SpikeTrains,
    labels: np.ndarray,
    sample_weight: np.ndarray | None = None,
) -> CountError:
    """One update: forward, loss, backward, optimizer.

    Parameters
    ----------
    network : Sequential
    loss : CountLoss
    optimizer : Optimizer
    spikes : SpikeTrains
        (B, T, *input_shape).
    labels : array_like of int, shape (B,)
    sample_weight : array_like of float, shape (B,), optional

    Returns
    -------
    CountError
        The loss's value, error and trains.

    Examples
    --------
    >>> from cupynn import Sequential, encoders, layers
    >>> net = Sequential([layers.SpikingDense(2, v_th=1.0)], (4,), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> step(net, SpikeCount(), Adam(), net.encode(np.zeros((1, 4))), [1])
    CountError(value=612.50, samples=1)
    """
    error = loss(network.forward(spikes), labels, sample_weight)
    network.backward(error, input_error=False)
    optimizer.step(network)
    return error


def _update(
    network: "Sequential",
    loss: CountLoss,
    optimizer: Optimizer,
    samples: Samples,
    batch: Batch,
    epoch: int,
    parts: Parts,
    ranks: Ranks,
) -> Passed | None:
    """One update by a batch, in as many parts as it takes; None where this process has no sample of it."""
    passed = None
    if len(batch.picks):
        passed = parts.gradients(loss, lambda part: samples.draw(batch, part, epoch), len(batch.picks), batch.whole)
    else:
        for gradient in (gradient for layer in network.layers for gradient in layer.grads.values()):
            gradient[...] = 0
    ranks.sum_gradients(network)
    optimizer.step(network)
    return passed


@explained("the data are one, a Dataset or a pair: fit((x, y), ...)", ELSEWHERE)
def fit(
    network: "Sequential",
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
        take as many as the network has, whose firing counts are the finer. Of recordings, what comes later is dropped.
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
        If anything handed in cannot be used; nothing is changed then. If the checkpoint cannot be written.

    Examples
    --------
    >>> from cupynn import Sequential, datasets, encoders, layers
    >>> train, held_out = datasets.load("digits")[0][:200].split(0.2)
    >>> net = Sequential([layers.SpikingDense(10, v_th=10.0)], (8, 8), 100, encoders.Poisson(0.5), device="cpu")
    >>> history = net.fit(train, validation=held_out, optimizer=Adam(0.05), epochs=3, progress=False)
    >>> history.best.validation_accuracy > 0.5
    True
    """
    ranks = _ranks(ranks)
    loss = SpikeCount() if loss is None else checks.only("loss", loss, CountLoss)
    optimizer = Adam(1e-3, schedule="inverse-sqrt") if optimizer is None else checks.only("optimizer", optimizer, Optimizer)
    epochs = checks.integer("epochs", epochs, minimum=1)
    batch_size = checks.integer("batch_size", batch_size, minimum=1)
    part_size = None if part_size is None else checks.integer("part_size", part_size, minimum=1)
    x, y = network.labelled(data)
    steps = sample_steps(network, steps, x)
    weights = checks.weights("sample_weight", sample_weight, len(y))
    validation = None if validation is None else _validation(network, validation)
    checks.flag("boost", boost)
    if augment is not None:
        checks.only("augment", augment, Augment).check(x)
    checks.flag("progress", progress)
    if not isinstance(callbacks, Sequence) or not all(map(callable, callbacks)) or any(map(isclass, callbacks)):
        raise InputError(f"callbacks={callbacks!r}: pass a list of callables, such as [EarlyStopping(patience=3)]")
    for callback in callbacks:
        if validation is None and getattr(callback, "needs_validation", False):
            raise InputError(f"{type(callback).__name__} needs validation data: pass validation=... to fit")
    if checks.flag("live", live):
        callbacks = [*callbacks, LiveCurves()]
    notices = health.before_training(network, loss, x, steps)
    if not isinstance(x, SpikeTrains) and (notice := network.encoder.notice(x, steps)):
        notices.append(notice)
    if isinstance(data, Dataset) and network.output_shape[-1] > len(data.classes):
        notices.append(
            f"the network has {network.output_shape[-1]} outputs for {len(data.classes)} classes: the others learn to be "
            f"silent; give the last layer {len(data.classes)} neurons"
        )
    shorter = None if steps == network.steps else steps  # as a state has it that was saved before there was this option
    options = {"loss": loss, "batch_size": batch_size, "boost": boost, "augment": augment, "steps": shorter}
    pairs = {"data": (x, y), "validation": validation, "sample_weight": (weights,)}
    samples = Samples(network, x, y, weights, steps, augment)
    state = State(network, optimizer, samples, Tally(network), History(), Watch(network))
    keeper = _keeper(checkpoint, checkpoint_seconds, resume, state, options, pairs, epochs, ranks)
    history, watch, progress = state.history, state.watch, progress and ranks.first
    if progress and compiles(network):
        say("compiling the kernels for this processor, once; it takes up to half a minute")
    optimizer.epochs = epochs
    with keeper, network.device, Bar(epochs, len(y), progress) as bar:
        for notice in keeper.begin(state, resume):
            bar.tell(notice)
        bar.tell_once(notices, history)
        most = -(-min(batch_size, len(y)) // ranks.size)
        parts = Parts(network, x, most, part_size, optimizer=optimizer, sharing=ranks.here, steps=steps)
        while state.epoch <= epochs and not state.ended:
            number, tally = state.epoch, state.tally
            order = np.random.default_rng([network.seed, number]).permutation(len(y))
            for first, batch in samples.batches(order, batch_size, state.done, ranks):
                optimizer.epoch = number - 1 + first / len(y)
                passed = _update(network, loss, optimizer, samples, batch, number, parts, ranks)
                if passed is not None:
                    samples.wrong[batch.picks] = tally.add(passed, samples.y[batch.picks])
                state.done, state.batch = first + batch.whole, state.batch + 1
                bar.update(number, tally, state.done)
                if notice := parts.notice():
                    bar.tell(notice)
                watch.after_update(state)
                keeper.after_batch()
            watch.check(state)
            shown = optimizer.averaged(network)
            try:
                with keeper.interruptible():
                    epoch, held_out = tally.epoch(shown, number, optimizer, validation, loss, ranks)
                    history.epochs.append(epoch)
                    bar.line(epoch)
                    bar.tell_once(health.after_epoch(shown, epoch, steps, held_out), history)
                    ended = ranks.on_first(lambda shown=shown: any([callback(shown, history) for callback in callbacks]))
            except BaseException:
                del history.epochs[number - 1 :]  # the state is that of before: this epoch is reported again
                raise
            state.ended = ended
            if boost:
                samples.boost(network.output_shape[-1], ranks)
            state.next_epoch()
            parts.look()
            keeper.after_epoch()
        optimizer.settle(network)
    history.seconds = perf_counter() - state.start
    return history


def _ranks(ranks: Any) -> Ranks:
    if ranks is None:
        return Ranks()
    if not checks.only("ranks", ranks, Ranks, "what parallel.world() gives").entered:
        raise InputError("ranks is not entered: use `with parallel.world() as ranks:`, so that an error ends all processes")
    return ranks


def _keeper(
    checkpoint: Any,
    seconds: float,
    resume: bool,
    state: State,
    parts: dict[str, Any],
    pairs: dict[str, Any],
    epochs: int,
    ranks: Ranks,
) -> Keeper:
    """Check the options of `fit` that concern the checkpoint, and that all processes have the same; make the keeper."""
    if parts["batch_size"] < ranks.size:
        raise InputError(f"batch_size={parts['batch_size']} for {ranks.size} processes: pass at least one sample each")
    checks.flag("resume", resume)
    seconds = checks.number("checkpoint_seconds", seconds, minimum=0)
    if checkpoint is None and resume:
        raise InputError("resume=True without a checkpoint: pass checkpoint=..., the file to go on from")
    if checkpoint is None and ranks.size == 1:
        return Keeper(None, seconds, {}, {}, ranks)
    if state.optimizer.schedule == "cosine":
        parts = parts | {"epochs": epochs}
    if resume and state.optimizer.updates:
        raise InputError("resume=True with an optimizer that has done updates: pass a new one")
    settings = settings_of(state.network, state.optimizer, parts, pairs)
    digests = whole_of_each(
        {name: pairs[name] for name in ("data", "validation")}, ranks
    )  # of weights, all is in the settings
    alike = settings | {name: [settings[name], digest] for name, digest in digests.items()}
    alike |= {"epochs": epochs, "checkpoint": str(checkpoint), "resume": resume, "version": cupynn.__version__}
    ranks.same({name: json.dumps(value).encode() for name, value in alike.items()}, "pass the same in all processes")
    ranks.same_weights(state.network, "before training")
    return Keeper(checkpoint and checks.path("checkpoint", checkpoint), seconds, settings, digests, ranks)


def _validation(network: "Sequential", data: Any) -> tuple[Any, np.ndarray]:
    try:
        return network.labelled(data)
    except InputError as error:
        raise InputError(f"validation: {error}") from None
