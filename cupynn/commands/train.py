"""`cupynn train`: train a preset or a definition of one's own."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cupynn.commands import shared

if TYPE_CHECKING:
    from cupynn.parallel import Ranks

HELP = "train a preset or a definition of your own"
PRINTS_NEWS = True  # messages about work in progress, which may be lost
DESCRIPTION = "Train, and leave a folder with definition, metrics, checkpoints, result and pictures."
EXAMPLES = """\
  cupynn train digits                     handwritten digits that need no download, in less than a minute
  cupynn train mnist --epochs 3           the paper's network on MNIST, downloaded on first use
  cupynn train digits --show > my.toml    a definition to start from
  cupynn train my.toml --out runs/mine    a definition of your own; for pictures in a folder a class its [data] table is
                                          kind = "image-folder", path = "shapes", size = [28, 28], invert = true,
                                          cut_ground = true, test = 0.2, validation = 0.1
  cupynn train digits --set network.steps=200 --set network.layers.hidden.units=100
  cupynn train emnist --set data.split=letters --set network.layers.output.units=26
  cupynn train --resume runs/mine         go on with a run that was interrupted
  mpirun -n 4 cupynn train mnist          on 4 processes, which share every batch (pip install "cupynn[mpi]")
  cupynn train my.toml --json | tail -1   folder, accuracy and so on, for a script
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "experiment",
        nargs="?",
        metavar="EXPERIMENT",
        help="a preset (digits, emnist, emnist-augmented, fashion-mnist, fashion-mnist-augmented, "
        "fashion-mnist-cnn-augmented, fsdd, mnist, mnist-augmented, mnist-cnn, mnist-cnn-augmented, "
        "n-mnist, ti46), or the path of a .toml file",
    )
    parser.add_argument("--epochs", type=int, help="passes over the data")
    parser.add_argument("--batch-size", type=int, help="samples of one update")
    parser.add_argument(
        "--part-size", type=int, help="samples computed together, at most (default: as many as fit into memory)"
    )
    parser.add_argument("--lr", type=float, help="learning rate")
    parser.add_argument(
        "--validation",
        type=_number,
        help="number or fraction of training samples held out to choose the best epoch; 0: none",
    )
    parser.add_argument("--seed", type=int, help="of weights, encoding, order and validation split")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="any other value of the definition, by its dotted key, as TOML writes it; may be repeated",
    )
    shared.add_device(parser)
    parser.add_argument("--out", metavar="FOLDER", help="a new folder for the results (default: runs/NAME-DATE-TIME)")
    parser.add_argument("--resume", metavar="RUN", help="go on with the run in this folder, where it was interrupted")
    parser.add_argument("--show", action="store_true", help="print the definition, all values in their places, and end")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    shared.add_json(parser, "the result, in the last line,")


def execute(options: argparse.Namespace) -> None:
    """Train, or go on."""
    from cupynn import parallel

    with parallel.world() as ranks:
        product = _train(options, ranks)
    if product is not None and ranks.first:
        print(product, end="", flush=True)


def _train(options: argparse.Namespace, ranks: "Ranks") -> str | None:
    """Train, or go on; return what is to be printed when all is done."""
    from cupynn import presets, run
    from cupynn.checks import InputError

    values = shared.read_values("--set", options.set, "training.epochs=3")
    short = {
        "training.epochs": options.epochs,
        "training.batch_size": options.batch_size,
        "training.part_size": options.part_size,
        "optimizer.lr": options.lr,
        "network.seed": options.seed,
        "data.validation": options.validation,
    }
    values |= {key: value for key, value in short.items() if value is not None}
    if options.resume is not None:
        if values or options.show or options.experiment is not None or options.out is not None:
            raise InputError("--resume goes on with a run as it began: leave out EXPERIMENT, --out and all values")
        folder = run.resume(options.resume, progress=not options.quiet, device=options.device, ranks=ranks)
    else:
        if options.experiment is None:
            raise InputError("train what? pass a preset or a .toml file, or --resume RUN")
        experiment = presets.read(options.experiment, values)
        if options.show:
            return experiment.to_toml()
        folder = run.train(experiment, options.out, progress=not options.quiet, device=options.device, ranks=ranks)
    return _result(folder) if options.json and ranks.first else None


def _result(folder: Path) -> str:
    from cupynn.run.saved import open_run

    result = open_run(folder).result
    test = {key: value for key, value in result["test"].items() if key != "confusion"}
    return shared.json_line(
        {"folder": str(folder), "best_epoch": result["best_epoch"], "seconds": result["seconds"], "test": test}
    )


def _number(text: str) -> int | float:
    """Parse 5000 as a number of samples, 0.1 as a fraction."""
    return int(text) if text.isdecimal() else float(text)
