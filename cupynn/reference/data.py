"""Training and test samples that a config of the original program names."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import numpy as np

from cupynn.checks import InputError
from cupynn.encoders import BSA
from cupynn.ragged import Ragged
from cupynn.reference.config import Block
from cupynn.reference.folder import Folder
from cupynn.reference.samples import class_label, read_cochleagram, read_nmnist
from cupynn.reference.spikes import read_spikes
from cupynn.reference.text import TextFile
from cupynn.spikes.trains import SpikeTrains

READ_ALL = -1
SUFFIX = ".dat"

Loaded = tuple[SpikeTrains, np.ndarray]


class Samples:
    """Samples for training or testing, as a config specifies them; `load` reads them.

    Attributes
    ----------
    path : str or None
        Text of the config's TRAIN_DATA_PATH or TEST_DATA_PATH; None if the key is missing.
    count : int or None
        Number of samples to use, TRAIN_SAMPLES or TEST_SAMPLES; None for all, which the original program writes as -1.
    per_class : int or None
        Number of samples to use of each class, TRAIN_PER_CLASS or TEST_PER_CLASS.

    Examples
    --------
    >>> definition = load("Config/NMnistConfig.txt", root="mm-bp-snn")  # doctest: +SKIP
    >>> definition.train  # doctest: +SKIP
    Samples(path='nmnist/train', count=None, per_class=500)
    >>> spikes, labels = definition.train.load()  # doctest: +SKIP
    """

    def __init__(self, config: Block, part: str, root: str | PathLike, neurons: tuple[int, ...], steps: int) -> None:
        self._config, self._key, self._root = config, f"{part}_DATA_PATH", root
        self._neurons, self._steps = neurons, steps
        self.path = config.text(self._key) if self._key in config else None
        self.count, self.per_class = (_limit(config, f"{part}_{what}") for what in ("SAMPLES", "PER_CLASS"))

    def __repr__(self) -> str:
        return f"Samples(path={self.path!r}, count={self.count}, per_class={self.per_class})"

    def pick(self, labels: np.ndarray) -> np.ndarray:
        """Return which samples the config uses of data with these labels: the first ones of each class, and in all.

        Parameters
        ----------
        labels : array_like of int, shape (B,)

        Returns
        -------
        ndarray of int64
            Indices in ascending order.
        """
        labels = np.asarray(labels)
        chosen = np.arange(labels.size)
        if self.per_class is not None:
            chosen = np.sort(
                np.concatenate([chosen[:0], *(chosen[labels == c][: self.per_class] for c in np.unique(labels))])
            )
        return chosen[: self.count]

    @property
    def in_folder(self) -> bool:
        """True if the path is that of a folder."""
        return self._place().is_dir()

    def load(self) -> Loaded:
        """Read the samples.

        The path is that of a file `<anything>_<class>.dat`, or of a folder with such files, or with one sub-folder per
        class, named by its number. A file contains spikes as in `read_spikes`, samples as in `read_nmnist`, or a cochleagram
        as in `read_cochleagram`, which becomes spikes by Ben's Spiker Algorithm; the content determines which.
        Spikes after the last step are dropped; one UserWarning reports them.

        Returns
        -------
        spikes : SpikeTrains, shape (B, T, *input_shape)
        labels : ndarray of int64, shape (B,)

        Raises
        ------
        InputError
            If the config has no path, there is no file, or a file is malformed.
        """
        with _one_warning():
            loaded = list(self._read(self._place()))
        labels = np.concatenate([np.zeros(0, np.int64), *(labels for _, labels in loaded)])
        chosen = self.pick(labels)
        if not chosen.size:
            raise self._config.error(self._key, "no samples: expected at least one")
        return SpikeTrains.concatenate([spikes for spikes, _ in loaded])[chosen], labels[chosen]

    def _place(self) -> Path:
        if self.path is None:
            raise InputError(
                f"{self._config.file.path}: {self._key} is missing: the original program reads such data from a path in its "
                "source; pass the data, for example those of datasets.load('mnist')"
            )
        return Folder(self._root).find_data(self._config, self._key)

    def _read(self, path: Path) -> Iterator[Loaded]:
        """Yield the samples of one file after the other, until there are enough."""
        found: dict[int, int] = {}
        for file, label in self._files(path):
            if self.per_class is not None and found.get(label, 0) >= self.per_class:
                continue
            loaded = read_file(file, label, self._neurons, self._steps)
            yield loaded
            found[label] = found.get(label, 0) + len(loaded[1])
            if self.per_class is None and self.count is not None and sum(found.values()) >= self.count:
                return

    def _files(self, path: Path) -> list[tuple[Path, int]]:
        if path.is_file():
            return [(path, class_label(path))]
        files = sorted(file for file in path.rglob(f"*{SUFFIX}") if file.is_file() and file.name[0] != ".")
        if not files:
            raise self._config.error(self._key, f"the folder {path} contains no file *{SUFFIX}: expected the samples")
        return [(file, _label(file, path)) for file in files]


@contextmanager
def _one_warning() -> Iterator[None]:
    """Replace the warnings of the readers, one per file, by the first one and the number of others."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for each in caught:
        if each.category is not UserWarning:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    reports = [str(each.message) for each in caught if each.category is UserWarning]
    if reports:
        others = f" (and {len(reports) - 1} more files with such a report)" if len(reports) > 1 else ""
        warnings.warn(f"{reports[0]}{others}", stacklevel=4)


def _limit(config: Block, key: str) -> int | None:
    """Return a number of samples; None for all."""
    if key not in config or config.text(key) == str(READ_ALL):
        return None
    return config.integer(key)


def _label(file: Path, folder: Path) -> int:
    """Return the class of a file: the number that is the name of its sub-folder, or else the end of its own name."""
    numbers = [part for part in file.relative_to(folder).parts[:-1] if part.isascii() and part.isdigit() and len(part) < 10]
    return int(numbers[-1]) if numbers else class_label(file)


def read_file(path: Path, label: int, neurons: tuple[int, ...], steps: int) -> Loaded:
    """Return the samples of one file as spikes, with their label."""
    file = TextFile(path, "spikes `neuron time`, samples of N-MNIST, or a cochleagram")
    if next(row[0] for row in file.rows if row) == "-1":
        spikes = SpikeTrains.from_dense(read_spikes(path, neurons, steps)[None])
    elif any(line.strip() == "#" for line in file.lines):
        spikes, _ = read_nmnist(path, neurons, steps)
    else:
        signal = read_cochleagram(path, int(np.prod(neurons))).T
        ragged = Ragged(np.ascontiguousarray(signal), [0], [len(signal)], signal.shape[1])
        encoder = BSA()
        if notice := encoder.notice(ragged, steps):
            warnings.warn(f"{path}: {notice}", stacklevel=2)
        spikes = encoder.encode(ragged, steps, seed=0, draw=0, samples=np.arange(1))
    return spikes.reshape(neurons), np.full(len(spikes), label, np.int64)
