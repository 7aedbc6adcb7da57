"""Recordings of event cameras: one type for all of them, and a dataset from arrays of one's own."""

from collections.abc import Iterable, Sequence

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.ragged import Ragged

from .dataset import Dataset

LATEST = 2**32 - 1  # microseconds, 71 minutes


def event_type(sensor: tuple[int, int, int]) -> np.dtype:
    """Type of the events of a sensor (polarities, height, width): t in microseconds, x, y, p; 7 bytes up to 256 pixels."""
    coordinate = np.uint8 if max(sensor[1:]) <= 256 else np.uint16
    return np.dtype([("t", np.uint32), ("x", coordinate), ("y", coordinate), ("p", np.bool_)])


def convert(recording: np.ndarray, sensor: tuple[int, int, int], where: str, from_first_event: bool = False) -> np.ndarray:
    """Return a recording as events of `event_type`, each checked; errors begin with `where`.

    Parameters
    ----------
    recording : structured ndarray, shape (events,)
        With whole numbers in the fields t (microseconds), x, y, p, in any order. A polarity is a bool, 0 or 1, or -1 or 1;
        on a sensor with one polarity it does not matter and may be missing, on one of height 1 so may y.
    sensor : tuple of int
        (polarities, height, width).
    where : str
        What to call the recording in an error.
    from_first_event : bool
        Count the time from the earliest event instead of the recording's own zero.
    """
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
        # Modulo 2^64, where the difference of any two times fits: in their own type it may not.
        columns["t"] = columns["t"].astype(np.uint64) - columns["t"].min().astype(np.uint64)
    checks.events(where, columns, sensor)
    if len(recording) and columns["t"].max() > LATEST:
        late = int(np.argmax(columns["t"] > LATEST))
        raise InputError(
            f"{where}, event {late}: t={columns['t'][late]}: pass microseconds below 2^32, or from_first_event=True"
        )
    events = np.empty(len(recording), event_type(sensor))
    for name, column in columns.items():
        events[name] = column
    return events


def join(recordings: Iterable[np.ndarray], sensor: tuple[int, int, int]) -> Ragged:
    """Put recordings of `event_type`, one after the other, into one array."""
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
    """Make a dataset from recordings of your own, of any length each; encode it with `cupynn.encoders.Events`.

    Parameters
    ----------
    recordings : iterable of structured ndarray, shape (events,)
        With whole numbers in the fields t (microseconds), x, y, p, in any order, such as tonic's. A polarity is a bool, 0
        or 1, or -1 or 1; on a sensor with one polarity it does not matter and may be missing, on one of height 1 so may y.
    labels : array_like of int, shape (n,)
        Class of each recording.
    sensor : tuple of int
        (polarities, height, width), with one or two polarities.
    classes : sequence of str, optional
        Names of the classes; by default "0", "1" and so on.
    name : str
        What the dataset is called.
    from_first_event : bool
        Count the times of each recording from its earliest event, as the clock of a camera starts anywhere.

    Returns
    -------
    Dataset
        x is a `Ragged` of events with the fields t, x, y, p.

    Raises
    ------
    InputError
        If an event lies outside the sensor, naming recording and event, or anything else cannot be used.

    Examples
    --------
    >>> fields = [("x", "i2"), ("y", "i2"), ("t", "i8"), ("p", bool)]
    >>> recordings = [np.array([(3, 2, 40, True), (0, 0, 951, False)], fields), np.array([(1, 1, 7, True)], fields)]
    >>> events(recordings, [1, 0], sensor=(2, 3, 4))
    Dataset events: 2 samples of shape (2, 3, 4) events, 2 classes of 1 to 1 samples
    """
    sensor = checks.sensor("sensor", sensor)
    if isinstance(recordings, np.ndarray) and recordings.dtype.names:
        raise InputError("recordings is one array of events: pass a list of them, one a sample")
    from_first_event = checks.flag("from_first_event", from_first_event)
    x = join(
        (convert(array, sensor, f"recordings[{index}]", from_first_event) for index, array in enumerate(recordings)), sensor
    )
    if classes is None:
        y = checks.labels("labels", labels, 2**31, len(x))
        classes = tuple(str(label) for label in range(y.max(initial=-1) + 1))
    return Dataset(x, labels, classes, name)
