"""Kill a training at every point where its files change, resume it, and compare it with an undisturbed one.

    python tests/reliability/kill_points.py

The points are immediately before and after each fsync, replace, rename, unlink and mkdir of `cupynn train`, which here saves
after every batch. A first run counts them. Then, for each point, a fork of this process trains until it kills itself there,
and `cupynn train --resume` (or `cupynn train`, if there is no definition yet) finishes the run. `--again` also kills the
second process, at a random point. Requires a system with fork.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

os.environ["CUPYNN_THREADS"] = "1"  # a fork would lose other threads

import numpy as np

from cupynn import cli, plot, training

OPERATIONS = ("fsync", "replace", "rename", "unlink", "remove", "mkdir", "rmdir")
LONGEST = 60  # time limit for one process, in seconds
DEFINITION = """
[data]
kind = "npz"
path = "PATH"
test = 6
validation = 6
[network]
input_shape = [9]
steps = 30
encoder = { kind = "Poisson", max_rate = 0.5 }
layers = [
    { kind = "SpikingDense", name = "hidden", units = 6, v_th = 2.0 },
    { kind = "SpikingDense", name = "output", units = 3, v_th = 1.0, lateral_inhibition = 0.2 },
]
[loss]
kind = "SpikeCount"
desired = 10
undesired = 1
margin = 1
[optimizer]
kind = "Adam"
lr = 0.02
average = 0.9
[training]
epochs = 2
batch_size = 6
boost = true
"""


class Deadly:
    """Wrap the functions of `os` that change files; call number `point // 2` kills the process.

    Parameters
    ----------
    point : int
        An even point kills before the call, an odd one after it; -1 never kills.
    """

    def __init__(self, point: int = -1) -> None:
        self.point, self.seen = point, []

    def install(self) -> None:
        for name in OPERATIONS:
            setattr(os, name, self._wrap(name, getattr(os, name)))

    def _wrap(self, name: str, plain: Callable) -> Callable:
        def call(*arguments, **options):
            number = len(self.seen)
            self.seen.append(f"{name} {' '.join(map(_short, arguments))}")
            if self.point == 2 * number:
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return plain(*arguments, **options)
            finally:
                if self.point == 2 * number + 1:
                    os.kill(os.getpid(), signal.SIGKILL)

        return call


def _short(argument: object) -> str:
    """Return the name of a file without folder and process number, or "" for a descriptor."""
    parts = Path(argument).name.split(".") if isinstance(argument, str | os.PathLike) else []
    return ".".join(part for part in parts if not part.isdecimal())


def in_fork(work: Callable[[], int], log: Path) -> int:
    """Run a function in a fork of this process; return its exit code, or the negative number of the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            code = work()
        except BaseException:
            log.write_text(log.read_text() + traceback.format_exc())
        finally:
            os._exit(code)
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -signal.SIGALRM


def train(definition: Path, run: Path, deadly: Deadly | None = None) -> int:
    """Begin or resume a run."""
    begun = (run / "definition.toml").exists()
    arguments = ["--resume", str(run)] if begun else [str(definition), "--out", str(run)]
    if deadly:
        deadly.install()
    return cli.main(["train", *arguments, "--quiet"])


def prepare(folder: Path, figures: bool) -> Path:
    """Write the data and the definition, and make trainings save after every batch."""
    training.fit.__wrapped__.__kwdefaults__["checkpoint_seconds"] = 0
    if not figures:
        plot.raster = plot.curves = lambda *_, **options: _NoFigure()
    y = np.arange(30) % 3
    x = np.random.default_rng(0).integers(0, 90, (30, 9)) + 160 * (np.arange(9) // 3 == y[:, None])
    np.savez(folder / "data.npz", x=x.astype(np.uint8), y=y)
    definition = folder / "small.toml"
    definition.write_text(DEFINITION.replace("PATH", str(folder / "data.npz")), encoding="utf-8")
    return definition


class _NoFigure:
    """Placeholder for a figure, because drawing would take most of the time."""

    def savefig(self, path: str, **_: object) -> None:
        Path(path).write_bytes(b"a figure")


def count_points(folder: Path, definition: Path) -> list[str]:
    """Train undisturbed: in this process, to load and compile everything for its forks, and in a fork that counts."""
    train(definition, folder / "warm")
    deadly, counts = Deadly(), folder / "points.json"

    def work() -> int:
        code, seen = train(definition, folder / "alone", deadly), list(deadly.seen)
        counts.write_text(json.dumps(seen), encoding="utf-8")
        return code

    if code := in_fork(work, folder / "alone.log"):
        raise RuntimeError(f"an undisturbed training exits with {code}: {(folder / 'alone.log').read_text()}")
    return json.loads(counts.read_text(encoding="utf-8"))


def differences(alone: Path, killed: Path) -> list[str]:
    """Describe the differences between a killed run and an undisturbed one."""
    names = [sorted(path.name for path in folder.iterdir()) for folder in (alone, killed)]
    if names[0] != names[1]:
        return [f"files: {sorted(set(names[0]) ^ set(names[1]))}"]
    found = []
    for name in ("best.npz", "last.npz"):
        with np.load(alone / name) as one, np.load(killed / name) as other:
            found += [f"{name}: {each}" for each in one.files if one[each].tobytes() != other[each].tobytes()]
    lines = [(folder / "metrics.csv").read_text().split() for folder in (alone, killed)]
    timed = [n for n, column in enumerate(lines[0][0].split(",")) if column in ("seconds", "samples_per_second")]
    rows = [[[v for n, v in enumerate(line.split(",")) if n not in timed] for line in each] for each in lines]
    found += ["metrics.csv"] * (rows[0] != rows[1])
    results = [json.loads((folder / "result.json").read_text()) for folder in (alone, killed)]
    found += [f"result.json: {key}" for key in ("test", "best_epoch", "definition") if results[0][key] != results[1][key]]
    return found


def survive(folder: Path, definition: Path, deaths: list[int]) -> tuple[int, list[str]]:
    """Train with a kill at each of these points, one per process; return how many died, and the faults."""
    run, log, died = folder / "killed", folder / "killed.log", 0
    for point in [*deaths, -1]:
        code = in_fork(lambda point=point: train(definition, run, Deadly(point)), log)
        if code not in (0, -signal.SIGKILL):
            return died, [f"exit code {code}: {log.read_text().strip()}"]
        died += code != 0
    return died, differences(folder / "alone", run)


def main() -> int:
    """Test the selected points; return 1 if there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="test only one in N points (default: 1, all)", metavar="N")
    parser.add_argument("--point", type=int, help="test only this point")
    parser.add_argument("--again", action="store_true", help="also kill the resuming process, at a random point")
    parser.add_argument("--no-figures", action="store_true", help="do not draw figures, which takes most of the time")
    parser.add_argument("--seed", type=int, default=0, help="seed of the second kills and of the first point of --every")
    options = parser.parse_args()
    faults = deaths = resumed = 0
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        definition = prepare(root, not options.no_figures)
        points = count_points(root, definition)
        chosen = range(options.seed % options.every, 2 * len(points), options.every)
        for point in chosen if options.point is None else [options.point]:
            rng = random.Random(1000 * options.seed + point)
            kills = [point] + [rng.randrange(max(1, 2 * len(points) - point))] * options.again
            with tempfile.TemporaryDirectory(dir=root) as each:
                (Path(each) / "alone").symlink_to(root / "alone")
                died, found = survive(Path(each), definition, kills)
            deaths, resumed = deaths + died, resumed + 1
            if died == 0:
                found = [*found, "the process did not die"]
            if found:
                faults += 1
                place = f"{'after' if point % 2 else 'before'} {points[point // 2]}"
                print(f"point {point}, {place}{f', then point {kills[1]}' if options.again else ''}: {'; '.join(found)}")
                again = " --again" * options.again + f" --seed {options.seed}"
                print(f"  repeat with: python tests/reliability/kill_points.py --point {point}{again}", flush=True)
    print(f"{2 * len(points)} points, {resumed} trainings, {deaths} kills, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
