"""Read the text formats of the original program's data sets."""

import re
from itertools import pairwise
from math import prod
from os import PathLike
from pathlib import Path

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.reference.text import TextFile
from cupynn.spikes.trains import SpikeTrains


def class_label(path: str | PathLike) -> int:
    """Return the class at the end of a file name, such as 5 of `input_spikes_0_5.dat`."""
    name = re.fullmatch(r".*_([0-9]{1,9})\.dat", Path(path).name)
    if name is None:
        raise InputError(f"{path}: expected a file name that ends with the class, such as train_7.dat")
    return int(name[1])


def read_nmnist(path: str | PathLike, neurons: int | tuple[int, ...], steps: int) -> tuple[SpikeTrains, np.ndarray]:
    """Read the N-MNIST samples of one class.

    A line holds a channel, counted from 1, and its times, counted from 0; `#` ends a sample. As in the original program,
    times are shifted by one step, so that no spike falls on step 0, and times beyond the last step are dropped: a
    UserWarning reports their number.

    Parameters
    ----------
    path : path
        Path whose name ends with the class: ``<anything>_<class>.dat``.
    neurons : int or tuple of int
        Number of channels, or their shape.
    steps : int
        Number of time steps T.

    Returns
    -------
    spikes : SpikeTrains, shape (B, steps, *neurons)
    labels : ndarray of int64, shape (B,)

    Raises
    ------
    InputError
        If a line is malformed, a channel or time is out of range, or no `#` ends the last sample.
    """
    shape, steps = checks.shape("neurons", neurons), checks.steps("steps", steps)
    label = class_label(path)
    file = TextFile(path, "lines `channel time time ...`, and `#` after each sample")
    ends = [index for index, line in enumerate(file.lines) if line.strip() == "#"]
    if not ends or ends[-1] != file.last - 1:
        raise file.error(file.last, "expected `#` after the last sample")
    parts = [_events(file, begin + 1, end, prod(shape)) for begin, end in pairwise([-1, *ends])]
    samples = np.repeat(np.arange(len(parts)), [times.size for times, _ in parts])
    times, channels = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    within = file.keep_within(times, steps)
    events = samples[within], times[within], channels[within]
    spikes = SpikeTrains.from_events(*events, shape=(len(parts), steps, *shape))
    return spikes, np.full(len(parts), label, np.int64)


def _events(file: TextFile, begin: int, end: int, neurons: int) -> tuple[np.ndarray, np.ndarray]:
    """Return times, from 1, and neurons, from 0, of the sample in ``lines[begin:end]``."""
    rows = [line.split() for line in file.lines[begin:end]]
    lines = np.array([number for number, row in enumerate(rows, start=begin + 1) if row], np.int64)
    lengths = np.array([len(row) for row in rows if row], np.int64)
    file.refuse(lengths == 1, lines, lengths, "a channel without times: expected `channel time time ...`")
    values = file.numbers(rows, int, first=begin + 1)
    heads = np.cumsum(lengths) - lengths
    channels, times = values[heads], np.delete(values, heads)
    file.refuse((channels < 1) | (channels > neurons), lines, channels, f"channel {{}}: expected 1 to {neurons}")
    file.refuse(times < 0, np.repeat(lines, lengths - 1), times, "time {}: expected at least 0")
    return times + 1, np.repeat(channels - 1, lengths - 1)


def read_cochleagram(path: str | PathLike, channels: int = 78) -> np.ndarray:
    """Read a cochleagram: one line per channel, with the values of all frames.

    Parameters
    ----------
    path : path
    channels : int
        Number of channels.

    Returns
    -------
    ndarray of float64, shape (channels, frames)

    Raises
    ------
    InputError
        If there are too few or too many channels, their numbers of frames differ, or a value is not a finite number.
    """
    channels = checks.integer("channels", channels, minimum=1)
    file = TextFile(path, f"{channels} lines of numbers, one per channel")
    values = file.numbers(file.rows, float)
    lines = [number for number, row in enumerate(file.rows, start=1) if row]
    if len(lines) != channels:
        raise file.error(lines[min(channels, len(lines) - 1)], f"{len(lines)} channels in all: expected {channels}")
    frames = len(file.rows[lines[0] - 1])
    for number in lines:
        if len(file.rows[number - 1]) != frames:
            raise file.error(number, f"{len(file.rows[number - 1])} frames: expected {frames}, as in the first channel")
    return values.reshape(channels, frames)
