"""What is fuzzed: functions of the bytes of a file, that may read it or raise InputError, and nothing else."""

import contextlib
import gzip
import os
import re
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np

from cupynn import Sequential, datasets, nir, presets, reference
from cupynn.checks import InputError
from cupynn.datasets import cifar10, event_folder, idx, nmnist, nmnist_files, recordings, sound_folder, speech
from cupynn.layers import SpikingDense
from cupynn.network.inputs import Labelled
from cupynn.optimizers import Adam
from cupynn.parallel import Ranks
from cupynn.reference.weights import read_conv_weights, read_dense_weights
from cupynn.results.history import History
from cupynn.training import state
from cupynn.training.health import Watch
from cupynn.training.options import Options
from cupynn.training.samples import Samples
from cupynn.training.state import State
from cupynn.training.tally import Tally

SENSOR = (2, 34, 34)


def read_idx(content: bytes, folder: Path) -> None:
    """IDX, as images and as labels, gzipped or not."""
    path = _written(folder / "file", content)
    _each(lambda: idx.read(path, ndim=3), lambda: idx.read(path, ndim=1))


def read_nmnist(content: bytes, folder: Path) -> None:
    """A recording of N-MNIST."""
    recordings.convert(nmnist_files.records(content, "file"), SENSOR, "file", from_first_event=True)


def read_events(content: bytes, folder: Path) -> None:
    """Recordings in NumPy's formats."""
    path = _written(folder / ("file.npz" if content[:2] == b"PK" else "file.npy"), content)
    datasets.events([event_folder._read(path)], [0], SENSOR, from_first_event=True)


def read_sound(content: bytes, folder: Path) -> None:
    """WAV and SPHERE, brought to another sampling rate."""
    for _, signal, _ in sound_folder._resampled([_written(folder / "file.wav", content)], 8000):
        assert np.isfinite(signal).all()


def read_packed(content: bytes, folder: Path) -> None:
    """Packed events of N-MNIST: the first two bytes say how many are the events' file, the others are the index."""
    size = int.from_bytes(content[:2], "little")
    place = _written(folder / "file.npy", content[2 : 2 + size])
    _written(folder / "file.npz", content[2 + size :])
    os.utime(place, (nmnist.STAMP, nmnist.STAMP))
    if found := nmnist.open_packed(place):
        assert found[0].nbytes < size
        assert found[1]["lengths"].sum() == len(found[0])


def read_cifar10(content: bytes, folder: Path) -> None:
    """A file of CIFAR-10, gzipped or not."""
    with patch.object(cifar10, "IMAGES", 2):
        cifar10.read(_written(folder / "file", content))


def read_tar(content: bytes, folder: Path) -> None:
    """CIFAR-10's archive, and one of spoken words; packed here."""
    path = _written(folder / "file.tar.gz", gzip.compress(content, 1))
    with patch.object(cifar10, "IMAGES", 2):
        _each(lambda: cifar10.read_archive(path), lambda: list(speech.contents(path, re.compile(r".*\.bin"))))


def read_zip(content: bytes, folder: Path) -> None:
    """An archive of N-MNIST."""
    path = _written(folder / "file.zip", content)
    members = nmnist_files.in_archives(folder, [path]).members()
    _each(*(lambda member=member: read_nmnist(member.read(), folder) for member in members))


def read_network(content: bytes, folder: Path) -> None:
    """A network that was saved."""
    Sequential.load(_written(folder / "file.npz", content), "cpu")


def read_nir(content: bytes, folder: Path) -> None:
    """A graph of NIR; a network that it describes can be described again."""
    network = nir.load(_written(folder / "file.nir", content), device="cpu")
    with contextlib.suppress(InputError):  # such as one of too small weights
        nir.to_nir(network)


def training_state() -> State:
    """A training that has not begun."""
    network = Sequential([SpikingDense(3, v_th=1.0)], input_shape=(2,), steps=9, device="cpu")
    samples = Samples(network, Labelled(np.zeros((4, 2), np.uint8), np.zeros(4, np.int64)), None, Options())
    return State(network, Adam(0.1), samples, Tally(network), History(), Watch(network))


def read_training(content: bytes, folder: Path) -> None:
    """The state of a training; one that can be gone on with can be told, and saved again."""
    training = training_state()
    state.load(training, {}, {}, _written(folder / "file.npz", content), Ranks())
    assert str(training)
    assert repr(training.history)
    state.save(training, {}, {}, folder / "again.npz", Ranks())


def read_definition(content: bytes, folder: Path) -> None:
    """An experiment, TOML, which is to say the same once written and read again."""
    experiment = presets.read(_written(folder / "file.toml", content))
    again = presets.read(_written(folder / "file.toml", experiment.to_toml().encode()))
    assert experiment.to_toml() == again.to_toml()


def read_config(content: bytes, folder: Path) -> None:
    """A config of the original program, in a folder with the weights that it names."""
    _written(folder / "w.txt", b"".join(b"%d pre_%d post_%d 0.5\n" % (3 * j + i, j, i) for j in range(2) for i in range(3)))
    reference.load(_written(folder / "file.txt", content), folder, device="cpu")


def read_weights(content: bytes, folder: Path) -> None:
    """Weights of a dense layer and of a convolution, and a checkpoint, as the original program writes them."""
    path = _written(folder / "file.txt", content)
    network = Sequential([SpikingDense(3, v_th=1.0)], input_shape=(2,), steps=9, device="cpu")
    _each(
        lambda: read_dense_weights(path, 3, 2),
        lambda: read_dense_weights(path, 3, 2, sparse=True),
        lambda: read_conv_weights(path, (1, 1, 2, 2)),
        lambda: reference.load_checkpoint(network, path),
    )


def read_samples(content: bytes, folder: Path) -> None:
    """Samples of N-MNIST and cochleagrams as text."""
    path = _written(folder / "file_3.dat", content)
    _each(lambda: reference.read_nmnist(path, (2, 3), 20), lambda: reference.read_cochleagram(path, 2))


def read_spikes(content: bytes, folder: Path) -> None:
    """Spikes of a layer as text."""
    path = _written(folder / "file.dat", content)
    _each(lambda: reference.read_spikes(path, 4, 5), lambda: reference.read_spikes(path, (2, 1, 2), 5))


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _each(*reads: Callable[[], object]) -> None:
    """Do all; raise the last InputError if every one was refused."""
    refusals = []
    for read in reads:
        try:
            read()
        except InputError as error:
            refusals.append(error)
    if refusals and len(refusals) == len(reads):
        raise refusals[-1]


TARGETS: dict[str, Callable[[bytes, Path], None]] = {
    "idx": read_idx,
    "nmnist": read_nmnist,
    "events": read_events,
    "sound": read_sound,
    "packed": read_packed,
    "cifar10": read_cifar10,
    "tar": read_tar,
    "zip": read_zip,
    "network": read_network,
    "nir": read_nir,
    "training": read_training,
    "definition": read_definition,
    "config": read_config,
    "weights": read_weights,
    "samples": read_samples,
    "spikes": read_spikes,
}
BUILD = ("network", "nir", "training", "definition", "config")  # take the memory of the network that the file asks for
