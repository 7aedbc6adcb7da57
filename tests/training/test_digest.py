"""Digests of data: every value counts, memory maps are probed, and states of earlier versions are still compared."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from cupynn import InputError, Sequential, SpikeTrains
from cupynn.encoders import Poisson
from cupynn.layers import SpikingDense
from cupynn.losses import SpikeCount
from cupynn.optimizers import Adam
from cupynn.parallel import Ranks
from cupynn.ragged import Ragged
from cupynn.training import digest

OLD = Path(__file__).parents[1] / "data" / "0.1.0" / "dense-training.npz"


def pictures():
    """Those of the training that version 0.1.0 left in OLD."""
    return (np.arange(800).reshape(200, 4) * 37 % 101 / 100).astype(np.float32), np.arange(200) % 2


def fit(x, y, path, resume=False, epochs=1, progress=False):
    net = Sequential([SpikingDense(3, v_th=2.0), SpikingDense(2, v_th=2.0)], (4,), 30, Poisson(0.5), seed=0, device="cpu")
    options = {"loss": SpikeCount(5, 1, 1), "optimizer": Adam(0.01), "batch_size": 50, "validation": (x[:100], y[:100])}
    return net.fit((x, y), epochs=epochs, checkpoint=path, resume=resume, progress=progress, **options)


def mapped(array, folder):
    np.save(folder / "x.npy", array)
    return np.load(folder / "x.npy", mmap_mode="r")


def blank_between(x):
    """A copy whose samples are blank but for those that a probe looks at."""
    probes = np.unique(np.linspace(0, len(x) - 1, digest.PROBE).astype(int))
    other = np.zeros_like(x)
    other[probes] = x[probes]
    return other


class TestWhole:
    def test_every_value_counts(self):
        x = pictures()[0]
        assert digest.probed(x) == digest.probed(blank_between(x))
        assert digest.whole(x) != digest.whole(blank_between(x))
        trains, other = (SpikeTrains.from_dense(np.repeat(each[:, None], 3, 1) > 0.5) for each in (x, blank_between(x)))
        assert digest.whole(trains) != digest.whole(other)
        starts = np.arange(0, 800, 4)
        ragged, other = (Ragged(each.ravel(), starts, starts + 4, 4) for each in (x, blank_between(x)))
        assert digest.probed(ragged) == digest.probed(other)
        assert digest.whole(ragged) != digest.whole(other)
        assert digest.whole(ragged) != digest.whole(Ragged(x.ravel(), starts, np.minimum(starts + 5, 800), 4))

    def test_layout_does_not_matter(self, monkeypatch):
        x = pictures()[0]
        events = np.zeros(50, [("t", np.int64), ("p", np.uint8)])
        ragged = Ragged(events, np.arange(0, 50, 5), np.arange(5, 55, 5), 3)
        elsewhere = Ragged(np.append(events[:1], events), np.arange(1, 51, 5), np.arange(6, 56, 5), 3)
        found = {digest.whole(x, ragged), digest.whole(np.asfortranarray(x), elsewhere)}
        monkeypatch.setattr(digest, "_CHUNK", 128)
        assert found == {digest.whole(x, ragged)}

    def test_memory_maps_are_not_read(self, tmp_path):
        x, y = pictures()
        there = mapped(x, tmp_path)
        for array in (there, np.asarray(there), there[3:], Ragged(np.asarray(there), [0, 5], [3, 9], 4)):
            assert digest.whole(array, y) is None
        assert digest.whole(there[[1, 2]], y) is not None  # a copy


class TestFit:
    def test_other_data_between_the_probes(self, tmp_path):
        x, y = pictures()
        fit(x, y, tmp_path / "t.npz")
        with pytest.raises(InputError, match="belongs to another training run: data differs"):
            fit(blank_between(x), y, tmp_path / "t.npz", resume=True, epochs=2)
        assert len(fit(x, y, tmp_path / "t.npz", resume=True, epochs=2)) == 2

    def test_a_memory_map_is_probed_and_that_is_said(self, tmp_path, capsys):
        x, y = pictures()
        there = mapped(x, tmp_path)
        fit(there, y, tmp_path / "t.npz")
        fit(there, y, tmp_path / "t.npz", resume=True, epochs=2, progress=True)
        path = tmp_path / "t.npz"
        assert (
            f"{path}: only 64 samples of data and validation were compared with the earlier data" in capsys.readouterr().out
        )
        x = x.copy()
        x[0] += 0.5  # a probe
        with pytest.raises(InputError, match="data differs"):
            fit(np.minimum(x, 1), y, path, resume=True, epochs=3)

    def test_a_state_of_version_0_1_0(self, tmp_path, capsys):
        path = Path(shutil.copy(OLD, tmp_path))
        x, y = pictures()
        with pytest.raises(InputError, match="data differs"):
            fit(x[::-1], y, path, resume=True, epochs=2)
        assert fit(x, y, path, resume=True, epochs=2, progress=True)["number"] == [1, 2]
        told = f"{path}: only 64 samples of data and validation were compared with the earlier data"
        assert told in capsys.readouterr().out
        fit(x, y, path, resume=True, epochs=3, progress=True)  # now written with digests of all
        assert "only 64" not in capsys.readouterr().out


class TestRanks:
    def test_one_that_has_other_data_between_the_probes(self, monkeypatch):
        """What each of two processes sends, compared as the other would compare it."""
        x, y = pictures()
        sent = []

        class Two(Ranks):
            size = 2

            def every(self, message):
                sent.append(message)
                return [sent[0], message]

        net = Sequential([SpikingDense(2, v_th=2.0)], (4,), 30, Poisson(0.5), device="cpu")
        options = {"loss": SpikeCount(5, 1, 1), "epochs": 1, "batch_size": 50, "progress": False}
        monkeypatch.setattr(Two, "same_arrays", lambda *_: None)
        net.fit((x, y), ranks=Two(), **options)
        with pytest.raises(InputError, match="data differs between rank 0 and rank 1"):
            net.fit((blank_between(x), y), ranks=Two(), **options)
