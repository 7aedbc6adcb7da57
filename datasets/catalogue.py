"""The list of all data sets: what each is, whether it is here and where, and its size."""

import inspect

from . import DATASETS
from .download import VARIABLE, data_folder


def table() -> str:
    """Text with two lines for each data set; looks for files without reading them."""
    width = max(map(len, DATASETS))
    lines = [f"data folder: {data_folder()} (another: set {VARIABLE})", ""]
    for name in sorted(DATASETS):
        lines += [f"{name:{width}}  {_state(name)}", f"{'':{width}}  {about(name)}"]
    return "\n".join(lines)


def about(name: str) -> str:
    """What a data set is: the first line of its module."""
    return inspect.getdoc(inspect.getmodule(DATASETS[name])).splitlines()[0]


def _state(name: str) -> str:
    source = inspect.getmodule(DATASETS[name]).SOURCE
    if source is None:
        return "here: comes with the package"
    present = source.present()
    if not present and source.download is None:
        return f"not here: put your own copy into {data_folder() / source.dataset}"
    if not present:
        return f"not here: {_megabytes(source.download)} to download"
    files = {path: path.stat().st_size for paths in present.values() for path in paths}
    parts = "" if "all" in present else f" ({', '.join(present)})"
    folders = ", ".join(sorted({str(path.parent) for path in files}))
    return f"here{parts}: {_megabytes(sum(files.values()))} in {folders}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
