"""What a run leaves in its folder: metrics and networks after each epoch, result and pictures at the end."""

import json
from dataclasses import asdict
from pathlib import Path

from cupynn import plot
from cupynn.datasets import Dataset
from cupynn.device.device import machine
from cupynn.files import write_text
from cupynn.network import storage
from cupynn.network.network import Network
from cupynn.presets import Experiment
from cupynn.results import metrics
from cupynn.results.evaluation import Evaluation
from cupynn.results.history import History
from cupynn.run.folder import BEST, LAST, RESULT
from cupynn.training.state import previous


class SaveBest:
    """Callback that writes metrics and checkpoints after each epoch.

    The state of the training is saved after that. Until then the best network that it knows is kept as well, so that a run
    that ends in between continues with it: the epoch, trained again by other processes, may do worse.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, network: Network, history: History) -> None:
        """Write the files of an epoch."""
        epoch = history.epochs[-1]
        storage.save_epoch(network, self.folder / LAST, epoch.number)
        if history.best is epoch:
            best = self.folder / BEST
            storage.save_epoch(network, best, epoch.number, keep=previous(best))
        metrics.write(self.folder, history)


def write_result(
    folder: Path,
    experiment: Experiment,
    network: Network,
    history: History,
    evaluation: Evaluation,
    classes: tuple[str, ...],
) -> None:
    """Write `result.json`: what was trained, where, and how it does on the test data."""
    result = {
        "experiment": experiment.name,
        "definition": experiment.tables(),
        "seed": experiment.network.get("seed", 0),
        "device": {"runs_on": str(network.device)} | machine(network.device),
        "seconds": history.seconds,
        "classes": classes,
        "best_epoch": history.best.number,
        "test": {**asdict(evaluation), "confusion": evaluation.confusion.tolist()},
        "epochs": [asdict(epoch) for epoch in history.epochs],
    }
    write_text(folder / RESULT, json.dumps(result, indent=1) + "\n")


def draw(folder: Path, network: Network, history: History, test: Dataset) -> None:
    """Write `raster.png`, of the first test sample, and `curves.png`."""
    classes = test.classes if len(test.classes) == network.output_shape[-1] else None
    plot.raster(network.record(test.x[:1]), classes=classes).savefig(folder / "raster.png", dpi=150)
    plot.curves(history).savefig(folder / "curves.png", dpi=150)
