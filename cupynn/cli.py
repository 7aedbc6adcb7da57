"""The command line: run a command, and turn errors into one line and an exit code."""
# PYTHON_ARGCOMPLETE_OK: argcomplete completes only programs with these words

import argparse
import errno
import os
import sys
from collections.abc import Sequence

import cupynn
from cupynn import commands
from cupynn.checks import InputError, nearest
from cupynn.console import CannotPrint, Lenient, Strict, occupy_closed
from cupynn.interrupt import Interrupted

DONE, BAD_INPUT, INTERRUPTED, PIPE_CLOSED = 0, 1, 130, 141  # and argparse's own 2 for wrong usage

_EPILOGUE = """\
examples:
  cupynn train digits                     handwritten digits; no download, less than a minute
  cupynn train mnist --epochs 3           the paper's network on MNIST, downloaded on first use
  cupynn datasets                         all data sets, and which are downloaded
  cupynn COMMAND --help                   options and examples of a command
"""

_EXIT_CODES = """\
exit codes:
  0 success    1 invalid input, or output that cannot be written (see the message)    2 no such command or option
  130 interrupted    143 terminated by SIGTERM
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit code."""
    occupy_closed()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = out, err = Strict(sys.stdout), Lenient(sys.stderr)
    try:
        return _run(arguments)
    except CannotPrint as error:
        if error.errno == errno.EPIPE:  # `cupynn datasets | head`
            return PIPE_CLOSED
        print(f"cupynn: error: cannot write to standard output ({error.strerror}): redirect it elsewhere", file=err)
        return BAD_INPUT
    finally:
        for stream in (out, err):
            try:
                Strict(stream.stream).flush()
            except (CannotPrint, ValueError):
                stream.silence()
        sys.stdout, sys.stderr = before


def _run(arguments: Sequence[str] | None) -> int:
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = _parse(_parser(), arguments)
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
        kept = "the run folder keeps finished epochs, and a download continues where it stopped"
        print(f"cupynn: interrupted; {kept}", file=sys.stderr)
        return INTERRUPTED
    return DONE


def _parse(parser: argparse.ArgumentParser, arguments: list[str]) -> argparse.Namespace:
    """Parse the arguments; without any, print the help."""
    if "_ARGCOMPLETE" in os.environ:  # the shell asks for completions
        import argcomplete

        argcomplete.autocomplete(parser)
    if not arguments:
        parser.print_help()
        parser.exit()
    if not arguments[0].startswith("-") and arguments[0] not in commands.COMMANDS:
        hint = nearest(arguments[0], commands.COMMANDS)
        parser.error(f"no command {arguments[0]!r}{hint}: commands are {', '.join(commands.COMMANDS)}")
    return parser.parse_args(arguments)


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
