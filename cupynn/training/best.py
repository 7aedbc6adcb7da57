"""The weights of the best epoch by validation accuracy: copied when it ends, put back after the last epoch."""

import numpy as np

from cupynn.network.network import Network
from cupynn.optimizers import Optimizer
from cupynn.results.history import History


def copied(network: Network) -> dict[str, np.ndarray]:
    """Return copies in host memory of all arrays of a network."""
    return {name: np.array(network.device.get(array)) for name, array in network.arrays().items()}


def restore(network: Network, optimizer: Optimizer, arrays: dict[str, np.ndarray]) -> None:
    """Write copies of its arrays back to a network; later updates of the optimizer average from there on."""
    with network.device:
        for name, array in network.arrays().items():
            array[...] = network.device.put(arrays[name])
    optimizer.restart_averages(network)


def described(history: History) -> str:
    """Return a line that says which epoch is in the network, and whether another one was better."""
    best, last = history.best, history.epochs[-1]
    highest, reached = best.shown(best.validation_score), last.shown(last.validation_score)
    line = f"the network has the weights of epoch {history.kept}"
    if best is last:
        return f"{line}, the last and the best on the validation data ({highest})"
    accuracies = f"{highest} instead of {reached} in epoch {last.number}"
    if history.kept == best.number:
        return f"{line}, the best on the validation data: {accuracies}"
    return (
        f"{line}, the last; epoch {best.number} was better on the validation data "
        f"({highest}, now {reached}): restore_best=True keeps its weights"
    )
