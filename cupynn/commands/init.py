"""`cupynn init`: write a first definition for your own files."""

import argparse
from pathlib import Path

HELP = "write a first definition for a folder of images, sounds or event recordings"
DESCRIPTION = """\
Look at a folder with one sub-folder per class, which contain images, sounds or event recordings, and write a definition with
a network of suitable size. Read it, change what you like, and train it with `cupynn train`."""
EXAMPLES = """\
  cupynn init shapes                      writes shapes.toml
  cupynn init gestures --out first.toml
  cupynn train shapes.toml                train it
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("folder", metavar="FOLDER", help="folder with a sub-folder per class")
    parser.add_argument("--out", metavar="FILE", help="definition to write (default: FOLDER.toml, in the current folder)")


def execute(options: argparse.Namespace) -> None:
    """Write the definition."""
    from cupynn import checks, presets
    from cupynn.checks import InputError
    from cupynn.console import command
    from cupynn.files import write_text

    experiment = presets.for_folder(options.folder)
    out = checks.path("--out", options.out or f"{experiment.name}.toml")
    if out.exists():
        raise InputError(f"{out} exists: remove it, or choose another file with --out")
    write_text(Path(out), experiment.to_toml())
    data, network = experiment.data, experiment.network
    found = ", ".join(f"{key} = {value}" for key, value in data.items() if key not in ("kind", "path", "test", "validation"))
    print(f"{out}: {data['kind']}, {network['layers'][-1]['units']} classes, {found}, {network['steps']} steps")
    print(f"train it with `{command('cupynn', 'train', out)}`")
