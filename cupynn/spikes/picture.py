"""A small raster of spikes for notebooks, as HTML."""

from base64 import b64encode
from html import escape
from io import BytesIO

import numpy as np

INK = (0, 114, 178)  # of spikes: blue of Okabe and Ito's palette, seen on light ground and on dark
RASTER = (96, 480)  # most rows and columns of a raster, pixels: a million spikes take 65 KB


def html(image: np.ndarray, words: str) -> str:
    """Return a raster above a line of words."""
    source = b64encode(_png(image)).decode()
    width, height = max(240, image.shape[1]), max(24, image.shape[0])
    style = f"width: {width}px; height: {height}px; image-rendering: pixelated; border: 1px solid #7f7f7f"
    picture = f'<img src="data:image/png;base64,{source}" style="{style}" alt="raster of the first sample">'
    return f"<div>{picture}<br>{escape(words)}</div>"


def raster(neurons: np.ndarray, offsets: np.ndarray, size: int) -> np.ndarray:
    """Return the opacity of a sample's spikes, time to the right, the first neuron below.

    Neurons and steps that share a pixel are summed.

    Parameters
    ----------
    neurons, offsets : ndarray
        Events of one sample, as `SpikeTrains` holds them.
    size : int
        Number of neurons.

    Returns
    -------
    ndarray of uint8, shape (rows, columns)
    """
    length = len(offsets) - 1
    rows, columns = min(RASTER[0], size), min(RASTER[1], length)
    steps = np.repeat(np.arange(length), np.diff(offsets))
    pixels = (neurons.astype(np.int64) * rows // size) * columns + steps * columns // length
    counts = np.bincount(pixels, minlength=rows * columns).reshape(rows, columns)[::-1]
    return np.where(counts > 0, 55 + 200 * counts // max(1, counts.max()), 0).astype(np.uint8)


def _png(opacity: np.ndarray) -> bytes:
    """Return a PNG in the colour of spikes."""
    from PIL import Image  # which matplotlib brings

    pixels = np.empty((*opacity.shape, 4), np.uint8)
    pixels[..., :3], pixels[..., 3] = INK, opacity
    file = BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()
