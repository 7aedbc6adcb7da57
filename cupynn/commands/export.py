"""`cupynn export`: a saved network as a file of NIR."""

import argparse
from typing import TYPE_CHECKING, Any

from cupynn.checks import InputError
from cupynn.commands import samples, shared

if TYPE_CHECKING:
    from cupynn import Sequential
    from cupynn.run.saved import SavedRun

HELP = "write the network of a run for other frameworks (NIR), and measure what they make of it"
DESCRIPTION = """\
Write a network as a graph of the Neuromorphic Intermediate Representation, and print, layer by layer, whether the file fires
as the network does, and whether Norse, snnTorch and SpikingJelly do with it, those of them that are installed.

NIR has no refractory period: train with t_ref=0 for it, such as by --set network.layers.NAME.t_ref=0, or pass --allow-lossy.
Two more files are written: FILE.certificate.json, the printed figures and more, and FILE.spikes.h5, the spikes to expect.
A run is measured on test data of its own, other networks on random trains."""
EXAMPLES = """\
  cupynn export runs/mine net.nir                         the best network of a run, on four of its test samples
  cupynn export net.npz net.nir mnist --samples 20        a network in a file, on a data set
  cupynn export net.npz net.nir --framework norse         on random trains, in Norse alone
  cupynn export runs/mine net.nir --allow-lossy --json    without its refractory period; all figures
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    shared.add_network(parser)
    parser.add_argument("out", metavar="FILE", help="to write, such as net.nir")
    parser.add_argument("data", metavar="DATA", nargs="?", help="measure it on a data set; `cupynn datasets` lists all")
    parser.add_argument("--file", metavar="SAMPLES", help="or on a file of samples, as `cupynn predict` takes them")
    parser.add_argument("--random", action="store_true", help="or on random trains")
    parser.add_argument("--samples", type=int, default=4, metavar="N", help="on how many (default: 4)")
    parser.add_argument("--allow-lossy", action="store_true", help="leave out what NIR has no place for")
    parser.add_argument("--framework", action="append", metavar="NAME", help="run it in this one alone; may be repeated")
    parser.add_argument("--no-certificate", action="store_true", help="write the file alone, and measure nothing")
    shared.add_options(parser)
    shared.add_device(parser)
    shared.add_json(parser, "all figures")


def execute(options: argparse.Namespace) -> None:
    """Export, and print the certificate."""
    from cupynn import nir

    given = {"DATA": options.data, "--file": options.file, "--random": options.random or None}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise InputError(f"{' and '.join(named)} are both given: pass one of them")
    if options.no_certificate and (named or options.framework):
        raise InputError(f"--no-certificate with {(named or ['--framework'])[0]}: nothing is run without a certificate")
    network, opened = shared.open_network(options.run, options.device)
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
    """What to measure on; None for random trains."""
    from cupynn import checks

    count = checks.integer("--samples", options.samples, minimum=1)
    if options.random or (opened is None and options.data is None and options.file is None):
        return None
    if options.file is not None:
        return samples.read(options.file, network, opened)[:count]
    return shared.test_data(options, opened).x[:count]
