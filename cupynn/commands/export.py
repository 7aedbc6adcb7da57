"""`cupynn export`: write a saved network as a NIR file."""

import argparse
from typing import TYPE_CHECKING, Any

from cupynn.checks import InputError
from cupynn.commands import samples, shared

if TYPE_CHECKING:
    from cupynn import Sequential
    from cupynn.run.saved import SavedRun

HELP = "write a trained network for other frameworks (NIR), and compare its spikes there"
DESCRIPTION = """\
Write a network as a graph of the Neuromorphic Intermediate Representation (NIR). Read the file back, also run it in Norse,
snnTorch and SpikingJelly, if they are installed, and print for each layer whether its spikes match those of the network.

NIR has no refractory period: train with t_ref=0, for example with --set network.layers.NAME.t_ref=0, or pass --allow-lossy.
Two more files are written: FILE.certificate.json with all results, and FILE.spikes.h5 with the expected spikes. By default,
the network of a run is compared on the run's test data, any other network on random trains."""
EXAMPLES = """\
  cupynn export runs/mine net.nir                         the best network of a run, on four of its test samples
  cupynn export net.npz net.nir mnist --samples 20        a network from a file, on a data set
  cupynn export net.npz net.nir --framework norse         on random trains, only in Norse
  cupynn export runs/mine net.nir --allow-lossy --json    without the refractory period; all results as JSON
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    shared.add_network(parser)
    parser.add_argument("out", metavar="FILE", help="file to write, such as net.nir")
    parser.add_argument("data", metavar="DATA", nargs="?", help="compare on a data set; `cupynn datasets` lists all")
    parser.add_argument("--file", metavar="SAMPLES", help="compare on a file of samples, as for `cupynn predict`")
    parser.add_argument("--random", action="store_true", help="compare on random trains")
    parser.add_argument("--samples", type=int, default=4, metavar="N", help="number of samples (default: 4)")
    parser.add_argument("--allow-lossy", action="store_true", help="leave out what NIR cannot represent")
    parser.add_argument("--framework", action="append", metavar="NAME", help="run only this framework; may be repeated")
    parser.add_argument("--no-certificate", action="store_true", help="write only the file, and compare nothing")
    shared.add_options(parser)
    shared.add_device(parser)
    shared.add_json(parser, "all results")


def execute(options: argparse.Namespace) -> None:
    """Export, and print the certificate."""
    from cupynn import nir

    given = {"DATA": options.data, "--file": options.file, "--random": options.random or None}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise InputError(f"{' and '.join(named)} are both given: pass one of them")
    if options.no_certificate and (named or options.framework):
        raise InputError(f"--no-certificate with {(named or ['--framework'])[0]}: leave out one, as nothing is compared")
    network, opened = shared.open_network(options)
    x = None if options.no_certificate else _samples(options, network, opened)
    certificate = nir.export(
        network,
        options.out,
        allow_lossy=options.allow_lossy,
        certificate=not options.no_certificate,
        samples=x,
        frameworks=options.framework,
    )
    if options.json:
        shared.print_json({"file": options.out} if certificate is None else certificate.table())
    elif certificate is None:
        print(f"saved as {options.out}")
    else:
        print(certificate)
        print(f"saved as {options.out}, with {options.out}.certificate.json and {options.out}.spikes.h5")


def _samples(options: argparse.Namespace, network: "Sequential", opened: "SavedRun | None") -> Any:
    """Return the samples to compare on; None for random trains."""
    from cupynn import checks

    count = checks.integer("--samples", options.samples, minimum=1)
    if options.random or (opened is None and options.data is None and options.file is None):
        return None
    if options.file is not None:
        return samples.read(options.file, network, opened)[:count]
    return shared.test_data(options, opened).x[:count]
