"""Folders of recordings in the formats of strangers."""

import sys
import tracemalloc
import zipfile
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pytest
from eventful import SENSOR, recording
from factories import refuses
from hypothesis import given
from hypothesis import strategies as st
from nmnist_toy import pack

from cupynn import datasets, files
from cupynn.checks import InputError
from cupynn.datasets import event_folder

# Three events of a sensor 6 wide and 5 high, by dv-processing 2.0.
AEDAT4 = Path(__file__).parents[1] / "data" / "toy.aedat4"
EVENTS = recording((1000, 3, 2, 1), (1600, 0, 0, 0), (2201, 1, 2, 1))
COLUMNS = {name: EVENTS[name] for name in "txyp"}
FROM_FIRST = [(0, 3, 2, True), (600, 0, 0, False), (1201, 1, 2, True)]


def npz(path, **arrays):
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def hdf5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


WRITERS = {
    "a.bs2": lambda path: WRITERS["a.bin"](path),
    "a.bin": lambda path: path.write_bytes(b"".join(pack(*map(int, event)) for event in EVENTS.tolist())),
    "b.npy": lambda path: np.save(path, EVENTS[["p", "t", "y", "x"]].astype([(name, "<i8") for name in "ptyx"])),
    "c.npz": lambda path: npz(path, events=EVENTS, label=np.array(3)),
    "d.NPZ": lambda path: npz(path, **COLUMNS),
    "e.h5": lambda path: hdf5(path, **COLUMNS, label=3),
    "f.hdf5": lambda path: hdf5(path, **{f"events/{name}": array for name, array in COLUMNS.items()}),
    "g.h5": lambda path: hdf5(path, recording=EVENTS),
}


def write(folder, *names, label="left"):
    (folder / label).mkdir(exist_ok=True)
    for name in names:
        WRITERS[name](folder / label / name)


def test_every_format_gives_the_same_events(tmp_path):
    write(tmp_path, *WRITERS)
    write(tmp_path, "b.npy", label="away")
    (tmp_path / "README.txt").touch()
    (tmp_path / ".git").mkdir()
    (tmp_path / "left" / ".DS_Store").touch()
    dataset = datasets.from_event_folder(tmp_path, SENSOR, from_first_event=False)
    assert dataset.classes == ("away", "left")
    assert dataset.y.tolist() == [0] + [1] * len(WRITERS)
    assert dataset.name == tmp_path.name
    assert [dataset.x[index].tolist() for index in range(len(dataset))] == [EVENTS.tolist()] * len(dataset)


def test_aedat4(tmp_path):
    (tmp_path / "hand").mkdir()
    (tmp_path / "hand" / "1.aedat4").write_bytes(AEDAT4.read_bytes())
    dataset = datasets.from_event_folder(tmp_path, (2, 5, 6), name="hands")
    assert dataset.name == "hands"
    (tmp_path / "2.aedat").write_bytes(AEDAT4.read_bytes())  # the name of older versions
    assert datasets.read_events(tmp_path / "2.aedat", (2, 5, 6))[0].tolist() == dataset.x[0].tolist()
    assert dataset.x[0].tolist() == [(0, 5, 4, True), (600, 0, 0, False), (1201, 3, 2, True)]
    with pytest.raises(InputError, match=r"1\.aedat4, event 0: t=1700000000000000: .*from_first_event=True"):
        datasets.from_event_folder(tmp_path, (2, 5, 6), from_first_event=False)


def test_times_count_from_the_first_event(tmp_path):
    write(tmp_path, "a.bin")
    assert datasets.from_event_folder(str(tmp_path), SENSOR).x[0]["t"].tolist() == [0, 600, 1201]


@pytest.mark.parametrize("recordings", [None, 5])
def test_recordings_are_a_list(recordings):
    with pytest.raises(InputError, match=r"recordings is .*: pass a list of arrays, one per sample"):
        datasets.events(recordings, [0])


def test_recordings_that_last_too_long(tmp_path):
    events = recording((0, 1, 1, 0), (2**32, 1, 1, 0))
    for from_first, remedy in ((True, "cut the recording into shorter ones"), (False, "or from_first_event=True")):
        np.save(tmp_path / "1.npy", events)
        with pytest.raises(InputError, match=rf"event 1: t=4294967296: pass microseconds below 2\^32, {remedy}"):
            datasets.read_events(tmp_path / "1.npy", SENSOR, from_first_event=from_first)


def test_refuses_events_outside_the_sensor(tmp_path):
    write(tmp_path, "a.bin", "b.npy")
    with pytest.raises(InputError, match=r"left.a\.bin, event 0: x=3: pass 0 to 2, or another sensor"):
        datasets.from_event_folder(tmp_path, (2, 3, 3))


@pytest.mark.parametrize(("path", "module"), [("e.h5", "h5py"), ("1.aedat4", "aedat")])
def test_says_how_to_install_a_missing_library(tmp_path, monkeypatch, path, module):
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / path).write_bytes(AEDAT4.read_bytes() if module == "aedat" else b"")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf'{path} needs the library {module}: pip install "cupynn\[events\]"'):
        datasets.from_event_folder(tmp_path, SENSOR)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("1.raw", "; convert it to .dat with metavision_file_to_dat"),
        ("1.mat", "; write t, x, y and p to .npz with scipy.io.loadmat"),
        ("1.es", ".aedat4: remove it, or pass its events"),
    ],
)
def test_refuses_other_formats(tmp_path, name, hint):
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / name).touch()
    with pytest.raises(InputError, match=rf"{name}: the format is not one of \.bin, \.bs2, \.npy") as caught:
        datasets.from_event_folder(tmp_path, SENSOR)
    assert hint in str(caught.value)


def test_says_where_classes_one_level_deeper_are(tmp_path):
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        write(tmp_path / part, "a.bin")
    with pytest.raises(
        InputError, match=r"its sub-folders hold the folders of the classes: pass .*test and .*train, one by"
    ):
        datasets.from_event_folder(tmp_path, SENSOR)
    (tmp_path / "test").rename(tmp_path / "day")
    with pytest.raises(InputError, match=r"day has no recordings, but its sub-folders have, such as .*left: pass .*day, if"):
        datasets.from_event_folder(tmp_path, SENSOR)


def test_refuses_folders_without_recordings(tmp_path):
    with pytest.raises(InputError, match=r"nowhere is not a folder: pass one with a sub-folder of recordings per class"):
        datasets.from_event_folder(tmp_path / "nowhere", SENSOR)
    with pytest.raises(InputError, match="has no sub-folders"):
        datasets.from_event_folder(tmp_path, SENSOR)
    (tmp_path / "left").mkdir()
    with pytest.raises(InputError, match="left has no recordings"):
        datasets.from_event_folder(tmp_path, SENSOR)


@pytest.mark.parametrize("read", [lambda folder: datasets.from_event_folder(folder, SENSOR), datasets.from_image_folder])
def test_a_folder_that_may_not_be_read(tmp_path, monkeypatch, read):
    (tmp_path / "left").mkdir()
    iterdir = Path.iterdir

    def refuse(folder):
        if folder.name == "left":
            raise PermissionError(13, "Permission denied", str(folder))
        return iterdir(folder)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(InputError, match=r"left cannot be read \(Permission denied\): make it readable"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"t": EVENTS["t"], "x": EVENTS["x"][:2], "y": EVENTS["y"], "p": EVENTS["p"]}, r"holds .*t \(3,\), x \(2,\)"),
        ({"times": EVENTS["t"]}, r"holds times \(3,\): expected one structured array, or t, x, y and p"),
        ({"t": EVENTS["t"], "x": EVENTS["x"]}, "has no field 'p', only t, x"),
        ({"a": EVENTS, "b": EVENTS}, "expected one structured array"),
        ({"t": np.array(3)}, r"holds t \(\)"),
        ({}, "holds nothing"),
    ],
)
@pytest.mark.parametrize("kind", [npz, hdf5])
def test_refuses_other_contents(tmp_path, kind, arrays, message):
    (tmp_path / "left").mkdir()
    kind(tmp_path / "left" / ("1.npz" if kind is npz else "1.h5"), **arrays)
    with pytest.raises(InputError, match=message) as caught:
        datasets.from_event_folder(tmp_path, SENSOR)
    assert str(caught.value).startswith(str(tmp_path / "left" / "1."))


class TestHostileHdf5:
    """What the file says may not become bytes of another file, nor memory that it does not hold."""

    def virtual(self, file, secret):
        layout = h5py.VirtualLayout((3,), COLUMNS["t"].dtype)
        layout[:] = h5py.VirtualSource(str(secret), "t", (3,))
        file.create_virtual_dataset("t", layout)

    def outside(self, file, secret):
        file.create_dataset("t", (3,), "u1", external=[(str(secret), 0, 3)])

    def twice_packed(self, file, secret):
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_chunk((8,))
        settings.set_deflate(1)
        settings.set_deflate(1)
        h5py.h5d.create(file.id, b"t", h5py.h5t.NATIVE_UINT8, h5py.h5s.create_simple((8,)), settings)

    def many_names(self, file, secret):
        zeros = file.create_dataset("zeros", data=np.zeros(1 << 22, np.uint8), compression="gzip")
        for number in range(8):
            file[f"name{number}"] = zeros

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda file, secret: file.__setitem__("t", h5py.ExternalLink(str(secret), "t")), "t is a link to elsewhere"),
            (lambda file, secret: file.__setitem__("t", h5py.SoftLink("/x")), "t is a link to elsewhere"),
            (lambda file, secret: file.__setitem__("events", h5py.ExternalLink(str(secret), "/")), "events is a link"),
            (virtual, "t is stored in another file"),
            (outside, "t is stored in another file"),
            (twice_packed, "t is packed more than once"),
            (many_names, r"name\d declares 4,194,304 bytes but stores"),
            (lambda file, secret: file.create_dataset("t", (1 << 40,), "u1", chunks=(1 << 10,)), "declares 1,099,511,627"),
        ],
    )
    def test_refuses(self, tmp_path, change, message):
        hdf5(tmp_path / "secret.h5", **COLUMNS)
        hdf5(tmp_path / "1.h5", **{name: array for name, array in COLUMNS.items() if name != "t"})
        with h5py.File(tmp_path / "1.h5", "r+") as file:
            change(*((self,) if change.__name__ != "<lambda>" else ()), file, tmp_path / "secret.h5")
        refuses(datasets.read_events, tmp_path / "1.h5", message, sensor=SENSOR)

    def test_passes_over_what_is_no_number(self, tmp_path):
        hdf5(tmp_path / "1.h5", **COLUMNS, camera="DVS128", group=np.ones(3))
        assert len(datasets.read_events(tmp_path / "1.h5", SENSOR)[0]) == 3


def test_refuses_pickles(tmp_path):
    (tmp_path / "left").mkdir()
    np.save(tmp_path / "left" / "1.npy", np.array([{}], object))
    with pytest.raises(InputError, match=r"1\.npy cannot be read \(.*holds objects\)"):
        datasets.from_event_folder(tmp_path, SENSOR)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize(
    "array", [EVENTS, EVENTS[::2], EVENTS[:0], np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.array(7)]
)
def test_npy_of_either_version(tmp_path, version, array):
    with (tmp_path / "1.npy").open("wb") as file:
        np.lib.format.write_array(file, array, version)
    np.testing.assert_array_equal(files.read_array(tmp_path / "1.npy"), array, strict=True)


def test_memory_grows_with_the_file_not_with_what_it_claims(tmp_path):
    """A header that claims 600 MiB, alone and in an archive; a member of 64 MiB, packed to 64 kB, that is no array."""
    header = BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (600 << 20,)})
    (tmp_path / "1.npy").write_bytes(header.getvalue() + b"abc")
    for name, member, content in (("2.npz", "t.npy", header.getvalue() + b"abc"), ("3.npz", "notes.txt", bytes(64 << 20))):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member, content)
    problems = {"1.npy": "declares 629145600 bytes and holds 3", "2.npz": "declares 629145600", "3.npz": "holds nothing"}
    for name, problem in problems.items():
        tracemalloc.start()
        with pytest.raises(InputError, match=rf"{name} .*{problem}"):
            event_folder.read_file(tmp_path / name)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4e6


def test_refuses_what_could_not_be_read_in_pieces(tmp_path):
    write(tmp_path, "b.npy")
    with zipfile.ZipFile(tmp_path / "1.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.write(tmp_path / "left" / "b.npy", "b.npy")
    with pytest.raises(InputError, match=r"1\.npz cannot be read \(b\.npy is not packed as NumPy packs arrays\)"):
        event_folder.read_file(tmp_path / "1.npz")


def test_refuses_more_than_the_header_declares(tmp_path):
    np.save(tmp_path / "1.npy", EVENTS)
    content = (tmp_path / "1.npy").read_bytes()
    for rest, found in ((content + b"x", "more"), (content[:-1], str(EVENTS.nbytes - 1))):
        (tmp_path / "1.npy").write_bytes(rest)
        with pytest.raises(InputError, match=rf"declares {EVENTS.nbytes} bytes and holds {found}"):
            event_folder.read_file(tmp_path / "1.npy")


def test_refuses_other_versions(tmp_path):
    with (tmp_path / "1.npy").open("wb") as file:
        np.lib.format.write_array(file, EVENTS, (3, 0))
    with pytest.raises(InputError, match=r"has version \(3, 0\)"):
        event_folder.read_file(tmp_path / "1.npy")


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """Content of a file of each format, by name; and a place to write others to."""
    folder = tmp_path_factory.mktemp("intact")
    write(folder, *WRITERS)
    files = {name: (folder / "left" / name).read_bytes() for name in WRITERS}
    return folder, files | {"h.aedat4": AEDAT4.read_bytes()}


@pytest.mark.parametrize("name", [*WRITERS, "h.aedat4"])
@given(data=st.data())
def test_damaged_files_are_refused_or_hold_events(intact, name, data):
    """Formats without checksums cannot tell other events from the right ones; nothing else comes of a cut or a flip."""
    folder, files = intact
    content = bytearray(files[name])
    at = data.draw(st.integers(0, len(content) - 1))
    if name == "h.aedat4" or data.draw(st.booleans()):  # aedat 2.3 aborts the process at some flips
        content = content[:at]
    else:
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    path = folder / name
    path.write_bytes(content)
    try:
        events = event_folder.read_file(path)
        datasets.events([events], [0], (2, 5, 6), from_first_event=True)
    except InputError as error:
        assert name in str(error) or "recordings[0]" in str(error)  # noqa: PT017


class TestHdf5Layouts:
    """Recordings as v2e, e2vid, DSEC and Metavision write them."""

    def read(self, path):
        return datasets.read_events(path, SENSOR)[0].tolist()

    def test_v2e(self, tmp_path):
        matrix = np.stack([EVENTS[name] for name in "txyp"], axis=1).astype(np.uint32)
        with h5py.File(tmp_path / "v2e.h5", "w") as file:
            file.create_dataset("events", data=matrix, maxshape=(None, 4), compression="gzip")
            file.create_dataset("frame", (2, 4, 4), np.uint8)
        assert self.read(tmp_path / "v2e.h5") == FROM_FIRST
        hdf5(tmp_path / "wide.h5", events=np.zeros((3, 5), int))
        with pytest.raises(InputError, match=r"wide\.h5 holds events \(3, 5\): expected 4 columns: t, x, y, p"):
            self.read(tmp_path / "wide.h5")

    @pytest.mark.parametrize("polarity", [bool, np.int8, np.float64])
    def test_e2vid(self, tmp_path, polarity):
        seconds = 1.6e9 + EVENTS["t"] / 1e6
        columns = {"events/xs": EVENTS["x"].astype(np.int16), "events/ys": EVENTS["y"], "events/ts": seconds}
        hdf5(tmp_path / "1.h5", **columns, **{"events/ps": EVENTS["p"].astype(polarity), "images/image0": np.zeros((4, 4))})
        assert self.read(tmp_path / "1.h5") == FROM_FIRST
        hdf5(tmp_path / "2.h5", **columns | {"events/ts": [0, np.nan, 1], "events/ps": EVENTS["p"]})
        with pytest.raises(InputError, match=r"2\.h5: ts holds NaN or an infinite time"):
            self.read(tmp_path / "2.h5")

    def test_dsec(self, tmp_path):
        columns = {f"events/{name}": array for name, array in COLUMNS.items()}
        hdf5(tmp_path / "1.h5", **columns, ms_to_idx=np.zeros(4, np.uint64), t_offset=7)
        assert self.read(tmp_path / "1.h5") == FROM_FIRST

    def test_metavision(self, tmp_path):
        events = EVENTS[["x", "y", "p", "t"]].astype([("x", "<u2"), ("y", "<u2"), ("p", "<i2"), ("t", "<i8")])
        indexes = np.zeros(2, [("id", "<u8"), ("ts", "<i8")])
        hdf5(tmp_path / "1.hdf5", **{"CD/events": events, "CD/indexes": indexes, "EXT_TRIGGER/events": indexes})
        assert self.read(tmp_path / "1.hdf5") == FROM_FIRST

    def test_a_filter_that_is_not_installed(self, tmp_path, monkeypatch):
        with h5py.File(tmp_path / "1.h5", "w") as file:
            file.create_dataset("CD/events", data=EVENTS, compression="lzf")
        assert self.read(tmp_path / "1.h5") == FROM_FIRST
        monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: code != h5py.h5z.FILTER_LZF)
        with pytest.raises(InputError, match=r"events is packed by the HDF5 filter 32000 \(lzf\), not inst.*h5repack"):
            self.read(tmp_path / "1.h5")

    def test_names_the_groups_that_it_found(self, tmp_path):
        hdf5(tmp_path / "1.h5", **{"recording/t": EVENTS["t"], "label": np.array([3])})
        with pytest.raises(InputError, match=r"1\.h5 holds the group recording, label \(1,\): expected one"):
            self.read(tmp_path / "1.h5")

    def test_words_of_shd_are_read_elsewhere(self, tmp_path):
        hdf5(tmp_path / "1.h5", **{"spikes/times": [0.5], "spikes/units": [1], "labels": [0]})
        with pytest.raises(InputError, match=r"1\.h5 holds many recordings .*: read it with datasets\.from_shd"):
            self.read(tmp_path / "1.h5")
