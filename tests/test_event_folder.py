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
from hypothesis import given
from hypothesis import strategies as st
from nmnist_toy import pack

from cupynn import datasets, files
from cupynn.checks import InputError
from cupynn.datasets import event_folder

AEDAT4 = Path(__file__).parent / "data" / "toy.aedat4"  # three events of a sensor 6 wide and 5 high, by dv-processing 2.0
EVENTS = recording((1000, 3, 2, 1), (1600, 0, 0, 0), (2201, 1, 2, 1))
COLUMNS = {name: EVENTS[name] for name in "txyp"}


def npz(path, **arrays):
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def hdf5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


WRITERS = {
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
    assert dataset.x[0].tolist() == [(0, 5, 4, True), (600, 0, 0, False), (1201, 3, 2, True)]
    with pytest.raises(InputError, match=r"1\.aedat4, event 0: t=1700000000000000: .*from_first_event=True"):
        datasets.from_event_folder(tmp_path, (2, 5, 6), from_first_event=False)


def test_times_count_from_the_first_event(tmp_path):
    write(tmp_path, "a.bin")
    assert datasets.from_event_folder(str(tmp_path), SENSOR).x[0]["t"].tolist() == [0, 600, 1201]


def test_refuses_events_outside_the_sensor(tmp_path):
    write(tmp_path, "a.bin", "b.npy")
    with pytest.raises(InputError, match=r"left.a\.bin, event 0: x=3: pass 0 to 2, or another sensor"):
        datasets.from_event_folder(tmp_path, (2, 3, 3))


@pytest.mark.parametrize(("path", "module"), [("e.h5", "h5py"), ("1.aedat4", "aedat")])
def test_says_how_to_install_a_missing_library(tmp_path, monkeypatch, path, module):
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / path).touch()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf'{path} needs the library {module}: pip install "cupynn\[events\]"'):
        datasets.from_event_folder(tmp_path, SENSOR)


@pytest.mark.parametrize(
    ("name", "hint"), [("1.aedat", "; convert it to .aedat4 with DV: "), ("1.raw", ".aedat4: remove it, or pass its events")]
)
def test_refuses_other_formats(tmp_path, name, hint):
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / name).touch()
    with pytest.raises(InputError, match=rf"{name} is none of \.bin, \.npy") as caught:
        datasets.from_event_folder(tmp_path, SENSOR)
    assert hint in str(caught.value)


def test_refuses_folders_without_recordings(tmp_path):
    with pytest.raises(InputError, match=r"nowhere is no folder: pass one with a sub-folder of recordings per class"):
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

    def refused(self, path, message):
        with pytest.raises(InputError, match=message) as caught:
            datasets.read_events(path, SENSOR)
        assert str(path) in str(caught.value)

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
            (virtual, "t lies in another file"),
            (outside, "t lies in another file"),
            (twice_packed, "t is packed more than once"),
            (many_names, r"name\d declares 4,194,304 bytes, of which"),
            (lambda file, secret: file.create_dataset("t", (1 << 40,), "u1", chunks=(1 << 10,)), "declares 1,099,511,627"),
        ],
    )
    def test_refuses(self, tmp_path, change, message):
        hdf5(tmp_path / "secret.h5", **COLUMNS)
        hdf5(tmp_path / "1.h5", **{name: array for name, array in COLUMNS.items() if name != "t"})
        with h5py.File(tmp_path / "1.h5", "r+") as file:
            change(*((self,) if change.__name__ != "<lambda>" else ()), file, tmp_path / "secret.h5")
        self.refused(tmp_path / "1.h5", message)

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
            event_folder._read(tmp_path / name)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4e6


def test_refuses_what_could_not_be_read_in_pieces(tmp_path):
    write(tmp_path, "b.npy")
    with zipfile.ZipFile(tmp_path / "1.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.write(tmp_path / "left" / "b.npy", "b.npy")
    with pytest.raises(InputError, match=r"1\.npz cannot be read \(b\.npy is packed otherwise than NumPy does\)"):
        event_folder._read(tmp_path / "1.npz")


def test_refuses_more_than_the_header_declares(tmp_path):
    np.save(tmp_path / "1.npy", EVENTS)
    content = (tmp_path / "1.npy").read_bytes()
    for rest, found in ((content + b"x", "more"), (content[:-1], str(EVENTS.nbytes - 1))):
        (tmp_path / "1.npy").write_bytes(rest)
        with pytest.raises(InputError, match=rf"declares {EVENTS.nbytes} bytes and holds {found}"):
            event_folder._read(tmp_path / "1.npy")


def test_refuses_other_versions(tmp_path):
    with (tmp_path / "1.npy").open("wb") as file:
        np.lib.format.write_array(file, EVENTS, (3, 0))
    with pytest.raises(InputError, match=r"has version \(3, 0\)"):
        event_folder._read(tmp_path / "1.npy")


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
        events = event_folder._read(path)
        datasets.events([events], [0], (2, 5, 6), from_first_event=True)
    except InputError as error:
        assert name in str(error) or "recordings[0]" in str(error)  # noqa: PT017
