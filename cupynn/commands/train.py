"""`cupynn train`: train a preset or a definition of one's own."""

import argparse

from cupynn.commands import shared

HELP = "train a preset or a definition of your own"
DESCRIPTION = "Train, and leave a folder with definition, metrics, checkpoints, result and pictures."
EXAMPLES = """\
  cupynn train digits                     handwritten digits that need no download, in less than a minute
  cupynn train mnist --epochs 3           the paper's network on MNIST, downloaded on first use
  cupynn train my.toml --out runs/mine    a definition of your own; start from runs/*/definition.toml
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "experiment",
        metavar="EXPERIMENT",
        help="a preset (digits, emnist, fashion-mnist, fsdd, mnist, mnist-cnn, n-mnist, ti46) or the path of a .toml file",
    )
    parser.add_argument("--epochs", type=int, help="passes over the data")
    parser.add_argument("--batch-size", type=int, help="samples of one update")
    parser.add_argument("--lr", type=float, help="learning rate")
    parser.add_argument(
        "--validation",
        type=_number,
        help="number or fraction of training samples held out to choose the best epoch; 0: none",
    )
    parser.add_argument("--seed", type=int, help="of weights, encoding, order and validation split")
    shared.add_device(parser)
    parser.add_argument("--out", metavar="FOLDER", help="a new folder for the results (default: runs/NAME-DATE-TIME)")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def run(options: argparse.Namespace) -> None:
    """Train."""
    from cupynn import presets, run

    experiment = presets.read(options.experiment).replace(
        **{
            "training.epochs": options.epochs,
            "training.batch_size": options.batch_size,
            "optimizer.lr": options.lr,
            "network.seed": options.seed,
            "data.validation": options.validation,
        }
    )
    run.train(experiment, options.out, progress=not options.quiet, device=options.device)


def _number(text: str) -> int | float:
    """Parse 5000 as a number of samples, 0.1 as a fraction."""
    return int(text) if text.isdecimal() else float(text)
