"""What a network makes of data: classes, accuracy, activity."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.evaluation.parts import Parts
from cupynn.losses import CountLoss
from cupynn.network.network import DRAW, Network
from cupynn.parallel import Ranks
from cupynn.results.evaluation import Evaluation
from cupynn.spikes.trains import Data, SpikeTrains


def predict(network: Network, x: Data, batch_size: int = 100) -> np.ndarray:
    """Class of each sample, int64 (samples,): the output neuron that fires most, the lowest index on a tie.

    Parameters
    ----------
    x : ndarray, SpikeTrains or Ragged
        Data (samples, *input_shape), without labels.
    batch_size : int
        Samples run together, or fewer if they do not fit into memory; the result does not depend on it.

    Raises
    ------
    InputError
        If the data does not fit the network.
    """
    return counts(network, x, batch_size).argmax(1)


def counts(network: Network, x: Data, batch_size: int = 100) -> np.ndarray:
    """Firing counts of the last layer's neurons, int32 (samples, neurons).

    Parameters
    ----------
    x : ndarray, SpikeTrains or Ragged
        Data (samples, *input_shape), without labels.
    batch_size : int
        Samples run together, or fewer if they do not fit into memory; the result does not depend on it.

    Raises
    ------
    InputError
        If the data does not fit the network.

    Examples
    --------
    >>> from cupynn import Sequential, encoders, layers
    >>> net = Sequential([layers.SpikingDense(2, v_th=1.0)], (4,), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> net.counts(np.zeros((3, 4), np.float32)).shape
    (3, 2)
    """
    every = []
    for _, trains in _batches(network, network.inputs(x), batch_size):
        fired = network.device.get(trains[-1].counts)
        every.append(fired.reshape(len(fired), -1))
        del trains
    return np.concatenate(every)


def evaluate(
    network: Network, data: Any, loss: CountLoss | None = None, batch_size: int = 100, ranks: Ranks | None = None
) -> Evaluation:
    """Accuracy, loss, activity and confusion matrix on labelled data.

    Parameters
    ----------
    network : Sequential
    data : Dataset, or pair of data and labels
    loss : optional
        Its mean value is reported as well.
    batch_size : int
        Samples run together, or fewer if they do not fit into memory; the result does not depend on it.
    ranks : Ranks, optional
        Processes that share the work and all get the result, from `parallel.world`; it does not depend on their number.

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        If the data does not fit the network.
    """
    x, y = network.labelled(data)
    if loss is not None:
        checks.only("loss", loss, CountLoss)
    ranks = Ranks() if ranks is None else checks.only("ranks", ranks, Ranks)
    classes = network.output_shape[-1]
    confusion = np.zeros((classes, classes), np.int64)
    spikes = np.zeros(len(network.layers) + 1, np.int64)
    fires = [np.zeros(prod(layer.output_shape), np.int64) for layer in network.layers]
    silent, losses = 0, np.zeros(len(y))
    for part, trains in _batches(network, x, batch_size, ranks):
        fired = network.device.get(trains[-1].counts)
        np.add.at(confusion, (y[part], fired.argmax(1)), 1)
        silent += int((fired.sum(1) == 0).sum())
        spikes += [int(layer.total) for layer in trains]
        for found, layer in zip(fires, trains[1:], strict=True):
            found |= network.device.get(layer.fires)
        if loss is not None:
            losses[part] = network.device.get(loss(trains[-1], y[part]).losses)
        del trains
    losses = losses if loss is None else ranks.total(losses)
    silent, *sums = ranks.total(np.array([silent, *confusion.reshape(-1), *spikes]))
    confusion, spikes = np.reshape(sums[: confusion.size], confusion.shape), sums[confusion.size :]
    alive = [float(np.mean(ranks.total(found) > 0)) for found in fires]
    return Evaluation(
        accuracy=float(np.trace(confusion) / len(y)),
        loss=None if loss is None else float(losses.mean()),
        spikes=activity(network, spikes, len(y)),
        silent=int(silent),
        dead={layer.name: 1 - share for layer, share in zip(network.layers, alive, strict=True)},
        confusion=confusion,
    )


def activity(network: Network, spikes: Any, samples: int) -> dict[str, float]:
    """Mean firing count of a neuron in one sample, from the spikes (layers + 1,) of all samples, by layer."""
    sizes = {"input": prod(network.input_shape)} | {layer.name: prod(layer.output_shape) for layer in network.layers}
    return {name: int(count) / size / samples for (name, size), count in zip(sizes.items(), spikes, strict=True)}


def _batches(
    network: Network, x: Data, batch_size: int, ranks: Ranks | None = None
) -> Iterator[tuple[slice, list[SpikeTrains]]]:
    """Trains of all samples, or of this process's share, with their places: let go of them before the next."""
    ranks = ranks or Ranks()
    first, samples = ranks.share(len(x)).start, len(range(len(x))[ranks.share(len(x))])
    batch_size = min(max(1, samples), checks.integer("batch_size", batch_size, minimum=1))

    def draw(part: slice) -> SpikeTrains:
        numbers = np.arange(first + part.start, first + part.stop)
        return network.encode_checked(x[numbers[0] : numbers[-1] + 1], numbers, DRAW)

    for part, trains in Parts(network, x, batch_size, training=False, sharing=ranks.here).runs(draw, samples):
        yield slice(first + part.start, first + part.stop), trains
        del trains
