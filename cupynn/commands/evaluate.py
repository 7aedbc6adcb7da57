"""`cupynn evaluate`: test a saved network."""

import argparse
from typing import TYPE_CHECKING

from cupynn.commands import shared

if TYPE_CHECKING:
    from cupynn.results import Evaluation

HELP = "test a trained network"
DESCRIPTION = """\
Print the accuracy of a network on test data, the samples for which no output neuron fires, and the spikes per neuron of each
layer. The network of a run is tested on the run's own test data, unless another data set is given."""
EXAMPLES = """\
  cupynn evaluate runs/mine                               the best network of a run, on the run's own test data
  cupynn evaluate runs/mine/last.npz                      the network after the last epoch
  cupynn evaluate net.npz emnist --option split=letters   a network saved by net.save, on the letters of EMNIST
  cupynn evaluate runs/mine --energy                      with synaptic operations, and an estimate of their energy
  cupynn evaluate runs/mine --json                        all results, with the confusion matrix
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    shared.add_network(parser)
    parser.add_argument("data", metavar="DATA", nargs="?", help="data set to test on; `cupynn datasets` lists all")
    shared.add_options(parser)
    shared.add_device(parser)
    text = "also print synaptic operations, sparsity and size of each layer, with an estimate of the energy per sample"
    parser.add_argument("--energy", action="store_true", help=text)
    shared.add_json(parser, "all results")


def execute(options: argparse.Namespace) -> None:
    """Evaluate, and print the results."""
    network, run = shared.open_network(options)
    loss = None if run is None else run.definition.build("cpu")[1]
    evaluation = network.evaluate(shared.test_data(options, run), loss)
    if options.json:
        shared.print_json(evaluation.figures())
    else:
        print(evaluation)
        if options.energy:
            _print_operations(evaluation, options.run)


def _print_operations(evaluation: "Evaluation", path: str) -> None:
    from cupynn.checks import InputError

    if evaluation.operations is None:
        raise InputError(f"{path}: a layer of your own has no method fan_out, so its operations are unknown: add the method")
    print(evaluation.operations.as_text())
