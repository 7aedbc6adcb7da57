"""Read recordings of event cameras that tables of label, start and stop cut into samples, such as DVS128 Gesture."""

import re
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.files import intact

from .dataset import Dataset
from .event_folder import READERS, read_file
from .recordings import LATEST, convert, join

ENDINGS = "_labels.csv", ".csv"  # of the table of a recording, after the name of the recording without its suffix
NAMES = "gesture_mapping.csv"  # names of the classes: rows of name, label
COLUMNS = "label, start and stop"
NUMBER = re.compile(r"[-+.]*\d|nan$|inf(inity)?$", re.IGNORECASE)  # no beginning of a word in the first row
LONGEST = 1 << 24  # bytes of a table
OVERLAP = 100  # samples that an event may be in, on average: a table must not take a thousand times the memory


class Row(NamedTuple):
    """A row of a table: its sample has the events with start <= t < stop, in microseconds."""

    label: int
    start: int
    stop: int


def from_event_tables(
    path: str | PathLike, sensor: tuple[int, int, int] = (2, 128, 128), name: str | None = None
) -> Dataset:
    r"""Read event recordings, each with a table that cuts it into samples, such as DVS128 Gesture.

    The table of ``user01_led.aedat`` is ``user01_led_labels.csv`` or ``user01_led.csv`` beside it, with one row per sample:
    label, start and stop, whole numbers, the latter two in microseconds of the recording's clock. A first row of words is
    skipped. The times of each sample count from its start. If the folder has a file ``gesture_mapping.csv``, its rows of
    name and label name the classes; otherwise the labels do.

    Parameters
    ----------
    path : path
        The folder, of which all recordings that have a table are read; or a text file with the names of some of its
        recordings, one per line, such as ``trials_to_train.txt``.
    sensor : tuple of int
        (polarities, height, width); with one polarity, the polarities of events are ignored.
    name : str, optional
        Name of the dataset; by default that of the folder or text file.

    Returns
    -------
    Dataset
        x is a `Ragged` of events with the fields t (microseconds), x, y, p; recordings in alphabetical order or in that of
        the text file, classes in the order of their labels.

    Raises
    ------
    InputError
        If there are no recordings with tables, a file is missing or damaged, a row has no events or no valid times, or an
        event is outside the sensor.

    Examples
    --------
    >>> import tempfile
    >>> events = np.array([(90, 3, 2, 1), (690, 3, 2, 0)], [("t", int), ("x", int), ("y", int), ("p", int)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/user01.npy", events)
    ...     _ = Path(f"{folder}/user01_labels.csv").write_text("class,startTime_usec,endTime_usec\n1,0,500\n2,500,900\n")
    ...     data = from_event_tables(folder, sensor=(2, 34, 34), name="gestures")
    >>> data
    Dataset gestures: 2 samples of shape (2, 34, 34) events, 2 classes of 1 to 1 samples
    >>> data.x[1]["t"]
    array([190], dtype=uint32)
    """
    path, sensor = checks.path("path", path), checks.sensor("sensor", sensor)
    folder = path if path.is_dir() else path.parent
    found = tables(path)
    labels = np.array([row.label for _, table in found for row in table])
    names = _names(folder / NAMES)
    known = sorted({*names, *labels.tolist()})
    return Dataset(
        join(cut(found, sensor), sensor),
        np.searchsorted(known, labels),
        tuple(names.get(label, str(label)) for label in known),
        path.resolve().stem if name is None else name,
    )


def tables(path: Path) -> list[tuple[Path, list[Row]]]:
    """Return the recordings of a folder, or those that a text file names, each with the rows of its table."""
    recordings = _listed(path) if path.is_file() else _found(path)
    return [(recording, _table(_table_path(recording))) for recording in recordings]


def cut(found: list[tuple[Path, list[Row]]], sensor: tuple[int, int, int]) -> Iterator[np.ndarray]:
    """Yield the events of each row of the tables of recordings, with times from its start."""
    for recording, table in found:
        yield from _cut(recording, table, sensor)


def _listed(path: Path) -> list[Path]:
    """Return the recordings that a text file names, in its order."""
    recordings = [path.parent / line.strip() for line in _text(path).splitlines() if line.strip()]
    for recording in recordings:
        if not checks.path(str(path), recording).is_file():
            raise InputError(f"{path} names {recording.name}, which is not beside it: put the recording there")
    if not recordings:
        raise InputError(f"{path} names no recordings: write one name per line")
    return recordings


def _found(folder: Path) -> list[Path]:
    """Return the recordings of a folder that have a table."""
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist: pass a folder of recordings, or a text file with their names")
    with intact(str(folder)):
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() in READERS and not file.name.startswith("."))
    recordings = [file for file in files if any(_table_paths(file))]
    if not recordings:
        raise InputError(
            f"{folder} has no recording with a table NAME_labels.csv beside it: write one with {COLUMNS} per row"
        )
    return recordings


def _table_paths(recording: Path) -> Iterator[Path]:
    """Yield the existing tables of a recording."""
    return (table for ending in ENDINGS if (table := recording.with_name(recording.stem + ending)).is_file())


def _table_path(recording: Path) -> Path:
    for table in _table_paths(recording):
        return table
    raise InputError(f"{recording} has no table {recording.stem}_labels.csv beside it: write one with {COLUMNS} per row")


def _text(path: Path) -> str:
    with intact(str(path)):
        if path.stat().st_size > LONGEST:
            raise ValueError(f"it has more than {LONGEST:,} bytes")
        return path.read_text(encoding="utf-8-sig")


def _table(path: Path) -> list[Row]:
    """Return the rows of a table, all with a label of at least 0 and 0 <= start < stop."""
    rows = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        cells = [cell.strip().strip("\"'") for cell in line.split(",")]
        whole = all(cell.isascii() and cell.isdigit() and len(cell) < 19 for cell in cells[:3])
        if cells == [""] or (number == 1 and not any(map(NUMBER.match, cells))):
            continue
        if len(cells) < 3 or not whole or int(cells[1]) >= int(cells[2]):
            raise InputError(f"{path}, line {number}: {line[:80]!r}: pass {COLUMNS}, whole numbers with start < stop")
        rows.append(Row(*map(int, cells[:3])))
    if not rows:
        raise InputError(f"{path} has no rows: write {COLUMNS} of each sample, or remove the table")
    return rows


def _names(path: Path) -> dict[int, str]:
    """Return the names of the labels, from a file of rows "name,label" whose first row may be words; empty without one."""
    names = {}
    if path.is_file():
        for line in _text(path).splitlines():
            name, _, label = (part.strip() for part in line.rpartition(","))
            if name and label.isascii() and label.isdigit() and len(label) < 19:
                names[int(label)] = name
        if len(set(names.values())) < len(names):
            raise InputError(f"{path} gives two labels the same name: give each label another name")
    return names


def _cut(recording: Path, table: list[Row], sensor: tuple[int, int, int]) -> Iterator[np.ndarray]:
    """Yield the events of each row, with times from its start."""
    raw = read_file(recording)
    events = convert(raw, sensor, str(recording), from_first_event=True)
    first = int(raw["t"].min()) if len(raw) else 0
    events = events[np.argsort(events["t"], kind="stable")]
    times = events["t"].astype(np.int64)
    copied = 0
    for label, start, stop in table:
        sample = events[slice(*np.searchsorted(times, (start - first, stop - first)))]
        copied += len(sample)
        if copied > OVERLAP * len(events):
            raise InputError(f"{_table_path(recording)} repeats the events over {OVERLAP} times: remove rows that overlap")
        if not len(sample):
            table_name = _table_path(recording).name
            raise InputError(
                f"{recording} has no events from {start} to {stop} (label {label}): remove this row of {table_name}"
            )
        latest = int(sample["t"][-1]) + first - start
        if latest > LATEST:
            raise InputError(
                f"{recording}, from {start} to {stop}: an event comes after {latest}: pass less than 2^32 microseconds"
            )
        sample = sample.copy()
        sample["t"] = sample["t"].astype(np.int64) + (first - start)
        yield sample
