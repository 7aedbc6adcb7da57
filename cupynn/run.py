"""A run: train an experiment and leave a folder with everything that it did."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from datetime import datetime
from itertools import count
from os import PathLike
from pathlib import Path

from cupynn import atomic, checkpoint, checks, display, health, metrics, plot, presets
from cupynn import state as states
from cupynn.atomic import write_text
from cupynn.checks import InputError
from cupynn.console import command, say
from cupynn.datasets import Dataset
from cupynn.device import machine
from cupynn.interrupt import Interrupted
from cupynn.network import Sequential
from cupynn.parallel import Ranks
from cupynn.parallel.guard import watched
from cupynn.presets import Experiment
from cupynn.progress import History
from cupynn.results import Evaluation
from cupynn.samples import sample_steps
from cupynn.saved_run import open_run
from cupynn.state import previous

_DEFINITION, _RESULT, _BEST, _LOCK = "definition.toml", "result.json", "best.npz", ".lock"


def train(
    experiment: Experiment,
    folder: str | PathLike | None = None,
    progress: bool = True,
    device: str = "auto",
    ranks: Ranks | None = None,
) -> Path:
    """Train an experiment.

    The folder holds `definition.toml` (train it again with ``cupynn train FOLDER/definition.toml``), `metrics.csv` with a
    line for each epoch, `last.npz` and `best.npz` (the best epoch by validation accuracy, or the last if nothing is held
    out), `result.json` with the figures of that epoch on the test data, `raster.png` and `curves.png`; and, until it is
    finished, `training.npz`, from which `resume` goes on.

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
    ranks : Ranks, optional
        Processes that train together, as in `fit`, with "cuda" on a GPU each; the first writes the folder, which all see.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If the folder holds something already or cannot be written, or the data cannot be had.
    """
    folder, ranks = folder if folder is None else checks.path("folder", folder), ranks or Ranks()
    network, loss, _ = experiment.build(ranks.device(device))
    data, _, _ = loaded = experiment.load_data()
    try:  # refuse what cannot be trained before the folder is made
        x, _ = network.labelled(data)
    except InputError as error:
        raise InputError(f"{experiment.source or experiment.name}: the network does not fit the data: {error}") from None
    health.before_training(network, loss, x, sample_steps(network, experiment.training.get("steps"), x))
    folder = ranks.on_first(lambda: _new_folder(folder, experiment.name))
    with _kept(folder, ranks):
        ranks.on_first(lambda: _begin(folder, experiment))
        _train(experiment, folder, loaded, progress, device, ranks)
    return folder


def _begin(folder: Path, experiment: Experiment) -> None:
    """Write the definition to an empty folder, or to one where a process was killed as it did so."""
    if any(path.name != _LOCK and path.suffix != ".tmp" for path in folder.iterdir()):
        raise InputError(f"{folder} is not empty: choose a new folder, so that no earlier run is lost")
    write_text(folder / _DEFINITION, experiment.to_toml())


def resume(folder: str | PathLike, progress: bool = True, device: str = "auto", ranks: Ranks | None = None) -> Path:
    """Go on with a run that was interrupted, killed, or stopped by an error; it ends as if nothing had come between.

    A finished run whose `result.json` is damaged or missing gets it again, from its best network and `metrics.csv`; its time
    is then without validation, and the device that of this evaluation.

    Parameters
    ----------
    folder : path
        Of the run.
    progress, device, ranks
        As `train` has them; for the same bits, train on the same device, with the same number of processes.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If the folder holds no run, another process trains in it, or the data cannot be had.
    """
    folder, ranks = checks.path("folder", folder), ranks or Ranks()
    if not (folder / _DEFINITION).is_file():
        raise InputError(f"{folder} holds no run, as there is no {_DEFINITION} in it: pass the folder of one")
    with _kept(folder, ranks):
        if ranks.on_first(lambda: _finished(folder)):
            if progress and ranks.first:
                say(f"{folder} is finished: {_RESULT} has its figures")
            return folder
        experiment = presets.read(folder / _DEFINITION)
        loaded = experiment.load_data()
        history = ranks.on_first(lambda: _trained(folder, experiment))
        if history is None:
            _train(experiment, folder, loaded, progress, device, ranks)
        else:
            _conclude(experiment, folder, loaded, history, progress, ranks.device(device), ranks)
    return folder


def _finished(folder: Path) -> bool:
    """Whether a run has its result, undamaged; removes what nobody needs any more."""
    atomic.sweep(folder)
    try:
        _ = open_run(folder).result
    except InputError:
        return False
    _forget(folder)
    return True


def _trained(folder: Path, experiment: Experiment) -> History | None:
    """Epochs of a run that lacks nothing but its result; its time is without validation then. None if it has to train on."""
    if any(path.exists() for path in _states(folder)):
        return None
    damaged = (folder / _RESULT).is_file()
    try:
        history = metrics.read(folder)
        checkpoint.load(folder / _BEST, "cpu")
    except InputError as error:
        if damaged:
            again = command("cupynn", "train", folder / _DEFINITION)
            raise InputError(
                f"{folder / _RESULT} is damaged, and so is what it is written from: train again with `{again}` ({error})"
            ) from None
        return None
    if len(history) < (1 if damaged else experiment.training["epochs"]):
        return None
    history.seconds = sum(history["seconds"])
    return history


def _train(experiment: Experiment, folder: Path, loaded: tuple, progress: bool, device: str, ranks: Ranks) -> None:
    """Train in a folder, from its checkpoint on if there is one, test the best epoch, and write the results."""
    device, progress = ranks.device(device), progress and ranks.first
    network, loss, optimizer = experiment.build(device)
    data, validation, _ = loaded
    if progress:
        say(f"{data}\nruns on {ranks.describe()}{network.device.describe()}; leaves its results in {folder}\n")
        say(f"{display.network_text(network)}\n")
    begun = ranks.on_first(lambda: _begun(folder))
    try:
        history = network.fit(
            data,
            validation=validation,
            loss=loss,
            optimizer=optimizer,
            callbacks=[_Keeper(folder)],
            checkpoint=_states(folder)[0],
            resume=begun,
            progress=progress,
            ranks=ranks,
            **experiment.fit_options(),
        )
    except Interrupted as stop:
        raise Interrupted(f"interrupted and saved; go on with: {_again(folder, ranks)}", stop.exit_code) from None
    _conclude(experiment, folder, loaded, history, progress, device, ranks)


def _conclude(
    experiment: Experiment, folder: Path, loaded: tuple, history: History, progress: bool, device: str, ranks: Ranks
) -> None:
    """Test the network of the best epoch, and write the results."""
    _, validation, test = loaded
    best, loss = checkpoint.load(folder / _BEST, device), experiment.build("cpu")[1]
    evaluation = best.evaluate(test, loss, ranks=ranks)
    if not ranks.first:
        return
    _draw(folder, best, history, test)
    _write_result(folder, experiment, best, history, evaluation, test.classes)
    _forget(folder)
    if progress and ranks.first:
        chosen = "the best on the validation data" if validation else "the last"
        say(f"\ntest accuracy {evaluation.accuracy:.2%} (epoch {history.best.number}, {chosen})")
        say(f"trained for {history.seconds:.0f} s; spikes in {folder / 'raster.png'}, curves in {folder / 'curves.png'}")


def _begun(folder: Path) -> bool:
    """Whether there is a state to go on from; the best network is then brought to where that stands."""
    if not any(path.exists() for path in _states(folder)):
        return False
    if len(history := states.history(_states(folder)[0])):
        best = folder / _BEST
        checkpoint.restore_epoch(best, previous(best), history.best.number)
    return True


def _states(folder: Path) -> tuple[Path, Path]:
    """Files of the training's state, and of the state before."""
    path = folder / "training.npz"
    return path, previous(path)


def _forget(folder: Path) -> None:
    """Remove the state of a training that is finished: it is four times as large as the network."""
    for path in (*_states(folder), previous(folder / _BEST)):
        path.unlink(missing_ok=True)


def _new_folder(folder: Path | None, name: str) -> Path:
    """Make a folder; without one given, a new one of this second, or with a number if there is one already."""
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            return folder
        stem = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
        for number in count(1):
            path = Path("runs") / (stem if number == 1 else f"{stem}-{number}")
            try:
                path.mkdir(parents=True)
                return path
            except FileExistsError:  # of another run that began in this second
                if not path.is_dir():
                    raise
    except OSError as error:
        raise InputError(f"cannot make the folder {error.filename} ({error.strerror}): choose another with --out") from error


@contextmanager
def _kept(folder: Path, ranks: Ranks) -> Iterator[None]:
    """Keep a folder for these processes; should one of them die, have its user told how to go on."""
    if not ranks.first:
        yield
        return
    died = f"cupynn: one of the {ranks.size} processes of this training has died; go on with: {_again(folder, ranks)}"
    with _alone(folder), watched(died) if ranks.size > 1 else nullcontext():
        yield


def _again(folder: Path, ranks: Ranks) -> str:
    """Command that goes on with a run."""
    launcher = ["mpirun", "-n", str(ranks.size)] if ranks.size > 1 else []
    return command(*launcher, "cupynn", "train", "--resume", folder)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from training in a folder; a lock dies with its process."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"{folder}: another process trains there: wait for it, or choose another folder") from None
    except OSError as error:
        raise InputError(f"cannot write to {folder} ({error.strerror}): choose another with --out") from error
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no file that is open
            (folder / _LOCK).unlink()
        lock.release()


class _Keeper:
    """Callback that writes metrics and checkpoints after each epoch.

    The state of the training is saved after that. Until then the best network that it knows is kept as well, so that a run
    that ends in between goes on with it: the epoch, trained again by other processes, may do worse.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, network: Sequential, history: History) -> None:
        epoch = history.epochs[-1]
        checkpoint.save_epoch(network, self.folder / "last.npz", epoch.number)
        if history.best is epoch:
            best = self.folder / _BEST
            checkpoint.save_epoch(network, best, epoch.number, keep=previous(best))
        metrics.write(self.folder, history)


def _write_result(
    folder: Path,
    experiment: Experiment,
    network: Sequential,
    history: History,
    evaluation: Evaluation,
    classes: tuple[str, ...],
) -> None:
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
    write_text(folder / _RESULT, json.dumps(result, indent=1) + "\n")


def _draw(folder: Path, network: Sequential, history: History, test: Dataset) -> None:
    classes = test.classes if len(test.classes) == network.output_shape[-1] else None
    plot.raster(network.record(test.x[:1]), classes=classes).savefig(folder / "raster.png", dpi=150)
    plot.curves(history).savefig(folder / "curves.png", dpi=150)
