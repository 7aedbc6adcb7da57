"""Files of SHD and SSC: lists of spike times and channels, one per word."""

import io
import pickle
import sys
import tracemalloc
from functools import partial

import h5py
import numpy as np
import pytest
from factories import refuses
from shd_toy import WORDS, write

from cupynn import Sequential, SpikeTrains, cli, datasets, encoders, hdf5, layers, open_run
from cupynn.checks import InputError

refused = partial(refuses, datasets.from_shd)


def test_times_are_widened_before_they_become_microseconds(tmp_path):
    data = datasets.from_shd(write(tmp_path / "shd_train.h5"))
    assert (data.name, data.input_shape, data.classes) == ("shd_train", (1, 1, 700), ("zero", "one", "two"))
    assert data.y.tolist() == [1, 0, 2]
    assert [data.x[index].tolist() for index in range(3)] == [
        [(0, 0, 0, False), (99976, 699, 0, False), (1_000_000, 3, 0, False)],
        [(500_000, 2, 0, False)],
        [],
    ]
    assert data.x.dtype.itemsize == 9


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize("times", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("units", [np.uint16, np.int64])
def test_any_width(tmp_path, times, units):
    data = datasets.from_shd(write(tmp_path / "a.h5", times=times, units=units))
    assert data.x[0]["t"].tolist() == [0, 99976, 1_000_000]


def test_many_rows_are_read_in_blocks(tmp_path):
    """Rows of some blocks, the last of them partly filled, each with as many spikes as its number modulo 5."""
    words = [(np.full(row % 5, row / 1024), np.full(row % 5, row % 700)) for row in range(601)]
    data = datasets.from_shd(write(tmp_path / "a.h5", words, [row % 3 for row in range(601)]), name="ssc")
    assert data.name == "ssc"
    assert data.x.lengths.tolist() == [row % 5 for row in range(601)]
    assert all((data.x[row]["x"] == row % 700).all() for row in range(601))
    assert data.x[599]["t"].tolist() == [round(float(np.float16(599 / 1024)) * 1e6)] * 4


@pytest.mark.usefixtures("read_here")
def test_files_without_names_of_classes(tmp_path):
    assert datasets.from_shd(write(tmp_path / "ssc.h5", keys=None)).classes == ("0", "1", "2")


@pytest.mark.usefixtures("read_here")
def test_names_of_variable_length(tmp_path):
    keys = np.array(["null", "fünf", "x"], h5py.string_dtype())
    assert datasets.from_shd(write(tmp_path / "a.h5", keys=keys)).classes == ("null", "fünf", "x")


@pytest.mark.usefixtures("read_here")
def test_every_spike_reaches_the_network(tmp_path):
    data = datasets.from_shd(write(tmp_path / "a.h5"))
    spikes = encoders.Events(step=2000).encode(data.x, steps=600, seed=0, draw=0, samples=np.arange(3))
    assert isinstance(spikes, SpikeTrains)
    assert spikes.events().steps.tolist() == [1, 50, 500, 250]
    assert spikes.events().neurons.tolist() == [0, 699, 3, 2]
    net = Sequential(
        [layers.SpikingDense(3, v_th=1.0)],
        input_shape=data.input_shape,
        steps=600,
        encoder=encoders.Events(step=2000),
        seed=0,
    )
    net.fit(data, epochs=1, batch_size=2)
    assert len(net.predict(data.x)) == 3


@pytest.mark.slow
def test_a_definition_trains_on_them_and_a_run_predicts_them(tmp_path, capsys):
    write(tmp_path / "train.h5")
    write(tmp_path / "test.h5", WORDS[:2], (1, 0))
    (tmp_path / "mine.toml").write_text(
        """
        data = { kind = "shd", path = "train.h5", test = "test.h5", validation = 0 }
        optimizer = { kind = "Adam", lr = 0.02 }
        training = { epochs = 1, batch_size = 2 }
        [network]
        input_shape = [1, 1, 700]
        steps = 600
        encoder = { kind = "Events", step = 2000.0 }
        layers = [ { kind = "SpikingDense", name = "output", units = 3, v_th = 1.0 } ]
        [loss]
        kind = "SpikeCount"
        """
    )
    assert cli.main(["train", str(tmp_path / "mine.toml"), "--out", str(tmp_path / "run"), "--quiet"]) == 0
    assert [part if part is None else len(part) for part in open_run(tmp_path / "run").data()] == [3, None, 2]
    capsys.readouterr()
    assert cli.main(["predict", str(tmp_path / "run"), str(tmp_path / "test.h5")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize(
    ("words", "labels", "message"),
    [
        ([([0.5, np.nan], [0, 1])], [0], r"spikes/times has nan in row 0: pass seconds from 0 to 4294"),
        ([([0.5], [0]), ([], []), ([-1], [0])], [0, 0, 0], r"spikes/times has -1\.0 in row 2"),
        ([([np.inf], [0])], [0], "spikes/times has inf in row 0"),
        ([([], []), ([0, 0], [0, 700])], [0, 0], "spikes/units has 700 in row 1: pass 0 to 699, or another number of"),
        ([([0.5], [0])], [0, 1], r"labels has shape \(2,\): pass one label per sample"),
        ([([0.5], [0])], [3], r"labels\[0\]=3: labels must be within 0\.\.2 for 3 classes"),
        ([([0.5, 1], [0])], [0], "spikes/times, spikes/units have rows of different lengths"),
        ([], [], "does not hold spikes/times, spikes/units and labels, or they are empty"),
    ],
)
def test_refuses_other_contents(tmp_path, words, labels, message):
    refused(write(tmp_path / "a.h5", words, labels), message)


def test_refuses_a_label_far_above_the_number_of_words(tmp_path):
    path = write(tmp_path / "a.h5", [([0.5], [0])], [0], keys=None)
    with h5py.File(path, "a") as file:
        del file["labels"]
        file["labels"] = [2**31 - 1]
    refused(
        path, r"labels\[0\]=2147483647: this is far above the number of samples, 1: classes, labels = np.unique\(labels, "
    )


def test_refuses_an_empty_list_of_names(tmp_path):
    refused(write(tmp_path / "a.h5", keys=np.zeros(0, "S4")), r"extra/keys holds no names of classes")


def test_remedies_name_the_array_without_the_path(tmp_path):
    path = write(tmp_path / "a.h5", [([0.5], [0])], [0])
    with h5py.File(path, "a") as file:
        del file["labels"]
        file["labels"] = [[0]]
    refused(path, r"labels has shape \(1, 1\): .* \(pass labels\.ravel\(\)\)$")


@pytest.mark.usefixtures("read_here")
def test_refuses_other_types(tmp_path):
    refused(
        write(tmp_path / "a.h5", [([3], [0])], [0], times=np.int64), "spikes/times has dtype int64: pass times in seconds"
    )
    refused(write(tmp_path / "b.h5", [([3], [0])], [0], units=np.float32), "spikes/units has dtype float32: pass whole")
    refused(write(tmp_path / "c.h5"), r"spikes/units has 699 in row 0: pass 0 to 127", channels=128)


@pytest.mark.usefixtures("read_here")
def test_refuses_other_files(tmp_path):
    refused(tmp_path / "none.h5", r"none\.h5 is not a file: pass one such as shd_train\.h5")
    for name, content, message in (
        ("a.h5.gz", b"\x1f\x8b\x08", "is packed: unpack it with gunzip first"),
        ("a.h5.zip", b"PK\x03\x04", "is packed: unpack it with unzip first"),
        ("a.h5", b"", r"a\.h5 cannot be read"),
        ("b.h5", b"no HDF5", r"b\.h5 cannot be read"),
    ):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, message)
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["labels"] = [1]
    refused(tmp_path / "c.h5", "does not hold spikes/times, spikes/units and labels")


def test_says_how_to_install_h5py(tmp_path, monkeypatch):
    write(tmp_path / "a.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    refused(tmp_path / "a.h5", r'needs the library h5py: pip install "cupynn\[events\]"')


class TestHostile:
    """A file may neither hang, nor read other files, nor take more memory than it has bytes."""

    @pytest.mark.usefixtures("read_here")
    @pytest.mark.parametrize("link", [h5py.ExternalLink("other.h5", "/spikes"), h5py.SoftLink("/more")])
    def test_links(self, tmp_path, link):
        write(tmp_path / "other.h5")
        with h5py.File(write(tmp_path / "a.h5"), "r+") as file:
            file.move("spikes", "more")
            file["spikes"] = link
        refused(tmp_path / "a.h5", "spikes is a link to elsewhere")

    @pytest.mark.usefixtures("read_here")
    def test_other_entries_than_lists(self, tmp_path):
        for name, entry in (("a.h5", np.zeros(3)), ("b.h5", np.array(["x"], h5py.string_dtype()))):
            with h5py.File(write(tmp_path / name), "r+") as file:
                del file["spikes/times"]
                file["spikes/times"] = entry
            refused(tmp_path / name, "spikes/times does not hold lists of numbers")

    def test_one_list_that_stands_for_many(self, tmp_path):
        """References in place of lists: a thousand to one list of 64 kB, in a file of 100 kB."""
        path = write(tmp_path / "a.h5", [(np.zeros(1 << 14), np.zeros(1 << 14))] + [([0], [0])] * 999, [0] * 1000)
        content = bytearray(path.read_bytes())
        with h5py.File(path) as file:
            chunks = [file[f"spikes/{name}"].id for name in ("times", "units")]
            places = [[each.get_chunk_info(index).byte_offset for index in range(each.get_num_chunks())] for each in chunks]
        for offsets in places:
            reference = content[offsets[0] : offsets[0] + 16]
            for offset in offsets:
                content[offset : offset + 32] = 2 * reference
        path.write_bytes(content)
        refused(path, r"its lists have more bytes than the file|needs too much memory")

    @pytest.mark.slow
    def test_memory_is_that_of_the_events(self, tmp_path):
        """A file of 12 blocks, of which only one at a time is in memory, beside 9 bytes per spike."""
        words = [(np.zeros(100), np.zeros(100))] * 12 * 256
        write(tmp_path / "a.h5", words, [0] * len(words))
        datasets.from_shd(write(tmp_path / "b.h5"))  # imports
        tracemalloc.start()
        data = datasets.from_shd(tmp_path / "a.h5")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert data.x.values.nbytes == 9 * 100 * len(words)
        assert peak < 1.5 * data.x.values.nbytes

    def test_a_process_without_memory(self, tmp_path, monkeypatch):
        monkeypatch.setattr(hdf5, "_bounds", lambda size, largest: (3, 1 << 20))
        path = write(tmp_path / "a.h5", [(np.zeros(1 << 20), np.zeros(1 << 20))], [0])
        refused(path, "cannot be read .*memory")
        with pytest.raises(ValueError, match="HDF5 crashes on it, takes too long or needs too much memory"):
            hdf5._outcome(io.BytesIO(pickle.dumps(MemoryError())))

    def test_many_empty_rows(self, tmp_path):
        with h5py.File(write(tmp_path / "a.h5"), "r+") as file:
            del file["spikes"]
            for name, kind in (("times", np.float16), ("units", np.uint16)):
                file.create_dataset(f"spikes/{name}", 1 << 30, h5py.vlen_dtype(kind), chunks=(1 << 16,))
        refused(tmp_path / "a.h5", "spikes/times declares 8,589,934,592 bytes but stores 0")

    @pytest.mark.slow
    def test_any_flipped_bit(self, tmp_path):
        """Formats without checksums cannot tell other spikes from the right ones; nothing else comes of a flip."""
        content = write(tmp_path / "a.h5").read_bytes()
        rng = np.random.default_rng(0)
        for number in range(12):
            changed = bytearray(content)
            changed[rng.integers(len(content))] ^= 1 << rng.integers(8)
            path = tmp_path / f"{number}.h5"
            path.write_bytes(changed if number % 2 else content[: rng.integers(len(content))])
            try:
                datasets.from_shd(path)
            except InputError as error:
                assert str(path) in str(error)  # noqa: PT017
