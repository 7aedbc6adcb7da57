"""`cupynn import-reference`: read a network of the original program."""

import argparse

HELP = "read a network of the original program"
DESCRIPTION = "Read a config of the original HM2-BP program, print the network's summary, and save it if asked."
EXAMPLES = """\
  cupynn import-reference Config/SpikingMnist.txt
  cupynn import-reference Config/SpikingMnist.txt --checkpoint checkPoint.txt --out net.npz
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("config", metavar="CONFIG", help="a config file, such as Config/SpikingMnist.txt")
    parser.add_argument("--root", default=".", help="folder below which its weight files lie (default: this one)")
    parser.add_argument("--checkpoint", metavar="FILE", help="weights that the original program saved")
    parser.add_argument("--out", metavar="NET.npz", help="save the network here")


def execute(options: argparse.Namespace) -> None:
    """Read, print and save."""
    from cupynn import reference

    definition = reference.load(options.config, options.root, options.checkpoint)
    definition.network.summary()
    print(f"{definition.loss}\n{definition.optimizer}")
    if options.out is not None:
        definition.network.save(options.out)
        print(f"saved as {options.out}")
