"""The training loop: updates, epochs, and what is done between them."""

from collections.abc import Callable, Sequence

import numpy as np

from cupynn.evaluation.parts import Parts, Passed
from cupynn.losses import CountError, CountLoss
from cupynn.network.inputs import Labelled
from cupynn.network.network import Network
from cupynn.optimizers import Optimizer
from cupynn.parallel import Ranks
from cupynn.results.history import History
from cupynn.spikes.trains import SpikeTrains
from cupynn.training import health
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
    >>> from cupynn.losses import SpikeCount
    >>> from cupynn.optimizers import Adam
    >>> net = Sequential([layers.SpikingDense(2, v_th=1.0)], (4,), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> step(net, SpikeCount(), Adam(), net.encode(np.zeros((1, 4))), [1])
    CountError(value=612.50, samples=1)
    """
    error = loss(network.forward(spikes), labels, sample_weight)
    network.backward(error, input_error=False)
    optimizer.step(network)
    return error


class Training:
    """A training, from where its state stands to its end.

    Parameters
    ----------
    state : State
        Network, optimizer, samples and figures, as they are now.
    options : Options
    loss : CountLoss
    validation : Labelled or None
    callbacks : sequence of callables
    ranks : Ranks
        The processes that train.
    """

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

    def run(self, checkpointer: Checkpointer, bar: Bar) -> None:
        """Train until the last epoch is done, or a callback ends it."""
        self.checkpointer, self.bar = checkpointer, bar
        self.optimizer.epochs = self.options.epochs
        samples, ranks = self.samples, self.ranks
        most = -(-min(self.options.batch_size, len(samples)) // ranks.size)
        self.parts = Parts(
            self.network,
            samples.x,
            most,
            self.options.part_size,
            optimizer=self.optimizer,
            sharing=ranks.here,
            steps=samples.steps,
        )
        while self.unfinished:
            self.epoch()
        self.optimizer.apply_averages(self.network)

    @property
    def unfinished(self) -> bool:
        """Whether there is an epoch to train."""
        return self.state.epoch <= self.options.epochs and not self.state.ended

    def epoch(self) -> None:
        """Train on all samples that this epoch has left, then validate, call the callbacks and save."""
        state = self.state
        for first, batch in self.samples.batches(state.epoch, self.options.batch_size, state.done, self.ranks):
            self._batch(first, batch)
        state.watch.check(state)
        self._report()
        state.next_epoch()
        self.parts.fit_to_memory()
        self.checkpointer.after_epoch()

    def _batch(self, first: int, batch: Batch) -> None:
        """Train on one batch, whose first sample has this place in the epoch."""
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
        """One update by a batch, in as many parts as it takes; None where this process has no sample of it."""
        passed, gradients = None, [layer.grads[name] for layer in self.network.layers for name in layer.params]
        if len(batch.picks):
            draw = lambda part: self.samples.draw(batch, part, self.state.epoch)  # noqa: E731
            passed = self.parts.gradients(self.loss, draw, len(batch.picks), batch.whole)
        else:
            for gradient in gradients:
                gradient[...] = 0
        self.ranks.sum_gradients(gradients, self.network.device)
        self.optimizer.step(self.network)
        return passed

    def _report(self) -> None:
        """Close the epoch: its figures and notices, the callbacks, the samples' weights."""
        state, history = self.state, self.state.history
        try:
            with self.checkpointer.interruptible():
                ended = self._show(self.optimizer.averaged(self.network))
        except BaseException:
            del history.epochs[state.epoch - 1 :]  # the state is that of before: this epoch is reported again
            raise
        state.ended = ended
        if self.options.boost:
            self.samples.boost(self.network.output_shape[-1], self.ranks)

    def _show(self, network: Network) -> bool:
        """Evaluate a network, report the epoch, and call the callbacks; return whether one of them ends the training."""
        state, history, ranks = self.state, self.state.history, self.ranks
        epoch, held_out = state.tally.epoch(network, state.epoch, self.optimizer, self.validation, self.loss, ranks)
        history.epochs.append(epoch)
        self.bar.line(epoch)
        self.bar.tell_once(health.after_epoch(network, epoch, self.samples.steps, held_out), history)
        ended = ranks.on_first(lambda: any([callback(network, history) for callback in self.callbacks]))  # all are called
        self.network.encoded = network.encoded  # of a copy, where the optimizer averages
        return ended
