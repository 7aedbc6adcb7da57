"""Samples for the benchmarks that need no download; made in a process of their own, for what libraries hold."""

from pathlib import Path

import numpy as np

from cupynn import datasets
from cupynn.bench.nets import NETS

MNIST_MEAN = 0.1307  # intensity of MNIST


def run(net: str, folder: Path) -> None:
    """Write the samples for a network to samples.npz."""
    x, y = digits(NETS[net].preset)
    np.savez(folder / "samples.npz", x=x, y=y)


def digits(preset: str) -> tuple[np.ndarray, np.ndarray]:
    """The embedded digits at the size, and about the density, of what a preset was made for: images in 0..1, and labels.

    For MNIST they are stretched to 20 x 20 pixels within 28 x 28, as there, and dimmed to its mean; for N-MNIST a picture
    has two channels, where it grows lighter and where it grows darker to the right, which a moving sensor reports.
    """
    from scipy.ndimage import zoom

    train, _ = datasets.load("digits")
    wide = np.clip(zoom(train.x.astype(np.float32) / 16, (1, 2.5, 2.5), order=1), 0, 1)
    if preset == "n-mnist":
        change = np.diff(np.pad(wide, ((0, 0), (7, 7), (7, 8))), axis=2)
        return np.stack([change.clip(0), (-change).clip(0)], axis=1), train.y
    framed = np.pad(wide, ((0, 0), (4, 4), (4, 4)))
    return framed * np.float32(MNIST_MEAN / framed.mean()), train.y
