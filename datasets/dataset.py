"""`Dataset`: labelled samples that are checked once, and can be indexed and split."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np

from cupynn import checks, intensities
from cupynn.checks import InputError
from cupynn.ragged import Ragged

from . import as_html


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled samples in host memory.

    Parameters
    ----------
    x : ndarray, shape (n, *input_shape), or Ragged
        The samples: uint8 in 0..255 or floats in [0, 1]; or events or signals of different lengths.
    y : ndarray, shape (n,) or (n, outputs)
        The class of each sample, an index into `classes`; stored as int64. For several labels per sample, zeros and ones
        with a column for each of `classes`, and for a regression, numbers with a column for each output.
    classes : tuple of str
        The names of the classes, labels or outputs.
    name : str
        The name of the dataset.

    Raises
    ------
    InputError
        If samples, labels and classes are inconsistent, or values are out of range.

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
        object.__setattr__(self, "y", _check_targets(self.y, len(self.classes), len(self.x)))

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, key: slice | Sequence[int] | np.ndarray) -> "Dataset":
        try:
            index = key if isinstance(key, slice) else np.asarray(checks.host("the index", key))
            x, y = self.x[index], self.y[index]
        except (IndexError, TypeError, ValueError) as error:
            raise InputError(f"dataset[...]: {error}; pass a slice, indices or a mask of {len(self)} samples") from None
        if y.ndim != self.y.ndim:
            raise InputError(
                f"dataset[...]: the index has {y.ndim - self.y.ndim + 1} axes: pass a slice or a one-dimensional array, "
                "or take a single sample with dataset.x[i] and dataset.y[i]"
            )
        return replace(self, x=x, y=y)

    def __repr__(self) -> str:
        kind = "events" if self.x.dtype.names else self.x.dtype
        samples = f"Dataset {self.name}: {len(self)} samples of shape {self.input_shape} {kind}"
        if self.y.ndim > 1:
            return f"{samples}, targets of {len(self.classes)} outputs"
        counts = self._counts()
        return f"{samples}, {len(self.classes)} classes of {counts.min()} to {counts.max()} samples"

    def _repr_html_(self) -> str:
        return as_html.as_html(repr(self), self.x, self.y, self.classes)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self.x.shape[1:]

    def split(self, held_out: int | float, seed: int = 0) -> tuple["Dataset", "Dataset"]:
        """Hold out a random part, stratified by class if each sample has one.

        The same seed holds out the same samples on every machine. Both parts keep the order of the samples.

        Parameters
        ----------
        held_out : int or float
            A number of samples (int), or a fraction of them (float in (0, 1)).
        seed : int
            Seed of the random choice.

        Returns
        -------
        rest, held_out : Dataset
            The two disjoint parts.

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

        # Raw words, because NumPy guarantees their stream across versions, but not that of Generator methods.
        keys = np.random.PCG64(checks.integer("seed", seed)).random_raw(len(self))
        by_class = np.lexsort((keys, self._strata()))
        rank = np.arange(len(self)) - np.repeat(np.cumsum(counts) - counts, counts)
        held = np.empty(len(self), bool)
        held[by_class] = rank < np.repeat(quotas, counts)
        return self[~held], self[held]

    def _counts(self) -> np.ndarray:
        return np.bincount(self._strata(), minlength=len(self.classes))

    def _strata(self) -> np.ndarray:
        """Return the class of each sample, or 0 if samples have no single class."""
        return self.y if self.y.ndim == 1 else np.zeros(len(self.y), np.int64)


def _check_targets(y: np.ndarray, outputs: int, samples: int) -> np.ndarray:
    """Return labels as int64, or targets (samples, outputs) as int64 or float32."""
    array = checks.as_array("y", y)
    if array.ndim != 2 or array.shape[1] == 1 < outputs:
        return checks.labels("y", array, outputs, samples)
    if array.shape != (samples, outputs) or array.dtype.kind not in "biuf":
        wanted = f"labels, shape ({samples},), or targets, shape ({samples}, {outputs})"
        raise InputError(f"y is {array.dtype} of shape {array.shape}: pass {wanted}")
    if not np.isfinite(array).all():
        raise InputError("y has a value that is not finite: leave its sample out")
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int64)


def _check_samples(x: np.ndarray) -> None:
    if x.ndim < 2 or not x.size:
        raise InputError(f"x has shape {x.shape}: pass at least one sample, shape (n, *input_shape)")
    hint = "; for signals over time, use datasets.signals(arrays, labels)" if x.ndim == 3 and x.dtype != np.uint8 else ""
    intensities.check("x", x, hint)


def _check_classes(classes: Sequence[str]) -> tuple[str, ...]:
    listed = isinstance(classes, tuple | list) and len(classes) > 0
    if not listed or not all(isinstance(name, str) for name in classes) or len(set(classes)) < len(classes):
        raise InputError(f"classes={classes!r}: pass a tuple of distinct names, one per class")
    return tuple(map(checks.printable, classes))
