"""Compare two networks on labelled data, spike by spike."""

from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.evaluation.evaluate import batches
from cupynn.losses.targets import class_counts
from cupynn.network.network import Network
from cupynn.parallel import Ranks
from cupynn.results.comparison import Comparison
from cupynn.spikes.compare import mismatched


def compare(network: Network, other: Network, data: Any, batch_size: int = 100) -> Comparison:
    """Return what differs between this network and another one, such as its quantised copy, on labelled data.

    Parameters
    ----------
    other : Sequential
        A network with the same input shape, steps and output shapes; it takes the trains that this network's encoder makes.
    data : Dataset, pair of data and labels, or map dataset, as in `fit`
    batch_size : int
        Samples per batch, fewer if they do not fit into memory; the result does not depend on it.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If the networks have other shapes or classes, the data do not fit them, or a weight is not finite.
    """
    checks.only("other", other, Network)
    for (what, mine), (_, theirs) in zip(_shapes(network), _shapes(other), strict=True):
        if mine != theirs:
            raise InputError(
                f"this network has {what} {mine}, other has {theirs}: compare networks of the same input, steps and layers"
            )
    sizes = network.neurons_per_class, other.neurons_per_class
    if sizes[0] != sizes[1]:
        raise InputError(
            f"this network has neurons_per_class={sizes[0]}, other has {sizes[1]}: compare networks of the same classes"
        )
    other.check_finite()
    x, y = network.labelled(data)
    hits, changed, totals = np.zeros(2, np.int64), 0, np.zeros((3, len(network.layers)), np.int64)
    for part, trains in batches(network, x, batch_size, Ranks()):
        ours = [each.to_host() for each in trains]
        del trains
        theirs = [each.to_host() for each in other.run(other.device.trains(ours[0]))[1:]]
        classes = [class_counts(each[-1].counts, network.neurons_per_class).argmax(1) for each in (ours, theirs)]
        hits += [int((each == y[part]).sum()) for each in classes]
        changed += int((classes[0] != classes[1]).sum())
        totals += [
            [int(each.total) for each in ours[1:]],
            [int(each.total) for each in theirs],
            list(map(mismatched, ours[1:], theirs)),
        ]
    names = {index: layer.name for index, layer in enumerate(network.layers) if layer.has_neurons}
    spikes, other_spikes, unmatched = ({name: int(row[index]) for index, name in names.items()} for row in totals)
    accuracies = [float(hit / len(y)) for hit in hits]
    return Comparison(*accuracies, changed, len(y), spikes, other_spikes, unmatched)


def _shapes(network: Network) -> list[tuple[str, object]]:
    layers = [layer.output_shape for layer in network.layers]
    return [("input_shape", network.input_shape), ("steps", network.steps), ("layers of the shapes", layers)]
