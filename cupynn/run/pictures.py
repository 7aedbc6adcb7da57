"""Images that a network was trained on, in a few numbers, and warnings about images that are unlike them."""

from typing import Any

import numpy as np

INSPECTED = 1000  # training images
FAR = 0.3  # of the largest value: a difference of backgrounds that matters
DIM = 0.5  # of the largest training value, below which images hardly fire
STRETCH = 1.5  # ratio of height to width, against that of the network's input


def describe(x: Any) -> dict[str, float] | None:
    """Return the median border and the largest value of images (n, [channels,] height, width); None for other data."""
    if not isinstance(x, np.ndarray) or x.ndim not in (3, 4) or (x.ndim == 4 and x.shape[1] not in (1, 3)):
        return None
    some = x[:: max(1, len(x) // INSPECTED)]
    border = np.concatenate([some[..., 0, :], some[..., -1, :], some[..., 0], some[..., -1]], axis=-1)
    return {"background": float(np.median(border)), "largest": float(some.max())}


def unlike(image: np.ndarray, known: dict[str, float], shape: tuple[int, ...], colour: bool) -> list[str]:
    """Return warnings about an image as the network takes it, (1, [channels,] height, width).

    Parameters
    ----------
    image : ndarray
    known : dict
        From `describe`, of the training images.
    shape : (height, width)
        Of the file.
    colour : bool
        Whether the file is in colour.
    """
    found, notices = describe(image), []
    largest = max(known["largest"], 1e-6)
    if abs(found["background"] - known["background"]) > FAR * largest:
        bright, dark = ("bright", "dark") if found["background"] > known["background"] else ("dark", "bright")
        notices.append(f"its background is {bright}, that of the training images is {dark}: invert it (--invert)")
    elif 0 < found["largest"] < DIM * largest:
        notices.append(
            f"its largest value is {found['largest']:g}, that of the training images {largest:g}: raise its contrast"
        )
    height, width = image.shape[-2:]
    if max(shape[0] * width, shape[1] * height) > STRETCH * min(shape[0] * width, shape[1] * height):
        notices.append(f"it is stretched from {shape[0]} x {shape[1]} to {height} x {width} pixels: crop it first")
    if colour and (image.ndim == 3 or image.shape[1] == 1):
        notices.append("it is in colour, and the network takes grey images: its colours are lost")
    return notices
