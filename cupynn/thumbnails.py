"""Small pictures and tables for notebooks, as HTML that is legible on light and dark backgrounds."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO

import numpy as np

INK = (38, 136, 204)  # blue and, for values below zero, orange: with contrast to light and dark backgrounds, and safe for
OTHER = (222, 108, 20)  # the colour-blind
BORDER = "border: 1px solid #7f7f7f"


class Html(str):
    """Text that is HTML already; all other text is escaped."""


def shrunk(values: np.ndarray, most: tuple[int, int]) -> np.ndarray:
    """Return a picture (rows, columns, ...) of at most this many rows and columns, by means of blocks."""
    for axis, limit in enumerate(most):
        size = values.shape[axis]
        if size > limit:
            edges = np.linspace(0, size, limit + 1).round().astype(int)
            sums = np.add.reduceat(values, edges[:-1], axis=axis)
            values = sums / np.expand_dims(np.diff(edges), tuple(range(1, values.ndim - axis))).astype(np.float32)
    return values


def shades(values: np.ndarray) -> np.ndarray:
    """Return values in [-1, 1] (rows, columns) as RGBA: blue above zero, orange below, the background at zero."""
    pixels = np.empty((*values.shape, 4), np.uint8)
    pixels[..., :3] = np.where(values[..., None] < 0, OTHER, INK)
    pixels[..., 3] = np.abs(values) * 255
    return pixels


def png(pixels: np.ndarray) -> str:
    """Return a picture, uint8 (rows, columns[, 3 or 4]), as the address of an embedded PNG."""
    from PIL import Image  # installed with matplotlib

    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "png")
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"


def image(pixels: np.ndarray, size: tuple[int, int], words: str) -> Html:
    """Return an image element of this width and height in CSS pixels; words describe it to those who cannot see it."""
    style = (
        f"width: {size[0]}px; height: {size[1]}px; image-rendering: pixelated; {BORDER}; display: inline-block; margin: 0"
    )
    return Html(f'<img src="{png(pixels)}" style="{style}" alt="{escape(words)}">')


def captioned(picture: Html, caption: str, width: int) -> Html:
    """Return a picture with a caption below, in a box of this width that is placed beside other boxes."""
    box = f"display: inline-block; width: {width}px; margin: 2px 4px; vertical-align: top; text-align: center"
    words = "overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 85%"
    return Html(f'<div style="{box}">{picture}<div style="{words}" title="{escape(caption)}">{escape(caption)}</div></div>')


def table(header: Sequence[str], rows: Sequence[Sequence[str]], words: int) -> Html:
    """Return a table of text and pictures, of which the first columns, `words`, are words and the rest numbers."""
    lines = [f"<tr>{_cells('th', header, words)}</tr>", *(f"<tr>{_cells('td', row, words)}</tr>" for row in rows)]
    return Html(f"<table>{''.join(lines)}</table>")


def _cells(tag: str, row: Sequence[str], words: int) -> str:
    cells = []
    for column, cell in enumerate(row):
        side = "left" if column < words or isinstance(cell, Html) else "right"
        cells.append(
            f'<{tag} style="text-align: {side}; padding: 2px 8px">{cell if isinstance(cell, Html) else escape(cell)}</{tag}>'
        )
    return "".join(cells)
