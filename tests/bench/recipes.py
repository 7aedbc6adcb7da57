"""The results in the README: train a row's recipe with each of its seeds, keep the result files, fill the table from them.

    CUPYNN_DATA=... python tests/bench/recipes.py mnist fsdd        train what these rows lack; goes on where it was stopped
    CUPYNN_DATA=... python tests/bench/recipes.py mnist --anew      train them again
    python tests/bench/recipes.py                                   fill the table of the README

A row is one command, `cupynn train ARGUMENTS --seed SEED`, whose `result.json` is kept as results/ROW-SEED.json. The epoch
is chosen on held-out training data, and the test data are classified once, after the last epoch.
"""

import argparse
import io
import json
import shlex
import shutil
import subprocess
import sys
import tomllib
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from steps import nets

from cupynn import cli, presets

HERE = Path(__file__).parent
RESULTS, README, RUNS = HERE / "results", HERE.parents[1] / "README.md", HERE.parents[1] / "runs" / "recipes"
BEGIN, END = "<!-- results: filled in by tests/bench/recipes.py -->", "<!-- end of results -->"


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    task: str
    arguments: str  # of `cupynn train`
    paper: str = ""  # test accuracies of the paper
    seeds: tuple[int, ...] = (0,)
    others: str = ""  # what others report


ROWS = {
    "digits": Row("digits (scikit-learn)", "digits", seeds=(0, 1, 2)),
    "mnist-augmented": Row("MNIST, augmented", "mnist-augmented", "98.93 %, mean 98.84 %, not augmented", (0, 1, 2)),
    "mnist-augmented-h200": Row(
        "The same, on an NVIDIA H200", "mnist-augmented --batch-size 128 --device cuda", "98.93 %, mean 98.84 %, 37 hours"
    ),
    "mnist-3-epochs": Row("MNIST", "mnist --epochs 3"),
    "mnist-cnn-2-epochs": Row("MNIST", "mnist-cnn --epochs 2", "99.49 %, augmented, 200 epochs"),
    "mnist-cnn-augmented": Row("MNIST, augmented", "mnist-cnn-augmented", "99.49 %, mean 99.42 %, 200 epochs", (0, 1, 2)),
    "fashion-mnist": Row("Fashion-MNIST", "fashion-mnist --epochs 8", "88.99 %"),
    "fashion-mnist-augmented": Row(
        "Fashion-MNIST, augmented", "fashion-mnist-augmented", "88.99 %, not augmented", (0, 1, 2)
    ),
    "fashion-mnist-cnn-augmented": Row(
        "Fashion-MNIST, augmented", "fashion-mnist-cnn-augmented", others="TSSL-BP 92.69 %, best 92.83 %, 100 epochs"
    ),
    "emnist-bymerge-test": Row(
        "EMNIST, by-merge test file alone ¹", "emnist --set data.split=bymerge-test --epochs 4 --validation 9400"
    ),
    "emnist-augmented-bymerge-test": Row("EMNIST, the same, augmented ¹", "emnist-augmented --set data.split=bymerge-test"),
    "n-mnist-subset": Row("N-MNIST, the 1,100 recordings at hand ²", "n-mnist", seeds=(0, 1, 2)),
    "fsdd": Row("FSDD, new takes of the same speakers", "fsdd", seeds=(0, 1, 2)),
    "fsdd-speaker": Row(
        "FSDD, two speakers never heard", "fsdd --set data.split=speaker --epochs 5 --lr 0.01", seeds=(0, 1, 2)
    ),
}


def command(name: str, seed: int) -> list[str]:
    """The row's command, for a seed."""
    return ["train", *shlex.split(ROWS[name].arguments), "--seed", str(seed)]


def result_file(name: str, seed: int) -> Path:
    """Where its result is kept."""
    return RESULTS / f"{name}-{seed}.json"


def train(name: str, seed: int) -> None:
    """Train, or go on with what was stopped, and keep the result."""
    folder = RUNS / f"{name}-{seed}"
    cupynn = [sys.executable, "-m", "cupynn"]
    if (folder / "definition.toml").is_file():
        subprocess.run([*cupynn, "train", "--resume", folder], check=True)
    else:
        subprocess.run([*cupynn, *command(name, seed), "--out", folder], check=True)
    shutil.copy(folder / "result.json", result_file(name, seed))
    shutil.rmtree(folder)


def definition(name: str, seed: int) -> dict[str, Any]:
    """Tables of the experiment that the row's command trains."""
    with redirect_stdout(io.StringIO()) as shown:
        cli.main([*command(name, seed), "--show"])
    tables = tomllib.loads(shown.getvalue())
    return {key: table for key, table in tables.items() if key != "name"}


def network(tables: dict[str, Any]) -> str:
    """The network in the paper's words, such as 784-800-10, T = 400."""
    built, _, _ = presets.Experiment("row", **tables).build("cpu")
    shorter = f", trained with {tables['training']['steps']}" if "steps" in tables["training"] else ""
    return f"{nets.title(built)}, T = {built.steps}{shorter}"


def peer_file(name: str) -> Path:
    """Where `peer_accuracy.py` keeps what snnTorch reaches on a row's files."""
    return RESULTS / f"{name}-snntorch.json"


def summary(accuracies: list[float]) -> str:
    """Accuracies of several seeds, or of one, in percent."""
    if len(accuracies) == 1:
        return f"{100 * accuracies[0]:.2f} %"
    return f"{100 * mean(accuracies):.2f} ± {100 * stdev(accuracies):.2f} % over {len(accuracies)} seeds"


def line(name: str) -> str:
    """A row of the table, from its files."""
    row = ROWS[name]
    results = [json.loads(result_file(name, seed).read_text(encoding="utf-8")) for seed in row.seeds]
    accuracies = [result["test"]["accuracy"] for result in results]
    reached = summary(accuracies)
    if len(results) > 1:
        reached += f", best {100 * max(accuracies):.2f} %"
    others = [f"paper {row.paper}"] if row.paper else []
    if row.others:
        others.append(row.others)
    if peer_file(name).is_file():
        runs = json.loads(peer_file(name).read_text(encoding="utf-8"))["runs"]
        others.append(f"snnTorch {summary([run['test'] for run in runs])}")
    seconds = mean(result["seconds"] for result in results)
    time = f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"
    epochs = len(results[0]["epochs"])
    cells = (
        f"{row.task}<br>`cupynn train {row.arguments}`",
        network(results[0]["definition"]),
        f"{reached}",
        "; ".join(others),
        f"{epochs} epochs, {time}",
    )
    return f"| {' | '.join(cells)} |"


def table() -> str:
    """The table, of all rows that have their files."""
    head = "| task, command | network | test accuracy | others | training |\n|---|---|---|---|---|"
    rows = [name for name, row in ROWS.items() if all(result_file(name, seed).is_file() for seed in row.seeds)]
    return "\n".join([head, *map(line, rows)])


def fill(text: str) -> str:
    """The text of the README with the table as the files have it."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> None:
    """Train what is asked for, then fill the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--seeds", type=int, nargs="+", help="only these of the row's seeds")
    parser.add_argument("--anew", action="store_true", help="train also what has a result")
    options = parser.parse_args()
    if unknown := set(options.rows) - ROWS.keys():
        parser.error(f"no row {', '.join(sorted(unknown))}: there are {', '.join(ROWS)}")
    for name in options.rows:
        for seed in ROWS[name].seeds:
            wanted = options.seeds is None or seed in options.seeds
            if wanted and (options.anew or not result_file(name, seed).is_file()):
                train(name, seed)
    README.write_text(fill(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
