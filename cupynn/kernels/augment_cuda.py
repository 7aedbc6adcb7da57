"""Augmentation on a GPU: twin of `augment.py`, pixel for pixel."""

from typing import Any

import numpy as np

from cupynn.kernels.augment import gaussian
from cupynn.kernels.cuda import CudaSource
from cupynn.kernels.philox import key_of

_AUGMENT = CudaSource.of("cupynn.kernels", "augment")
_BLOCK = 256


def augment(
    images: Any,
    scale: float,
    rotation: float,
    shift: int,
    flip: bool,
    strength: float,
    sigma: float,
    seed: int,
    draw: int,
    samples: Any,
) -> Any:
    """Augment a batch; arguments as on the CPU, arrays on the device."""
    import cupy

    batch, channels, height, width = images.shape
    weights, augmented = cupy.asarray(gaussian(sigma)), cupy.empty_like(images)
    field = cupy.empty((batch, 3, height, width), np.float32)
    drawn = (*key_of(seed), np.uint32(draw), cupy.asarray(samples).astype(np.uint32))
    moves = (scale, rotation, shift, np.uint32(flip), strength, weights, weights.size // 2)
    _AUGMENT.launch("augment", (batch,), _BLOCK, images, channels, height, width, *moves, *drawn, field, augmented)
    return augmented
