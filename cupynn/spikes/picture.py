"""Small rasters of spikes for notebooks, as HTML."""

from html import escape

import numpy as np

from cupynn import thumbnails

RASTER = (96, 480)  # maximum rows and columns in pixels: a million spikes take 65 KB


def html(opacity: np.ndarray, words: str) -> str:
    """Return a raster with a caption below."""
    return f"<div>{image(opacity)}<br>{escape(words)}</div>"


def image(opacity: np.ndarray) -> thumbnails.Html:
    """Return a raster as an image element, enlarged if it has few steps or neurons."""
    size = max(240, opacity.shape[1]), max(24, opacity.shape[0])
    return thumbnails.image(thumbnails.shades(opacity / np.float32(255)), size, "raster of the first sample")


def raster(neurons: np.ndarray, offsets: np.ndarray, size: int, largest: tuple[int, int] = RASTER) -> np.ndarray:
    """Return a sample's spikes as opacity, uint8 (rows, columns), with time to the right and the first neuron at the bottom.

    Spikes that share a pixel are summed.

    Parameters
    ----------
    neurons, offsets : ndarray
        The sample's events, as in `SpikeTrains`.
    size : int
        Number of neurons.
    largest : (int, int)
        Maximum rows and columns.
    """
    length = len(offsets) - 1
    rows, columns = min(largest[0], size), min(largest[1], length)
    steps = np.repeat(np.arange(length), np.diff(offsets))
    pixels = (neurons.astype(np.int64) * rows // size) * columns + steps * columns // length
    counts = np.bincount(pixels, minlength=rows * columns).reshape(rows, columns)[::-1]
    return np.where(counts > 0, 55 + 200 * counts // max(1, counts.max()), 0).astype(np.uint8)
