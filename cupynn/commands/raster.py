"""`cupynn raster`: a picture of what every layer of a saved network does."""

import argparse

from cupynn.checks import InputError
from cupynn.commands import samples, shared

HELP = "draw every spike of every layer on a sample"
DESCRIPTION = """\
Draw the spikes of all layers on one sample: of the run's own test data, of a data set, or of a file of yours."""
EXAMPLES = """\
  cupynn raster runs/mine --sample 7 --out seven.png      the eighth test sample; samples count from 0
  cupynn raster runs/mine --file cat.png --out cat.pdf    a file of yours; PNG, PDF and SVG are told by the name
  cupynn raster net.npz mnist --out mnist.png             a network in a file, on a data set
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    shared.add_network(parser)
    parser.add_argument("data", metavar="DATA", nargs="?", help="a data set instead of the run's own test data")
    parser.add_argument("--file", help="a file of samples instead, as `cupynn predict` takes them")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="which of the samples, from 0 on (default: 0)")
    parser.add_argument("--layer", action="append", metavar="NAME", help="draw this layer only; may be repeated")
    parser.add_argument("--out", default="raster.png", metavar="PICTURE", help="where to (default: raster.png)")
    shared.add_options(parser)
    shared.add_device(parser)


def execute(options: argparse.Namespace) -> None:
    """Draw."""
    from cupynn import checks, plot
    from cupynn.evaluation import evaluate as evaluation

    if options.file is not None and options.data is not None:
        raise InputError(f"--file {options.file} with DATA {options.data}: pass one of them")
    network, run = shared.open_network(options.run, options.device)
    x = shared.test_data(options, run).x if options.file is None else samples.read(options.file, network, run)
    sample = checks.integer("--sample", options.sample, maximum=len(x) - 1)
    spikes = network.encode(x[sample : sample + 1], [sample], evaluation.DRAW)  # the trains that evaluation sees
    classes = None if run is None or len(run.classes) != network.output_shape[-1] else run.classes
    figure = plot.raster(network.record(spikes), layers=options.layer, classes=classes)
    title = figure.get_suptitle().replace("Sample 0", options.file or f"Sample {sample}")
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    try:
        figure.savefig(options.out, dpi=150)
    except (OSError, ValueError) as error:  # ValueError: of an unknown format
        raise InputError(f"--out {options.out} cannot be written ({error}): pass a name such as raster.png") from None
    print(options.out)
