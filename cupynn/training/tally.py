"""Running figures of an epoch."""

from math import prod
from time import perf_counter
from typing import Any

import numpy as np

from cupynn.evaluation.evaluate import activity, evaluate
from cupynn.evaluation.parts import Passed
from cupynn.network.network import Network
from cupynn.parallel import Ranks
from cupynn.results.evaluation import Evaluation
from cupynn.results.history import Epoch


class Tally:
    """Running figures of an epoch."""

    def __init__(self, network: Network) -> None:
        self.start = perf_counter()
        self.neurons = sum(prod(layer.output_shape) for layer in network.layers)
        self.samples = 0
        # Sums on the network's device: a GPU need not be waited for until somebody looks at them.
        self.correct = self.silent = self.loss = 0
        self.spikes = [0] * (len(network.layers) + 1)

    def add(self, passed: Passed, labels: np.ndarray) -> np.ndarray:
        """Count a batch; return which samples were misclassified."""
        counts = passed.counts
        wrong = counts.argmax(1) != labels
        self.samples += len(labels)
        self.correct = self.correct + (~wrong).sum()
        self.silent = self.silent + (counts.sum(1) == 0).sum()
        self.loss = self.loss + passed.losses.sum()
        self.spikes = [total + layer for total, layer in zip(self.spikes, passed.spikes, strict=True)]
        return wrong

    def figures(self, ranks: Ranks | None = None) -> dict[str, Any]:
        """What has been added up, by all processes if they are given, as plain numbers; waits for a GPU."""
        own = [self.samples, self.correct, self.silent, self.loss, *self.spikes]
        sums = np.array(list(map(float, own)))  # float64 is exact to 2^53
        samples, correct, silent, loss, *spikes = (sums if ranks is None else ranks.total(sums)).tolist()
        return {
            "samples": int(samples),
            "correct": int(correct),
            "silent": int(silent),
            "loss": loss,
            "spikes": list(map(int, spikes)),
            "seconds": perf_counter() - self.start,
        }

    def resume_from(self, figures: dict[str, Any]) -> None:
        """Begin with what another has added up."""
        self.samples, self.correct, self.silent = figures["samples"], figures["correct"], figures["silent"]
        self.loss, self.spikes = figures["loss"], figures["spikes"]
        self.start = perf_counter() - figures["seconds"]

    def epoch(self, network, number, optimizer, validation, loss, ranks: Ranks) -> tuple[Epoch, Evaluation | None]:
        """Close the epoch; return how the network does on the held-out data as well, if there are any."""
        figures = self.figures(ranks)
        samples, seconds = figures["samples"], figures["seconds"]
        held_out = None if validation is None else evaluate(network, validation, loss, ranks=ranks)
        epoch = Epoch(
            number=number,
            loss=figures["loss"] / samples,
            accuracy=figures["correct"] / samples,
            validation_loss=held_out and held_out.loss,
            validation_accuracy=held_out and held_out.accuracy,
            spikes=activity(network, figures["spikes"], samples),
            silent=figures["silent"],
            rate=optimizer.rate,
            seconds=seconds,
            samples_per_second=samples / seconds,
        )
        return ranks.on_first(lambda: epoch), held_out  # all tell the same time
