"""`cupynn predict`: classify files with a saved network."""

import argparse
import sys
from typing import TYPE_CHECKING

from cupynn.commands import samples, shared

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from cupynn.losses import CountLoss

HELP = "classify your own files with a trained network"
DESCRIPTION = """\
Print the class of each file, and the spike counts of the two output neurons that fire most. The network of a run that
predicts labels or numbers prints its labels, and the counts of all outputs.

Pass files of the kind the network was trained on: images (resized to the network's input), WAV or SPHERE files, event
recordings, or signals over time (as x in .npz files); or arrays of shape (samples, *input_shape), in .npy files or as x in
.npz files. Images must look like the training images: the digits of MNIST are white on black. If the definition of a run has
invert = true or cut_ground = true, images are processed accordingly."""
EXAMPLES = """\
  cupynn predict runs/mine cat.png dog.png
  cupynn predict runs/mine letters/*.png --json | jq .class
  cupynn predict net.npz samples.npy                  a network from a file; classes are printed as numbers
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    shared.add_network(parser)
    parser.add_argument("files", metavar="FILE", nargs="+", help="file of samples")
    parser.add_argument("--invert", action="store_true", help="invert images with dark figures on a bright background")
    shared.add_device(parser)
    shared.add_json(parser, "a line per sample, with the firing counts of all classes,")


def execute(options: argparse.Namespace) -> None:
    """Predict, and print the classes."""
    network, run = shared.open_network(options)
    read = {file: samples.read(file, network, run, options.invert) for file in options.files}  # read all before printing
    classes = None if run is None else run.classes
    loss = None if run is None else run.definition.build("cpu")[1]
    for file, x in read.items():
        for notice in samples.notices(file, x, network, run):
            print(f"{file}: {notice}", file=sys.stderr)
        counts = network.counts(x).reshape(len(x), -1)
        names = [file] if len(x) == 1 else [f"{file}[{index}]" for index in range(len(x))]
        for name, each in zip(names, counts, strict=True):
            if loss is None or loss.predicts == "class":
                _print(name, each, classes, options.json)
            else:
                _print_outputs(name, each, classes, loss, options.json)


def _print_outputs(name: str, counts: "np.ndarray", outputs: "Sequence[str]", loss: "CountLoss", json: bool) -> None:
    """Print the counts of all outputs, and the labels that are predicted, if the network predicts labels."""
    found = [output for output, count in zip(outputs, counts, strict=True) if count > loss.threshold]
    labels = {"labels": found} if loss.predicts == "labels" else {}
    if json:
        shared.print_json({"file": name, **labels, "counts": counts.tolist()})
        return
    spikes = ", ".join(f"{output}: {count}" for output, count in zip(outputs, counts, strict=True))
    print(f"{name}  {', '.join(found) or 'no label'}  (spikes {spikes})" if labels else f"{name}  {spikes}")


def _print(name: str, counts: "np.ndarray", classes: "Sequence[str] | None", json: bool) -> None:
    order = (-counts).argsort(kind="stable")
    names = () if classes is None else classes
    named = [names[index] if index < len(names) else str(index) for index in order[:2]]  # there may be further outputs
    if json:
        shared.print_json({"file": name, "class": named[0], "index": int(order[0]), "counts": counts.tolist()})
        return
    fired = [f"{label}: {counts[index]}" for label, index in zip(named, order, strict=False)]
    remark = "no output neuron fired" if not counts.any() else f"spikes {', '.join(fired)}"
    print(f"{name}  {named[0]}  ({remark})")
