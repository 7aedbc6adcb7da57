"""Random scaling, rotation and elastic distortion of images.

Output pixel p takes the value of the input at

    c + R(-angle) F (p - c) / s + (k2, k3) + d(p),   s = 1 + scale u0,   angle = rotation u1,   d = strength (G * U),

interpolated bilinearly, with zeros around the image. c is its centre; F mirrors the columns of half of the images or of
none; U is a field of two independent numbers per pixel; G is a Gaussian, applied to rows and then columns, with zeros around
the field (Simard, Steinkraus, Platt, "Best practices for convolutional neural networks applied to visual document analysis",
ICDAR 2003). u0, u1 and U are uniform in [-1, 1), k2 and k3 uniform integers from -shift to shift: whole pixels do not blur.

Arithmetic is float32 in a fixed order, without fused multiply-adds; only the sine and cosine of an image's angle are taken
in float64 and rounded. Random words come from Philox with the counter (block, STREAM, sample, draw): an image depends on
(seed, draw, sample) only, and encoders use other words. Block 0 has u0 to k3, and the flag to mirror in the last bit of its
first word, which u0 does not use; the other blocks have the field.
"""

import math

import numpy as np
from numba import float32, int32, uint8, uint32, uint64

from cupynn.kernels import inline, kernel
from cupynn.kernels.philox import key_of, philox
from cupynn.kernels.threads import each, parallel

STREAM = 1 << 31  # in place of the neuron in `cupynn.kernels.poisson`, which is always smaller


@inline
def _uniform(word):
    """Convert a random word's leading 24 bits exactly to float32 in [-1, 1)."""
    return float32(int32(word >> uint32(8))) * float32(2.0**-23) - float32(1)


@inline
def _whole(word, largest):
    """Convert a random word's leading 24 bits to an integer from -largest to largest, as float32."""
    return float32(int32((uint64(word >> uint32(8)) * uint64(2 * largest + 1)) >> uint64(24)) - largest)


@inline
def _smooth(field, weights, rows):
    """Filter a field (H, W) in place along rows, then columns; `rows` (H, W) is overwritten."""
    height, width = field.shape
    radius = weights.size // 2
    rows[:] = float32(0)
    for i in range(height):
        for k in range(weights.size):
            weight, shift = weights[k], k - radius
            for j in range(max(0, -shift), min(width, width - shift)):
                rows[i, j] += weight * field[i, j + shift]
    field[:] = float32(0)
    for i in range(height):
        for k in range(max(0, radius - i), min(weights.size, height + radius - i)):
            weight, source = weights[k], i + k - radius
            for j in range(width):
                field[i, j] += weight * rows[source, j]


@inline
def _pixel(image, i, j):
    """Return the value of an image (H, W) at a pixel, 0 outside."""
    if 0 <= i < image.shape[0] and 0 <= j < image.shape[1]:
        return float32(image[i, j])
    return float32(0)


@kernel
def _augment(turns, images, scale, rotation, shift, flip, strength, weights, key, draw, samples, augmented):
    _, channels, height, width = images.shape
    middle_i, middle_j = float32(height - 1) * float32(0.5), float32(width - 1) * float32(0.5)
    field, rows = np.empty((2, height, width), np.float32), np.empty((height, width), np.float32)
    for b in each(turns):
        shape = philox(uint32(0), uint32(STREAM), samples[b], draw, *key)
        zoom = float32(1) + scale * _uniform(shape[0])
        angle = float(rotation * _uniform(shape[1]))
        cosine, sine = float32(math.cos(angle)) / zoom, float32(math.sin(angle)) / zoom
        shift_i, shift_j = _whole(shape[2], shift), _whole(shape[3], shift)
        mirrored = shape[0] & flip

        field[:] = 0
        if strength > float32(0):
            flat = field.reshape(-1)
            for first in range(0, flat.size, 4):
                words = philox(uint32(1 + first // 4), uint32(STREAM), samples[b], draw, *key)
                for k, word in enumerate(words):
                    if first + k < flat.size:
                        flat[first + k] = _uniform(word)
            _smooth(field[0], weights, rows)
            _smooth(field[1], weights, rows)

        for i in range(height):
            for j in range(width):
                y, x = float32(i) - middle_i, float32(j) - middle_j
                if mirrored:
                    x = -x
                source_i = ((cosine * y - sine * x + middle_i) + shift_i) + strength * field[0, i, j]
                source_j = ((sine * y + cosine * x + middle_j) + shift_j) + strength * field[1, i, j]
                top, left = math.floor(source_i), math.floor(source_j)
                down, right = source_i - float32(top), source_j - float32(left)
                up, back = float32(1) - down, float32(1) - right
                for c in range(channels):
                    image = images[b, c]
                    upper = back * _pixel(image, top, left) + right * _pixel(image, top, left + 1)
                    lower = back * _pixel(image, top + 1, left) + right * _pixel(image, top + 1, left + 1)
                    augmented[b, c, i, j] = uint8(up * upper + down * lower + float32(0.5))


def gaussian(sigma: float) -> np.ndarray:
    """Return the weights float32 (2 radius + 1,) of a Gaussian, cut off at three sigma."""
    radius = math.ceil(3 * sigma)
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-(offsets**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
    return weights.astype(np.float32)


def augment(
    images: np.ndarray,
    scale: float,
    rotation: float,
    shift: int,
    flip: bool,
    strength: float,
    sigma: float,
    seed: int,
    draw: int,
    samples: np.ndarray,
) -> np.ndarray:
    """Augment a batch.

    images (B, C, H, W) uint8; scale in [0, 1); rotation in radians; shift in whole pixels; flip: whether to mirror half of
    them; strength and sigma in pixels; seed < 2^64, draw < 2^32 (the epoch), samples (B,) < 2^32 -> (B, C, H, W) uint8
    """
    images = np.ascontiguousarray(images)
    augmented = np.empty_like(images)
    moves = (np.float32(scale), np.float32(rotation), np.int32(shift), np.uint32(flip), np.float32(strength))
    drawn = (key_of(seed), np.uint32(draw), samples.astype(np.uint32))
    parallel(_augment, len(images), images, *moves, gaussian(sigma), *drawn, augmented)
    return augmented
