"""Read a dataset from arrays in an .npz file."""

from os import PathLike

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.files import read_arrays

from .dataset import Dataset

_REMEDY = "write it with np.savez(path, x=samples, y=labels)"


def from_npz(path: str | PathLike, name: str | None = None) -> Dataset:
    """Read samples and labels that ``np.savez(path, x=samples, y=labels)`` wrote, compressed or not.

    Parameters
    ----------
    path : path
        An .npz file with the arrays x, (n, *input_shape) uint8 in 0..255 or floats in [0, 1], and y, (n,) integers, or
        targets (n, outputs) as in `Dataset`. An optional array "classes" of strings names the classes or outputs; the
        default names are "0", "1" and so on.
    name : str, optional
        Name of the dataset; by default that of the file.

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        If the file is missing or damaged, lacks an array, or the arrays cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/pets.npz", x=np.zeros((3, 8, 8), np.uint8), y=[0, 1, 1], classes=["cat", "dog"])
    ...     from_npz(f"{folder}/pets.npz")
    Dataset pets: 3 samples of shape (8, 8) uint8, 2 classes of 1 to 2 samples
    """
    path = checks.path("path", path)
    if not path.is_file():
        raise InputError(f"{path}: no such file: {_REMEDY}")
    try:
        arrays = read_arrays(path)
    except Exception as error:  # NumPy, zipfile and zlib can raise almost anything on a damaged file
        raise InputError(f"{path} cannot be read ({error}): {_REMEDY}") from None
    if not {"x", "y"} <= arrays.keys():
        found = ", ".join(arrays) or "none"
        raise InputError(f"{path} holds the arrays {found}: {_REMEDY}")
    try:
        labels = arrays["y"]
        if "classes" in arrays:
            names = tuple(np.atleast_1d(arrays["classes"]).astype(str).tolist())
        else:
            samples = len(np.atleast_1d(arrays["x"]))
            labels, count = (labels, labels.shape[1]) if labels.ndim == 2 else checks.class_numbers("y", labels, samples)
            names = tuple(map(str, range(count)))
        return Dataset(arrays["x"], labels, names, path.stem if name is None else name)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
