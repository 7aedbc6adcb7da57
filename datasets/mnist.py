"""MNIST (LeCun, Cortes, Burges): handwritten digits, 60000 images to train and 10000 to test."""

from collections.abc import Sequence

from .dataset import Dataset
from .download import fetch
from .idx import read
from .source import Source

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
SHA256 = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
SOURCE = Source("mnist", 11_594_722, {"all": tuple(SHA256)}, checksums=SHA256)


def load() -> tuple[Dataset, Dataset]:
    """Return MNIST's own split, downloading missing files (11.6 MB).

    Returns
    -------
    train, test : Dataset
        x (n, 28, 28) uint8, background 0.
    """
    return load_files(SOURCE, MIRRORS, tuple("0123456789"))


def load_files(source: Source, mirrors: Sequence[str], classes: tuple[str, ...]) -> tuple[Dataset, Dataset]:
    """Return the split of a dataset whose four files have the names and the format of MNIST."""
    train_images, train_labels, test_images, test_labels = (
        fetch(source.dataset, file, sha256, mirrors, needed=source.checksums, own_folder=source.own_folder)
        for file, sha256 in source.checksums.items()
    )
    return (
        Dataset(read(train_images, ndim=3), read(train_labels, ndim=1), classes, source.dataset),
        Dataset(read(test_images, ndim=3), read(test_labels, ndim=1), classes, source.dataset),
    )
