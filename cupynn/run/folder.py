"""The folder of a run: its file names, its lock, and the command that resumes it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path

from cupynn.checks import InputError
from cupynn.console import command
from cupynn.parallel import Ranks
from cupynn.training.state import previous

DEFINITION, RESULT, BEST, LAST, LOCK = "definition.toml", "result.json", "best.npz", "last.npz", ".lock"
EPOCHS = "epochs"  # a folder, in runs that keep the network after each epoch


def state_files(folder: Path) -> tuple[Path, Path]:
    """Return the files of the training state and of the previous state."""
    path = folder / "training.npz"
    return path, previous(path)


def remove_state(folder: Path) -> None:
    """Remove the state of a finished training, which is four times as large as the network."""
    for path in (*state_files(folder), previous(folder / BEST)):
        path.unlink(missing_ok=True)


def new_folder(folder: Path | None, name: str) -> Path:
    """Create a folder; by default a new one named after the current second, with a number if that exists."""
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
            except FileExistsError:  # another run began in the same second
                if not path.is_dir():
                    raise
    except OSError as error:
        raise InputError(f"cannot create folder {error.filename} ({error.strerror}): choose another with --out") from error


def resume_command(folder: Path, ranks: Ranks) -> str:
    """Return the command that resumes a run."""
    launcher = ["mpirun", "-n", str(ranks.size)] if ranks.size > 1 else []
    return command(*launcher, "cupynn", "train", "--resume", folder)


def in_use(folder: Path) -> bool:
    """Return whether a process trains in a folder."""
    from filelock import FileLock, Timeout

    if not (folder / LOCK).exists():
        return False
    try:
        with FileLock(folder / LOCK).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a folder that may only be read
        return False


@contextmanager
def exclusive(folder: Path, ranks: Ranks) -> Iterator[None]:
    """Keep all other processes from training in a folder; the lock ends with its process."""
    if not ranks.first:
        yield
        return
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"{folder}: another process trains in this folder: wait for it, or choose another") from None
    except OSError as error:
        raise InputError(f"cannot write to {folder} ({error.strerror}): choose another with --out") from error
    try:
        yield
    finally:
        with suppress(OSError):  # Windows cannot remove an open file
            (folder / LOCK).unlink()
        lock.release()
