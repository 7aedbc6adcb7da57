"""`cupynn devices`: which GPU can be used."""

import argparse

from cupynn.commands import shared

HELP = "say which GPU can be used, and what is missing"
DESCRIPTION = "List driver, CuPy and GPUs; where something keeps a GPU from being used, say what to install."
EXAMPLES = """\
  cupynn devices
  cupynn devices --json | jq .usable      how many GPUs can be used
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    shared.add_json(parser, "it")


def execute(options: argparse.Namespace) -> None:
    """Report."""
    from cupynn.device import diagnosis

    if options.json:
        shared.print_json(diagnosis.state())
    else:
        print(*diagnosis.report(), sep="\n")
