"""The files of a run: its definition, metrics and networks after each epoch, results and figures at the end."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cupynn import checks, plot
from cupynn.checks import InputError
from cupynn.datasets import Dataset
from cupynn.device.device import machine
from cupynn.files import write_text
from cupynn.network import storage
from cupynn.network.network import Network
from cupynn.plot.figures import save_figure, without_windows
from cupynn.presets import Experiment
from cupynn.results import metrics
from cupynn.results.evaluation import Evaluation
from cupynn.results.history import History
from cupynn.run import pictures
from cupynn.run.folder import BEST, DEFINITION, EPOCHS, LAST, LOCK, RESULT
from cupynn.training.loggers import TensorBoardLogger, WandbLogger
from cupynn.training.state import previous


def begin(folder: Path, experiment: Experiment, keep_epochs: bool) -> None:
    """Write the definition to an empty folder, or to one in which a process was killed while it did so."""
    kept = folder / EPOCHS
    begun = kept.is_dir() and not any(kept.iterdir())
    if any(path.name != LOCK and path.suffix != ".tmp" and not (begun and path == kept) for path in folder.iterdir()):
        raise InputError(f"{folder} is not empty: choose a new folder, to keep the files in it")
    if begun and not keep_epochs:
        kept.rmdir()
    if keep_epochs and not begun:
        kept.mkdir()  # before the definition: with that, the run is one to resume, and this folder says how
    write_text(folder / DEFINITION, experiment.to_toml())


class SaveBest:
    """Callback that writes metrics and checkpoints after each epoch.

    The training state is saved afterwards. Until then, the best network of the previous state is kept too: a run that is
    killed in between continues from there, and the repeated epoch may be worse with another number of processes.
    """

    keeps_best = True  # so `fit` does not recommend restore_best

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, network: Network, history: History) -> None:
        """Write the files of the last epoch."""
        epoch = history.epochs[-1]
        storage.save_epoch(network, self.folder / LAST, epoch.number)
        if history.best is epoch:
            best = self.folder / BEST
            storage.save_epoch(network, best, epoch.number, keep=previous(best))
        metrics.write(self.folder, history)


def check_loggers(names: Sequence[str]) -> None:
    """Raise InputError unless all loggers are known and installed."""
    for name in names:
        LOGGERS[checks.choice("log", name, LOGGERS)](Path())


def make_loggers(names: Sequence[str], folder: Path, experiment: Experiment, data: Dataset) -> list[Any]:
    """Return callbacks that write to the folder of a run for other programs."""
    values = {"samples": data.x[:1], "hyperparameters": experiment.tables()}
    return [LOGGERS[name](folder, **values) for name in dict.fromkeys(names)]


LOGGERS: dict[str, Callable[..., Any]] = {
    "tensorboard": lambda folder, **values: TensorBoardLogger(folder / "tensorboard", **values),
    "wandb": lambda folder, **values: WandbLogger(folder=folder, **values),
}


def write_result(
    folder: Path,
    experiment: Experiment,
    network: Network,
    history: History,
    evaluation: Evaluation,
    train: Dataset,
) -> None:
    """Write `result.json`: definition, device, results on the test data, and a description of the training images."""
    result = {
        "experiment": experiment.name,
        "definition": experiment.tables(),
        "seed": experiment.network.get("seed", 0),
        "device": {"runs_on": str(network.device)} | machine(network.device),
        "seconds": history.seconds,
        "classes": train.classes,
        "images": pictures.describe(train.x),
        "best_epoch": history.best.number,
        "test": evaluation.figures(),
        "epochs": [epoch.figures() for epoch in history.epochs],
    }
    write_text(folder / RESULT, json.dumps(result, indent=1) + "\n")


def draw(folder: Path, network: Network, history: History, test: Dataset) -> None:
    """Draw `raster.png`, of the first test sample, and `curves.png`."""
    classes = test.classes if len(test.classes) == network.output_shape[-1] else None
    with without_windows():
        save_figure(plot.raster(network.record(test.x[:1]), classes=classes), folder / "raster.png")
        save_figure(plot.curves(history), folder / "curves.png")
