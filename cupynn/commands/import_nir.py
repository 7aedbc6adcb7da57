"""`cupynn import-nir`: read a network from a NIR file."""

import argparse

from cupynn.commands import shared

HELP = "read a network from another framework (NIR)"
DESCRIPTION = """\
Read a graph of the Neuromorphic Intermediate Representation (NIR), print a summary of the network, and save it.

The graph must be a chain of Affine, Linear, Conv2d, SumPool2d or AvgPool2d nodes, each followed by CubaLIF or
LIF, optionally with recurrent weights and with Flatten nodes between. The error message names any other node."""
EXAMPLES = """\
  cupynn import-nir net.nir net.npz                   a file from `cupynn export`
  cupynn import-nir net.nir net.npz --steps 100       from another framework: its file has no number of steps
  cupynn import-nir net.nir net.npz --steps 100 --dt 1e-3
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("file", metavar="FILE", help="NIR graph, such as net.nir")
    parser.add_argument("out", metavar="NET.npz", help="file for the network")
    parser.add_argument("--steps", type=int, metavar="T", help="steps per sample (default: from the file)")
    parser.add_argument("--dt", type=float, metavar="SECONDS", help="length of a step (default: from the file, or 1e-4)")
    shared.add_json(parser, "the definition of the network")


def execute(options: argparse.Namespace) -> None:
    """Read, print and save."""
    from cupynn import nir
    from cupynn.network import definition

    network = nir.load(options.file, options.steps, dt=options.dt, device="cpu")
    network.save(options.out)
    if options.json:
        shared.print_json(definition.describe(network))
    else:
        network.summary()
        print(f"saved as {options.out}")
