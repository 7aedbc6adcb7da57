"""`cupynn reproduce`: repeat the trainings of published results."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from cupynn.commands import train

if TYPE_CHECKING:
    from cupynn.run.rows import Row

HELP = "repeat the trainings of published results"
PRINTS_NEWS = True
DESCRIPTION = """\
Repeat the trainings of one row of the accuracy tables, and print the test accuracies beside the published ones. Without ROW,
list the rows, with the time that a seed took on two cores.

The runs are in OUT/ROW-SEED. Repeat an interrupted command to continue; finished seeds are not trained again."""
EXAMPLES = """\
  cupynn reproduce                              the rows, with their accuracy and time
  cupynn reproduce digits                       three seeds, less than a minute
  cupynn reproduce mnist-augmented --seeds 0    one of its seeds
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("row", nargs="?", metavar="ROW", help="row to repeat (default: list the rows)")
    parser.add_argument("--seeds", type=int, nargs="+", metavar="SEED", help="only these of the row's seeds")
    parser.add_argument(
        "--out", default="runs/reproduce", metavar="OUT", help="folder of the runs (default: runs/reproduce)"
    )
    parser.add_argument("--quiet", action="store_true", help="print only the comparison")


def execute(options: argparse.Namespace) -> None:
    """List the rows, or train the seeds of one and compare."""
    from cupynn import checks
    from cupynn.checks import InputError
    from cupynn.run import open_run
    from cupynn.run.rows import rows, summary

    known = rows()
    if options.row is None:
        if options.seeds:
            raise InputError(f"--seeds {options.seeds[0]}: pass the ROW that has this seed as well")
        _list(known)
        return
    row = known[checks.choice("ROW", options.row, known)]
    seeds = row.seeds if options.seeds is None else tuple(dict.fromkeys(options.seeds))
    if other := set(seeds) - set(row.seeds):
        raise InputError(f"--seeds {min(other)}: {options.row} has the seeds {', '.join(map(str, row.seeds))}")
    published, reached = dict(zip(row.seeds, row.accuracies, strict=True)), {}
    for seed in seeds:
        folder = checks.path("--out", options.out) / f"{options.row}-{seed}"
        _train(row, seed, folder, options.quiet)
        reached[seed] = open_run(folder).result["test"]["accuracy"]
    print(f"\n{options.row}: cupynn train {row.arguments}\n\nseed   published  here")
    for seed in seeds:
        print(f"{seed:<5}  {published[seed]:9.2%}  {reached[seed]:.2%}")
    if len(seeds) > 1:
        print(f"mean   {summary([published[seed] for seed in seeds])}, here {summary([reached[seed] for seed in seeds])}")


def _train(row: "Row", seed: int, folder: Path, quiet: bool) -> None:
    """Train with one seed in a folder, or continue there."""
    from cupynn.run.saved import DEFINITION

    if (folder / DEFINITION).is_file():
        arguments = ["--resume", str(folder), *_device(row)]
    else:
        arguments = [*shlex.split(row.arguments), "--seed", str(seed), "--out", str(folder)]
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    train.execute(parser.parse_args([*arguments, *["--quiet"] * quiet]))


def _device(row: "Row") -> list[str]:
    """Return the option of a row's device, which a run does not know."""
    words = shlex.split(row.arguments)
    return words[words.index("--device") :][:2] if "--device" in words else []


def _list(rows: "dict[str, Row]") -> None:
    from cupynn.run.rows import summary

    width = max(map(len, rows))
    for name, row in rows.items():
        time = f"{row.seconds} s" if row.seconds < 600 else f"{row.seconds / 60:.0f} min"
        print(f"{name:{width}}  {summary(row.accuracies):15}  {len(row.seeds)} x {time:8}  {row.task}")
