"""`cupynn devices`: show which GPUs can be used."""

import argparse

from cupynn.commands import shared

HELP = "show which GPUs can be used, and what is missing"
DESCRIPTION = "List the driver, CuPy and all GPUs. If a GPU cannot be used, show what to install."
EXAMPLES = """\
  cupynn devices
  cupynn devices --json | jq .usable      number of usable GPUs
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    shared.add_json(parser, "the report")


def execute(options: argparse.Namespace) -> None:
    """Print the report."""
    from cupynn.device import diagnosis

    if options.json:
        shared.print_json(diagnosis.state())
    else:
        print(*diagnosis.report(), sep="\n")
