"""Kill a training at random moments, some of them during a save, and compare it with an undisturbed one.

    python tests/reliability/kills.py --kills 50

After each SIGKILL a new process resumes the training. `--signal TERM` sends SIGTERM instead.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
DEFINITION = """
[data]
name = "digits"
validation = 200
[network]
input_shape = [8, 8]
steps = 60
encoder = { kind = "Poisson", max_rate = 0.5 }
layers = [
    { kind = "SpikingDense", name = "hidden", units = 30, v_th = 10.0 },
    { kind = "SpikingDense", name = "output", units = 10, v_th = 4.0, lateral_inhibition = 1.0 },
]
[loss]
kind = "SpikeCount"
desired = 10
undesired = 1
margin = 1
[optimizer]
kind = "Adam"
lr = 0.02
regularizer = { kind = "ExponentialRegularizer", strength = 0.1 }
[training]
epochs = EPOCHS
batch_size = 50
boost = true
"""
# Trains with a save after every batch, so that kills hit saves; the first argument is the duration of a step.
PROGRAM = """
import sys, time
from cupynn import cli, training
from cupynn.training.loop import Training
training.fit.__wrapped__.__kwdefaults__["checkpoint_seconds"] = 0
plain, wait = Training._update, float(sys.argv.pop(1))
Training._update = lambda *arguments: (time.sleep(wait), plain(*arguments))[1]
print("ready", flush=True)
sys.exit(cli.main(sys.argv[1:]))
"""


def start(wait: float, *arguments: str) -> subprocess.Popen:
    """Start `cupynn` with these arguments; return once its modules are loaded."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(wait), *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    return process


def survive(folder: Path, kills: int, epochs: int, wait: float, number: int, seed: int = 0) -> dict[str, int]:
    """Train twice, undisturbed and with this number of kills; count the kills, and raise if the results differ."""
    definition = folder / "small.toml"
    definition.write_text(DEFINITION.replace("EPOCHS", str(epochs)), encoding="utf-8")
    quiet = start(0, "train", str(definition), "--out", str(folder / "alone"), "--quiet")
    _, err = quiet.communicate()
    if quiet.returncode:
        raise RuntimeError(err)
    run, rng, seen = folder / "killed", random.Random(seed), {"kills": 0, "in a save": 0, "starts": 0}
    while not (run / "result.json").exists():
        begun = (run / "definition.toml").exists()
        arguments = ["--resume", str(run)] if begun else [str(definition), "--out", str(run)]
        process = start(wait, "train", *arguments, "--quiet")
        seen["starts"] += 1
        if seen["kills"] < kills:
            moment = time.monotonic() + rng.uniform(0, 3.0)
            in_save = rng.random() < 0.3  # wait for a half-written file, then kill at once
            while process.poll() is None and time.monotonic() < moment + 3 * in_save:
                if in_save and time.monotonic() > moment and any(run.glob("training.npz.*.tmp")):
                    seen["in a save"] += 1
                    break
                time.sleep(0.0005)
            if process.poll() is None:
                process.send_signal(number)
                seen["kills"] += 1
        _, err = process.communicate()
        if process.returncode not in (0, -number, 128 + number):
            raise RuntimeError(f"exit code {process.returncode}:\n{err}")
    for name in ("best.npz", "last.npz"):
        one, other = np.load(folder / "alone" / name), np.load(run / name)
        for array in one.files:
            np.testing.assert_array_equal(one[array], other[array], f"{name}: {array}")
    files = [folder / each / "metrics.csv" for each in ("alone", "killed")]
    rows = [[line.split(",") for line in file.read_text(encoding="utf-8").splitlines()] for file in files]
    timed = [rows[0][0].index(name) for name in ("seconds", "samples_per_second")]
    for one, other in zip(*rows, strict=True):
        assert [v for n, v in enumerate(one) if n not in timed] == [v for n, v in enumerate(other) if n not in timed]
    left = {path.name for path in run.iterdir()} ^ {path.name for path in (folder / "alone").iterdir()}
    assert not left, left
    return seen


def main() -> None:
    """Run the test and print the counts; fail if the results differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="number of kills (default: 50)")
    parser.add_argument("--epochs", type=int, default=30, help="epochs of the training (default: 30)")
    parser.add_argument("--wait", type=float, default=0.05, help="seconds added to each step (default: 0.05)")
    parser.add_argument("--signal", choices=("KILL", "TERM", "INT"), default="KILL", help="signal to send (default: KILL)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random moments (default: 0)")
    options = parser.parse_args()
    os.environ.setdefault("CUPYNN_OFFLINE", "1")
    with tempfile.TemporaryDirectory() as folder:
        number = signal.Signals[f"SIG{options.signal}"]
        print(survive(Path(folder), options.kills, options.epochs, options.wait, number, options.seed))


if __name__ == "__main__":
    main()
