"""Augmentation: random scaling, rotation, shifts, mirroring and distortion of the training images, new in each epoch."""

import math
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.config import Configured
from cupynn.kernels import augment, augment_cuda
from cupynn.kernels.cuda import on_device

SIGMA = 4.0  # pixels, as in Simard et al. and the original program


class Augment(Configured):
    """Scales, rotates and elastically distorts images, as in the paper's training of its convolutional network on MNIST.

    Each image is scaled about its centre by a factor in [1 - scale, 1 + scale], rotated by an angle in [-rotation,
    rotation], and distorted elastically (Simard, Steinkraus, Platt, ICDAR 2003). The distortion moves every pixel by a
    random field in [-1, 1) per pixel and direction, smoothed by a Gaussian of standard deviation 4 pixels and multiplied by
    ``4 * distortion`` pixels. This is the scale of the option DISTORTION of the original program: 3.4, its value on MNIST,
    moves pixels by 0.55 pixels (root mean square), and Simard's alpha = 34 is a distortion of 8.5. Images can be shifted
    and mirrored, too. Values between pixels are interpolated bilinearly; pixels outside the image are zero.

    The result depends on the seed, the draw and the number of the image only, not on the batch or the number of threads.

    Parameters
    ----------
    scale : float
        Largest relative change of size, in [0, 1).
    rotation : float
        Largest angle in degrees, in [0, 180].
    distortion : float
        Strength of the elastic distortion, in [0, 1000].
    shift : int
        Largest shift up, down, left or right, in whole pixels, in [0, 1000].
    flip : bool
        Whether to mirror half of the images horizontally: useful for clothes and animals, harmful for letters and digits.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    >>> images = np.zeros((2, 28, 28), np.uint8)
    >>> Augment()(images, seed=0, draw=1, samples=np.arange(2)).shape
    (2, 28, 28)
    """

    def __init__(
        self,
        scale: float = 0.12,
        rotation: float = 12.0,
        distortion: float = 3.4,
        shift: int = 0,
        flip: bool = False,
    ) -> None:
        self.scale = checks.number("scale", scale, minimum=0)
        if self.scale >= 1:
            raise InputError(f"scale={scale!r}: pass a fraction below 1, such as 0.12")
        self.rotation = checks.number("rotation", rotation, minimum=0, maximum=180)
        self.distortion = checks.number("distortion", distortion, minimum=0, maximum=1000)
        self.shift = checks.integer("shift", shift, maximum=1000)
        self.flip = checks.flag("flip", flip)

    def check(self, x: Any) -> None:
        """Refuse data that cannot be augmented.

        Parameters
        ----------
        x : ndarray of uint8, shape (B, H, W) or (B, C, H, W)

        Raises
        ------
        InputError
            If `x` is anything else.
        """
        if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.ndim not in (3, 4):
            found = f"{x.dtype} of shape {x.shape}" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
            raise InputError(
                f"data is {found}: augmentation needs images, uint8 (samples, height, width) or "
                "(samples, channels, height, width)"
            )
        checks.channels_first("the shape of the images", x.shape[1:])

    def __call__(self, x: np.ndarray, seed: int, draw: int, samples: np.ndarray) -> np.ndarray:
        """Augment a batch of images; all channels of an image are transformed alike.

        Parameters
        ----------
        x : ndarray of uint8, shape (B, H, W) or (B, C, H, W)
            Images in host memory or on a GPU.
        seed, draw : int
            Determine the random numbers, with the number of each sample: the network's seed, below 2^64, and the epoch,
            below 2^32.
        samples : ndarray of int, shape (B,)
            Number of each sample, below 2^32.

        Returns
        -------
        ndarray of uint8, shape of `x`

        Raises
        ------
        InputError
            If `x` is anything else.
        """
        if not on_device(x):  # arrays on a GPU were checked before they were copied
            self.check(x)
            samples = checks.numbers("samples", samples, len(x))
        images = x if x.ndim == 4 else x[:, None]
        constants = (self.scale, math.radians(self.rotation), self.shift, self.flip, SIGMA * self.distortion, SIGMA)
        twin = augment_cuda if on_device(x) else augment
        return twin.augment(images, *constants, seed, draw, samples).reshape(x.shape)


AUGMENTS: dict[str, type[Augment]] = {"Augment": Augment}
