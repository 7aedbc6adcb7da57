"""`cupynn devices`: which GPU can be used."""

import argparse

HELP = "say which GPU can be used, and what is missing"
DESCRIPTION = "List driver, CuPy and GPUs; where something keeps a GPU from being used, say what to install."
EXAMPLES = """\
  cupynn devices
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""


def run(options: argparse.Namespace) -> None:
    """Report."""
    from cupynn import diagnosis

    print(*diagnosis.report(), sep="\n")
