"""Convert recordings of event cameras to a common type, and make datasets from arrays of events."""

from collections.abc import Iterable, Sequence

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.ragged import Ragged

from .dataset import Dataset
from .iterated import iterated

LATEST = 2**32 - 1  # microseconds, 71 minutes
E2VID = {"ts": "t", "xs": "x", "ys": "y", "ps": "p"}  # its names of the columns; ts is in seconds


def event_type(sensor: tuple[int, int, int]) -> np.dtype:
    """Return the type of the events of a sensor: t in microseconds, x, y, p; 7 bytes up to 256 pixels per axis."""
    coordinate = np.uint8 if max(sensor[1:]) <= 256 else np.uint16
    return np.dtype([("t", np.uint32), ("x", coordinate), ("y", coordinate), ("p", np.bool_)])


def convert(recording: np.ndarray, sensor: tuple[int, int, int], where: str, from_first_event: bool = False) -> np.ndarray:
    """Return a recording, as `events` takes it, as events of `event_type`, each checked; errors begin with `where`."""
    if not isinstance(recording, np.ndarray) or recording.dtype.names is None or recording.ndim != 1:
        found = f"{recording.dtype} {recording.shape}" if isinstance(recording, np.ndarray) else type(recording).__name__
        raise InputError(f"{where} is {found}: pass a one-dimensional structured array with the fields t, x, y, p")
    columns = {name: recording[name] for name in checks.EVENT_FIELDS if name in recording.dtype.names}
    zeros = np.zeros(len(recording), np.uint8)
    if sensor[0] == 1:
        columns["p"] = zeros
    if sensor[1] == 1:
        columns.setdefault("y", zeros)
    if missing := set(checks.EVENT_FIELDS) - columns.keys():
        raise InputError(
            f"{where} has no field {min(missing)!r}, only {', '.join(recording.dtype.names)}: pass events with t, x, y, p"
        )
    if columns["p"].dtype.kind == "i" and (np.abs(columns["p"]) == 1).all():
        columns["p"] = columns["p"] > 0
    if from_first_event and columns["t"].size and columns["t"].dtype.kind in "iu":
        # Modulo 2^64, where the difference of any two times fits; in their own type it may overflow.
        columns["t"] = columns["t"].astype(np.uint64) - columns["t"].min().astype(np.uint64)
    checks.events(where, columns, sensor)
    if len(recording) and columns["t"].max() > LATEST:
        late = int(np.argmax(columns["t"] > LATEST))
        remedy = "cut the recording into shorter ones" if from_first_event else "or from_first_event=True"
        raise InputError(f"{where}, event {late}: t={columns['t'][late]}: pass microseconds below 2^32, {remedy}")
    events = np.empty(len(recording), event_type(sensor))
    for name, column in columns.items():
        events[name] = column
    return events


def structured(arrays: dict[str, np.ndarray], where: object, others: Sequence[str] = ()) -> np.ndarray:
    """Return the only structured array of a file, or make one from the arrays t, x, y, p, or e2vid's ts, xs, ys, ps.

    `where` names the file, and `others` what else it holds, for the error.
    """
    tables = [array for array in arrays.values() if array.dtype.names]
    if len(tables) == 1:
        return tables[0]
    arrays = _renamed(arrays, where)
    columns = {name: arrays[name] for name in checks.EVENT_FIELDS if name in arrays}
    sizes = {array.shape for array in columns.values()}
    if len(sizes) != 1 or any(len(shape) != 1 for shape in sizes):
        found = ", ".join([*others, *(f"{key} {array.shape}" for key, array in arrays.items())]) or "nothing"
        raise InputError(f"{where} holds {found}: expected one structured array, or t, x, y and p of equal length")
    events = np.empty(sizes.pop(), [(name, array.dtype) for name, array in columns.items()])
    for name, array in columns.items():
        events[name] = array
    return events


def _renamed(arrays: dict[str, np.ndarray], where: object) -> dict[str, np.ndarray]:
    """Return the columns of e2vid as t, x, y, p, its seconds as microseconds; other arrays unchanged."""
    if not E2VID.keys() <= arrays.keys():
        return arrays
    columns = {name: arrays[plural] for plural, name in E2VID.items()}
    times = columns["t"]
    if times.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            times = np.rint(times.astype(np.float64) * 1e6)  # wide, because a float16 holds no more than 65,504
        if not (np.abs(times) < 2**63).all():
            raise InputError(f"{where}: ts holds NaN or an infinite time: pass seconds")
        columns["t"] = times.astype(np.int64)
    if columns["p"].dtype.kind == "f" and np.isin(columns["p"], (-1, 0, 1)).all():
        columns["p"] = columns["p"].astype(np.int8)
    return columns


def join(recordings: Iterable[np.ndarray], sensor: tuple[int, int, int]) -> Ragged:
    """Concatenate recordings of `event_type` into one array."""
    recordings = list(recordings)
    stops = np.cumsum([len(events) for events in recordings], dtype=np.int64)
    values = np.concatenate([np.empty(0, event_type(sensor)), *recordings])
    return Ragged(values, np.concatenate([[0], stops])[:-1], stops, sensor)


def events(
    recordings: Iterable[np.ndarray],
    labels: Sequence[int] | np.ndarray,
    sensor: tuple[int, int, int] = (2, 34, 34),
    classes: Sequence[str] | None = None,
    name: str = "events",
    from_first_event: bool = False,
) -> Dataset:
    """Make a dataset from recordings of any length; encode it with `cupynn.encoders.Events`.

    Parameters
    ----------
    recordings : iterable or map dataset of structured ndarray, shape (events,)
        Whole numbers in the fields t (microseconds), x, y, p, in any order, such as those of tonic. Polarities are bool, 0
        and 1, or -1 and 1. On a sensor with one polarity, p is ignored and may be missing; if the height is 1, so may y.
    labels : array_like of int, shape (n,)
        Class of each recording.
    sensor : tuple of int
        (polarities, height, width), with one or two polarities.
    classes : sequence of str, optional
        Names of the classes; by default "0", "1" and so on.
    name : str
        Name of the dataset.
    from_first_event : bool
        Count the times of each recording from its earliest event, because the clocks of cameras start at arbitrary times.

    Returns
    -------
    Dataset
        x is a `Ragged` of events with the fields t, x, y, p.

    Raises
    ------
    InputError
        If an event is outside the sensor, with the numbers of the recording and the event, or another argument is invalid.

    Examples
    --------
    >>> fields = [("x", "i2"), ("y", "i2"), ("t", "i8"), ("p", bool)]
    >>> recordings = [np.array([(3, 2, 40, True), (0, 0, 951, False)], fields), np.array([(1, 1, 7, True)], fields)]
    >>> events(recordings, [1, 0], sensor=(2, 3, 4))
    Dataset events: 2 samples of shape (2, 3, 4) events, 2 classes of 1 to 1 samples
    """
    sensor = checks.sensor("sensor", sensor)
    if isinstance(recordings, np.ndarray) and recordings.dtype.names:
        raise InputError("recordings is one array of events: pass a list of arrays, one per sample")
    recordings = iterated("recordings", recordings, "a list of arrays, one per sample")
    from_first_event = checks.flag("from_first_event", from_first_event)
    x = join(
        (convert(array, sensor, f"recordings[{index}]", from_first_event) for index, array in enumerate(recordings)), sensor
    )
    if classes is None:
        labels, count = checks.class_numbers("labels", labels, len(x))
        classes = tuple(map(str, range(count)))
    return Dataset(x, labels, classes, name)
