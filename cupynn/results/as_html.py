"""Recordings and evaluations in a notebook: tables with small pictures."""

from html import escape
from typing import Any

import numpy as np

from cupynn import thumbnails
from cupynn.spikes import picture
from cupynn.spikes.trains import SpikeTrains

PICTURES = 10  # layers of which the spikes are shown; of more, the first and the last
THUMBNAIL = 48, 240  # maximum rows and columns of each, in pixels
LISTED = 5  # most frequent errors
MATRIX = 200  # largest side of a confusion matrix, in pixels


def recording(spikes: dict[str, SpikeTrains]) -> str:
    """Return a table of the layers of a recording, with the spikes of the first sample."""
    header = ("layer", "shape", "spikes per sample", "per step and neuron", thumbnails.Html("sample 0"))
    names, rows = list(spikes), []
    drawn = set(names if len(names) <= PICTURES else names[: PICTURES - 1] + names[-1:])
    for name, trains in spikes.items():
        mean = trains.neurons.size / max(1, len(trains))
        shown = _raster(trains) if len(trains) and name in drawn else ""
        shape = " \u00d7 ".join(map(str, trains.neuron_shape))
        rows.append((name, shape, f"{mean:,.1f}", f"{mean / (trains.steps * trains.size):.2%}", shown))
    first = next(iter(spikes.values()))
    words = f"Recording of {len(first):,} sample{'' if len(first) == 1 else 's'}, {first.steps:,} steps"
    return f"<div><div>{escape(words)}</div>{thumbnails.table(header, rows, 2)}</div>"


def _raster(trains: SpikeTrains) -> thumbnails.Html:
    """Return the spikes of the first sample as a small picture."""
    first = trains[:1].to_host()
    return picture.image(picture.raster(first.neurons, first.offsets, first.size, THUMBNAIL))


def evaluation(found: Any) -> str:
    """Return the numbers of an `Evaluation`, a table of its layers, and its confusion matrix if it has a single one."""
    loss = "" if found.loss is None else f", loss {found.loss:.2f}"
    words = f"Evaluation: {found.shown()}{loss}, {found.silent:,} silent samples"
    names = [*found.spikes, *(name for name in found.dead if name not in found.spikes)]
    rows = [(name, _text(found.spikes.get(name), ".2f"), _text(found.dead.get(name), ".0%")) for name in names]
    parts = [thumbnails.table(("layer", "spikes per neuron", "dead"), rows, 1)]
    if found.confusion is not None and found.confusion.ndim == 2:
        parts += [_matrix(found.confusion), _errors(found.confusion)]
    beside = "display: inline-block; vertical-align: top; margin-right: 16px"
    boxes = "".join(f'<div style="{beside}">{part}</div>' for part in parts)
    return f"<div><div>{escape(words)}</div>{boxes}</div>"


def _matrix(confusion: np.ndarray) -> str:
    """Return a confusion matrix as a picture: shares of the rows."""
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    side = min(MATRIX, max(60, 16 * len(shares)))
    pixels = thumbnails.shades(thumbnails.shrunk(shares.astype(np.float32), (MATRIX, MATRIX)))
    shown = thumbnails.image(pixels, (side, side), "confusion matrix: a row per label, a column per prediction")
    return thumbnails.captioned(shown, "label \u2193 predicted \u2192", max(side, 130))


def _errors(confusion: np.ndarray) -> str:
    """Return the most frequent errors."""
    wrong = confusion * (1 - np.eye(len(confusion), dtype=confusion.dtype))
    order = np.argsort(-wrong, axis=None, kind="stable")[:LISTED]
    pairs = [(*divmod(int(place), len(wrong)), int(wrong.flat[place])) for place in order if wrong.flat[place]]
    rows = [(str(label), str(predicted), f"{count:,}") for label, predicted, count in pairs]
    return thumbnails.table(("label", "predicted", "errors"), rows, 0) if rows else "no errors"


def _text(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
