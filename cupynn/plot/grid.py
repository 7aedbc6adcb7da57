"""Grids of small pictures or lines, each with a label above it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes

from cupynn.plot.place import Place
from cupynn.plot.style import GREY, MUTED, layer_colours

LEAST = 0.8, 0.62  # width of a picture in a wide figure and in a narrow one, inches
BAR = 0.55  # height of a colour bar, inches


@dataclass(frozen=True)
class Look:
    """How pictures are drawn: `image` has the arguments of `imshow`, `bar` labels the colour bar, `axes` those of lines."""

    image: dict[str, Any] = field(default_factory=dict)
    bar: str = ""
    axes: tuple[str, str] = ("", "")
    stretched: bool = False  # over time: pixels are not square


def draw(place: Place, fields: Sequence[np.ndarray], labels: Sequence[str], words: str, look: Look) -> Any:
    """Draw each field with its label, as an image (rows, columns[, 3]) or as lines (places[, lines]), and return the figure.

    All fields are of one kind. Axes of the user hold a single one.
    """
    lines = bool(look.axes[0])
    if place.axes is not None:
        image = _one(place.axes, fields[0], look)
        if look.bar:
            place.axes.figure.colorbar(image, ax=place.axes, label=look.bar)
        place.axes.set_title(labels[0], loc="left")
        return place.done()
    rows, columns = (2, 3) if lines or look.stretched else fields[0].shape[:2]
    wide = columns > 1.5 * rows
    most = max(1, int((place.width - 0.7) / (LEAST[place.narrow] * (2 if wide else 1))))
    down = ceil(len(fields) / most)
    across = ceil(len(fields) / down)
    width = (place.width - 0.3) / max(across, min(most, 5))
    height = down * (width * rows / columns + (0.3 if lines else 0.2))
    figure = place.figure(0.5 + height + (BAR if look.bar or lines else 0), "constrained" if lines else "compressed")
    panels = figure.subplots(down, across, squeeze=False, sharex=lines, sharey=lines)
    for axes, each, label in zip(panels.ravel(), fields, labels, strict=False):
        image = _one(axes, each, look)
        axes.set_title(label, fontsize=rcParams["axes.labelsize"], alpha=MUTED, pad=2)
    for axes in panels.ravel()[len(fields) :]:
        axes.set_axis_off()
    if lines:
        figure.supxlabel(look.axes[0], fontsize=rcParams["axes.labelsize"])
        figure.supylabel(look.axes[1], fontsize=rcParams["axes.labelsize"])
    elif look.bar:
        size = {"aspect": 10 * min(place.width, 5), "shrink": min(1, 3 / place.width), "pad": 0.02, "anchor": (0, 0.5)}
        bar = figure.colorbar(image, ax=panels, location="bottom", label=look.bar, **size)
        bar.outline.set_visible(False)
    return place.done(words)


def _one(axes: Axes, values: np.ndarray, look: Look) -> Any:
    """Draw one field, and return the image if it is one."""
    if look.axes[0]:
        axes.axhline(0, color=GREY, linewidth=0.6)
        axes.plot(values, color=layer_colours(["layer"])["layer"], linewidth=0.9)
        return None
    image = axes.imshow(values, interpolation="nearest", aspect="auto" if look.stretched else "equal", **look.image)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=GREY, linewidth=0.4)
    return image


def mosaic(channels: np.ndarray) -> np.ndarray:
    """Return one image with all channels (C, H, W), with gaps of NaN between them."""
    count, height, width = channels.shape
    across = ceil(count**0.5)
    picture = np.full((ceil(count / across) * (height + 1) - 1, across * (width + 1) - 1), np.nan, channels.dtype)
    for channel in range(count):
        row, column = divmod(channel, across)
        top, left = row * (height + 1), column * (width + 1)
        picture[top : top + height, left : left + width] = channels[channel]
    return picture
