"""`cupynn runs`: list the runs in a folder."""

import argparse
from typing import TYPE_CHECKING

from cupynn.commands import shared

if TYPE_CHECKING:
    from cupynn.run import Listed

HELP = "list the runs in a folder, with their accuracy"
DESCRIPTION = """\
List the runs in a folder, and in its sub-folders such as runs/reproduce, with their start,
state and accuracy, the latest last.

A run is finished, training, interrupted (`cupynn train --resume RUN` continues it) or damaged."""
EXAMPLES = """\
  cupynn runs                                  the runs in runs/
  cupynn runs results/sweep                    those in another folder
  cupynn runs --json | jq -r 'select(.state == "interrupted").folder'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("folder", nargs="?", default="runs", metavar="FOLDER", help="folder of runs (default: runs)")
    parser.add_argument("--json", action="store_true", help="print a line per run as JSON")


def execute(options: argparse.Namespace) -> None:
    """List the runs."""
    from dataclasses import asdict

    from cupynn.run import list_runs

    found = list_runs(options.folder)
    if options.json:
        for run in found:
            started = run.started.isoformat(timespec="seconds")
            shared.print_json(asdict(run) | {"folder": str(run.folder), "started": started})
        return
    if not found:
        print(f"no runs in {options.folder}; `cupynn train digits` makes one")
        return
    rows = [("run", "started", "state", "epochs", "validation", "test"), *map(_row, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    for run in found:
        if run.problem:
            print(f"damaged: {run.problem}")


def _row(run: "Listed") -> tuple[str, ...]:
    epochs = "" if run.epochs is None else f"{run.epochs} of {run.of}"
    shown = "{:.2%}" if run.measure == "accuracy" else "R2 {:.3f}"
    accuracies = ("" if value is None else shown.format(value) for value in (run.validation, run.test))
    return (str(run.folder), f"{run.started:%Y-%m-%d %H:%M}", run.state, epochs, *accuracies)
