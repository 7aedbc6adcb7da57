"""Runs: an experiment is trained, and a folder keeps everything that it did.

`train` begins one, `resume` continues it, `open_run` opens what it left. `folder` has the names of the files and the lock,
`outputs` writes them, `saved` reads them.
"""

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
from cupynn.run.folder import (
    BEST,
    DEFINITION,
    LOCK,
    RESULT,
    exclusive,
    new_folder,
    remove_state,
    resume_command,
    state_files,
)
from cupynn.run.outputs import SaveBest, draw, write_result
from cupynn.run.saved import SavedRun, open_run
from cupynn.sequential import Sequential
from cupynn.training import health
from cupynn.training import state as states
from cupynn.training.samples import sample_steps
from cupynn.training.state import previous

__all__ = ["SavedRun", "open_run", "resume", "train"]


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
    finished, `training.npz`, from which `resume` continues.

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
    health.before_training(network, loss, x, sample_steps(network, experiment.options().steps, x))
    folder = ranks.on_first(lambda: new_folder(folder, experiment.name))
    with exclusive(folder, ranks):
        ranks.on_first(lambda: _begin(folder, experiment))
        _train(experiment, folder, loaded, progress, device, ranks)
    return folder


def _begin(folder: Path, experiment: Experiment) -> None:
    """Write the definition to an empty folder, or to one where a process was killed as it did so."""
    if any(path.name != LOCK and path.suffix != ".tmp" for path in folder.iterdir()):
        raise InputError(f"{folder} is not empty: choose a new folder, so that no earlier run is lost")
    files.write_text(folder / DEFINITION, experiment.to_toml())


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
    if not (folder / DEFINITION).is_file():
        raise InputError(f"{folder} holds no run, as there is no {DEFINITION} in it: pass the folder of one")
    with exclusive(folder, ranks):
        if ranks.on_first(lambda: _finished(folder)):
            if progress and ranks.first:
                say(f"{folder} is finished: {RESULT} has its figures")
            return folder
        experiment = presets.read(folder / DEFINITION)
        loaded = experiment.load_data()
        history = ranks.on_first(lambda: _trained(folder, experiment))
        if history is None:
            _train(experiment, folder, loaded, progress, device, ranks)
        else:
            _conclude(experiment, folder, loaded, history, progress, ranks.device(device), ranks)
    return folder


def _finished(folder: Path) -> bool:
    """Whether a run has its result, undamaged; removes what nobody needs any more."""
    files.sweep(folder)
    try:
        _ = open_run(folder).result
    except InputError:
        return False
    remove_state(folder)
    return True


def _trained(folder: Path, experiment: Experiment) -> History | None:
    """Epochs of a run that lacks nothing but its result; its time is without validation then. None if it has to train on."""
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
                f"{folder / RESULT} is damaged, and so is what it is written from: train again with `{again}` ({error})"
            ) from None
        return None
    if len(history) < (1 if damaged else experiment.options().epochs):
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
        say(f"{summary.as_text(network)}\n")
        if ranks.size > 1:
            say(f"if a process dies, all end; resume with: {resume_command(folder, ranks)}\n")
    begun = ranks.on_first(lambda: _begun(folder))
    try:
        history = network.fit(
            data,
            validation=validation,
            loss=loss,
            optimizer=optimizer,
            callbacks=[SaveBest(folder)],
            checkpoint=state_files(folder)[0],
            resume=begun,
            progress=progress,
            ranks=ranks,
            **vars(experiment.options()),
        )
    except Interrupted as stop:
        raise Interrupted(f"interrupted and saved; go on with: {resume_command(folder, ranks)}", stop.exit_code) from None
    _conclude(experiment, folder, loaded, history, progress, device, ranks)


def _conclude(
    experiment: Experiment, folder: Path, loaded: tuple, history: History, progress: bool, device: str, ranks: Ranks
) -> None:
    """Test the network of the best epoch, and write the results."""
    _, validation, test = loaded
    best, loss = Sequential.load(folder / BEST, device), experiment.build("cpu")[1]
    evaluation = best.evaluate(test, loss, ranks=ranks)
    if not ranks.first:
        return
    draw(folder, best, history, test)
    write_result(folder, experiment, best, history, evaluation, test.classes)
    remove_state(folder)
    if progress and ranks.first:
        chosen = "the best on the validation data" if validation else "the last"
        say(f"\ntest accuracy {evaluation.accuracy:.2%} (epoch {history.best.number}, {chosen})")
        say(f"trained for {history.seconds:.0f} s; spikes in {folder / 'raster.png'}, curves in {folder / 'curves.png'}")


def _begun(folder: Path) -> bool:
    """Whether there is a state to go on from; the best network is then brought to where that stands."""
    if not any(path.exists() for path in state_files(folder)):
        return False
    if len(history := states.history(state_files(folder)[0])):
        best = folder / BEST
        storage.restore_epoch(best, previous(best), history.best.number)
    return True
