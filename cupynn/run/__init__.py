"""Runs: trainings of an experiment whose results are stored in a folder.

`train` starts a run, `resume` continues it, `open_run` opens its folder, `list_runs` lists the runs in a folder. `folder`
defines the file names and the lock, `outputs` writes the files, `saved` reads them.
"""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from cupynn import checks, files, presets
from cupynn.checks import InputError
from cupynn.console import command, say
from cupynn.interrupt import Interrupted
from cupynn.network import storage, summary
from cupynn.parallel import Ranks
from cupynn.presets import Experiment
from cupynn.results import metrics
from cupynn.results.history import History
from cupynn.run import origin
from cupynn.run.folder import (
    BEST,
    DEFINITION,
    EPOCHS,
    RESULT,
    exclusive,
    new_folder,
    remove_state,
    resume_command,
    state_files,
)
from cupynn.run.listing import Listed, list_runs
from cupynn.run.outputs import SaveBest, begin, check_loggers, draw, make_loggers, write_result
from cupynn.run.saved import SavedRun, open_run
from cupynn.sequential import Sequential
from cupynn.training import KeepEpochs, health, state
from cupynn.training.samples import sample_steps

__all__ = ["Listed", "SavedRun", "list_runs", "open_run", "resume", "train"]


def train(
    experiment: Experiment,
    folder: str | PathLike | None = None,
    progress: bool = True,
    device: str = "auto",
    ranks: Ranks | None = None,
    keep_epochs: bool = False,
    log: Sequence[str] = (),
) -> Path:
    """Train an experiment, and return its folder.

    The folder contains `definition.toml` (train it again with ``cupynn train FOLDER/definition.toml``), `metrics.csv` with
    a row for each epoch, `last.npz` and `best.npz` (the best epoch by validation accuracy, or the last if nothing is held
    out), `result.json` with the test results of that epoch, `raster.png` and `curves.png`, and `origin.json` with the
    command, the commit of the code, the versions and the machine of each session. An unfinished run also contains
    `training.npz`, from which `resume` continues.

    Parameters
    ----------
    experiment : Experiment
        From `presets.read`.
    folder : path, optional
        A new or empty folder; by default ``runs/NAME-DATE-TIME``.
    progress : bool
        Whether to print progress and results.
    device : str
        Device to train on, as in `Sequential`.
    ranks : Ranks, optional
        Processes that train together, as in `fit`; with "cuda", each has a GPU. The first process writes the folder, which
        must be visible to all.
    keep_epochs : bool
        Whether to keep the network after each epoch, with its accuracy and firing rates, in ``epochs/epoch-001.npz``, ...;
        `plot.explore` shows them. `resume` continues to keep them.
    log : sequence of {"tensorboard", "wandb"}
        Programs for which the folder holds the figures and rasters of each epoch, too: TensorBoard, and Weights & Biases,
        offline.

    Raises
    ------
    InputError
        If the folder is not empty or cannot be written, or the data cannot be loaded.
    """
    folder, ranks = folder if folder is None else checks.path("folder", folder), ranks or Ranks()
    keep = checks.flag("keep_epochs", keep_epochs)
    check_loggers(log)
    network, loss, _ = experiment.build(ranks.device(device))
    data, _, _ = loaded = experiment.load_data()
    try:  # report errors before the folder is created
        x, _ = network.labelled(data, loss)
    except InputError as error:
        raise InputError(f"{experiment.source or experiment.name}: the network does not fit the data: {error}") from None
    health.before_training(network, loss, x, sample_steps(network, experiment.options().steps, x))
    folder = ranks.on_first(lambda: new_folder(folder, experiment.name))
    with exclusive(folder, ranks):
        ranks.on_first(lambda: begin(folder, experiment, keep))
        _train(experiment, folder, loaded, progress, device, ranks, log)
    return folder


def resume(
    folder: str | PathLike,
    progress: bool = True,
    device: str = "auto",
    ranks: Ranks | None = None,
    log: Sequence[str] = (),
) -> Path:
    """Continue a run that was interrupted, killed, or stopped by an error; the result is that of an uninterrupted run.

    If `result.json` of a finished run is damaged or missing, it is written again from the best network and `metrics.csv`;
    its training time then excludes validation, and its device is that of the new evaluation. The folder is returned.

    Parameters
    ----------
    folder : path
        Folder of the run.
    progress, device, ranks, log
        As in `train`; the same device and the same number of processes give the same bits.

    Raises
    ------
    InputError
        If the folder contains no run, another process trains in it, or the data cannot be loaded.
    """
    folder, ranks = checks.path("folder", folder), ranks or Ranks()
    check_loggers(log)
    if not (folder / DEFINITION).is_file():
        raise InputError(f"{folder} contains no run, as there is no {DEFINITION}: pass the folder of a run")
    with exclusive(folder, ranks):
        if ranks.on_first(lambda: _finished(folder)):
            if progress and ranks.first:
                say(f"{folder} is finished: see its results in {RESULT}")
            return folder
        experiment = presets.read(folder / DEFINITION)
        loaded = experiment.load_data()
        history = ranks.on_first(lambda: _trained(folder, experiment))
        if history is None:
            _train(experiment, folder, loaded, progress, device, ranks, log)
        else:
            _conclude(experiment, folder, loaded, history, progress, ranks.device(device), ranks)
    return folder


def _finished(folder: Path) -> bool:
    """Return whether a run has an intact result; if it has, remove the files that are no longer needed."""
    files.sweep(folder)
    try:
        _ = open_run(folder).result
    except InputError:
        return False
    remove_state(folder)
    return True


def _trained(folder: Path, experiment: Experiment) -> History | None:
    """Return the history of a run that lacks only its result, without validation time; None if training must continue."""
    if any(path.exists() for path in state_files(folder)):
        return None
    damaged = (folder / RESULT).is_file()
    try:
        history = metrics.read(folder)
        Sequential.load(folder / BEST, "cpu")
    except InputError as error:
        if damaged:
            again = command("cupynn", "train", folder / DEFINITION)
            raise InputError(
                f"{folder / RESULT} is damaged, and so are the files to write it from: train again with `{again}` ({error})"
            ) from None
        return None
    if len(history) < (1 if damaged else experiment.options().epochs):
        return None
    history.seconds = sum(history["seconds"])
    return history


def _train(
    experiment: Experiment,
    folder: Path,
    loaded: tuple,
    progress: bool,
    device: str,
    ranks: Ranks,
    log: Sequence[str],
) -> None:
    """Train in a folder, from its saved state if there is one, test the best epoch, and write the results."""
    device, progress = ranks.device(device), progress and ranks.first
    network, loss, optimizer = experiment.build(device)
    data, validation, _ = loaded
    ranks.on_first(lambda: origin.note(folder, network.device))
    if progress:
        say(f"{data}\ntraining on {ranks.describe()}{network.device.describe()}; results in {folder}\n")
        say(f"{summary.as_text(network)}\n")
        if ranks.size > 1:
            say(f"if one process dies, all stop; resume with: {resume_command(folder, ranks)}\n")
    kept = [KeepEpochs(folder / EPOCHS, resume=True)] if ranks.on_first((folder / EPOCHS).is_dir) else []
    loggers = make_loggers(log, folder, experiment, validation or data) if ranks.first else []
    try:
        history = network.fit(
            data,
            validation=validation,
            loss=loss,
            optimizer=optimizer,
            callbacks=[SaveBest(folder), *kept, *loggers],
            checkpoint=state_files(folder)[0],
            resume=ranks.on_first(lambda: _prepare_resume(folder)),
            progress=progress,
            ranks=ranks,
            **vars(experiment.options()) | {"restore_best": False},  # best.npz holds that network already
        )
    except Interrupted as stop:
        raise Interrupted(f"interrupted and saved; resume with: {resume_command(folder, ranks)}", stop.exit_code) from None
    finally:
        for logger in loggers:
            logger.close()
    _conclude(experiment, folder, loaded, history, progress, device, ranks)


def _conclude(
    experiment: Experiment, folder: Path, loaded: tuple, history: History, progress: bool, device: str, ranks: Ranks
) -> None:
    """Test the network of the best epoch, and write the results."""
    train, validation, test = loaded
    best, loss = Sequential.load(folder / BEST, device), experiment.build("cpu")[1]
    evaluation = best.evaluate(test, loss, ranks=ranks)
    if not ranks.first:
        return
    draw(folder, best, history, test)
    write_result(folder, experiment, best, history, evaluation, train)
    remove_state(folder)
    if progress:
        chosen = "best on the validation data" if validation else "last"
        say(f"\ntest {evaluation.shown()} (epoch {history.best.number}, {chosen})")
        say(f"trained for {history.seconds:.0f} s; spikes in {folder / 'raster.png'}, curves in {folder / 'curves.png'}")


def _prepare_resume(folder: Path) -> bool:
    """Return whether there is a state to resume from; if so, bring the best network to the epoch of the state."""
    if not any(path.exists() for path in state_files(folder)):
        return False
    if len(history := state.history(state_files(folder)[0])):
        best = folder / BEST
        storage.restore_epoch(best, state.previous(best), history.best.number)
    return True
