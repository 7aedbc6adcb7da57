"""From recordings to cochleagrams: what the speech datasets share."""

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

CHUNK = 256  # recordings that are heard together, in parallel
LARGEST = 1 << 26  # bytes of a member of an archive: no spoken word takes 64 MB
MODULES = ("cupynn.datasets.cochlea", "cupynn.datasets.sound", "cupynn.datasets.speech", "cupynn.kernels.cochlea")


def contents(place: Path, pattern: re.Pattern) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the recordings in a folder, at any depth, or in a gzipped tar archive, never extracted.

    Parameters
    ----------
    place : Path
    pattern : re.Pattern
        What the name of a recording, without its folders, matches as a whole; other files are passed over.
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
    """Paths of the recordings below a folder, in order; hidden ones are passed over."""
    return sorted(path for path in folder.rglob("*") if pattern.fullmatch(path.name) and path.is_file())


def cochleagrams(
    signals: Iterable[tuple[str, np.ndarray, int]],
    ear: PassiveEar,
    total: int | None,
    title: str,
    remedy: str = "convert it",
) -> tuple[Ragged, list[str]]:
    """Let an ear hear recordings, with a progress bar on a terminal.

    Parameters
    ----------
    signals : iterable of (name, signal, rate)
    ear : PassiveEar
        Of the sampling rate that all of them have.
    total : int or None
        Their number, if it is known, for the bar.
    title : str
        Of the bar.
    remedy : str
        What to do where a recording has another sampling rate than the ear.

    Returns
    -------
    Ragged, list of str
        The frames, and the names.
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
        raise InputError(f"{title}: there are no recordings where they should be: put an intact copy in their place")
    stops = np.cumsum(np.concatenate([part.lengths for part in parts]))
    values = np.concatenate([part.values for part in parts])
    return Ragged(values, np.append(0, stops[:-1]), stops, (ear.channels,)), names


def cached_cochleagrams(
    name: str, place: Path, pattern: re.Pattern, ear: PassiveEar, check: Callable
) -> tuple[Ragged, list[re.Match]]:
    """Return the cochleagrams of all recordings in a place, from the cache if they are there.

    Parameters
    ----------
    name : str
        Of the dataset.
    place : Path
        A folder or a gzipped tar archive.
    pattern : re.Pattern
        As `contents` takes it.
    ear : PassiveEar
    check : callable
        Is given the matches of all names, before anything is kept, to raise an InputError where recordings are missing.

    Returns
    -------
    Ragged, list of re.Match
        The frames, and what the pattern found in the name of each recording.
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
