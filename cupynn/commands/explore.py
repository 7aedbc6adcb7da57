"""`cupynn explore`: write a page that shows every spike of a saved network, and why it fired."""

import argparse

from cupynn.commands import shared

HELP = "write a page that shows every spike, and why it fired"
DESCRIPTION = """\
Write one HTML file with the spikes of all layers on samples of the run's own test data, or of a data set. Open it in a
browser and click a spike: it shows the inputs that caused it, back to the pixels. The file loads nothing from elsewhere."""
EXAMPLES = """\
  cupynn explore runs/mine                                the first 20 test samples
  cupynn explore runs/mine --wrong-only --out wrong.html  20 samples that the network misclassifies
  cupynn explore runs/mine --samples 5                    with a slider over the epochs, if trained with --keep-epochs
  cupynn explore net.npz mnist --samples 5                a network from a file, on a data set
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    shared.add_network(parser)
    parser.add_argument("data", metavar="DATA", nargs="?", help="data set to use instead of the run's own test data")
    parser.add_argument("--samples", type=int, default=20, metavar="N", help="maximum number of samples (default: 20)")
    parser.add_argument("--wrong-only", action="store_true", help="only samples that the network misclassifies")
    parser.add_argument("--max-megabytes", type=float, default=20.0, metavar="MB", help="largest file (default: 20)")
    parser.add_argument("--out", default="explore.html", metavar="FILE", help="file to write (default: explore.html)")
    shared.add_options(parser)
    shared.add_device(parser)


def execute(options: argparse.Namespace) -> None:
    """Simulate, and write the page."""
    from cupynn import checks, plot

    out = checks.path("--out", options.out)
    samples = checks.integer("--samples", options.samples, minimum=1)
    limit = checks.number("--max-megabytes", options.max_megabytes, minimum=0.2)
    network, run = shared.open_network(options)
    data = shared.test_data(options, run)
    title = options.run if str(options.run) == data.name.partition(",")[0] else f"{options.run}, {data.name}"
    epochs = None if run is None else run.epochs_folder
    page = plot.explore(
        network, data, samples, wrong_only=options.wrong_only, title=title, max_megabytes=limit, epochs=epochs
    )
    page.save(out)
    print(options.out)
