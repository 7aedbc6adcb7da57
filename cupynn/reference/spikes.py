"""Read and write the original program's files with the spikes of one layer in one presentation.

The file of a dense layer has one line `neuron time` per spike, and `-1 -1` before the first and after the last. The file of
a convolution or pooling layer has zeros and ones by channel, step and position, one line per channel.
"""

from math import prod
from os import PathLike

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.files import write_text
from cupynn.reference.text import TextFile


def read_spikes(path: str | PathLike, neurons: int | tuple[int, ...], steps: int) -> np.ndarray:
    """Read the spikes of a layer; the content determines which of the two formats the file has.

    As in the original program, spikes `neuron time` at step T or later are dropped; a UserWarning reports their number.
    Files of the original program contain spikes at END_TIME itself.

    Parameters
    ----------
    path : path
    neurons : int or tuple of int
        Number of neurons, or their shape (channels, height, width). With a number, each line of zeros and ones is a channel.
    steps : int
        Number of time steps T.

    Returns
    -------
    ndarray of uint8, shape (steps, neurons)
        Zeros and ones, neurons in flattened order.

    Raises
    ------
    InputError
        If a line has neither format, a number is out of range, there are too few or too many values, or there is more than
        one presentation.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "hidden.dat")
    >>> write_spikes(path, [[0, 0], [1, 0], [0, 1]])
    >>> read_spikes(path, neurons=2, steps=3)
    array([[0, 0],
           [1, 0],
           [0, 1]], dtype=uint8)
    """
    shape, steps = checks.shape("neurons", neurons), checks.steps("steps", steps)
    file = TextFile(path, "spikes: lines `neuron time` between two lines `-1 -1`, or zeros and ones")
    first = next(row[0] for row in file.rows if row)
    return _pairs(file, prod(shape), steps) if first == "-1" else _maps(file, shape, steps)


def _pairs(file: TextFile, neurons: int, steps: int) -> np.ndarray:
    lines = [number for number, row in enumerate(file.rows, start=1) if row]
    for number in lines:
        if len(file.rows[number - 1]) != 2:
            raise file.error(number, f"{file.lines[number - 1].strip()[:40]!r}: expected `neuron time`")
    events = file.numbers(file.rows, int).reshape(-1, 2)
    marks = np.flatnonzero((events == -1).all(axis=1))
    if 0 not in marks:
        raise file.error(lines[0], "expected `-1 -1` before the spikes")
    if marks.size == 1:
        raise file.error(file.last, "expected `-1 -1` after the spikes")
    if marks[1] != len(events) - 1:
        raise file.error(lines[marks[1] + 1], "expected the end of the file after one presentation")
    which, times = events[1:-1].T
    file.refuse((which < 0) | (which >= neurons), lines[1:], which, f"neuron {{}}: expected 0 to {neurons - 1}")
    file.refuse(times < 0, lines[1:], times, "time {}: expected at least 0")
    within = file.keep_within(times, steps, stacklevel=4)
    spikes = np.zeros((steps, neurons), np.uint8)
    spikes[times[within], which[within]] = 1
    return spikes


def _maps(file: TextFile, shape: tuple[int, ...], steps: int) -> np.ndarray:
    neurons = prod(shape)
    channels = shape[0] if len(shape) > 1 else sum(map(bool, file.rows))
    values = file.numbers(file.rows, int)
    wrong = (values != 0) & (values != 1)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise file.error(file.line_of(first), f"{values[first]}: expected 0 or 1, or a first line `-1 -1` of a dense layer")
    if values.size != steps * neurons:
        wanted = f"expected {steps * neurons}, of {neurons} neurons in {steps} steps"
        raise file.error(file.line_of(steps * neurons), f"{values.size} values in all: {wanted}")
    if neurons % channels:
        raise file.error(file.last, f"{channels} lines: expected one per channel, with {neurons} neurons in all")
    by_channel = values.astype(np.uint8).reshape(channels, steps, -1)
    return by_channel.transpose(1, 0, 2).reshape(steps, neurons)


def write_spikes(path: str | PathLike, spikes: np.ndarray, channels: int | None = None) -> None:
    """Write the spikes of a layer, for `read_spikes` or the original program.

    Parameters
    ----------
    path : path
    spikes : array_like, shape (steps, *neurons)
        Zeros and ones.
    channels : int, optional
        Number of channels, for the format of a convolution. Default: the format of a dense layer.

    Raises
    ------
    InputError
        If the array has another shape or other values, `channels` does not divide the number of neurons, or the file
        cannot be written.
    """
    path, spikes = checks.path("path", path), checks.as_array("spikes", spikes)
    if spikes.ndim < 2 or spikes.size == 0:
        raise InputError(f"spikes have shape {spikes.shape}: pass a non-empty array (steps, *neurons)")
    if spikes.dtype.kind not in "biuf" or not np.isin(spikes, (0, 1)).all():
        raise InputError("spikes contain values other than 0 and 1: pass 0 or 1 for each step and neuron")
    spikes = spikes.reshape(len(spikes), -1).astype(np.uint8)
    write_text(path, _pairs_text(spikes) if channels is None else _maps_text(spikes, channels))


def _pairs_text(spikes: np.ndarray) -> str:
    mark = "-1\t-1\n"
    return mark + "".join(f"{neuron}\t{time}\n" for neuron, time in np.argwhere(spikes.T)) + mark


def _maps_text(spikes: np.ndarray, channels: int) -> str:
    steps, neurons = spikes.shape
    if neurons % checks.integer("channels", channels, minimum=1):
        raise InputError(f"channels={channels} with {neurons} neurons: pass a divisor of the number of neurons")
    text = np.full((channels, steps, neurons // channels, 2), ord(" "), np.uint8)
    text[..., 0] = ord("0") + spikes.reshape(steps, channels, -1).transpose(1, 0, 2)
    text[:, -1, -1, 1] = ord("\n")
    return text.tobytes().decode("ascii")
