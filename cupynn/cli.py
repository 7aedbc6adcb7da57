"""The command line: it parses, calls, prints."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import cupynn
from cupynn.checks import InputError
from cupynn.interrupt import Interrupted

_EXAMPLES = """\
examples:
  cupynn train digits                     handwritten digits that need no download, in less than a minute
  cupynn train mnist --epochs 3           the paper's network on MNIST, downloaded on first use
  cupynn train my.toml --out runs/mine    a definition of your own; start from runs/*/definition.toml
  cupynn evaluate runs/mine/best.npz digits
  cupynn datasets                         what there is to train on, and what is downloaded already
  cupynn import-reference Config/SpikingMnist.txt --checkpoint checkPoint.txt --out net.npz
"""

_DATASETS_EXAMPLES = """\
examples:
  cupynn datasets                                     what there is, and what is here
  cupynn datasets --download fashion-mnist
  cupynn datasets --download emnist --option split=letters

Files lie in the user's cache, or in the folder that the environment variable CUPYNN_DATA names. With CUPYNN_OFFLINE=1
nothing is ever downloaded.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code: 0, 2 for an input that cannot be used, 130 or 143 when interrupted."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except InputError as error:
        print(f"cupynn: error: {error}", file=sys.stderr)
        return 2
    except Interrupted as stop:
        print(f"cupynn: {stop}", file=sys.stderr)
        return stop.exit_code
    except KeyboardInterrupt:
        print(
            "cupynn: interrupted; what a training has finished is in its run folder, and a download goes on from here",
            file=sys.stderr,
        )
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
        "experiment",
        nargs="?",
        metavar="EXPERIMENT",
        help="a preset (digits, emnist, fashion-mnist, fsdd, mnist, mnist-cnn, n-mnist, ti46) or the path of a .toml file",
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
    _add_device(train)
    train.add_argument("--out", metavar="FOLDER", help="a new folder for the results (default: runs/NAME-DATE-TIME)")
    train.add_argument("--resume", metavar="RUN", help="go on with the run in this folder, where it was interrupted")
    train.add_argument("--quiet", action="store_true", help="print nothing but errors")
    train.set_defaults(command=_train)

    evaluate = commands.add_parser(
        "evaluate",
        help="test a saved network",
        description="Print accuracy, silent samples and activity of a saved network on the test part of a data set.",
    )
    evaluate.add_argument("network", metavar="NETWORK.npz", help="a file written by training or by net.save")
    evaluate.add_argument("data", metavar="DATA", help="a data set; `cupynn datasets` lists all")
    _add_options(evaluate)
    _add_device(evaluate)
    evaluate.set_defaults(command=_evaluate)

    datasets = commands.add_parser(
        "datasets",
        help="list the data sets, or download one",
        description="List all data sets: what each is, whether it is here and where, and its size.",
        epilog=_DATASETS_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    datasets.add_argument("--download", metavar="NAME", help="fetch what is missing of this one, and check it")
    _add_options(datasets)
    datasets.set_defaults(command=_datasets)

    devices = commands.add_parser(
        "devices",
        help="say which GPU can be used, and what is missing",
        description="List driver, CuPy and GPUs; where something keeps a GPU from being used, say what to install.",
    )
    devices.set_defaults(command=_devices)

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


def _add_device(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, ... (default: auto, a GPU if one works)")


def _add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--option",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="an option of the data set, such as split=letters; may be repeated",
    )


def _read_options(options: Sequence[str]) -> dict[str, Any]:
    """Parse KEY=VALUE, where a value is read as in a definition, and as a string where it is none."""
    import tomllib

    table = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise InputError(f"--option {option}: pass KEY=VALUE, such as split=letters")
        try:
            table[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            table[key] = value
    return table


def _number(text: str) -> int | float:
    """Parse 5000 as a number of samples, 0.1 as a fraction."""
    return int(text) if text.isdecimal() else float(text)


def _train(options: argparse.Namespace) -> None:
    from cupynn import presets, run  # here, so that `cupynn --help` does not wait for Numba

    values = {
        "training.epochs": options.epochs,
        "training.batch_size": options.batch_size,
        "optimizer.lr": options.lr,
        "network.seed": options.seed,
        "data.validation": options.validation,
    }
    new = [options.experiment, options.out, *values.values()]
    if options.resume is not None:
        if any(value is not None for value in new):
            raise InputError("--resume goes on with a run as it began: leave out EXPERIMENT, --out and all values")
        run.resume(options.resume, progress=not options.quiet, device=options.device)
        return
    if options.experiment is None:
        raise InputError("train what? pass a preset or a .toml file, or --resume RUN")
    experiment = presets.read(options.experiment).replace(**values)
    run.train(experiment, options.out, progress=not options.quiet, device=options.device)


def _evaluate(options: argparse.Namespace) -> None:
    from cupynn import Sequential, datasets

    network = Sequential.load(options.network, options.device)
    _, test = datasets.load(options.data, **_read_options(options.option))
    print(network.evaluate(test))


def _datasets(options: argparse.Namespace) -> None:
    from cupynn import datasets
    from cupynn.datasets import catalogue

    chosen = _read_options(options.option)
    if options.download is not None:
        print(*datasets.load(options.download, **chosen), sep="\n")
    elif chosen:
        raise InputError(f"--option {options.option[0]}: it belongs to a data set: pass --download NAME as well")
    else:
        print(catalogue.table())


def _devices(options: argparse.Namespace) -> None:
    from cupynn import diagnosis

    print(*diagnosis.report(), sep="\n")


def _import_reference(options: argparse.Namespace) -> None:
    from cupynn import reference

    definition = reference.load(options.config, options.root, options.checkpoint)
    definition.network.summary()
    print(f"{definition.loss}\n{definition.optimizer}")
    if options.out is not None:
        definition.network.save(options.out)
        print(f"saved as {options.out}")
