"""The command line of the benchmark."""

import argparse
import sys
from collections.abc import Sequence

from cupynn import checks
from cupynn.checks import InputError
from cupynn.commands import shared
from cupynn.device.device import resolve
from steps import suite

DESCRIPTION = """\
Measure the forward pass and the training step (forward, backward, Adam) of the paper's networks, on images that need no
download:
  mlp, cnn, n-mnist             784-800-10 and 15C5-P2-40C5-P2-300-10 at T = 400, 2312-800-10 at T = 540
  mlp-25, cnn-25, n-mnist-25    the same at T = 25
  mlp-scattered                 as mlp, with the pixels of all images shuffled in one order
  protocol                      one layer, as in the benchmark of Open Neuromorphic; output spikes are compared
  start                         time to the first step of a new process, without and with compiled kernels
snnTorch, SpikingJelly and Norse are measured in the same run if they are installed (pip install -e ".[bench]").
Each framework runs in a separate process. Times are medians of several repeats after a warm-up. The floor is the time to
read, once and from the second-level cache, every weight, S-PSP and gradient that the spikes of a step require.
"""
EXAMPLES = """\
examples:
  python tests/bench/steps mlp                                one network and all frameworks: a minute
  python tests/bench/steps --alone                            all networks, only cupynn: a minute
  python tests/bench/steps mlp cnn --out results.jsonl        append one line of JSON per network
  python tests/bench/steps mlp --device cuda                  on a GPU
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python tests/bench/steps",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", metavar="WHAT", nargs="*", help="benchmarks to run, see above (default: all networks)")
    shared.add_device(parser)
    parser.add_argument("--alone", action="store_true", help="measure only cupynn")
    parser.add_argument("--repeats", type=int, default=7, help="number of timed repeats (default: 7)")
    parser.add_argument("--out", metavar="FILE", help="append the results to this file, one line of JSON each")
    shared.add_json(parser, "the results")
    return parser


def _run(options: argparse.Namespace) -> None:
    """Check all options, then measure, print and store."""
    for name in options.what:
        checks.choice("WHAT", name, suite.ALL)
    checks.integer("--repeats", options.repeats, minimum=1)
    device = str(resolve(options.device))
    what = options.what or list(suite.NETS)
    if device != "cpu" and not set(what) <= set(suite.NETS):
        raise InputError(f"--device {device}: protocol and start measure only the CPU: pass --device cpu")
    suite.run(what, device, options.repeats, not options.alone, options.out, options.json)
