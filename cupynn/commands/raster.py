"""`cupynn raster`: draw the spikes of a saved network."""

import argparse

from cupynn.checks import InputError
from cupynn.commands import samples, shared

HELP = "draw the spikes of all layers on one sample"
DESCRIPTION = """\
Draw the spikes of all layers on one sample of the run's own test data, of a data set, or of your own file."""
EXAMPLES = """\
  cupynn raster runs/mine --sample 7 --out seven.png      the eighth test sample (indices start at 0)
  cupynn raster runs/mine --file cat.png --out cat.pdf    your own file; the extension sets the format: PNG, PDF, SVG
  cupynn raster net.npz mnist --out mnist.png             a network from a file, on a data set
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    shared.add_network(parser)
    parser.add_argument("data", metavar="DATA", nargs="?", help="data set to use instead of the run's own test data")
    parser.add_argument("--file", help="file of samples to use instead, as for `cupynn predict`")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="index of the sample (default: 0)")
    parser.add_argument("--layer", action="append", metavar="NAME", help="draw only this layer; may be repeated")
    parser.add_argument("--out", default="raster.png", metavar="IMAGE", help="file to write (default: raster.png)")
    shared.add_options(parser)
    shared.add_device(parser)


def execute(options: argparse.Namespace) -> None:
    """Draw, and write the image."""
    from cupynn import checks, plot
    from cupynn.network.network import DRAW
    from cupynn.plot.figures import save_figure

    if options.file is not None and options.data is not None:
        raise InputError(f"--file {options.file} with DATA {options.data}: pass one of them")
    network, run = shared.open_network(options)
    x = shared.test_data(options, run).x if options.file is None else samples.read(options.file, network, run)
    sample = checks.integer("--sample", options.sample, maximum=len(x) - 1)
    spikes = network.encode(x[sample : sample + 1], [sample], DRAW)  # the trains of an evaluation
    classes = None if run is None or len(run.classes) != network.output_shape[-1] else run.classes
    figure = plot.raster(network.record(spikes), layers=options.layer, classes=classes)
    title = figure.get_suptitle().replace("Sample 0", options.file or f"Sample {sample}")
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    save_figure(figure, checks.path("--out", options.out))
    print(options.out)
