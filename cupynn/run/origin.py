"""Where a run comes from: the command, the version of the code and the machine of each session that trained it."""

import json
import shlex
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import cupynn
from cupynn.device.device import Device, machine
from cupynn.files import write_text

ORIGIN = "origin.json"


def note(folder: Path, device: Device) -> None:
    """Add this session to the file of a run; a damaged file is replaced."""
    sessions = [*read(folder), session(device)]
    write_text(folder / ORIGIN, json.dumps(sessions, indent=1) + "\n")


def read(folder: Path) -> list[dict[str, Any]]:
    """Return the sessions of a run, the first one first; none if the file is missing or damaged."""
    try:
        sessions = json.loads((folder / ORIGIN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [each for each in sessions if isinstance(each, dict)] if isinstance(sessions, list) else []


def session(device: Device) -> dict[str, Any]:
    """Return start, command, commit, and what `machine` says of a device."""
    return {
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "commit": commit(),
        "runs_on": str(device),
    } | machine(device)


def commit() -> str | None:
    """Return the commit of the code, with "-dirty" if files differ from it; None for an installed copy, or without git."""
    root = Path(cupynn.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    describe = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(describe, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
