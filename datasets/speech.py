"""Turn sound recordings into cochleagrams, for all datasets of sounds."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from cupynn.checks import InputError
from cupynn.console import Lenient
from cupynn.ragged import Ragged

from . import sound
from .archives import read_tar
from .cache import load_or_compute
from .cochlea import PassiveEar

CHUNK = 256  # recordings that are processed together, in parallel
LARGEST = 1 << 26  # bytes of a file in an archive: no spoken word takes 64 MB
MODULES = ("cupynn.datasets.cochlea", "cupynn.datasets.sound", "cupynn.datasets.speech", "cupynn.kernels.cochlea")


def contents(place: Path, pattern: re.Pattern) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of the recordings in a folder, at any depth, or in a gzipped tar archive.

    The archive is not extracted. Recordings are the files whose name, without folders, matches all of `pattern`.
    """
    if place.is_dir():
        for path in sound_files(place, pattern):
            try:
                yield str(path), path.read_bytes()
            except OSError as error:
                raise InputError(f"{path} cannot be read ({error}): make it readable") from None
        return
    for name, content in read_tar(place, lambda name: bool(pattern.fullmatch(Path(name).name)), LARGEST):
        yield f"{place}: {name}", content


def sound_files(folder: Path, pattern: re.Pattern) -> list[Path]:
    """Return the files below a folder whose name matches all of `pattern`, in alphabetical order."""
    return sorted(path for path in folder.rglob("*") if pattern.fullmatch(path.name) and path.is_file())


def cochleagrams(
    signals: Iterable[tuple[str, np.ndarray, int]],
    ear: PassiveEar,
    total: int | None,
    title: str,
    remedy: str = "convert it",
) -> tuple[Ragged, list[str]]:
    """Return the frames and names of (name, signal, rate) recordings, with a progress bar on a terminal.

    `total` is the number of recordings, if it is known, and `title` the label of the bar. InputError with `remedy` is
    raised for a recording whose sampling rate differs from that of the ear.
    """
    from tqdm import tqdm

    names, parts, chunk = [], [], []
    stream = Lenient(sys.stderr)
    for name, signal, rate in tqdm(
        signals, title, total, unit=" recordings", leave=False, file=stream, disable=not stream.isatty()
    ):
        if rate != ear.rate:
            raise InputError(f"{name} has a sampling rate of {rate:,} Hz, expected {ear.rate:,} Hz: {remedy}")
        if signal.size < ear.hop:
            raise InputError(f"{name} has {signal.size} samples, less than a frame of {ear.hop}: leave it out")
        names.append(name)
        chunk.append(signal)
        if len(chunk) == CHUNK:
            parts.append(ear.cochleagrams(chunk))
            chunk = []
    if chunk:
        parts.append(ear.cochleagrams(chunk))
    if not parts:
        raise InputError(f"{title}: no recordings found: put an intact copy in their place")
    stops = np.cumsum(np.concatenate([part.lengths for part in parts]))
    values = np.concatenate([part.values for part in parts])
    return Ragged(values, np.append(0, stops[:-1]), stops, (ear.channels,)), names


def cached_cochleagrams(
    name: str, place: Path, pattern: re.Pattern, ear: PassiveEar, check: Callable
) -> tuple[Ragged, list[re.Match]]:
    """Return the frames of all recordings in a place, from the cache if possible, and the matches of their names.

    `name` is that of the dataset; `place` and `pattern` are as in `contents`. Before anything is cached, `check` is called
    with the matches of all names, to raise an InputError if recordings are missing.
    """
    paths = sound_files(place, pattern) if place.is_dir() else [place]
    state = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    total = len(paths) if place.is_dir() else None

    def compute() -> dict[str, np.ndarray]:
        decoded = ((path, *sound.decode(content, path)) for path, content in contents(place, pattern))
        frames, names = cochleagrams(decoded, ear, total, name)
        names = [re.split(r"[/\\]", each)[-1] for each in names]
        check([pattern.fullmatch(each) for each in names])
        return {"values": frames.values, "starts": frames.starts, "stops": frames.stops, "names": np.array(names)}

    arrays = load_or_compute(f"{name}-cochleagrams", (state, ear, pattern.pattern), MODULES, compute)
    frames = Ragged(arrays["values"], arrays["starts"], arrays["stops"], (ear.channels,))
    return frames, [pattern.fullmatch(name) for name in arrays["names"].tolist()]
