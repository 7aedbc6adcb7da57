"""`cupynn import-nir`: a file of NIR as a network."""

import argparse

from cupynn.commands import shared

HELP = "read a network of another framework (NIR)"
DESCRIPTION = """\
Read a graph of the Neuromorphic Intermediate Representation, print the network's summary, and save it.

It must be a chain of Affine, Linear, Conv2d, SumPool2d or AvgPool2d without bias, each followed by CubaLIF or LIF, perhaps
with recurrent weights; Flatten may lie between. What else there is, the message names."""
EXAMPLES = """\
  cupynn import-nir net.nir net.npz                   a file of `cupynn export`
  cupynn import-nir net.nir net.npz --steps 100       of another framework, which does not say how long a sample is
  cupynn import-nir net.nir net.npz --steps 100 --dt 1e-3
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("file", metavar="FILE", help="a graph that nir.write wrote, such as net.nir")
    parser.add_argument("out", metavar="NET.npz", help="save the network here")
    parser.add_argument("--steps", type=int, metavar="T", help="steps of a sample (default: what the file says)")
    parser.add_argument(
        "--dt", type=float, metavar="SECONDS", help="length of a step (default: what the file says, or 1e-4)"
    )
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
