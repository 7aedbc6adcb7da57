"""The command line: it parses, calls, prints."""

import argparse
import sys
from collections.abc import Sequence

import cupynn
from cupynn.checks import InputError

_EXAMPLES = """\
examples:
  cupynn train digits                     handwritten digits that need no download, in less than a minute
  cupynn train mnist --epochs 3           the paper's network on MNIST, downloaded on first use
  cupynn train my.toml --out runs/mine    a definition of your own; start from runs/*/definition.toml
  cupynn evaluate runs/mine/best.npz digits
  cupynn import-reference Config/SpikingMnist.txt --checkpoint checkPoint.txt --out net.npz
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code: 0, or 2 for an input that cannot be used, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except InputError as error:
        print(f"cupynn: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("cupynn: interrupted; what a training has finished is in its run folder", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cupynn",
        description="Train deep spiking neural networks with HM2-BP.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"cupynn {cupynn.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    train = commands.add_parser(
        "train",
        help="train a preset or a definition of your own",
        description="Train, and leave a folder with definition, metrics, checkpoints, result and pictures.",
    )
    train.add_argument(
        "experiment", metavar="EXPERIMENT", help="a preset (digits, mnist, mnist-cnn, n-mnist) or the path of a .toml file"
    )
    train.add_argument("--epochs", type=int, help="passes over the data")
    train.add_argument("--batch-size", type=int, help="samples of one update")
    train.add_argument("--lr", type=float, help="learning rate")
    train.add_argument(
        "--validation",
        type=_number,
        help="number or fraction of training samples held out to choose the best epoch; 0: none",
    )
    train.add_argument("--seed", type=int, help="of weights, encoding, order and validation split")
    train.add_argument("--out", metavar="FOLDER", help="a new folder for the results (default: runs/NAME-DATE-TIME)")
    train.add_argument("--quiet", action="store_true", help="print nothing but errors")
    train.set_defaults(command=_train)

    evaluate = commands.add_parser(
        "evaluate",
        help="test a saved network",
        description="Print accuracy, silent samples and activity of a saved network on the test part of a data set.",
    )
    evaluate.add_argument("network", metavar="NETWORK.npz", help="a file written by training or by net.save")
    evaluate.add_argument("data", metavar="DATA", help="a data set (digits, mnist, n-mnist)")
    evaluate.set_defaults(command=_evaluate)

    reference = commands.add_parser(
        "import-reference",
        help="read a network of the original program",
        description="Read a config of the original HM2-BP program, print the network's summary, and save it if asked.",
    )
    reference.add_argument("config", metavar="CONFIG", help="a config file, such as Config/SpikingMnist.txt")
    reference.add_argument("--root", default=".", help="folder below which its weight files lie (default: this one)")
    reference.add_argument("--checkpoint", metavar="FILE", help="weights that the original program saved")
    reference.add_argument("--out", metavar="NET.npz", help="save the network here")
    reference.set_defaults(command=_import_reference)
    return parser


def _number(text: str) -> int | float:
    """Parse 5000 as a number of samples, 0.1 as a fraction."""
    return int(text) if text.isdecimal() else float(text)


def _train(options: argparse.Namespace) -> None:
    from cupynn import presets, run  # here, so that `cupynn --help` does not wait for Numba

    experiment = presets.read(options.experiment).replace(
        **{
            "training.epochs": options.epochs,
            "training.batch_size": options.batch_size,
            "optimizer.lr": options.lr,
            "network.seed": options.seed,
            "data.validation": options.validation,
        }
    )
    run.train(experiment, options.out, progress=not options.quiet)


def _evaluate(options: argparse.Namespace) -> None:
    from cupynn import Sequential, datasets

    network = Sequential.load(options.network)
    _, test = datasets.load(options.data)
    print(network.evaluate(test))


def _import_reference(options: argparse.Namespace) -> None:
    from cupynn import reference

    definition = reference.load(options.config, options.root, options.checkpoint)
    definition.network.summary()
    print(f"{definition.loss}\n{definition.optimizer}")
    if options.out is not None:
        definition.network.save(options.out)
        print(f"saved as {options.out}")
