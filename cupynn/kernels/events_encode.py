"""Conversion of camera events to spike trains; `cupynn.encoders.Events` defines it."""

import numpy as np

from cupynn.kernels import inline, kernel
from cupynn.kernels.events import event_rows, pack, sort_by_neuron, sort_by_step
from cupynn.kernels.threads import each, parallel

SACCADE = 105e3  # microseconds of each of the three saccades of an N-MNIST recording
SWING = 7  # pixels that the image moves in x and in y


@inline
def image_motion(t):
    """Return the pixels (x, y) by which the image has moved at time t: down right, up right, then back left, a triangle.

    Piecewise linear, rounded half to even, as the authors of N-MNIST undo it (Orchard et al. 2015, "Converting static image
    datasets to spiking neuromorphic datasets using saccades", and their reader); at rest after the third saccade.
    """
    if t <= 2 * SACCADE:
        return round(SWING * t / (2 * SACCADE)), round(SWING * min(t, 2 * SACCADE - t) / SACCADE)
    return round(SWING * max(3 * SACCADE - t, 0.0) / SACCADE), 0


@inline
def merge(row, row_offsets):
    """Remove duplicate neurons within each step, in place."""
    kept = begin = 0
    for t in range(row_offsets.size - 1):
        end = row_offsets[t + 1]
        for event in range(begin, end):
            if event == begin or row[event] != row[event - 1]:
                row[kept] = row[event]
                kept += 1
        row_offsets[t + 1] = kept
        begin = end


@kernel
def _encode(turns, t, x, y, p, bounds, shape, step, steps, stabilise, rows, row_offsets):
    polarities, height, width = shape[0], shape[1], shape[2]
    event_steps, event_neurons = np.empty(rows.shape[1], np.int32), np.empty(rows.shape[1], np.int32)
    for b in each(turns):
        n = 0
        for event in range(bounds[b], bounds[b + 1]):
            k = max(1.0, np.ceil(t[event] / step))
            if k >= steps:
                continue
            column, line = x[event], y[event]
            if stabilise:
                right, down = image_motion(t[event])
                column, line = column - right, line - down
                if column < 0 or line < 0:
                    continue
            event_steps[n] = k
            event_neurons[n] = (p[event] * height + line) * width + column
            n += 1
        sort_by_neuron(event_steps[:n], event_neurons[:n], polarities * height * width)
        sort_by_step(event_steps[:n], event_neurons[:n], steps, rows[b], row_offsets[b])
        merge(rows[b], row_offsets[b])


def encode(
    events: np.ndarray, bounds: np.ndarray, shape: tuple[int, int, int], step: float, steps: int, stabilise: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Sort the events of a batch into steps; later ones are dropped.

    events (total,) with fields t in microseconds and x, y, p within shape (polarities, height, width); sample b has
    events[bounds[b] : bounds[b + 1]]; bounds (B + 1,) int64 -> events, see `cupynn.kernels.events`
    """
    # One dtype per column, whichever the recording has, so that the kernel is compiled once.
    t, x, y, p = (events[name].astype(np.float64 if name == "t" else np.int32) for name in ("t", "x", "y", "p"))
    batch = len(bounds) - 1
    rows = event_rows(batch, np.diff(bounds).max(initial=0), steps)
    parallel(_encode, batch, t, x, y, p, bounds, shape, float(step), steps, stabilise, *rows)
    return pack(*rows)
