"""`cupynn train`: train a preset or your own definition."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cupynn.commands import shared

if TYPE_CHECKING:
    from cupynn.parallel import Ranks

HELP = "train a preset or your own definition"
PRINTS_NEWS = True  # its messages about progress may be lost
DESCRIPTION = "Train, and write a folder with the definition, metrics, checkpoints, results and figures."
EXAMPLES = """\
  cupynn train digits                     handwritten digits; no download, less than a minute
  cupynn train mnist --epochs 3           the paper's network on MNIST, downloaded on first use
  cupynn train digits --show > my.toml    a definition to start from
  cupynn train my.toml --out runs/mine    your own definition; for images in one folder per class, its [data] table has
                                          kind = "image-folder", path = "shapes", size = [28, 28], invert = true,
                                          cut_ground = true, test = 0.2, validation = 0.1
  cupynn train digits --set network.steps=200 --set network.layers.hidden.units=100
  cupynn train emnist --set data.split=letters --set network.layers.output.units=26
  cupynn train --resume runs/mine         continue an interrupted run
  cupynn train digits --keep-epochs       keep the network after each epoch: `cupynn explore RUN` has a slider over them
  mpirun -n 4 cupynn train mnist          with 4 processes, which share each batch (pip install "cupynn[mpi]")
  cupynn train digits --log tensorboard   with event files in the folder of the run (pip install "cupynn[tensorboard]")
  cupynn train my.toml --json | tail -1   folder, accuracy and more, for a script
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    experiment = parser.add_argument(
        "experiment",
        nargs="?",
        metavar="EXPERIMENT",
        help="a preset (digits, dvs-gesture, emnist, emnist-augmented, fashion-mnist, fashion-mnist-augmented, "
        "fashion-mnist-cnn-augmented, fsdd, mnist, mnist-augmented, mnist-cnn, mnist-cnn-augmented, "
        "n-mnist, shd, ti46), or the path of a .toml file",
    )
    experiment.completer = _complete
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the training data")
    parser.add_argument("--batch-size", type=int, metavar="N", help="samples per update")
    part = "maximum number of samples computed together (default: as many as fit in memory)"
    parser.add_argument("--part-size", type=int, metavar="N", help=part)
    parser.add_argument("--lr", type=float, metavar="RATE", help="learning rate")
    held_out = "number or fraction of training samples held out to choose the best epoch; 0 for none"
    parser.add_argument("--validation", type=_number, metavar="PART", help=held_out)
    parser.add_argument("--seed", type=int, help="seed of weights, encoding, order and validation split")
    value = "any other value of the definition, by its dotted key, in TOML syntax; may be repeated"
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help=value)
    shared.add_device(parser)
    parser.add_argument("--out", metavar="FOLDER", help="new folder for the results (default: runs/NAME-DATE-TIME)")
    parser.add_argument("--resume", metavar="RUN", help="continue the interrupted run in this folder")
    kept = "keep the network after each epoch, for `cupynn explore`"
    parser.add_argument("--keep-epochs", action="store_true", help=kept)
    log = "also write the figures of each epoch for TensorBoard or Weights & Biases (offline); may be repeated"
    parser.add_argument("--log", choices=("tensorboard", "wandb"), action="append", default=[], help=log)
    parser.add_argument("--show", action="store_true", help="print the full definition and exit")
    parser.add_argument("--quiet", action="store_true", help="print only errors")
    shared.add_json(parser, "the result, in the last line,")


def execute(options: argparse.Namespace) -> None:
    """Train or resume."""
    from cupynn import parallel

    with parallel.world() as ranks:
        text = _train(options, ranks)
    if text is not None and ranks.first:
        print(text, end="", flush=True)


def _train(options: argparse.Namespace, ranks: "Ranks") -> str | None:
    """Train or resume; return the text to print at the end."""
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
        given = (values, options.show, options.keep_epochs, options.experiment is not None, options.out is not None)
        if any(given):
            raise InputError(
                "--resume continues a run unchanged: leave out EXPERIMENT, --out, --show, --keep-epochs and all values"
            )
        folder = run.resume(options.resume, progress=not options.quiet, device=options.device, ranks=ranks, log=options.log)
    else:
        if options.experiment is None:
            raise InputError("nothing to train: pass a preset or a .toml file, or --resume RUN")
        experiment = presets.read(options.experiment, values)
        if options.show:
            return experiment.to_toml()
        place = {"device": options.device, "ranks": ranks, "keep_epochs": options.keep_epochs, "log": options.log}
        folder = run.train(experiment, options.out, progress=not options.quiet, **place)
    return _result(folder) if options.json and ranks.first else None


def _result(folder: Path) -> str:
    from cupynn.run.saved import open_run

    result = open_run(folder).result
    test = {key: value for key, value in result["test"].items() if key != "confusion"}
    return shared.json_line(
        {"folder": str(folder), "best_epoch": result["best_epoch"], "seconds": result["seconds"], "test": test}
    )


def _complete(prefix: str, **_: object) -> list[str]:
    """Return the presets for the shell, which adds files."""
    from cupynn import presets

    return [name for name in presets.names() if name.startswith(prefix)]


def _number(text: str) -> int | float:
    """Parse 5000 as a number of samples, and 0.1 as a fraction."""
    return int(text) if text.isdecimal() else float(text)
