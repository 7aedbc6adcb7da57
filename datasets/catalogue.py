"""List all datasets: their descriptions, sizes and local files."""

import inspect
from typing import Any

from . import DATASETS
from .source import VARIABLE, data_folder


def entries() -> list[dict[str, Any]]:
    """Return a machine-readable description of each dataset; only small files are read.

    The state is "here", "damaged", "missing" or "included", which needs no files. `bytes` and `folders` describe the local
    files, `parts` the complete parts among them; `download` is in bytes, 0 where that is not known, None where users must
    provide a copy.
    """
    return [_entry(name) for name in sorted(DATASETS)]


def table() -> str:
    """Return a text with two lines per dataset."""
    width = max(map(len, DATASETS))
    lines = [f"data folder: {data_folder()} (set {VARIABLE} to change it)", ""]
    for entry in entries():
        lines += [f"{entry['name']:{width}}  {_state(entry)}", f"{'':{width}}  {entry['about']}"]
    return "\n".join(lines)


def about(name: str) -> str:
    """Return the description of a dataset: the first line of its module."""
    return inspect.getdoc(inspect.getmodule(DATASETS[name])).splitlines()[0]


def _entry(name: str) -> dict[str, Any]:
    entry = {"name": name, "about": about(name), "state": "included", "bytes": 0, "folders": [], "parts": [], "download": 0}
    source = inspect.getmodule(DATASETS[name]).SOURCE
    if source is None:
        return entry
    present, damaged = source.present(), source.damaged()
    files = {path: path.stat().st_size for paths in present.values() for path in paths}
    return entry | {
        "state": "damaged" if damaged else "here" if present else "missing",
        "damaged": [str(path) for path in damaged],
        "bytes": sum(files.values()),
        "folders": sorted({str(path.parent) for path in files}),
        "parts": list(present),
        "download": source.download,
    }


def _state(entry: dict[str, Any]) -> str:
    if entry["state"] == "included":
        return "here: included in the package"
    if entry["state"] == "damaged":
        return f"damaged: {', '.join(entry['damaged'])}: remove it to download it again, or put an intact copy there"
    if entry["state"] == "here":
        parts = "" if "all" in entry["parts"] else f" ({', '.join(entry['parts'])})"
        return f"here{parts}: {_megabytes(entry['bytes'])} in {', '.join(entry['folders'])}"
    if entry["download"] is None:
        return f"not here: put your own copy into {data_folder() / entry['name']}"
    size = f"{_megabytes(entry['download'])} to download" if entry["download"] else "downloaded on first use"
    return f"not here: {size}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
