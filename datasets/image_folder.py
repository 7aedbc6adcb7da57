"""A dataset from images of your own, in a folder for each class."""

import warnings
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cupynn import checks
from cupynn.checks import InputError

from .class_folders import walk
from .dataset import Dataset

if TYPE_CHECKING:
    from PIL import Image

DEEP = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")  # Pillow's modes with more than 8 bits a value
# What images may be, by their content. Pillow knows more formats, but for PostScript it starts Ghostscript.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
LITTER = ("Thumbs.db", "desktop.ini")  # what Windows leaves beside images


def from_image_folder(
    path: str | PathLike,
    size: int | tuple[int, int] | None = None,
    colour: bool = False,
    invert: bool = False,
    cut_ground: bool = False,
    name: str | None = None,
) -> Dataset:
    """Read images that lie in one sub-folder a class, ``path/cat/17.png``.

    The formats are BMP, GIF, JPEG, PNG, PPM (PBM, PGM), TIFF and WebP. The classes are the sub-folders in the order of their
    names, and each one's images follow in the order of theirs.
    Hidden files, and files beside the sub-folders, are passed over. Images are turned as their EXIF data says; what is
    transparent becomes 0.

    Parameters
    ----------
    path : str or path
        The folder.
    size : int or (height, width), optional
        Resize every image to this, bilinearly. Without it all must be of one size.
    colour : bool
        Whether to keep red, green and blue; otherwise images become grey, by 0.299 R + 0.587 G + 0.114 B.
    invert : bool
        Whether to turn values around, to 255 - value: for dark figures on a bright ground, since bright values are those
        that fire.
    cut_ground : bool
        Whether to make the ground of an image 0, so that it does not fire, and its largest value 255. The ground is taken
        to be the greater part of it: what is at most three standard deviations above its median.
    name : str, optional
        Of the dataset; by default that of the folder.

    Returns
    -------
    Dataset
        x uint8, (n, height, width), or (n, 3, height, width) in colour.

    Raises
    ------
    InputError
        If there is no such folder, it has no sub-folders, one is empty, a file is no readable image, or sizes differ.
        Pillow is needed: ``pip install "cupynn[images]"``.

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
    size = None if size is None else checks.pair("size", size, minimum=1)
    checks.flag("colour", colour)
    checks.flag("invert", invert)
    checks.flag("cut_ground", cut_ground)
    classes, files, labels = walk(path, "images", _images)
    first = read_image(files[0], size, colour, invert, cut_ground)
    x = np.empty((len(files), *first.shape), np.uint8)
    x[0] = first
    for index, file in enumerate(files[1:], start=1):
        image = read_image(file, size, colour, invert, cut_ground)
        if image.shape != first.shape:
            raise InputError(
                f"{file} is {_described(image)}, {files[0]} is {_described(first)}: "
                "pass size=(height, width) to resize all to one size"
            )
        x[index] = image
    return Dataset(x, labels, classes, path.resolve().name if name is None else name)


def _require_pillow() -> None:
    try:
        import PIL.Image  # noqa: F401
    except ImportError:
        raise InputError('reading images needs Pillow: pip install "cupynn[images]"') from None


def _images(folder: Path) -> list[Path]:
    images = sorted(entry for entry in folder.iterdir() if not entry.name.startswith(".") and entry.name not in LITTER)
    if not images:
        raise InputError(f"{folder} is empty: put the images of this class into it, or remove it")
    for entry in images:
        if not entry.is_file():
            raise InputError(f"{entry} lies within the class {folder.name!r} and is no file: keep only images there")
    return images


def read_image(
    file: str | PathLike,
    size: tuple[int, int] | None = None,
    colour: bool = False,
    invert: bool = False,
    cut_ground: bool = False,
) -> np.ndarray:
    """Read one image, as `from_image_folder` reads those of a folder.

    Parameters
    ----------
    file : str or path
    size : (height, width), optional
        Resize the image to this.
    colour : bool
        Whether to keep red, green and blue.
    invert, cut_ground : bool
        Whether to turn values around, to 255 - value, and then to make the ground 0.

    Returns
    -------
    ndarray of uint8, shape (height, width), or (3, height, width) in colour

    Raises
    ------
    InputError
        If the file is no readable image of 8 bits a value, or has several frames. Pillow is needed.

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
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as image:
                image.verify()  # checksums, which decoding alone does not look at
            with Image.open(file, formats=FORMATS) as image:
                image.load()
                frames, mode = getattr(image, "n_frames", 1), image.mode
                flat = None if mode in DEEP else _opaque(ImageOps.exif_transpose(image), "white" if invert else "black")
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        known = ", ".join(FORMATS)
        raise InputError(
            f"{file} cannot be read as an image ({error}): replace or remove it; formats are {known}"
        ) from error
    if flat is None:
        raise InputError(f"{file} has more than 8 bits a value (mode {mode}): convert it to 8 bits first")
    if frames > 1:
        raise InputError(f"{file} has {frames} frames: keep one image a file")
    flat = flat.convert("RGB" if colour else "L")
    if size is not None:
        flat = flat.resize(size[::-1], Image.Resampling.BILINEAR)
    values = 255 - np.asarray(flat) if invert else np.asarray(flat)
    values = np.moveaxis(values, -1, 0) if colour else values
    return _without_ground(values) if cut_ground else values


def _without_ground(image: np.ndarray) -> np.ndarray:
    """Make what is not well above the median of an image, or of each of its colours, 0, and stretch the rest to 255."""
    values = image.astype(np.float32)
    median = np.median(values, axis=(-2, -1), keepdims=True)
    deviation = 1.4826 * np.median(abs(values - median), axis=(-2, -1), keepdims=True)  # of normal noise, its standard one
    above = np.clip(values - median - 3 * deviation, 0, None)
    return (above * (255 / max(1, above.max()))).round().astype(np.uint8)


def _opaque(image: "Image.Image", ground: str) -> "Image.Image":
    """Lay a transparent image over a ground of one colour."""
    from PIL import Image

    if not image.has_transparency_data:
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, ground), image.convert("RGBA")).convert("RGB")


def _described(image: np.ndarray) -> str:
    return f"{image.shape[-2]} x {image.shape[-1]}"
