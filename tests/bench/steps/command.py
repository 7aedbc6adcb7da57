"""The command: what to measure, and where the results go."""

import argparse
import sys
from collections.abc import Sequence

from cupynn import checks
from cupynn.checks import InputError
from cupynn.commands import shared
from cupynn.device.device import resolve
from steps import suite

DESCRIPTION = """\
Measure forward pass and training step (forward, backward, Adam) of the paper's networks, on pictures that need no download:
  mlp, cnn, n-mnist             784-800-10 and 15C5-P2-40C5-P2-300-10 at T = 400, 2312-800-10 at T = 540
  mlp-25, cnn-25, n-mnist-25    the same at T = 25
  protocol                      one layer, as the benchmark of Open Neuromorphic has it, output spikes compared
  start                         a new process to its first step, with nothing compiled and with everything compiled
snnTorch, SpikingJelly and Norse are measured in the same run where they are installed (pip install -e ".[bench]").
Each contestant has a process of its own; medians of several repeats after a warm-up. The floor is the time to read each
weight, S-PSP and gradient that the spikes of a step ask for once from the second-level cache.
"""
EXAMPLES = """\
examples:
  python tests/bench/steps mlp                                a minute, with the other frameworks
  python tests/bench/steps --alone                            all networks, cupynn alone: a minute
  python tests/bench/steps mlp cnn --out results.jsonl        append a line of JSON for each
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
    parser.add_argument("what", metavar="WHAT", nargs="*", help="what to measure, see above (default: all networks)")
    shared.add_device(parser)
    parser.add_argument("--alone", action="store_true", help="leave the other frameworks out")
    parser.add_argument("--repeats", type=int, default=7, help="timed repeats of each (default: 7)")
    parser.add_argument("--out", metavar="FILE", help="append the results, a line of JSON each, to this file")
    shared.add_json(parser, "the results")
    return parser


def _run(options: argparse.Namespace) -> None:
    """Check the options before anything runs; measure, print, keep."""
    for name in options.what:
        checks.choice("WHAT", name, suite.ALL)
    checks.integer("--repeats", options.repeats, minimum=1)
    device = str(resolve(options.device))
    what = options.what or list(suite.NETS)
    if device != "cpu" and not set(what) <= set(suite.NETS):
        raise InputError(f"--device {device}: protocol and start measure the CPU: pass --device cpu")
    suite.run(what, device, options.repeats, not options.alone, options.out, options.json)
