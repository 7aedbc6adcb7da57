"""Make samples that need no download; in a separate process, so the memory of its libraries is not counted."""

from pathlib import Path

import numpy as np

from cupynn import datasets
from steps.nets import NETS, NMNIST_RATE

# The cost depends on how many pixels fire and how often: fraction of pixels that are not zero, and mean intensity of all.
MNIST = 0.191, 0.1307
NMNIST = 0.45, 4077 / (2312 * 539 * NMNIST_RATE)  # 4,077 events per recording; 813 of 2,312 inputs fire, in N-MNIST 794


def run(net: str, folder: Path) -> None:
    """Write the samples for a network to samples.npz."""
    x, y = digits(NETS[net].preset)
    if NETS[net].scattered:
        order = np.random.default_rng(0).permutation(x[0].size)
        x = x.reshape(len(x), -1)[:, order].reshape(x.shape)
    np.savez(folder / "samples.npz", x=x, y=y)


def digits(preset: str) -> tuple[np.ndarray, np.ndarray]:
    """Return digits with the size and density of a preset's data: images in 0..1, and labels.

    For N-MNIST an image has two channels, for pixels that get brighter or darker to the right, as a moving sensor reports
    them.
    """
    from scipy.ndimage import gaussian_filter1d, zoom

    train, _ = datasets.load("digits")
    wide = zoom(train.x.astype(np.float32) / 16, (1, 2.5, 2.5), order=1)
    shape, blur = MNIST, 1.5
    pictures = np.pad(wide, ((0, 0), (4, 4), (4, 4)))
    if preset == "n-mnist":
        change = np.diff(np.pad(wide, ((0, 0), (7, 7), (7, 8))), axis=2)
        pictures, shape, blur = np.stack([change.clip(0), (-change).clip(0)], axis=1), NMNIST, 4.0
    for axis in (-2, -1):
        pictures = gaussian_filter1d(pictures, blur, axis)
    return _as_dense(pictures, *shape), train.y


def _as_dense(pictures: np.ndarray, share: float, mean: float) -> np.ndarray:
    """Return images with this fraction of non-zero pixels and this mean, clipped at 1."""
    from scipy.optimize import brentq

    left = np.clip(pictures - np.quantile(pictures, 1 - share), 0, None)
    return np.minimum(1, left * np.float32(brentq(lambda gain: np.minimum(1, left * gain).mean() - mean, 0, 1e6)))
