"""A dataset in a notebook: its summary and a few samples as pictures."""

from collections.abc import Sequence
from html import escape

import numpy as np

from cupynn import thumbnails
from cupynn.ragged import Ragged

from . import looks

SHOWN = 20  # samples
LARGEST = 40  # side of a picture in its file, in pixels: 20 noisy pictures in colour then take 130 KB
SIDE, WIDE = 64, 140  # largest side of a picture on the page, and the width of one over time
LINE = 32, 80  # rows and columns of a picture of lines


def as_html(words: str, x: np.ndarray | Ragged, y: np.ndarray, classes: tuple[str, ...]) -> str:
    """Return words and the first samples of a dataset, of each class in turn, each with the size of its class."""
    single = y.ndim == 1
    counts = np.bincount(y, minlength=len(classes)) if single else np.zeros(0, int)
    boxes = []
    for index in in_turn(y, SHOWN):
        picture, name = looks.picture(x, index), caption(y[index], classes)
        size = _size(picture)
        shown = thumbnails.image(_pixels(picture), size, f"sample {index}, {name}")
        below = f"{name} \u00b7 {counts[y[index]]:,}" if single else name
        boxes.append(thumbnails.captioned(shown, below, max(size[0], SIDE) + 2))
    hidden = int((counts > 0).sum()) - SHOWN
    more = f"<div>and {hidden:,} more classes</div>" if hidden > 0 else ""
    return f"<div><div>{escape(words)}</div>{''.join(boxes)}{more}</div>"


def caption(target: np.ndarray, classes: Sequence[str]) -> str:
    """Return the class of a sample, its several labels, or its numbers."""
    if target.ndim == 0:
        return classes[target]
    if target.dtype.kind == "f":
        return ", ".join(f"{value:.3g}" for value in target)
    return ", ".join(name for name, present in zip(classes, target, strict=True) if present) or "none"


def in_turn(y: np.ndarray, most: int) -> list[int]:
    """Return the indices of the first samples of each class in turn: first one of each, then the next of each."""
    if y.ndim > 1:
        return list(range(min(most, len(y))))
    order = np.argsort(y, kind="stable")
    rank = np.arange(len(y)) - np.searchsorted(y[order], y[order])  # of a sample within its class
    return order[np.lexsort((y[order], rank))][:most].tolist()


def _size(picture: looks.Picture) -> tuple[int, int]:
    """Return the width and height on the page."""
    if picture.kind == "lines" or picture.over_time:
        return WIDE, SIDE
    rows, columns = picture.values.shape[:2]
    longest = max(rows, columns)
    return max(8, SIDE * columns // longest), max(8, SIDE * rows // longest)


def _pixels(picture: looks.Picture) -> np.ndarray:
    """Return the pixels of a picture, uint8."""
    if picture.kind == "lines":
        return thumbnails.shades(_drawn(picture.values))
    wide = 2 * LARGEST if picture.over_time else LARGEST
    values = thumbnails.shrunk(picture.values, (LARGEST, wide))
    if picture.kind in ("grey", "colour"):
        return (255 * values).astype(np.uint8)
    shades = np.sign(values) * np.sqrt(np.abs(values) / (np.abs(values).max() or 1))  # few events are seen, too
    return thumbnails.shades(-shades if picture.kind == "signed" else shades)  # blue and orange as in `plot`


def _drawn(lines: np.ndarray) -> np.ndarray:
    """Draw lines (places, lines) into a picture of zeros and ones."""
    rows, columns = LINE
    values = thumbnails.shrunk(lines.astype(np.float32), (columns, lines.shape[1]))
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    heights = ((high - values) / ((high - low) or 1) * (rows - 1)).round().astype(int)
    picture = np.zeros((rows, max(1, len(heights))), np.float32)
    for line in heights.T:
        for column, (before, now) in enumerate(zip(np.r_[line[:1], line[:-1]], line, strict=True)):
            picture[min(before, now) : max(before, now) + 1, column] = 1
    return picture
