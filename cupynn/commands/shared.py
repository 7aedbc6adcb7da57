"""What several commands share: arguments of one meaning, and how values are read."""

import argparse
from collections.abc import Sequence
from typing import Any

from cupynn.checks import InputError


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add --device."""
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, ... (default: auto, a GPU if one works)")


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
    import tomllib

    table = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"{flag} {text}: pass KEY=VALUE, such as {example}")
        try:
            table[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            table[key] = value
    return table


def read_options(options: argparse.Namespace) -> dict[str, Any]:
    """Parse what was given as --option."""
    return read_values("--option", options.option, "split=letters")
