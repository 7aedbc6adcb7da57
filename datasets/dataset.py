"""Samples with their labels, checked once, cut and split without losing track of the classes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.ragged import Ragged


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled samples in host memory.

    Parameters
    ----------
    x : ndarray, shape (n, *input_shape), or Ragged
        The samples: uint8 in 0..255 or float32 in [0, 1]; or events or signals of different length.
    y : ndarray, shape (n,)
        The class of each sample, an index into `classes`; kept as int64.
    classes : tuple of str
        The names of the classes.
    name : str
        What the dataset is called.

    Raises
    ------
    InputError
        If samples, labels and classes do not fit each other, or values are out of range.

    Examples
    --------
    >>> images = np.zeros((3, 2, 2), np.uint8)
    >>> Dataset(images, [0, 1, 1], ("cat", "dog"), "pets")
    Dataset pets: 3 samples of shape (2, 2) uint8, 2 classes of 1 to 2 samples
    """

    x: np.ndarray | Ragged
    y: np.ndarray
    classes: tuple[str, ...]
    name: str

    def __post_init__(self):
        checks.only("name", self.name, str)
        if not isinstance(self.x, Ragged):
            _check_samples(checks.only("x", self.x, np.ndarray))
        elif not len(self.x):
            raise InputError("x has no samples: pass at least one")
        object.__setattr__(self, "classes", _check_classes(self.classes))
        object.__setattr__(self, "y", checks.labels("y", self.y, len(self.classes), len(self.x)))

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, key: slice | Sequence[int] | np.ndarray) -> "Dataset":
        try:
            index = key if isinstance(key, slice) else np.asarray(key)
            x, y = self.x[index], self.y[index]
        except (IndexError, TypeError, ValueError) as error:
            raise InputError(f"dataset[...]: {error}; pass a slice, indices or a mask of {len(self)} samples") from None
        if y.ndim != 1:
            raise InputError(
                f"dataset[...]: the index has {y.ndim} axes: pass a slice or a one-dimensional array, "
                "or take a single sample with dataset.x[i] and dataset.y[i]"
            )
        return replace(self, x=x, y=y)

    def __repr__(self) -> str:
        counts = self._counts()
        kind = "events" if self.x.dtype.names else self.x.dtype
        return (
            f"Dataset {self.name}: {len(self)} samples of shape {self.input_shape} {kind}, "
            f"{len(self.classes)} classes of {counts.min()} to {counts.max()} samples"
        )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return self.x.shape[1:]

    def split(self, held_out: int | float, seed: int = 0) -> tuple["Dataset", "Dataset"]:
        """Hold out a random part that has every class in its due proportion.

        The same seed holds out the same samples on every machine. Both parts keep the order of the samples.

        Parameters
        ----------
        held_out : int or float
            A number of samples (int), or a fraction of them (float in (0, 1)).
        seed : int
            Chooses among the possible parts.

        Returns
        -------
        rest, held_out : Dataset
            Two disjoint parts that make up the whole.

        Raises
        ------
        InputError
            If one of the parts would be empty.

        Examples
        --------
        >>> from cupynn import datasets
        >>> train, _ = datasets.load("digits")
        >>> [len(part) for part in train.split(0.1)]
        [1294, 144]
        """
        if isinstance(held_out, Integral):
            size = checks.integer("held_out", held_out)
        else:
            size = round(checks.number("held_out", held_out, above=0, maximum=1) * len(self))
        if not 0 < size < len(self):
            raise InputError(f"held_out={held_out!r} leaves one part of {len(self)} samples empty: pass another size")
        counts = self._counts()
        quotas, remainders = np.divmod(counts * size, len(self))
        largest = np.argsort(-remainders, kind="stable")[: size - quotas.sum()]
        quotas[largest] += 1

        # Raw words, as NumPy keeps their stream from version to version, and that of Generator methods not.
        keys = np.random.PCG64(checks.integer("seed", seed)).random_raw(len(self))
        by_class = np.lexsort((keys, self.y))
        rank = np.arange(len(self)) - np.repeat(np.cumsum(counts) - counts, counts)
        held = np.empty(len(self), bool)
        held[by_class] = rank < np.repeat(quotas, counts)
        return self[~held], self[held]

    def _counts(self) -> np.ndarray:
        return np.bincount(self.y, minlength=len(self.classes))


def _check_samples(x: np.ndarray) -> None:
    if x.ndim < 2 or not x.size:
        raise InputError(f"x has shape {x.shape}: pass at least one sample, shape (n, *input_shape)")
    if x.dtype not in (np.uint8, np.float32):
        raise InputError(f"x has dtype {x.dtype}: pass uint8 in 0..255 or float32 in [0, 1]")
    if x.dtype == np.float32:
        low, high = x.min(), x.max()
        if not (low >= 0 and high <= 1):
            raise InputError(f"x holds values from {low} to {high}: pass float32 samples in [0, 1], without NaN")


def _check_classes(classes: Sequence[str]) -> tuple[str, ...]:
    listed = isinstance(classes, tuple | list) and len(classes) > 0
    if not listed or not all(isinstance(name, str) for name in classes) or len(set(classes)) < len(classes):
        raise InputError(f"classes={classes!r}: pass a tuple of distinct names, one a class")
    return tuple(classes)
