"""Train the rows of the accuracy tables with all their seeds, store the results, and fill the tables from them.

    CUPYNN_DATA=... python tests/bench/recipes.py digits fsdd         train or resume the missing seeds of rows
    CUPYNN_DATA=... python tests/bench/recipes.py digits --retrain    train all seeds of rows again
    python tests/bench/recipes.py                                     only fill the tables

A row, in cupynn/run/rows.toml, is one command, `cupynn train ARGUMENTS --seed SEED`. Its `result.json` is stored as
results/ROW-SEED.json. The best epoch is chosen on held-out training data, and the test set is used once, after the last
epoch. results/README.md has a table of all rows, the README of the project one of a few.
"""

import argparse
import io
import json
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from statistics import mean
from typing import Any

import tomli_w
from steps import nets

from cupynn import cli, presets
from cupynn.run.rows import rows
from cupynn.run.rows import summary as mean_and_spread

HERE = Path(__file__).parent
RESULTS, RUNS = HERE / "results", HERE.parents[1] / "runs" / "recipes"
README, PAGE = HERE.parents[1] / "README.md", RESULTS / "README.md"
PUBLISHED = HERE.parents[1] / "cupynn" / "run" / "rows.toml"  # the rows, for `cupynn reproduce`
BEGIN, END = "<!-- results: filled in by tests/bench/recipes.py -->", "<!-- end of results -->"


ROWS = rows()
IN_README = ("digits", "mnist-augmented", "mnist-cnn-augmented", "fashion-mnist-augmented", "n-mnist-subset")
PAGES = {README: IN_README, PAGE: tuple(ROWS)}  # the rows of each page's table


def command(name: str, seed: int) -> list[str]:
    """Return the arguments of `cupynn` for a row and a seed."""
    return ["train", *shlex.split(ROWS[name].arguments), "--seed", str(seed)]


def result_file(name: str, seed: int) -> Path:
    """Return the path of the stored result."""
    return RESULTS / f"{name}-{seed}.json"


def train(name: str, seed: int) -> None:
    """Train one seed of a row, or resume its stopped run, and store the result."""
    folder = RUNS / f"{name}-{seed}"
    cupynn = [sys.executable, "-m", "cupynn"]
    if (folder / "definition.toml").is_file():
        subprocess.run([*cupynn, "train", "--resume", folder], check=True)
    else:
        subprocess.run([*cupynn, *command(name, seed), "--out", folder], check=True)
    shutil.copy(folder / "result.json", result_file(name, seed))
    shutil.rmtree(folder)


def definition(name: str, seed: int) -> dict[str, Any]:
    """Return the tables of the experiment that the row's command trains."""
    with redirect_stdout(io.StringIO()) as shown:
        cli.main([*command(name, seed), "--show"])
    tables = tomllib.loads(shown.getvalue())
    return {key: table for key, table in tables.items() if key != "name"}


def network(tables: dict[str, Any]) -> str:
    """Return the network in the notation of the paper, such as 784-800-10, T = 400."""
    built, _, _ = presets.Experiment("row", **tables).build("cpu")
    shorter = f", trained with {tables['training']['steps']}" if "steps" in tables["training"] else ""
    return f"{nets.title(built)}, T = {built.steps}{shorter}"


def peer_file(name: str) -> Path:
    """Return the path of snnTorch's results on a row's data, written by `peer_accuracy.py`."""
    return RESULTS / f"{name}-snntorch.json"


def summary(accuracies: list[float]) -> str:
    """Format the accuracies of one or several seeds in percent."""
    return mean_and_spread(accuracies) + (f" over {len(accuracies)} seeds" if len(accuracies) > 1 else "")


def line(name: str) -> str:
    """Format a row of the table from its result files."""
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
        reached,
        "; ".join(others),
        f"{epochs} epochs, {time}",
    )
    return f"| {' | '.join(cells)} |"


def trained(name: str) -> bool:
    """Return whether a row has the results of all its seeds."""
    return all(result_file(name, seed).is_file() for seed in ROWS[name].seeds)


def table(rows: Sequence[str]) -> str:
    """Format a table of those of the rows that are trained."""
    head = "| task and command | network | test accuracy | others | training |\n|---|---|---|---|---|"
    return "\n".join([head, *(line(name) for name in rows if trained(name))])


def fill(text: str, rows: Sequence[str]) -> str:
    """Return the text of a page with its table filled from the result files."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table(rows)}\n{END}{after}"


def published() -> str:
    """Return the text of rows.toml, with the accuracies and times of the result files."""
    tables = tomllib.loads(PUBLISHED.read_text(encoding="utf-8"))
    for name in filter(trained, ROWS):
        results = [json.loads(result_file(name, seed).read_text(encoding="utf-8")) for seed in ROWS[name].seeds]
        tables[name]["accuracies"] = [result["test"]["accuracy"] for result in results]
        tables[name]["seconds"] = round(mean(result["seconds"] for result in results))
    heading, _, _ = PUBLISHED.read_text(encoding="utf-8").partition("\n\n")
    return f"{heading}\n\n{tomli_w.dumps(tables)}"


def main() -> None:
    """Train the rows named on the command line, then fill the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"rows to train: {', '.join(ROWS)}")
    parser.add_argument("--seeds", type=int, nargs="+", help="train only these of the rows' seeds")
    parser.add_argument("--retrain", action="store_true", help="also train seeds that have a result already")
    options = parser.parse_args()
    if unknown := set(options.rows) - ROWS.keys():
        parser.error(f"unknown row {', '.join(sorted(unknown))}: pass some of {', '.join(ROWS)}")
    for name in options.rows:
        for seed in ROWS[name].seeds:
            selected = options.seeds is None or seed in options.seeds
            if selected and (options.retrain or not result_file(name, seed).is_file()):
                train(name, seed)
    for page, shown in PAGES.items():
        page.write_text(fill(page.read_text(encoding="utf-8"), shown), encoding="utf-8")
    PUBLISHED.write_text(published(), encoding="utf-8")


if __name__ == "__main__":
    main()
