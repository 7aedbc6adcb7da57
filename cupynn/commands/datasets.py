"""`cupynn datasets`: list the data sets, or download one."""

import argparse

from cupynn.checks import InputError
from cupynn.commands import shared

HELP = "list the data sets, or download one"
DESCRIPTION = """\
List all data sets with their contents, size and folder, and show which are downloaded.

Files are stored in the user's cache, or in the folder given by the environment variable CUPYNN_DATA. With CUPYNN_OFFLINE=1
nothing is downloaded."""
EXAMPLES = """\
  cupynn datasets                                     all data sets, and which are downloaded
  cupynn datasets --download fashion-mnist
  cupynn datasets --download emnist --option split=letters
  cupynn datasets --json | jq '.datasets[] | select(.state == "here").name'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--download", metavar="NAME", help="download the missing files of this data set, and check them")
    shared.add_options(parser)
    shared.add_json(parser, "the list")


def execute(options: argparse.Namespace) -> None:
    """List the data sets, or download one."""
    from cupynn import datasets
    from cupynn.datasets import catalogue
    from cupynn.datasets.source import data_folder

    chosen = shared.read_options(options)
    if options.download is not None:
        print(*datasets.load(options.download, **chosen), sep="\n")
    elif chosen:
        raise InputError(f"--option {options.option[0]}: an option needs a data set: pass --download NAME as well")
    elif options.json:
        shared.print_json({"folder": str(data_folder()), "datasets": catalogue.entries()})
    else:
        print(catalogue.table())
