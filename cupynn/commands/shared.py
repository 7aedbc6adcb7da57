"""What several commands share: arguments of one meaning, and how values are read."""

import argparse
from collections.abc import Sequence
from pathlib import Path
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
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON, for a program to read")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add --option, for the options of a data set."""
    parser.add_argument(
        "--option",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="an option of the data set, such as split=letters; may be repeated",
    )


def read_values(flag: str, given: Sequence[str], example: str) -> dict[str, Any]:
    """Parse each KEY=VALUE, where a value is read as in a TOML file, and as a string where it is no TOML."""
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
    """Parse what was given as --option."""
    return read_values("--option", options.option, "split=letters")


def add_network(parser: argparse.ArgumentParser) -> None:
    """Add the argument RUN."""
    parser.add_argument(
        "run", metavar="RUN", help="the folder of a run (its best network), or a network in an .npz file, from either"
    )


def open_network(path: str, device: str) -> "tuple[Sequential, SavedRun | None]":
    """Load the network of a run's folder, or of a file; and open the run, if the file lies in a run's folder or is one."""
    from cupynn import Sequential
    from cupynn.run import saved as saved_run

    if not checks.path("RUN", path).exists():
        raise InputError(f"{path}: no such file or folder; pass the folder of a run, or a network in an .npz file")
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    if folder == Path(path):
        run = saved_run.open_run(folder)
        return run.network(device=device), run
    network = Sequential.load(path, device)
    return network, saved_run.open_run(folder) if (folder / saved_run.DEFINITION).is_file() else None


def test_data(options: argparse.Namespace, run: "SavedRun | None") -> "Dataset":
    """Test part of the data set that was named, or else of the run's own data."""
    from cupynn import datasets

    if options.data is not None:
        return datasets.load(options.data, **read_options(options))[1]
    if options.option:
        raise InputError(f"--option {options.option[0]}: it belongs to a data set: name one as well")
    if run is None:
        raise InputError(f"{options.run}: what it was trained on is not known: name a data set; `cupynn datasets` lists all")
    return run.data()[2]


def json_line(value: Any) -> str:
    """Return one line of JSON, for programs to read."""
    import json

    return f"{json.dumps(value, ensure_ascii=False)}\n"


def print_json(value: Any) -> None:
    """Print one line of JSON."""
    print(json_line(value), end="")
