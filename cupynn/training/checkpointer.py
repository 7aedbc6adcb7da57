"""Saves the state of a training run at intervals, after each epoch, and when a signal ends it."""

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from time import perf_counter
from typing import Any

import cupynn
from cupynn import checks
from cupynn.checks import InputError
from cupynn.files import check_writable
from cupynn.interrupt import Interrupted, Signals
from cupynn.losses import CountLoss
from cupynn.network.inputs import Labelled
from cupynn.parallel import Ranks
from cupynn.training import state as states
from cupynn.training.digest import PROBE, whole_of_each
from cupynn.training.options import Options
from cupynn.training.state import State


class Checkpointer:
    """Saves the state of a training run to a file, and ends the run after SIGINT and SIGTERM.

    Parameters
    ----------
    path : Path or None
        File of the state. None saves nothing; SIGINT then ends training after the batch, with a KeyboardInterrupt.
    seconds : float
        Time between two saves within an epoch.
    settings : dict
        Settings that must be the same when training continues.
    digests : dict
        Digest of the whole data, by the name of the option; None for no data or a memory map.
    ranks : Ranks
        Processes that train; a signal to any of them ends all.
    """

    def __init__(
        self, path: Path | None, seconds: float, settings: dict[str, Any], digests: dict[str, str | None], ranks: Ranks
    ) -> None:
        self.path, self.seconds, self.settings, self.digests, self.ranks = path, seconds, settings, digests, ranks
        self.signals = Signals(terminate=path is not None)
        self.saved = perf_counter()

    def begin(self, state: State, resume: bool) -> list[str]:
        """Load the saved state, or refuse to overwrite one; return notices for the user."""
        self.state = state
        if self.path is not None:
            self.ranks.on_first(lambda: check_writable(self.path))
        if resume:
            return states.load(state, self.settings, self.digests, self.path, self.ranks)
        if self.path is not None and self.ranks.on_first(lambda: self.path.exists() or states.previous(self.path).exists()):
            raise InputError(f"{self.path} already holds a training run: pass resume=True, or choose another checkpoint")
        mapped = [name for name, digest in self.digests.items() if self.settings[name] and not digest]
        if self.ranks.size > 1 and mapped:
            return [f"only {PROBE} samples of {' and '.join(mapped)} were compared between the processes"]
        return []

    def __enter__(self) -> "Checkpointer":
        if self.path is not None or self.ranks.size == 1:
            self.signals.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        try:
            if kind is KeyboardInterrupt and self.signals.broke_in:
                self._save()
                raise self._interrupted(self.signals.asked)
        finally:
            self.signals.__exit__(kind, *error)
        if self.signals.asked and kind is None:  # a signal after the last epoch was saved; errors are raised unchanged
            raise self._interrupted(self.signals.asked)

    def interruptible(self) -> AbstractContextManager:
        """Return a context for long work that changes nothing: a signal ends it at once, unless other processes wait."""
        return nullcontext() if self.ranks.size > 1 else self.signals.breaking_in()

    def after_batch(self) -> None:
        """Save if it is time or a signal has arrived; the signal then ends training."""
        if self.path is None and self.ranks.size > 1:
            return
        asked, due = self.ranks.greatest(self.signals.asked, perf_counter() - self.saved >= self.seconds)
        if asked or due:
            self._save()
        if asked:
            raise self._interrupted(asked)

    def after_epoch(self) -> None:
        """Save; end training if a signal has arrived."""
        self._save()
        if self.path is None and self.ranks.size > 1:
            return
        (asked,) = self.ranks.greatest(self.signals.asked)
        if asked:
            raise self._interrupted(asked)

    def _save(self) -> None:
        self.state.watch.check(self.state)  # before the last good state is replaced
        self.ranks.same_arrays(f"at {self.state}", self.state.network.arrays(), self.state.network.device)
        if self.path is not None:
            states.save(self.state, self.settings, self.digests, self.path, self.ranks)
        self.saved = perf_counter()

    def _interrupted(self, asked: int) -> KeyboardInterrupt:
        """Return the exception to raise after saving."""
        where = f"interrupted at {self.state}"
        if self.path is None:
            return KeyboardInterrupt(where)
        return Interrupted(f"{where}; saved in {self.path}: continue with resume=True", 128 + asked)


def make_checkpointer(
    path: Any,
    seconds: Any,
    resume: Any,
    state: State,
    loss: CountLoss,
    options: Options,
    validation: Labelled | None,
    ranks: Ranks,
) -> Checkpointer:
    """Check the checkpoint options of `fit`, and that all processes have the same arguments; return the checkpointer."""
    if options.batch_size < ranks.size:
        raise InputError(f"batch_size={options.batch_size} for {ranks.size} processes: pass at least one sample per process")
    checks.flag("resume", resume)
    seconds = checks.number("checkpoint_seconds", seconds, minimum=0)
    path = None if path is None else checks.path("checkpoint", path)
    if path is None and resume:
        raise InputError("resume=True without a checkpoint: pass checkpoint=..., the file of the saved state")
    if path is None and ranks.size == 1:
        return Checkpointer(None, seconds, {}, {}, ranks)
    if resume and state.optimizer.updates:
        raise InputError("resume=True with an optimizer that has already done updates: pass a new one")
    data = {"data": state.samples.data, "validation": validation}
    settings = states.settings(state, loss, options, data)
    digests = whole_of_each(data, ranks)  # the settings hold the digest of all sample weights
    alike = settings | {name: [settings[name], digest] for name, digest in digests.items()}
    alike |= {"epochs": options.epochs, "checkpoint": str(path), "resume": resume, "version": cupynn.__version__}
    ranks.same({name: json.dumps(value).encode() for name, value in alike.items()}, "pass the same in all processes")
    ranks.same_arrays("before training", state.network.arrays(), state.network.device)
    return Checkpointer(path, seconds, settings, digests, ranks)
