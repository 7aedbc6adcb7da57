"""Targets of the fuzzer: functions of the bytes of a file. They may read it or raise InputError, nothing else."""

import contextlib
import gzip
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np

from cupynn import Sequential, datasets, nir, presets, reference
from cupynn.checks import InputError
from cupynn.datasets import cifar10, event_folder, idx, nmnist, nmnist_files, recordings, sound_folder, speech
from cupynn.layers import SpikingDense
from cupynn.losses import SpikeCount
from cupynn.network.inputs import Labelled
from cupynn.optimizers import Adam
from cupynn.parallel import Ranks
from cupynn.reference import data
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
    """Read IDX as images and as labels, gzipped or not."""
    path = _written(folder / "file", content)
    _each(lambda: idx.read(path, ndim=3), lambda: idx.read(path, ndim=1))


def read_nmnist(content: bytes, folder: Path) -> None:
    """Read a recording of N-MNIST."""
    recordings.convert(nmnist_files.records(content, "file"), SENSOR, "file", from_first_event=True)


def read_events(content: bytes, folder: Path) -> None:
    """Read recordings in the formats of NumPy."""
    path = _written(folder / ("file.npz" if content[:2] == b"PK" else "file.npy"), content)
    datasets.events([event_folder.read_file(path)], [0], SENSOR, from_first_event=True)


def read_cameras(content: bytes, folder: Path) -> None:
    """Read recordings in the formats of cAER and Prophesee."""
    path = _written(folder / ("file.dat" if content[:1] == b"%" else "file.aedat"), content)
    datasets.events([event_folder.read_file(path)], [0], SENSOR, from_first_event=True)


def read_sound(content: bytes, folder: Path) -> None:
    """Read WAV and SPHERE, and resample."""
    for _, signal, _ in sound_folder._resampled([_written(folder / "file.wav", content)], 8000):
        assert np.isfinite(signal).all()


def read_packed(content: bytes, folder: Path) -> None:
    """Read packed events of N-MNIST: two bytes with the size of the events' file, that file, and the index."""
    size = int.from_bytes(content[:2], "little")
    place = _written(folder / "file.npy", content[2 : 2 + size])
    _written(folder / "file.npz", content[2 + size :])
    os.utime(place, (nmnist.STAMP, nmnist.STAMP))
    if found := nmnist.open_packed(place):
        assert found[0].nbytes < size
        assert found[1]["lengths"].sum() == len(found[0])


def read_cifar10(content: bytes, folder: Path) -> None:
    """Read a file of CIFAR-10, gzipped or not."""
    with patch.object(cifar10, "IMAGES", 2):
        cifar10.read(_written(folder / "file", content))


def read_tar(content: bytes, folder: Path) -> None:
    """Read tar archives of CIFAR-10 and of spoken words; the content is compressed here."""
    path = _written(folder / "file.tar.gz", gzip.compress(content, 1))
    with patch.object(cifar10, "IMAGES", 2):
        _each(lambda: cifar10.read_archive(path), lambda: list(speech.contents(path, re.compile(r".*\.bin"))))


def read_zip(content: bytes, folder: Path) -> None:
    """Read an archive of N-MNIST."""
    path = _written(folder / "file.zip", content)
    members = nmnist_files.in_archives(folder, [path]).members()
    _each(*(lambda member=member: read_nmnist(member.read(), folder) for member in members))


def read_network(content: bytes, folder: Path) -> None:
    """Read a saved network."""
    Sequential.load(_written(folder / "file.npz", content), "cpu")


def read_nir(content: bytes, folder: Path) -> None:
    """Read a graph of NIR, and export its network again."""
    network = nir.load(_written(folder / "file.nir", content), device="cpu")
    with contextlib.suppress(InputError):  # for example if the weights are too small
        nir.to_nir(network)


def training_state() -> State:
    """Return the state of a training before its start."""
    network = Sequential([SpikingDense(3, v_th=1.0)], input_shape=(2,), steps=9, device="cpu")
    samples = Samples(network, Labelled(np.zeros((4, 2), np.uint8), np.zeros(4, np.int64)), None, Options())
    return State(network, Adam(0.1), samples, Tally(network, SpikeCount()), History(), Watch(network))


def read_training(content: bytes, folder: Path) -> None:
    """Read the state of a training, print it and save it again."""
    training = training_state()
    state.load(training, {}, {}, _written(folder / "file.npz", content), Ranks())
    assert str(training)
    assert repr(training.history)
    state.save(training, {}, {}, folder / "again.npz", Ranks())


def read_definition(content: bytes, folder: Path) -> None:
    """Read an experiment from TOML; it must stay the same when written and read again."""
    experiment = presets.read(_written(folder / "file.toml", content))
    again = presets.read(_written(folder / "file.toml", experiment.to_toml().encode()))
    assert experiment.to_toml() == again.to_toml()


def read_config(content: bytes, folder: Path) -> None:
    """Read a config of the original program, in a folder with the weights that it names."""
    (folder / "some").mkdir(exist_ok=True)
    synapses = (b"%d pre_%d post_%d 0.5\n" % (3 * j + i, j, i) for j in range(2) for i in range(3))
    _written(folder / "some" / "w.txt", b"".join(synapses))
    reference.load(_written(folder / "file.txt", content), folder, device="cpu")


def read_weights(content: bytes, folder: Path) -> None:
    """Read weights of a dense layer and of a convolution, and a checkpoint, in the formats of the original program."""
    path = _written(folder / "file.txt", content)
    network = Sequential([SpikingDense(3, v_th=1.0)], input_shape=(2,), steps=9, device="cpu")
    _each(
        lambda: read_dense_weights(path, 3, 2),
        lambda: read_dense_weights(path, 3, 2, sparse=True),
        lambda: read_conv_weights(path, (1, 1, 2, 2)),
        lambda: reference.load_checkpoint(network, path),
    )


def read_samples(content: bytes, folder: Path) -> None:
    """Read samples of N-MNIST and cochleagrams as text."""
    path = _written(folder / "file_3.dat", content)
    _each(
        lambda: reference.read_nmnist(path, (2, 3), 20),
        lambda: reference.read_cochleagram(path, 2),
        lambda: data.read_file(path, 3, (1, 2, 1), 20),
    )


def read_spikes(content: bytes, folder: Path) -> None:
    """Read spikes of a layer as text."""
    path = _written(folder / "file.dat", content)
    _each(lambda: reference.read_spikes(path, 4, 5), lambda: reference.read_spikes(path, (2, 1, 2), 5))


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _each(*reads: Callable[[], object]) -> None:
    """Call all functions; raise the last InputError if each raised one. They may warn."""
    refusals = []
    for read in reads:
        try:
            with warnings.catch_warnings(action="ignore", category=UserWarning):
                read()
        except InputError as error:
            refusals.append(error)
    if refusals and len(refusals) == len(reads):
        raise refusals[-1]


TARGETS: dict[str, Callable[[bytes, Path], None]] = {
    "idx": read_idx,
    "nmnist": read_nmnist,
    "events": read_events,
    "cameras": read_cameras,
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
BUILD = ("network", "nir", "training", "definition", "config")  # need as much memory as the network in the file
