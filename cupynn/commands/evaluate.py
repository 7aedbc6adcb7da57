"""`cupynn evaluate`: test a saved network."""

import argparse

from cupynn.commands import shared

HELP = "test the network of a run, or one in a file"
DESCRIPTION = """\
Print how a network does on test data: accuracy, samples that leave its output silent, and spikes a neuron, layer by layer.
A run is tested on the test part of what it was trained on, unless a data set is named."""
EXAMPLES = """\
  cupynn evaluate runs/mine                               the best network of a run, on the run's own test data
  cupynn evaluate runs/mine/last.npz                      that of its last epoch
  cupynn evaluate net.npz emnist --option split=letters   a network that net.save wrote
  cupynn evaluate runs/mine --json                        all figures, the confusion matrix among them
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    shared.add_network(parser)
    parser.add_argument("data", metavar="DATA", nargs="?", help="a data set; `cupynn datasets` lists all")
    shared.add_options(parser)
    shared.add_device(parser)
    shared.add_json(parser, "all figures")


def execute(options: argparse.Namespace) -> None:
    """Evaluate."""
    from dataclasses import asdict

    network, run = shared.open_network(options.run, options.device)
    loss = None if run is None else run.definition.build("cpu")[1]
    evaluation = network.evaluate(shared.test_data(options, run), loss)
    if options.json:
        shared.print_json({**asdict(evaluation), "confusion": evaluation.confusion.tolist()})
    else:
        print(evaluation)
