"""`cupynn predict`: what a saved network takes files for."""

import argparse
import sys

from cupynn.commands import samples, shared

HELP = "say what the network of a run takes your files for"
DESCRIPTION = """\
Print the class of each file, and how often its neuron and that of the second fired.

Files are what the network was trained on: pictures (resized to the network's input), WAV or SPHERE files, recordings of
events; or arrays of shape (samples, *input_shape), in .npy files, or as x in .npz files. Pictures must look like those it
was trained on: the digits of MNIST are white on black. A run's definition may say invert = true and cut_ground = true, which
is then done to them."""
EXAMPLES = """\
  cupynn predict runs/mine cat.png dog.png
  cupynn predict runs/mine letters/*.png --json | jq .class
  cupynn predict net.npz samples.npy                  a network in a file; classes are printed by number
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    shared.add_network(parser)
    parser.add_argument("files", metavar="FILE", nargs="+", help="of samples")
    parser.add_argument("--invert", action="store_true", help="invert pictures, dark figures on a bright ground")
    shared.add_device(parser)
    shared.add_json(parser, "a line for each sample, with all firing counts,")


def execute(options: argparse.Namespace) -> None:
    """Predict."""
    network, run = shared.open_network(options.run, options.device)
    read = {file: samples.read(file, network, run, options.invert) for file in options.files}  # all, before one is printed
    classes = None if run is None else run.classes
    for file, x in read.items():
        if run is None and (notice := samples.notice(x, network)):  # a run's user was told when it was trained
            print(f"{file}: {notice}", file=sys.stderr)
        counts = network.counts(x).reshape(len(x), -1)
        for name, each in zip(samples.named(file, len(x)), counts, strict=True):
            _print(name, each, classes, options.json)


def _print(name, counts, classes, json) -> None:
    order = (-counts).argsort(kind="stable")
    named = [str(index) if classes is None else classes[index] for index in order[:2]]
    if json:
        shared.print_json({"file": name, "class": named[0], "index": int(order[0]), "counts": counts.tolist()})
        return
    fired = [f"{label}: {counts[index]}" for label, index in zip(named, order, strict=False)]
    remark = "no output neuron fired" if not counts.any() else f"spikes {', '.join(fired)}"
    print(f"{name}  {named[0]}  ({remark})")
