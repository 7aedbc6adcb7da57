"""Samples as pictures: how an image, a recording of events, a signal or a vector is shown at a glance."""

from typing import NamedTuple

import numpy as np

from cupynn.intensities import EIGHT_BITS
from cupynn.ragged import Ragged

COLUMNS = 200  # of a picture over time
LINES = 6  # channels of a signal that are drawn as lines; more become rows of a picture


class Picture(NamedTuple):
    """A sample to show.

    Attributes
    ----------
    kind : str
        "grey" or "colour" for images of intensities in [0, 1]; "counts" for counts of at least 0; "signed" for values of
        both signs, such as events of two polarities; "lines" for values over places.
    values : ndarray of float
        (rows, columns) of a picture, (rows, columns, 3) of a colour image, (places, lines) of lines.
    over_time : bool
        Whether the columns are times, the rows channels.
    """

    kind: str
    values: np.ndarray
    over_time: bool = False


def picture(x: np.ndarray | Ragged, index: int) -> Picture:
    """Return a sample of a dataset as a picture, with values of at most 1 but for lines."""
    sample = x[index]
    if not isinstance(x, Ragged):
        return _intensities(np.asarray(sample), _white(x, sample))
    return _events(sample, x.sample_shape) if x.dtype.names else _signal(sample)


def _white(x: np.ndarray, sample: np.ndarray) -> float:
    """Return the value that is drawn white: that of the type, or the largest of a sample that is dim or out of range."""
    if x.dtype == np.uint8 and x[:1000].max() > EIGHT_BITS:
        return 255.0
    largest = float(np.abs(sample.astype(np.float32)).max()) or 1.0
    return 1.0 if x.dtype.kind == "f" and largest <= 1 else largest


def _intensities(sample: np.ndarray, white: float) -> Picture:
    """Return an image, of two channels their difference, or of other samples lines with their own values."""
    if sample.ndim not in (2, 3) or min(sample.shape[-2:]) == 1:
        return Picture("lines", sample.reshape(-1, 1).astype(np.float32))
    values = sample.astype(np.float32) / white
    if values.ndim == 2:
        return Picture("grey", values.clip(0, 1))
    if len(values) == 3:
        return Picture("colour", np.moveaxis(values, 0, -1).clip(0, 1))
    return _scaled("signed", values[1] - values[0]) if len(values) == 2 else Picture("grey", values.mean(0).clip(0, 1))


def _events(events: np.ndarray, sensor: tuple[int, ...]) -> Picture:
    """Return the events per pixel, those of the two polarities with opposite signs; of a row of channels, over time."""
    polarities, height, width = (1,) * (3 - len(sensor)) + tuple(sensor)
    if min(height, width) == 1:
        times = events["t"].astype(np.int64)
        columns = times * COLUMNS // (times.max(initial=0) + 1)
        units = events["x"].astype(np.int64) + events["y"]
        size = height * width
        counts = np.bincount(units * COLUMNS + columns, minlength=size * COLUMNS).reshape(size, COLUMNS)
        return _scaled("counts", counts[::-1], over_time=True)
    places = events["y"].astype(np.int64) * width + events["x"]
    signs = np.where(events["p"], 1.0, -1.0) if polarities == 2 else np.ones(len(events))
    counts = np.bincount(places, signs, height * width).reshape(height, width)
    return _scaled("signed" if polarities == 2 else "counts", counts)


def _signal(frames: np.ndarray) -> Picture:
    """Return a signal (time, channels) as lines, or with many channels as a picture with the first at the bottom."""
    frames = frames.reshape(len(frames), -1)
    return Picture("lines", frames, True) if frames.shape[1] <= LINES else _scaled("counts", frames.T[::-1], over_time=True)


def _scaled(kind: str, values: np.ndarray, over_time: bool = False) -> Picture:
    """Return values divided by nearly their largest magnitude, and clipped there: a few must not wash out the rest."""
    size = np.abs(values)
    bound = float(np.quantile(size[size > 0], 0.98)) if size.any() else 1.0
    return Picture(kind, (values / bound).clip(-1, 1).astype(np.float32), over_time)
