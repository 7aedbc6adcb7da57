"""The training loop: updates, epochs, and the work between epochs."""

from collections.abc import Callable, Sequence

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.evaluation.evaluate import evaluate
from cupynn.evaluation.parts import Parts, Passed
from cupynn.losses import CountError, CountLoss
from cupynn.losses.base import population
from cupynn.network.inputs import Labelled
from cupynn.network.network import Network
from cupynn.optimizers import Optimizer
from cupynn.parallel import Ranks
from cupynn.results.evaluation import Evaluation
from cupynn.results.history import Epoch, History
from cupynn.spikes.trains import SpikeTrains
from cupynn.training import best, health
from cupynn.training.bar import Bar
from cupynn.training.checkpointer import Checkpointer
from cupynn.training.options import Options
from cupynn.training.samples import Batch
from cupynn.training.state import State

Callback = Callable[[Network, History], bool | None]


def step(
    network: Network,
    loss: CountLoss,
    optimizer: Optimizer,
    spikes: SpikeTrains,
    labels: np.ndarray,
    sample_weight: np.ndarray | None = None,
) -> CountError:
    """Update a network once: forward pass, loss, backward pass, optimizer.

    Parameters
    ----------
    network : Sequential
    loss : CountLoss
    optimizer : Optimizer
    spikes : SpikeTrains, shape (B, T, *input_shape)
    labels : array_like of int, shape (B,)
    sample_weight : array_like of float, shape (B,), optional

    Returns
    -------
    CountError
        Result of the loss.

    Raises
    ------
    InputError
        If an argument is of another type, or the trains or labels do not fit the network.

    Examples
    --------
    >>> from cupynn import Sequential, encoders, layers
    >>> from cupynn.losses import SpikeCount
    >>> from cupynn.optimizers import Adam
    >>> net = Sequential([layers.SpikingDense(2, v_th=1.0)], (4,), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> step(net, SpikeCount(), Adam(), net.encode(np.zeros((1, 4))), [1])
    CountError(value=612.50, samples=1)
    """
    checks.only("network", network, Network, "the Sequential itself")
    if not hasattr(optimizer, "step"):
        raise InputError(f"optimizer is {checks.described(optimizer)}: pass an optimizer, such as optimizers.Adam(0.01)")
    error = loss(network.forward(spikes), labels, sample_weight, **population(network.neurons_per_class))
    network.backward(error, input_error=False)
    optimizer.step(network)
    return error


class Training:
    """A training run, which continues from `state`."""

    def __init__(
        self,
        state: State,
        options: Options,
        loss: CountLoss,
        validation: Labelled | None,
        callbacks: Sequence[Callback],
        ranks: Ranks,
    ) -> None:
        self.state, self.options, self.loss, self.validation = state, options, loss, validation
        self.callbacks, self.ranks = callbacks, ranks
        self.network, self.optimizer, self.samples = state.network, state.optimizer, state.samples
        self.held_out: Evaluation | None = None  # of the last epoch

    def run(self, checkpointer: Checkpointer, bar: Bar) -> None:
        """Train until the last epoch is done or a callback ends training."""
        self.checkpointer, self.bar = checkpointer, bar
        self.optimizer.epochs = self.options.epochs
        batch = -(-min(self.options.batch_size, len(self.samples)) // self.ranks.size)  # largest share of a process
        resources = {"optimizer": self.optimizer, "sharing": self.ranks.here, "steps": self.samples.steps}
        self.parts = Parts(self.network, self.samples.x, batch, self.options.part_size, **resources)
        with self.optimizer.unchecked():  # the watch of the state names the batch, too
            while self.state.epoch <= self.options.epochs and not self.state.ended:
                self.epoch()
        self.optimizer.apply_averages(self.network)
        if self.options.restore_best:
            best.restore(self.network, self.optimizer, self.state.best)
        self._conclude()

    def epoch(self) -> None:
        """Train on the remaining samples of this epoch, then validate, call the callbacks and save."""
        state = self.state
        for first, batch in self.samples.batches(state.epoch, self.options.batch_size, state.done, self.ranks):
            self._batch(first, batch)
        state.watch.check(state)
        self._report()
        state.next_epoch()
        self.parts.fit_to_memory()
        self.checkpointer.after_epoch()

    def _batch(self, first: int, batch: Batch) -> None:
        """Train on one batch, whose first sample is number `first` of the epoch."""
        state, samples = self.state, self.samples
        self.optimizer.epoch = state.epoch - 1 + first / len(samples)
        passed = self._update(batch)
        if passed is not None:
            samples.wrong[batch.picks] = state.tally.add(passed, samples.y[batch.picks])
        state.done, state.batch = first + batch.whole, state.batch + 1
        self.bar.update(state.epoch, state.tally, state.done)
        if notice := self.parts.notice():
            self.bar.tell(notice)
        state.watch.after_update(state)
        self.checkpointer.after_batch()

    def _update(self, batch: Batch) -> Passed | None:
        """Update the network with a batch; return None if this process has no sample of it."""
        passed, gradients = None, [layer.grads[name] for layer in self.network.layers for name in layer.params]
        if len(batch.picks):
            draw = lambda part: self.samples.draw(batch, part, self.state.epoch)  # noqa: E731
            passed = self.parts.gradients(self.loss, draw, len(batch.picks), batch.whole, self.options.terms or {})
        else:
            for gradient in gradients:
                gradient[...] = 0
        self.ranks.sum_gradients(gradients, self.network.device)
        self.optimizer.step(self.network)
        return passed

    def _report(self) -> None:
        """Finish the epoch: figures, notices, callbacks and sample weights."""
        state, history, best_before = self.state, self.state.history, self.state.best
        try:
            with self.checkpointer.interruptible():
                ended = self._show(self.optimizer.averaged(self.network))
        except BaseException:
            del history.epochs[state.epoch - 1 :]  # a resumed training run reports this epoch again
            state.best = best_before
            raise
        state.ended = ended
        if self.options.boost:
            self.samples.boost(self.network.classes, self.ranks)

    def _show(self, network: Network) -> bool:
        """Evaluate a network, report the epoch and call the callbacks; return whether one of them ends training."""
        state, history, ranks = self.state, self.state.history, self.ranks
        epoch, held_out = state.tally.epoch(network, state.epoch, self.optimizer, self.validation, self.samples, ranks)
        history.epochs.append(epoch)
        self.held_out = held_out
        if self.options.restore_best and history.best is epoch:
            state.best = best.copied(network)
        self.bar.line(epoch)
        self.bar.tell_once(self._notices(network, epoch), history)
        ended = ranks.on_first(lambda: self._call(network))
        self.network.encoded = network.encoded  # callbacks may have encoded with the averaged copy
        return ended

    def _notices(self, network: Network, epoch: Epoch) -> list[str]:
        encoded = not isinstance(self.samples.data.x, SpikeTrains)
        return health.after_epoch(network, epoch, self.samples.steps, self.held_out, encoded, self.loss.predicts)

    def _call(self, network: Network) -> bool:
        """Call all callbacks; return whether one of them ends training. Refuse those that freeze or unfreeze layers."""
        before = [layer.trained for layer in network.layers]
        ended = any([callback(network, self.state.history) for callback in self.callbacks])
        if before != [layer.trained for layer in network.layers]:
            raise InputError("a callback has set layer.trained: call fit once for each phase, with a new optimizer")
        return ended

    def _conclude(self) -> None:
        """Say what the training was like as a whole, and which epoch is in the network."""
        state, history, last = self.state, self.state.history, self.state.history.epochs[-1]
        history.kept = history.best.number if self.options.restore_best else last.number
        count = 0 if self.validation is None else len(self.validation.y)
        notices = health.after_training(history, count, self.samples.data.x, self.samples.augment)
        self.bar.tell_once(notices + self._dead_neurons(), state.history)
        kept_elsewhere = any(getattr(callback, "keeps_best", False) for callback in self.callbacks)
        if self.validation is not None and not kept_elsewhere:
            self.bar.tell(best.described(history))

    def _dead_neurons(self) -> list[str]:
        """Return notices of layers that are mostly dead, on the validation data or else on a part of the training data."""
        data, where = (self.validation, "validation") if self.validation else (self._spread(), "training")
        if len(data.y) < health.ENOUGH_AT_END:
            return []
        held_out = self.held_out or evaluate(self.network, data, self.loss, ranks=self.ranks)
        return health.dead_neurons(self.network, held_out, where)

    def _spread(self) -> Labelled:
        """Return samples that are spread over the training data."""
        x, y = self.samples.data
        numbers = np.unique(np.linspace(0, len(y) - 1, health.ENOUGH).astype(np.int64))
        return Labelled(x[numbers], y[numbers])
