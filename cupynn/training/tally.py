"""Running sums of an epoch, and its final figures."""

from collections.abc import Collection
from math import prod
from time import perf_counter
from typing import Any

import numpy as np

from cupynn.evaluation.evaluate import activity, evaluate
from cupynn.evaluation.parts import Passed
from cupynn.losses import CountLoss, targets
from cupynn.network.inputs import Labelled
from cupynn.network.network import Network
from cupynn.optimizers import Optimizer
from cupynn.parallel import Ranks
from cupynn.results.evaluation import Evaluation
from cupynn.results.history import Epoch
from cupynn.training.samples import Samples


class Tally:
    """Running sums of an epoch.

    Parameters
    ----------
    network : Network
    objective : CountLoss
        Loss, which defines what a correct prediction is.
    terms : collection of str
        Layers with terms of the loss.
    """

    def __init__(self, network: Network, objective: CountLoss, terms: Collection[str] = ()) -> None:
        self.start = perf_counter()
        self.network, self.objective = network, objective
        self.neurons = sum(prod(layer.output_shape) for layer in network.layers if layer.has_neurons)
        self.samples = 0
        # Sums stay on the network's device: only reading them waits for the GPU.
        self.correct = self.silent = self.loss = self.squares = 0
        self.spikes = [0] * (len(network.layers) + 1)
        self.terms: dict[str, Any] = dict.fromkeys(terms, 0)

    def next(self) -> "Tally":
        """Return the tally of the next epoch."""
        return Tally(self.network, self.objective, self.terms)

    def add(self, passed: Passed, labels: np.ndarray) -> np.ndarray | bool:
        """Add a batch; return which samples were misclassified, False for samples without classes."""
        counts, objective, wrong = passed.counts, self.objective, False
        self.samples += len(labels)
        if objective.predicts == "counts":
            self.squares = self.squares + targets.squared_errors(counts, labels).sum()
        else:
            correct = targets.correct(objective.predicts, counts, labels, objective.threshold)
            self.correct = self.correct + correct.sum()
            wrong = ~correct if objective.predicts == "class" else False
        self.silent = self.silent + (counts.sum(1) == 0).sum()
        self.loss = self.loss + passed.losses.sum()
        self.spikes = [total + layer for total, layer in zip(self.spikes, passed.spikes, strict=True)]
        self.terms = {name: total + passed.terms[name].sum() for name, total in self.terms.items()}
        return wrong

    @property
    def per_sample(self) -> int:
        """Number of predictions per sample that are correct or not."""
        return self.network.classes if self.objective.predicts == "labels" else 1

    def figures(self, ranks: Ranks | None = None) -> dict[str, Any]:
        """Return the sums as plain numbers, over all processes if `ranks` is given; wait for the GPU."""
        own = [self.samples, self.correct, self.silent, self.loss, self.squares, *self.terms.values(), *self.spikes]
        sums = np.array(list(map(float, own)))  # float64 is exact to 2^53
        samples, correct, silent, loss, squares, *others = (sums if ranks is None else ranks.total(sums)).tolist()
        terms, spikes = others[: len(self.terms)], others[len(self.terms) :]
        found = {
            "samples": int(samples),
            "correct": int(correct),
            "silent": int(silent),
            "loss": loss,
            "spikes": list(map(int, spikes)),
            "seconds": perf_counter() - self.start,
        }
        found |= {"squares": squares} if self.objective.predicts == "counts" else {}
        return found | ({"terms": dict(zip(self.terms, terms, strict=True))} if terms else {})

    def resume_from(self, figures: dict[str, Any]) -> None:
        """Continue from the figures of another tally."""
        self.samples, self.correct, self.silent = figures["samples"], figures["correct"], figures["silent"]
        self.loss, self.spikes = figures["loss"], figures["spikes"]
        self.squares = figures.get("squares", 0)
        self.terms = {name: figures["terms"][name] for name in self.terms}
        self.start = perf_counter() - figures["seconds"]

    def epoch(
        self,
        network: Network,
        number: int,
        optimizer: Optimizer,
        validation: Labelled | None,
        samples: Samples,
        ranks: Ranks,
    ) -> tuple[Epoch, Evaluation | None]:
        """Return the figures of the finished epoch, and the evaluation of the validation data, if any."""
        figures = self.figures(ranks)
        count, seconds = figures["samples"], figures["seconds"]
        regression = self.objective.predicts == "counts"
        held_out = None if validation is None else evaluate(network, validation, self.objective, ranks=ranks)
        epoch = Epoch(
            number=number,
            loss=figures["loss"] / count,
            accuracy=None if regression else figures["correct"] / (count * self.per_sample),
            validation_loss=held_out and held_out.loss,
            validation_accuracy=held_out and held_out.accuracy,
            spikes=activity(network, figures["spikes"], count),
            silent=figures["silent"],
            rate=optimizer.rate,
            seconds=seconds,
            samples_per_second=count / seconds,
            r2=targets.r2(figures["squares"], samples.data.y) if regression else None,
            validation_r2=held_out and held_out.r2,
            terms={name: value / count for name, value in figures.get("terms", {}).items()},
        )
        return ranks.on_first(lambda: epoch), held_out  # the same times in all processes
