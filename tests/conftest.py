"""What several test files share."""

import socket

import numpy as np
import pooch
import pytest
from hypothesis import settings

from cupynn.datasets import nmnist
from cupynn.layers import SpikingDense

settings.register_profile("cupynn", deadline=None)  # the first example may have to compile a kernel
settings.load_profile("cupynn")


@pytest.fixture(scope="session")
def dense():
    """A function that makes a built `SpikingDense` with weights of one's own: dense(weight, v_th, **options)."""

    def make(weight, v_th, **options):
        layer = SpikingDense(len(weight), v_th, **options)
        layer.build(weight.shape[1:], np.random.default_rng(0))
        layer.params["weight"][:] = weight
        return layer

    return make


@pytest.fixture
def nmnist_folder(monkeypatch, tmp_path):
    """The data folder of N-MNIST, still to be made; the test sees neither the user's cache nor the real addresses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        dead = f"http://127.0.0.1:{server.getsockname()[1]}/"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("CUPYNN_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.setattr(nmnist, "OFFICIAL", {name: (md5, dead) for name, (md5, _) in nmnist.OFFICIAL.items()})
    return tmp_path / "data" / "n-mnist"
