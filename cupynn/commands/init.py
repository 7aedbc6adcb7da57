"""`cupynn init`: write a first definition for your own files."""

import argparse
import json
from dataclasses import replace
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
    data, network = experiment.data, experiment.network
    write_text(Path(out), replace(experiment, data=data | {"path": _relative(data["path"], out)}).to_toml())
    shown = {key: value for key, value in data.items() if key not in ("kind", "path", "test", "validation")}
    found = ", ".join(f"{key} = {json.dumps(value)}" for key, value in shown.items())  # as in TOML
    print(f"{out}: {data['kind']}, {network['layers'][-1]['units']} classes, {found}, {network['steps']} steps")
    print(f"train it with `{command('cupynn', 'train', out)}`")


def _relative(path: str, out: Path) -> str:
    """Return the path of the data, relative to the folder of the definition if it is in there."""
    folder = out.resolve().parent
    inside = Path(path).is_relative_to(folder) and Path(path) != folder
    relative = Path(path).relative_to(folder).as_posix() if inside else path
    return path if relative.startswith("~") else relative
