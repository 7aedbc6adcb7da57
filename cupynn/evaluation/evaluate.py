"""Predict classes, count spikes and evaluate accuracy and activity of a network."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.config import explained
from cupynn.evaluation import operations
from cupynn.evaluation.parts import Parts
from cupynn.evaluation.score import Score
from cupynn.losses import CountLoss
from cupynn.losses.base import population
from cupynn.losses.targets import class_counts
from cupynn.network.network import DRAW, Network
from cupynn.parallel import Ranks
from cupynn.results.evaluation import Evaluation
from cupynn.spikes.trains import Data, SpikeTrains

# Options of evaluate and predict in other libraries, and their equivalents here.
ELSEWHERE = {
    "verbose": "nothing is printed",
    "x": "pass one pair, evaluate((x, y), ...)",
    "y": "pass one pair, evaluate((x, y), ...)",
    "steps": "all steps of the network are simulated",
    "device": "pass it to Sequential, or call net.to(device)",
}
MISSING = "the counts of trains that exist already are a property, net.trains[-1].counts"


@explained("pass the samples as one argument", ELSEWHERE, MISSING)
def predict(network: Network, x: Data, batch_size: int = 100) -> np.ndarray:
    """Return the class of each sample, int64 (samples,): the one with the most spikes, the first one on a tie.

    Parameters
    ----------
    x, batch_size
        As in `counts`, which raises the same errors.
    """
    return counts(network, x, batch_size).argmax(1)


@explained("pass the samples as one argument", ELSEWHERE, MISSING)
def counts(network: Network, x: Data, batch_size: int = 100) -> np.ndarray:
    """Return the firing counts of the output neurons, int32 (samples, neurons), or of the classes (samples, classes).

    With `neurons_per_class`, the counts of the neurons of each class are summed.

    A method, because it simulates the samples. Trains that exist already have a property instead, without parentheses:
    ``net.forward(spikes).counts``, `SpikeTrains.counts`.

    Parameters
    ----------
    x : ndarray, SpikeTrains, Ragged or map dataset
        Data (samples, *input_shape), without labels. A map dataset, as `fit` takes it, is read into memory; its labels are
        ignored, and may be missing. A list of recordings of events is taken, too.
    batch_size : int
        Samples per batch, fewer if they do not fit into memory; the result does not depend on it.

    Raises
    ------
    InputError
        If the data does not fit the network, or a weight is not finite.

    Examples
    --------
    >>> from cupynn import Sequential, encoders, layers
    >>> net = Sequential([layers.SpikingDense(2, v_th=1.0)], (4,), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> net.counts(np.zeros((3, 4), np.float32)).shape
    (3, 2)
    """
    every = []
    for _, trains in batches(network, network.inputs(x), batch_size, Ranks()):
        fired = network.device.get(trains[-1].counts)
        every.append(class_counts(fired.reshape(len(fired), -1), network.neurons_per_class))
        del trains
    return np.concatenate(every)


@explained("pass the data as one argument, a Dataset or a pair: evaluate((x, y), ...)", ELSEWHERE)
def evaluate(
    network: Network, data: Any, loss: CountLoss | None = None, batch_size: int = 100, ranks: Ranks | None = None
) -> Evaluation:
    """Return accuracy, loss, activity and confusion matrix on labelled data.

    Parameters
    ----------
    data : Dataset, pair of data and labels, or map dataset, as in `fit`
    loss : CountLoss, optional
        Loss whose mean is reported, too. It defines the targets: pass ``SpikeCount(multilabel=True)`` for several labels per
        sample, and ``CountRegression()`` for numbers.
    batch_size : int
        As in `counts`.
    ranks : Ranks, optional
        Processes from `parallel.world` that share the work. All get the result, which does not depend on their number.

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        If the data does not fit the network, or a weight is not finite.
    """
    if loss is not None:
        checks.only("loss", loss, CountLoss)
    x, y = network.labelled(data, loss)
    ranks = Ranks() if ranks is None else checks.only("ranks", ranks, Ranks)
    score = Score(network.classes, y, loss)
    shapes = [network.input_shape, *(layer.output_shape for layer in network.layers)]
    spikes = [np.zeros(prod(shape), np.int64) for shape in shapes]  # of each neuron
    silent, losses = 0, np.zeros(len(y))
    for part, trains in batches(network, x, batch_size, ranks):
        fired = class_counts(network.device.get(trains[-1].counts), network.neurons_per_class)
        score.add(part, fired)
        silent += int((fired.sum(1) == 0).sum())
        for found, layer in zip(spikes, trains, strict=True):
            found += network.device.get(layer.per_neuron)
        if loss is not None:
            error = loss(trains[-1], y[part], **population(network.neurons_per_class))
            losses[part] = network.device.get(error.losses)
        del trains
    losses = losses if loss is None else ranks.total(losses)
    (silent,) = ranks.total(np.array([silent]))
    score.total(ranks)
    spikes = [ranks.total(found) for found in spikes]
    alive = [float(np.mean(found > 0)) for found in spikes[1:]]
    return Evaluation(
        accuracy=score.accuracy,
        loss=None if loss is None else float(losses.mean()),
        spikes=activity(network, [found.sum() for found in spikes], len(y)),
        silent=int(silent),
        dead={layer.name: 1 - share for layer, share in zip(network.layers, alive, strict=True) if layer.has_neurons},
        confusion=score.confusion,
        r2=score.r2,
        samples=len(y),
        operations=operations.count(network, spikes, len(y)),
    )


def activity(network: Network, spikes: Any, samples: int) -> dict[str, float]:
    """Return the spikes per neuron and sample by layer with neurons, from the spikes (layers + 1,) of all samples."""
    sizes = [("input", network.input_shape), *((layer.name, layer.output_shape) for layer in network.layers)]
    passing = {layer.name for layer in network.layers if not layer.has_neurons}
    found = {name: int(count) / prod(shape) / samples for (name, shape), count in zip(sizes, spikes, strict=True)}
    return {name: count for name, count in found.items() if name not in passing}


def batches(network: Network, x: Data, batch_size: int, ranks: Ranks) -> Iterator[tuple[slice, list[SpikeTrains]]]:
    """Yield the samples of this process in parts, with their trains; delete the trains before asking for the next."""
    network.check_finite()
    share = range(len(x))[ranks.share(len(x))]
    first, samples = share.start, len(share)
    batch_size = min(max(1, samples), checks.integer("batch_size", batch_size, minimum=1))

    def draw(part: slice) -> SpikeTrains:
        numbers = np.arange(first + part.start, first + part.stop)
        return network.encode_checked(x[numbers[0] : numbers[-1] + 1], numbers, DRAW)

    for part, trains in Parts(network, x, batch_size, training=False, sharing=ranks.here).runs(draw, samples):
        yield slice(first + part.start, first + part.stop), trains
        del trains
