"""Arguments that several commands have, and the networks, data and values behind them."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cupynn import checks
from cupynn.checks import InputError

if TYPE_CHECKING:
    from cupynn import Sequential
    from cupynn.datasets import Dataset
    from cupynn.run.saved import SavedRun


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add --device."""
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, ... (default: auto, a GPU if one works)")


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add --option, for the options of a data set."""
    text = "option of the data set, such as split=letters; may be repeated"
    parser.add_argument("--option", metavar="KEY=VALUE", action="append", default=[], help=text)


def read_values(flag: str, given: Sequence[str], example: str) -> dict[str, Any]:
    """Parse each KEY=VALUE; a value is read as TOML, or as a string if it is not valid TOML."""
    from tomllib import TOMLDecodeError

    from cupynn import toml

    table = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"{flag} {text}: pass KEY=VALUE, such as {example}")
        try:
            table[key] = toml.loads(f"value = {value}")["value"]
        except TOMLDecodeError:
            table[key] = value
        except ValueError as error:
            raise InputError(f"{flag} {text:.60}: {error}: pass a simpler value") from None
    return table


def read_options(options: argparse.Namespace) -> dict[str, Any]:
    """Parse the values of --option."""
    return read_values("--option", options.option, "split=letters")


def add_network(parser: argparse.ArgumentParser) -> None:
    """Add the argument RUN, and --pretrained."""
    text = "folder of a run (for its best network), or .npz file of a network"
    parser.add_argument("run", metavar="RUN", help=text)
    text = "RUN is the name of a trained network that comes with cupynn; `cupynn pretrained` lists them"
    parser.add_argument("--pretrained", action="store_true", help=text)


def open_network(options: argparse.Namespace) -> "tuple[Sequential, SavedRun | None]":
    """Load the network of a run or a file; also open the run, if RUN is its folder or a file in it."""
    from cupynn import Sequential, pretrained
    from cupynn.run.saved import DEFINITION, open_run

    path, device = options.run, options.device
    place = pretrained.folder(path) if options.pretrained else checks.path("RUN", path)
    if not place.exists():
        hint = " (or add --pretrained)" if path in pretrained.names() else ""
        raise InputError(f"{path}: no such file or folder; pass the folder of a run, or the .npz file of a network{hint}")
    if place.is_dir():
        run = open_run(place)
        return run.network(device=device), run
    network = Sequential.load(path, device)
    return network, open_run(place.parent) if (place.parent / DEFINITION).is_file() else None


def test_data(options: argparse.Namespace, run: "SavedRun | None") -> "Dataset":
    """Return the test part of the given data set, or else of the run's own data."""
    from cupynn import datasets

    if options.data is not None:
        return datasets.load(options.data, **read_options(options))[1]
    if options.option:
        raise InputError(f"--option {options.option[0]}: an option needs a data set: name one as well")
    if run is None:
        raise InputError(f"{options.run}: its training data are unknown: name a data set; `cupynn datasets` lists all")
    return run.data()[2]


def json_line(value: Any) -> str:
    """Return one line of JSON."""
    import json

    return f"{json.dumps(value, ensure_ascii=False)}\n"


def print_json(value: Any) -> None:
    """Print one line of JSON."""
    print(json_line(value), end="")
