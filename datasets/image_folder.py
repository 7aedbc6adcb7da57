"""Read images from a folder with one sub-folder per class."""

import warnings
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError

from .class_folders import walk
from .dataset import Dataset

if TYPE_CHECKING:
    from PIL import Image

DEEP = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")  # Pillow's modes with more than 8 bits per value
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # Pillow knows more, but for PostScript it runs Ghostscript
WIDEST = 16_384  # pixels of a side to which images are resized
LITTER = ("Thumbs.db", "desktop.ini")  # files that Windows adds to folders of images


def from_image_folder(
    path: str | PathLike,
    size: int | tuple[int, int] | None = None,
    colour: bool = False,
    invert: bool = False,
    cut_ground: bool = False,
    name: str | None = None,
) -> Dataset:
    """Read images from a folder with one sub-folder per class, ``path/cat/17.png``.

    The formats are BMP, GIF, JPEG, PNG, PPM (PBM, PGM), TIFF and WebP. Classes, and the images of each class, are in
    alphabetical order. Hidden files and files beside the sub-folders are ignored. Images are rotated as their EXIF data
    says; transparent pixels become 0. Of the several pictures that phones and drones store in one JPEG file, the first is
    read.

    Parameters
    ----------
    path : str or path
        The folder.
    size : int or (height, width), optional
        Resize every image to this size, bilinearly. Without it, all images must have the same size.
    colour : bool
        Keep red, green and blue. By default images are converted to grey, 0.299 R + 0.587 G + 0.114 B.
    invert : bool
        Replace each value by 255 - value: for dark figures on a bright background, because bright pixels fire.
    cut_ground : bool
        Set the background of each image to 0, so that it does not fire, and its largest value to 255. The background is
        everything up to three standard deviations above the median of the image.
    name : str, optional
        Name of the dataset; by default that of the folder.

    Returns
    -------
    Dataset
        x uint8, (n, height, width), or (n, 3, height, width) in colour.

    Raises
    ------
    InputError
        If the folder is missing or has no sub-folders, one is empty, an image cannot be read, or sizes differ; or Pillow
        is missing: ``pip install "cupynn[images]"``.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for pet in ("cat", "dog"):
    ...         (Path(folder) / pet).mkdir()
    ...         Image.new("L", (20, 16)).save(f"{folder}/{pet}/1.png")
    ...     from_image_folder(folder, size=(28, 28), name="pets")
    Dataset pets: 2 samples of shape (28, 28) uint8, 2 classes of 1 to 1 samples
    """
    _require_pillow()
    path = checks.path("path", path)
    size = _checked(size, colour, invert, cut_ground)
    classes, files, labels = walk(path, *IMAGES)
    for index, file in enumerate(files):
        image = read_image(file, size, colour, invert, cut_ground)
        if index == 0:
            x = np.empty((len(files), *image.shape), np.uint8)
        if image.shape != x.shape[1:]:
            raise InputError(
                f"{file} has the size {image.shape[-2:]}, {files[0]} has {x.shape[-2:]}: "
                "pass size=(height, width) to resize all to one size"
            )
        x[index] = image
    return Dataset(x, labels, classes, path.resolve().name if name is None else name)


def _checked(size: Any, colour: bool, invert: bool, cut_ground: bool) -> tuple[int, int] | None:
    """Check the options, and return the size as a pair."""
    for option, value in (("colour", colour), ("invert", invert), ("cut_ground", cut_ground)):
        checks.flag(option, value)
    if size is None:
        return None
    height, width = checks.pair("size", size, minimum=1)
    if max(height, width) > WIDEST:
        raise InputError(f"size={size!r}: pass at most {WIDEST:,} pixels per side")
    return height, width


def _require_pillow() -> None:
    try:
        import PIL.Image  # noqa: F401
    except ImportError:
        raise InputError('reading images needs Pillow: pip install "cupynn[images]"') from None


def _images(folder: Path) -> list[Path]:
    images = sorted(entry for entry in folder.iterdir() if not entry.name.startswith(".") and entry.name not in LITTER)
    for entry in images:
        if not entry.is_file():
            raise InputError(f"{entry} is not a file: keep only images in the folder of the class {folder.name!r}")
    return images


IMAGES = "images", _images  # for `walk`


def read_image(
    file: str | PathLike,
    size: tuple[int, int] | None = None,
    colour: bool = False,
    invert: bool = False,
    cut_ground: bool = False,
) -> np.ndarray:
    """Read a single image as uint8 (height, width), or (3, height, width) in colour, as `from_image_folder` does.

    Parameters
    ----------
    file : str or path
        The image.
    size, colour, invert, cut_ground
        As in `from_image_folder`.

    Raises
    ------
    InputError
        If the image cannot be read, has more than 8 bits per value or several frames, or Pillow is missing.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("L", (20, 16)).save(f"{folder}/1.png")
    ...     read_image(f"{folder}/1.png").shape
    (16, 20)
    """
    _require_pillow()
    file = checks.path("file", file)
    size = _checked(size, colour, invert, cut_ground)
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", ".*malformed MPO")  # an index of further pictures, which are not read
            with Image.open(file, formats=FORMATS) as image:
                image.verify()  # checksums, which decoding ignores
            with Image.open(file, formats=FORMATS) as image:
                image.load()
                frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
                mode = image.mode
                flat = None if mode in DEEP else _opaque(ImageOps.exif_transpose(image), "white" if invert else "black")
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        remedy = f"replace or remove it; formats are {', '.join(FORMATS)}"
        raise InputError(f"{file} cannot be read as an image ({error}): {remedy}") from error
    if flat is None:
        raise InputError(f"{file} has more than 8 bits per value (mode {mode}): convert it to 8 bits first")
    if frames > 1:
        raise InputError(f"{file} has {frames} frames: store one image per file")
    flat = flat.convert("RGB" if colour else "L")
    if size is not None:
        flat = flat.resize(size[::-1], Image.Resampling.BILINEAR)
    values = 255 - np.asarray(flat) if invert else np.asarray(flat)
    values = np.moveaxis(values, -1, 0) if colour else values
    return _without_ground(values) if cut_ground else values


def _without_ground(image: np.ndarray) -> np.ndarray:
    """Set pixels near or below the median of an image, or of each colour, to 0, and stretch the rest to 255."""
    values = image.astype(np.float32)
    median = np.median(values, axis=(-2, -1), keepdims=True)
    deviation = 1.4826 * np.median(abs(values - median), axis=(-2, -1), keepdims=True)  # standard deviation of normal noise
    above = np.clip(values - median - 3 * deviation, 0, None)
    return (above * (255 / max(1, above.max()))).round().astype(np.uint8)


def _opaque(image: "Image.Image", ground: str) -> "Image.Image":
    """Put a transparent image on a background of one colour."""
    from PIL import Image

    if not image.has_transparency_data:
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, ground), image.convert("RGBA")).convert("RGB")
