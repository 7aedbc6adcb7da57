"""`cupynn evaluate`: test a saved network."""

import argparse

from cupynn.commands import shared

HELP = "test a saved network"
DESCRIPTION = "Print accuracy, silent samples and activity of a saved network on the test part of a data set."
EXAMPLES = """\
  cupynn evaluate runs/mine/best.npz digits
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("network", metavar="NETWORK.npz", help="a file written by training or by net.save")
    parser.add_argument("data", metavar="DATA", help="a data set; `cupynn datasets` lists all")
    shared.add_options(parser)
    shared.add_device(parser)


def run(options: argparse.Namespace) -> None:
    """Evaluate."""
    from cupynn import Sequential, datasets

    network = Sequential.load(options.network, options.device)
    _, test = datasets.load(options.data, **shared.read_options(options))
    print(network.evaluate(test))
