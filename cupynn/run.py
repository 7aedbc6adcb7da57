"""A run: train an experiment and leave a folder with everything that it did."""

import csv
import json
from dataclasses import asdict, fields
from datetime import datetime
from os import PathLike
from pathlib import Path
from time import perf_counter

from cupynn import checkpoint, plot
from cupynn.checks import InputError
from cupynn.device import machine
from cupynn.network import Sequential
from cupynn.presets import Experiment
from cupynn.results import Evaluation
from cupynn.training import Epoch, History


def train(experiment: Experiment, folder: str | PathLike | None = None, progress: bool = True, device: str = "auto") -> Path:
    """Train an experiment.

    The folder holds `definition.toml` (train it again with ``cupynn train FOLDER/definition.toml``), `metrics.csv` with a
    line for each epoch, `last.npz` and `best.npz` (the best epoch by validation accuracy, or the last if nothing is held
    out), `result.json` with the figures of that epoch on the test data, `raster.png` and `curves.png`.

    Parameters
    ----------
    experiment : Experiment
        From `presets.read`.
    folder : path, optional
        A new or empty one; by default ``runs/NAME-DATE-TIME``.
    progress : bool
        Whether to show progress and results.
    device : str
        Where to train, as in `Sequential`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If the folder holds something already or cannot be written, or the data cannot be had.
    """
    network, loss, optimizer = experiment.build(device)
    data, validation, test = experiment.load_data()
    try:  # refuse data of another shape, and a loss that does not fit, before the folder is made
        network.labelled(data)
        loss.check(network.output_shape, network.steps)
    except InputError as error:
        raise InputError(f"{experiment.source or experiment.name}: the network does not fit the data: {error}") from None
    folder = _new_folder(folder, experiment.name)
    (folder / "definition.toml").write_text(experiment.to_toml(), encoding="utf-8")
    if progress:
        print(f"{data}\nruns on {network.device.describe()}; leaves its results in {folder}\n")
        network.summary()
        print()
    start = perf_counter()
    history = network.fit(
        data,
        validation=validation,
        loss=loss,
        optimizer=optimizer,
        callbacks=[_Keeper(folder)],
        progress=progress,
        **experiment.fit_options(),
    )
    seconds = perf_counter() - start
    best = checkpoint.load(folder / "best.npz", device)
    evaluation = best.evaluate(test, loss)
    _write_result(folder, experiment, network, history, evaluation, seconds, test.classes)
    _draw(folder, best, history, test.x[:1])
    if progress:
        chosen = "the best on the validation data" if validation else "the last"
        print(f"\ntest accuracy {evaluation.accuracy:.2%} (epoch {_best(history).number}, {chosen})")
        print(f"trained for {seconds:.0f} s; spikes in {folder / 'raster.png'}, curves in {folder / 'curves.png'}")
    return folder


def _new_folder(folder: str | PathLike | None, name: str) -> Path:
    path = Path(folder) if folder is not None else Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise InputError(f"{path} is not empty: choose a new folder, so that no earlier run is lost")
    except OSError as error:
        raise InputError(f"cannot make the folder {path} ({error.strerror}): choose another with --out") from error
    return path


def _best(history: History) -> Epoch:
    """Return the last epoch of those with the highest validation accuracy, or the last of all where nothing is held out."""
    if history.epochs[-1].validation_accuracy is None:
        return history.epochs[-1]
    return max(history.epochs, key=lambda epoch: (epoch.validation_accuracy, epoch.number))


class _Keeper:
    """Callback that writes metrics and checkpoints after each epoch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, network: Sequential, history: History) -> None:
        epoch = history.epochs[-1]
        checkpoint.save(network, self.folder / "last.npz")
        if _best(history) is epoch:
            checkpoint.save(network, self.folder / "best.npz")
        with (self.folder / "metrics.csv").open("a", newline="", encoding="utf-8") as file:
            row = {field.name: getattr(epoch, field.name) for field in fields(epoch) if field.name != "spikes"}
            row |= {f"spikes_{name}": count for name, count in epoch.spikes.items()}
            writer = csv.DictWriter(file, row)
            if epoch.number == 1:
                writer.writeheader()
            writer.writerow(row)


def _write_result(
    folder: Path,
    experiment: Experiment,
    network: Sequential,
    history: History,
    evaluation: Evaluation,
    seconds: float,
    classes: tuple[str, ...],
) -> None:
    result = {
        "experiment": experiment.name,
        "definition": experiment.tables(),
        "seed": experiment.network.get("seed", 0),
        "device": {"runs_on": str(network.device)} | machine(),
        "seconds": seconds,
        "classes": classes,
        "best_epoch": _best(history).number,
        "test": {**asdict(evaluation), "confusion": evaluation.confusion.tolist()},
        "epochs": [asdict(epoch) for epoch in history.epochs],
    }
    (folder / "result.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _draw(folder: Path, network: Sequential, history: History, sample) -> None:
    plot.raster(network.record(sample)).savefig(folder / "raster.png", dpi=150)
    plot.curves(history).savefig(folder / "curves.png", dpi=150)
