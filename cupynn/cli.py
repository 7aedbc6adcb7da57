"""The command line: it finds the command, runs it, and turns what goes wrong into one line and an exit code."""

import argparse
import errno
import sys
from collections.abc import Sequence

import cupynn
from cupynn import commands
from cupynn.checks import InputError
from cupynn.console import CannotPrint, Lenient, Strict, occupy_closed
from cupynn.interrupt import Interrupted

DONE, BAD_INPUT, INTERRUPTED, PIPE_CLOSED = 0, 1, 130, 141  # and argparse's own 2 for wrong usage

_EPILOGUE = """\
examples:
  cupynn train digits                     handwritten digits that need no download, in less than a minute
  cupynn train mnist --epochs 3           the paper's network on MNIST, downloaded on first use
  cupynn datasets                         what there is to train on, and what is downloaded already
  cupynn COMMAND --help                   more examples of each command
"""

_EXIT_CODES = """\
exit codes:
  0 done    1 an input cannot be used or the output not written, the message says why    2 no such command or option
  130 interrupted, 143 by SIGTERM
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    occupy_closed()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = out, err = Strict(sys.stdout), Lenient(sys.stderr)
    try:
        return _run(arguments)
    except CannotPrint as error:
        if error.errno == errno.EPIPE:  # of `cupynn datasets | head`
            return PIPE_CLOSED
        print(f"cupynn: error: cannot write to standard output ({error.strerror}): send it elsewhere", file=err)
        return BAD_INPUT
    finally:
        for stream in (out, err):
            try:
                Strict(stream.stream).flush()
            except (CannotPrint, ValueError):
                stream.silence()
        sys.stdout, sys.stderr = before


def _run(arguments: Sequence[str] | None) -> int:
    try:
        options = _parser().parse_args(arguments)
    except SystemExit:
        sys.stdout.flush()  # of help
        raise
    try:
        options.command(options)
        if not options.prints_news:
            sys.stdout.flush()
    except InputError as error:
        print(f"cupynn: error: {error}", file=sys.stderr)
        return BAD_INPUT
    except Interrupted as stop:
        print(f"cupynn: {stop}", file=sys.stderr)
        return stop.exit_code
    except KeyboardInterrupt:
        print(
            "cupynn: interrupted; what a training has finished is in its run folder, and a download goes on from here",
            file=sys.stderr,
        )
        return INTERRUPTED
    return DONE


def _parser() -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="cupynn",
        description="Train deep spiking neural networks with HM2-BP.",
        epilog=f"{_EPILOGUE}\n{_EXIT_CODES}",
        formatter_class=layout,
    )
    parser.add_argument("--version", action="version", version=f"cupynn {cupynn.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in commands.COMMANDS:
        module = commands.load(name)
        epilogue = f"examples:\n{module.EXAMPLES}\n{_EXIT_CODES}"
        command = subparsers.add_parser(
            name, help=module.HELP, description=module.DESCRIPTION, epilog=epilogue, formatter_class=layout
        )
        module.add_arguments(command)
        command.set_defaults(command=module.execute, prints_news=getattr(module, "PRINTS_NEWS", False))
    return parser
