"""The folder of a run: names of its files, its lock, and the command that resumes it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from itertools import count
from pathlib import Path

from cupynn.checks import InputError
from cupynn.console import command
from cupynn.parallel import Ranks
from cupynn.training.state import previous

DEFINITION, RESULT, BEST, LAST, LOCK = "definition.toml", "result.json", "best.npz", "last.npz", ".lock"


def state_files(folder: Path) -> tuple[Path, Path]:
    """Files of the training's state, and of the state before."""
    path = folder / "training.npz"
    return path, previous(path)


def remove_state(folder: Path) -> None:
    """Remove the state of a training that is finished: it is four times as large as the network."""
    for path in (*state_files(folder), previous(folder / BEST)):
        path.unlink(missing_ok=True)


def new_folder(folder: Path | None, name: str) -> Path:
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


def resume_command(folder: Path, ranks: Ranks) -> str:
    """Return the command that resumes a run."""
    launcher = ["mpirun", "-n", str(ranks.size)] if ranks.size > 1 else []
    return command(*launcher, "cupynn", "train", "--resume", folder)


def exclusive(folder: Path, ranks: Ranks) -> AbstractContextManager[None]:
    """Keep other processes than these from training in a folder."""
    return _lock(folder) if ranks.first else nullcontext()


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Lock a folder; the lock dies with its process."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
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
            (folder / LOCK).unlink()
        lock.release()
