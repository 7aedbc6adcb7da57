"""Augmentation: against the formula written out, and what an image's result depends on and what not."""

import math

import numpy as np
import pytest
from compiled import philox
from factories import CLASSES, LOSS, STEPS, draw_data
from factories import dense_network as make
from hypothesis import given, settings
from hypothesis import strategies as st

from cupynn import Sequential
from cupynn.augment import SIGMA, Augment
from cupynn.checks import InputError
from cupynn.encoders import Poisson
from cupynn.kernels.augment import STREAM
from cupynn.kernels.threads import get_num_threads, set_num_threads
from cupynn.layers import SpikingDense


def blobs(samples, shape=(28, 28), seed=0):
    """Smooth images with a border of zeros, of which interpolation gives smooth ones again."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(samples):
        i, j = rng.uniform(0.35, 0.65, 2) * shape
        images.append(250 * np.exp(-(((y - i) / 3) ** 2) - ((x - j) / 5) ** 2))
    return np.round(images).astype(np.uint8)


IMAGES = blobs(6)
NUMBERS = np.array([5, 0, 7, 2**32 - 1, 1, 99])


def words(count, sample, draw, seed, first=0):
    found = []
    for block in range(first, first + -(-count // 4)):
        counter = (block, STREAM, sample, draw, seed & 0xFFFFFFFF, seed >> 32)
        found += philox(*(np.uint32(c) for c in counter))
    return np.array(found[:count], np.uint32)


def uniform(words):
    return (words >> 8) / 2**23 - 1


def oracle(image, augment, seed, draw, sample):
    """The formula in float64, pixel by pixel; the Gaussian in two dimensions at once."""
    height, width = image.shape
    first = words(4, sample, draw, seed)
    u, mirrored = uniform(first), augment.flip and first[0] % 2
    zoom, angle = 1 + augment.scale * u[0], math.radians(augment.rotation * u[1])
    noise = uniform(words(2 * image.size, sample, draw, seed, first=1)).reshape(2, height, width)
    radius = math.ceil(3 * SIGMA)
    padded = np.pad(noise, ((0, 0), (radius, radius), (radius, radius)))
    k = np.arange(-radius, radius + 1)
    gauss = np.exp(-(k[:, None] ** 2 + k**2) / (2 * SIGMA**2)) / (2 * math.pi * SIGMA**2)
    black = np.pad(image.astype(float), 60)
    result = np.empty(image.shape)
    for i in range(height):
        for j in range(width):
            d = augment.distortion * SIGMA * (gauss * padded[:, i : i + k.size, j : j + k.size]).sum((1, 2))
            y, x = i - (height - 1) / 2, (j - (width - 1) / 2) * (-1 if mirrored else 1)
            d += (first[2:] >> np.uint32(8)).astype(int) * (2 * augment.shift + 1) // 2**24 - augment.shift
            source_i = (height - 1) / 2 + (math.cos(angle) * y - math.sin(angle) * x) / zoom + d[0] + 60
            source_j = (width - 1) / 2 + (math.sin(angle) * y + math.cos(angle) * x) / zoom + d[1] + 60
            top, left = math.floor(source_i), math.floor(source_j)
            a, b = source_i - top, source_j - left
            corners = black[top : top + 2, left : left + 2]
            result[i, j] = np.array([1 - a, a]) @ corners @ np.array([1 - b, b])
    return result


# The formula -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "augment",
    [
        Augment(),
        Augment(0.3, 0, 0),
        Augment(0, 90, 0),
        Augment(0, 0, 8.5),
        Augment(0.5, 180, 20),
        Augment(0, 0, 0, shift=4),
        Augment(0, 0, 0, flip=True),
        Augment(0.2, 30, 3, shift=2, flip=True),
    ],
    ids=str,
)
def test_images_follow_the_formula(augment):
    seed, draw = 0x123456789ABCDEF0, 2**32 - 2
    found = augment(IMAGES, seed, draw, NUMBERS)
    assert found.dtype == np.uint8
    for image, number, result in zip(IMAGES, NUMBERS, found, strict=True):
        np.testing.assert_allclose(result, oracle(image, augment, seed, draw, int(number)), atol=0.51)


@pytest.mark.parametrize("shape", [(1, 1), (5, 9), (33, 7), (40, 40)])
def test_images_of_any_shape(shape):
    images, augment = np.random.default_rng(0).integers(0, 256, (2, *shape), dtype=np.uint8), Augment()
    found = augment(images, 3, 1, np.arange(2))
    for number in range(2):
        np.testing.assert_allclose(found[number], oracle(images[number], augment, 3, 1, number), atol=0.52)


def test_nothing_asked_for_changes_nothing():
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28), dtype=np.uint8)
    np.testing.assert_array_equal(Augment(0, 0, 0)(images, 1, 2, np.arange(50)), images)


def test_pixels_move_by_as_much_as_the_docstring_says():
    """Measured on slopes, where a value tells its place: 4 levels a pixel."""
    slope = np.tile(np.arange(60, dtype=np.uint8) * 4, (60, 1))
    images = np.stack([slope] * 200)
    moved = (Augment(0, 0, 3.4)(images, 0, 1, np.arange(200))[:, 15:45, 15:45] - slope[15:45, 15:45].astype(float)) / 4
    assert np.sqrt((moved**2).mean()) == pytest.approx(0.55, abs=0.03)  # 13.6 sqrt(1/3) / (2 sqrt(pi) 4)
    assert abs(moved.mean()) < 0.03


def test_half_of_the_images_are_mirrored_and_no_pixel_is_lost():
    images = np.random.default_rng(0).integers(0, 256, (1000, 4, 5), dtype=np.uint8)
    found = Augment(0, 0, 0, flip=True)(images, 1, 2, np.arange(1000))
    mirrored, same = (found == images[:, :, ::-1]).all((1, 2)), (found == images).all((1, 2))
    assert (mirrored ^ same).all()
    assert 450 < mirrored.sum() < 550


def test_shifts_are_whole_pixels_each_as_often():
    dot = np.zeros((2100, 21, 21), np.uint8)
    dot[:, 10, 10] = 255
    sample, *places = np.nonzero(Augment(0, 0, 0, shift=3)(dot, 1, 2, np.arange(2100)) == 255)
    np.testing.assert_array_equal(sample, np.arange(2100))  # none is blurred, or lost
    seen = np.zeros((7, 7), int)
    np.add.at(seen, (places[0] - 7, places[1] - 7), 1)
    assert seen.min() > 0
    assert np.abs(seen.sum(0) - 300).max() < 60  # 3.7 standard deviations
    assert np.abs(seen.sum(1) - 300).max() < 60
    assert abs(np.corrcoef(places)[0, 1]) < 0.1


def test_sizes_and_angles_fill_their_range():
    scale, rotation = 0.12, 12.0
    numbers = np.arange(3000)
    u = np.array([uniform(words(2, number, 1, 0)) for number in numbers])
    assert u.min() < -0.99
    assert u.max() > 0.99
    assert np.abs(u.mean(0)).max() < 0.05
    # A disc's area tells the size, whatever the angle.
    y, x = np.mgrid[:41, :41] - 20
    disc = np.where(y**2 + x**2 <= 100, 200, 0).astype(np.uint8)
    areas = Augment(scale, rotation, 0)(np.stack([disc] * 200), 0, 1, numbers[:200]).sum((1, 2), dtype=float) / disc.sum()
    np.testing.assert_allclose(np.sqrt(areas), 1 + scale * u[:200, 0], atol=0.01)


# What an image depends on ----------------------------------------------------------------------------------------------


def test_an_image_does_not_depend_on_the_batch_nor_on_threads():
    augment = Augment()
    whole = augment(IMAGES, 1, 2, NUMBERS)
    order = np.array([5, 3, 0])
    np.testing.assert_array_equal(augment(IMAGES[order], 1, 2, NUMBERS[order]), whole[order])
    np.testing.assert_array_equal(augment(IMAGES[3:4], 1, 2, NUMBERS[3:4]), whole[3:4])
    threads = get_num_threads()
    set_num_threads(1)
    try:
        np.testing.assert_array_equal(augment(IMAGES, 1, 2, NUMBERS), whole)
    finally:
        set_num_threads(threads)


@pytest.mark.parametrize("other", [{"seed": 2}, {"seed": 1 + 2**32}, {"draw": 3}, {"samples": NUMBERS[::-1]}], ids=str)
def test_other_numbers_give_other_images(other):
    numbers = {"seed": 1, "draw": 2, "samples": NUMBERS}
    one, two = Augment()(IMAGES, **numbers), Augment()(IMAGES, **numbers | other)
    assert all((a != b).any() for a, b in zip(one, two, strict=True))


def test_the_images_handed_in_stay():
    images = IMAGES.copy()
    Augment()(images, 0, 1, NUMBERS)
    np.testing.assert_array_equal(images, IMAGES)


def test_channels_move_together():
    images = np.stack([IMAGES, IMAGES[::-1], np.zeros_like(IMAGES)], axis=1)
    found = Augment()(images, 1, 2, NUMBERS)
    assert found.shape == images.shape
    np.testing.assert_array_equal(found[:, 0], Augment()(IMAGES, 1, 2, NUMBERS))
    np.testing.assert_array_equal(found[:, 1], Augment()(IMAGES[::-1].copy(), 1, 2, NUMBERS))
    assert not found[:, 2].any()


def test_images_in_another_memory_order():
    flipped = IMAGES[:, ::-1, ::2]
    np.testing.assert_array_equal(Augment()(flipped, 1, 2, NUMBERS), Augment()(flipped.copy(), 1, 2, NUMBERS))


def test_no_samples():
    assert Augment()(IMAGES[:0], 1, 2, NUMBERS[:0]).shape == (0, 28, 28)


@settings(max_examples=50)
@given(
    scale=st.floats(0, 0.99),
    rotation=st.floats(0, 180),
    distortion=st.floats(0, 1000),
    value=st.integers(0, 255),
    seed=st.integers(0, 2**64 - 1),
)
def test_values_stay_between_zero_and_the_largest(scale, rotation, distortion, value, seed):
    images = np.full((2, 6, 8), value, np.uint8)
    assert Augment(scale, rotation, distortion)(images, seed, 1, np.arange(2)).max() <= value


# Arguments -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "x",
    [IMAGES / 255, IMAGES.astype(int), IMAGES[0], IMAGES[None, None], [[[0]]], None],
    ids=["floats", "ints", "one image", "five axes", "a list", "nothing"],
)
def test_data_that_cannot_be_augmented(x):
    with pytest.raises(InputError, match=r"data is .*: augmentation needs images, uint8"):
        Augment().check(x)
    with pytest.raises(InputError, match="augmentation needs images"):
        Augment()(x, 0, 1, NUMBERS)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("scale", [-0.1, 1.0, "12"]),
        ("rotation", [-1, 181, True]),
        ("distortion", [-1, 1001, np.nan]),
        ("shift", [-1, 1001, 0.5]),
        ("flip", [1, None, "yes"]),
    ],
)
@pytest.mark.parametrize("index", range(3))
def test_arguments_that_cannot_be_used(name, values, index):
    value = values[index]
    with pytest.raises(InputError, match=f"{name}="):
        Augment(**{name: value})


class TestTraining:
    def test_every_epoch_sees_other_images(self, monkeypatch):
        """As `Augment` gives them by seed, epoch and number; validation sees the images as they are."""
        network = Sequential([SpikingDense(CLASSES, v_th=2.0)], (3, 3), STEPS, Poisson(max_rate=0.5), seed=4)
        x, y = draw_data(12)
        x, augment, seen = x.reshape(-1, 3, 3), Augment(scale=0.5), []
        monkeypatch.setattr(
            network,
            "encode_checked",
            lambda *arguments: seen.append(arguments) or Sequential.encode_checked(network, *arguments),
        )
        network.fit((x, y), validation=(x, y), augment=augment, epochs=2, batch_size=5, loss=LOSS, progress=False)
        trained = [(images, numbers, draw) for images, numbers, draw, *_ in seen if draw > 0]
        assert len(trained) == 6
        for images, numbers, draw in trained:
            np.testing.assert_array_equal(images, augment(x[numbers], 4, draw, numbers))
            assert (images != x[numbers]).any()
        assert any((images == x).all() for images, _, draw, *_ in seen if draw == 0)

    def test_refuses_what_is_no_image_before_anything_changes(self):
        network = make()
        weight = network.layers[0].params["weight"].copy()
        with pytest.raises(InputError, match="augmentation needs images"):
            network.fit(draw_data(), augment=Augment(), progress=False)
        with pytest.raises(InputError, match=r"augment=0\.1: pass an Augment"):
            network.fit(draw_data(), augment=0.1, progress=False)
        np.testing.assert_array_equal(network.layers[0].params["weight"], weight)
