"""Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): ten classes of clothes, 60000 images to train and 10000 to test."""

from .dataset import Dataset
from .mnist import load_files
from .source import Source

MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
SHA256 = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
SOURCE = Source("fashion-mnist", 30_878_645, {"all": tuple(SHA256)}, own_folder=True, checksums=SHA256)
CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def load() -> tuple[Dataset, Dataset]:
    """Return Fashion-MNIST's own split, downloading missing files (30.9 MB).

    The files have the same names as those of MNIST, so cupynn looks for them only in the folder `fashion-mnist`.

    Returns
    -------
    train, test : Dataset
        x (n, 28, 28) uint8, background 0.
    """
    return load_files(SOURCE, MIRRORS, CLASSES)
