"""Images in folders: what becomes of them, and what is refused. The oracle is what was written."""

import io
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cupynn.checks import InputError
from cupynn.datasets import Dataset, from_image_folder, read_image

GENERATOR = np.random.default_rng(0)
COLOUR = GENERATOR.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
GREY = COLOUR[..., 0]


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


@pytest.fixture
def pets(tmp_path):
    """Three cats and two dogs, grey, 5 x 4."""
    for index, file in enumerate(["cat/b.png", "cat/a.png", "cat/c.bmp", "dog/2.png", "dog/1.tiff"]):
        save(tmp_path / "pets" / file, GREY[index])
    return tmp_path / "pets"


def test_classes_and_images_come_in_the_order_of_their_names(pets):
    (pets / ".hidden").mkdir()
    (pets / "README.txt").write_text("beside the classes", encoding="utf-8")
    (pets / "cat" / ".DS_Store").write_bytes(b"x")
    (pets / "cat" / "Thumbs.db").write_bytes(b"x")
    dataset = from_image_folder(pets)
    assert isinstance(dataset, Dataset)
    assert (dataset.name, dataset.classes) == ("pets", ("cat", "dog"))
    assert dataset.y.tolist() == [0, 0, 0, 1, 1]
    np.testing.assert_array_equal(dataset.x, GREY[[1, 0, 2, 4, 3]])
    assert from_image_folder(str(pets), name="zoo").name == "zoo"


def test_colour(tmp_path):
    save(tmp_path / "a" / "1.png", COLOUR[0])
    save(tmp_path / "b" / "1.png", GREY[1])
    dataset = from_image_folder(tmp_path, colour=True)
    assert dataset.x.shape == (2, 3, 5, 4)
    np.testing.assert_array_equal(dataset.x[0], COLOUR[0].transpose(2, 0, 1))
    np.testing.assert_array_equal(dataset.x[1], np.stack([GREY[1]] * 3))


def test_colours_become_grey_by_their_brightness(tmp_path):
    save(tmp_path / "a" / "1.png", COLOUR[0])
    expected = COLOUR[0] @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(from_image_folder(tmp_path).x[0], expected, atol=1)


def test_every_image_is_resized(tmp_path):
    save(tmp_path / "a" / "1.png", np.full((10, 20), 100, np.uint8))
    save(tmp_path / "a" / "2.png", np.full((7, 3), 200, np.uint8))
    np.testing.assert_array_equal(from_image_folder(tmp_path, size=(4, 6)).x, np.repeat([[100], [200]], 24).reshape(2, 4, 6))
    assert from_image_folder(tmp_path, size=8, colour=True).x.shape == (2, 3, 8, 8)


def test_transparent_becomes_black(tmp_path):
    pixels = np.dstack([COLOUR[0], np.full((5, 4), 255, np.uint8)])
    pixels[2:, :, 3] = 0
    save(tmp_path / "a" / "1.png", pixels)
    expected = COLOUR[0].copy()
    expected[2:] = 0
    np.testing.assert_array_equal(from_image_folder(tmp_path, colour=True).x[0], expected.transpose(2, 0, 1))


def test_inverted(tmp_path):
    pixels = np.dstack([COLOUR[0], np.full((5, 4), 255, np.uint8)])
    pixels[2:, :, 3] = 0
    save(tmp_path / "a" / "1.png", pixels)
    expected = 255 - COLOUR[0]
    expected[2:] = 0  # transparent is ground here, too
    np.testing.assert_array_equal(from_image_folder(tmp_path, colour=True, invert=True).x[0], expected.transpose(2, 0, 1))
    grey = from_image_folder(tmp_path, size=3).x.astype(int)
    assert from_image_folder(tmp_path, size=3, invert=True).x.shape == grey.shape
    with pytest.raises(InputError, match="invert=1: pass True or False"):
        from_image_folder(tmp_path, invert=1)


@pytest.mark.parametrize("colour", [False, True])
def test_the_ground_is_cut(tmp_path, colour):
    rng = np.random.default_rng(0)
    pixels = rng.normal((60, 70, 80), 4, (40, 40, 3))
    pixels[10:20, 12:30] = (180, 220, 200)
    save(tmp_path / "a" / "1.png", pixels.round().astype(np.uint8))
    image = from_image_folder(tmp_path, colour=colour, cut_ground=True).x[0]
    figure = np.zeros((40, 40), bool)
    figure[10:20, 12:30] = True
    assert image.max() == 255
    assert image[..., figure].min() > 150
    assert np.mean(image[..., ~figure] == 0) > 0.98
    save(tmp_path / "a" / "1.png", np.full((4, 4), 90, np.uint8))
    assert not from_image_folder(tmp_path, cut_ground=True).x.any()
    with pytest.raises(InputError, match="cut_ground=1: pass True or False"):
        from_image_folder(tmp_path, cut_ground=1)


def test_palettes_and_single_bits(tmp_path):
    save(tmp_path / "a" / "1.png", Image.fromarray(GREY[0]).convert("P"))
    save(tmp_path / "a" / "2.png", Image.fromarray(GREY[0] > 127))
    dataset = from_image_folder(tmp_path)
    np.testing.assert_array_equal(dataset.x, [GREY[0], 255 * (GREY[0] > 127)])


def test_photographs_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    save(tmp_path / "a" / "1.png", GREY[0], exif=exif)
    np.testing.assert_array_equal(from_image_folder(tmp_path).x[0], np.rot90(GREY[0], -1))


# Refusals --------------------------------------------------------------------------------------------------------------


def test_folders_that_cannot_be_used(pets):
    with pytest.raises(InputError, match=r"none is not a folder"):
        from_image_folder(pets / "none")
    with pytest.raises(InputError, match=r"a\.png is not a folder"):
        from_image_folder(pets / "cat" / "a.png")
    with pytest.raises(InputError, match=r"cat has no sub-folders"):
        from_image_folder(pets / "cat")
    (pets / "bird").mkdir()
    with pytest.raises(InputError, match=r"bird has no images"):
        from_image_folder(pets)
    (pets / "bird" / "nest").mkdir()
    with pytest.raises(InputError, match=r"nest is not a file: .*'bird'"):
        from_image_folder(pets)


def test_mixed_sizes(pets):
    save(pets / "dog" / "3.png", GREY[0].T)
    with pytest.raises(InputError, match=r"3\.png has the size \(4, 5\), .*a\.png has \(5, 4\): pass size"):
        from_image_folder(pets)
    assert from_image_folder(pets, size=4).x.shape == (6, 4, 4)


def test_files_that_are_no_images(pets):
    (pets / "cat" / "notes.txt").write_text("no image", encoding="utf-8")
    with pytest.raises(InputError, match=r"notes\.txt cannot be read as an image"):
        from_image_folder(pets)


def test_more_than_8_bits(pets):
    save(pets / "cat" / "deep.png", GREY[0].astype(np.uint16) * 256)
    with pytest.raises(InputError, match=r"deep\.png has more than 8 bits per value \(mode I;16\)"):
        from_image_folder(pets)


@pytest.mark.parametrize("name", ["drawing.eps", "drawing.png"])
def test_pictures_that_are_programs_are_not_run(pets, monkeypatch, name):
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_, **__: pytest.fail("started Ghostscript"))
    (pets / "cat" / name).write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 5\n%%EndComments\nshowpage\n%%EOF\n")
    with pytest.raises(
        InputError, match=rf"{name} cannot be read as an image .*formats are BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP$"
    ):
        from_image_folder(pets)


def test_several_frames(pets):
    frames = [Image.fromarray(image) for image in GREY[:3]]
    save(pets / "cat" / "moving.gif", frames[0], save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match=r"moving\.gif has 3 frames"):
        from_image_folder(pets)


def test_the_first_of_several_pictures_that_phones_store_in_a_jpeg(tmp_path):
    """MPO: with a preview or the other eye's picture, or an index of pictures that is damaged."""
    left, right = (Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (200, 10))
    for pet in ("cat", "dog"):
        (tmp_path / pet).mkdir()
        left.save(tmp_path / pet / "1.jpg", "MPO", save_all=True, append_images=[right])
    with Image.open(tmp_path / "cat" / "1.jpg") as image:
        assert (image.format, image.n_frames) == ("MPO", 2)
    assert from_image_folder(tmp_path).x.tolist() == np.full((2, 8, 8), 200).tolist()
    content = (tmp_path / "cat" / "1.jpg").read_bytes()
    (tmp_path / "cat" / "1.jpg").write_bytes(content.replace(b"MPF\0", b"MPF\0\xff\xff\xff\xff", 1))
    assert read_image(tmp_path / "cat" / "1.jpg").tolist() == np.full((8, 8), 200).tolist()


@pytest.mark.parametrize("names", [("train", "test"), ("Train", "VAL"), ("test",)])
def test_classes_within_train_and_test(tmp_path, names):
    for name in names:
        save(tmp_path / name / "cat" / "1.png", GREY[0])
        save(tmp_path / name / "dog" / "1.png", GREY[0])
    with pytest.raises(InputError, match="its sub-folders hold the folders of the classes: pass ") as caught:
        from_image_folder(tmp_path)
    assert all(str(tmp_path / name) in str(caught.value) for name in names)
    assert from_image_folder(tmp_path / names[0]).classes == ("cat", "dog")


def test_classes_one_level_deeper(tmp_path):
    save(tmp_path / "pets" / "cat" / "1.png", GREY[0])
    (tmp_path / "pets" / ".DS_Store").touch()
    with pytest.raises(
        InputError,
        match=r"pets has no images, but its sub-folders have, such as .*cat: pass .*pets, if these are the classes",
    ):
        from_image_folder(tmp_path)


@pytest.mark.parametrize("size", [0, (4, 0), 2.5, "4", (4, 4, 4), True])
def test_sizes_that_cannot_be_used(pets, size):
    with pytest.raises(InputError, match="size"):
        from_image_folder(pets, size=size)


def test_colour_is_a_flag(pets):
    with pytest.raises(InputError, match="colour=1"):
        from_image_folder(pets, colour=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 10**30}, r"size=10+: pass at most 16,384 pixels per side"),
        ({"size": (20_000, 1)}, r"size=\(20000, 1\): pass at most 16,384"),
        ({"size": np.zeros((2, 2))}, r"(?s)size=.*: pass a whole number, or a pair"),
        ({"invert": 5}, "invert=5: pass True or False"),
        ({"cut_ground": np.zeros(3)}, "cut_ground=.*: pass True or False"),
    ],
)
def test_options_of_a_folder_and_of_an_image(pets, options, message):
    for read in (lambda: from_image_folder(pets, **options), lambda: read_image("none.png", **options)):
        with pytest.raises(InputError, match=message):
            read()


def test_one_number_is_both_sides(pets):
    file = sorted((pets / "cat").iterdir())[0]
    np.testing.assert_array_equal(read_image(file, 5), read_image(file, (5, 5)))


def test_without_pillow(pets, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(InputError, match=r'needs Pillow: pip install "cupynn\[images\]"'):
        from_image_folder(pets)


def encoded(kind):
    stream = io.BytesIO()
    Image.fromarray(COLOUR[0]).save(stream, kind)
    return stream.getvalue()


PNG = encoded("PNG")


def read(folder, content, name="1.png"):
    (folder / "a").mkdir(exist_ok=True)
    (folder / "a" / name).write_bytes(content)
    return from_image_folder(folder, colour=True).x[0].transpose(1, 2, 0)


def test_a_png_cut_anywhere_is_refused_unless_all_of_the_image_is_there(tmp_path):
    end_mark = 12  # bytes, which hold nothing of the image
    for end in range(len(PNG) - end_mark):
        with pytest.raises(InputError, match=r"1\.png cannot be read as an image"):
            read(tmp_path, PNG[:end])
    for end in range(len(PNG) - end_mark, len(PNG) + 1):
        try:
            pixels = read(tmp_path, PNG[:end])
        except InputError:
            continue
        np.testing.assert_array_equal(pixels, COLOUR[0])


def test_a_png_never_gives_other_values_for_a_damaged_byte(tmp_path):
    for position in range(len(PNG)):
        try:
            pixels = read(tmp_path, PNG[:position] + bytes([PNG[position] ^ 0xFF]) + PNG[position + 1 :])
        except InputError:
            continue
        np.testing.assert_array_equal(pixels, COLOUR[0])


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "JPEG", "TIFF", "PPM", "WEBP"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_give_one_error_or_an_image(tmp_path, kind, data):
    content = bytearray(encoded(kind))
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[position] = data.draw(st.integers(0, 255))
    try:
        pixels = read(tmp_path, bytes(content[: data.draw(st.integers(1, len(content)))]))
    except InputError as error:
        if "1.png" not in str(error):
            raise
    else:  # most formats have no checksum
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
