"""SHD and SSC by name: downloaded, unpacked whole or not at all, and checked."""

import gzip
import hashlib
import re
import sys
import zipfile

import numpy as np
import pytest
from shd_toy import write

from cupynn import datasets
from cupynn.checks import InputError
from cupynn.datasets import catalogue, heidelberg

DIGITS = np.array([f"digit {number}".encode() for number in range(20)])
COMMANDS = np.array([f"command {number}".encode() for number in range(35)])

pytestmark = pytest.mark.usefixtures("read_here")


@pytest.fixture
def words(tmp_path):
    """Files of SHD and SSC, outside the data folder."""
    folder = tmp_path / "words"
    folder.mkdir()
    write(folder / "shd_train.h5", keys=DIGITS)
    write(folder / "shd_test.h5", labels=(19, 3, 3), keys=DIGITS)
    write(folder / "ssc_train.h5", keys=COMMANDS)
    write(folder / "ssc_valid.h5", labels=(4, 4, 4), keys=COMMANDS)
    write(folder / "ssc_test.h5", labels=(34, 2, 2), keys=COMMANDS)
    return folder


def zipped(path, target, name=None):
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, name or path.name)
    return target


def known(monkeypatch, path):
    """Make the checksum of a packed file the published one."""
    monkeypatch.setitem(heidelberg.MD5, path.name, hashlib.md5(path.read_bytes()).hexdigest())


def place(own_data, dataset):
    folder = own_data / dataset
    folder.mkdir()
    return folder


def refused(name, message, **options):
    with pytest.raises(InputError, match=message):
        datasets.load(name, **options)


def test_unpacked_files(own_data, words):
    words.rename(own_data / "shd")
    train, test = datasets.load("shd")
    assert train.classes == test.classes == tuple(f"digit {number}" for number in range(20))
    assert (train.name, train.input_shape) == ("shd", (1, 1, 700))
    assert (train.y.tolist(), test.y.tolist()) == ([1, 0, 2], [19, 3, 3])
    assert train.x[1].tolist() == [(500_000, 2, 0, False)]


@pytest.mark.parametrize(("split", "labels"), [("test", [34, 2, 2]), ("valid", [4, 4, 4])])
def test_the_validation_file_of_ssc_is_another_test_set(own_data, words, split, labels):
    words.rename(own_data / "ssc")
    train, test = datasets.load("ssc", split=split)
    assert (len(train), test.y.tolist(), len(test.classes)) == (3, labels, 35)


def test_another_split_of_ssc(own_data):
    refused("ssc", "split='train': pass one of", split="train")


def test_packed_files_are_unpacked(own_data, words, monkeypatch):
    folder = place(own_data, "shd")
    known(monkeypatch, zipped(words / "shd_train.h5", folder / "shd_train.h5.zip"))
    (folder / "shd_test.h5.gz").write_bytes(gzip.compress((words / "shd_test.h5").read_bytes()))
    assert datasets.load("shd")[1].y.tolist() == [19, 3, 3]
    for name in ("shd_train.h5", "shd_test.h5"):
        assert (folder / name).read_bytes() == (words / name).read_bytes()
    for packed in folder.glob("*.h5.*"):
        packed.unlink()
    assert len(datasets.load("shd")[0]) == 3


def test_files_beside_the_folders_of_datasets(own_data, words, monkeypatch):
    """In a data folder that the user chose, as the instructions to download by hand say."""
    (words / "shd_train.h5").rename(own_data / "shd_train.h5")
    known(monkeypatch, zipped(words / "shd_test.h5", own_data / "shd_test.h5.zip"))
    assert re.search(r"\nshd +here: ", catalogue.table())
    assert datasets.load("shd")[1].y.tolist() == [19, 3, 3]
    assert (own_data / "shd" / "shd_test.h5").is_file()


def test_missing_files_are_downloaded(own_data, words, monkeypatch, serve):
    files = {}
    for name in ("shd_train.h5", "shd_test.h5"):
        path = zipped(words / name, words / f"{name}.zip")
        known(monkeypatch, path)
        files[path.name] = path.read_bytes()
    address, _ = serve(files)
    monkeypatch.setattr(heidelberg, "MIRRORS", (address,))
    assert "downloaded on first use" in catalogue.table()
    assert len(datasets.load("shd")[0]) == 3
    assert sorted(path.name for path in (own_data / "shd").glob("*.h5")) == ["shd_test.h5", "shd_train.h5"]
    assert re.search(r"\nshd +here: ", catalogue.table())


def test_offline(own_data, monkeypatch):
    monkeypatch.setenv("CUPYNN_OFFLINE", "1")
    monkeypatch.setattr(heidelberg, "MIRRORS", ("https://zenkelab.org/datasets/",))
    refused(
        "ssc",
        r"ssc_train\.h5\.zip is missing.*download ssc_train\.h5\.zip, ssc_test\.h5\.zip by hand from https://zenkelab\.org/datasets/",
    )


def test_an_archive_with_another_checksum(own_data, words):
    folder = place(own_data, "shd")
    zipped(words / "shd_train.h5", folder / "shd_train.h5.zip")
    refused("shd", r"shd_train\.h5\.zip has the md5 .*, expected f3252aeb598ac776c1b526422d90eecb: replace it")


@pytest.mark.parametrize("kind", ["cut", "other", "bzip2", "gzip"])
def test_damaged_archives_leave_nothing(own_data, words, monkeypatch, kind):
    folder = place(own_data, "shd")
    path = folder / "shd_train.h5.zip"
    if kind == "gzip":
        path = folder / "shd_train.h5.gz"
        path.write_bytes(gzip.compress((words / "shd_train.h5").read_bytes())[:-9])
    elif kind == "bzip2":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
            archive.write(words / "shd_train.h5", "shd_train.h5")
    else:
        zipped(words / "shd_train.h5", path, "x.h5" if kind == "other" else None)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:-30])
    if kind != "gzip":
        known(monkeypatch, path)
    refused("shd", f"{re.escape(str(path))} .*put an intact copy in its place")
    assert [each for each in folder.iterdir() if each.name != ".lock"] == [path]


def test_an_archive_without_end(own_data, words, monkeypatch):
    folder = place(own_data, "shd")
    (folder / "shd_train.h5.gz").write_bytes(gzip.compress((words / "shd_train.h5").read_bytes()))
    monkeypatch.setattr(heidelberg, "LARGEST", 100)
    refused("shd", r"holds more than 100 bytes: put an intact copy in its place")
    assert not (folder / "shd_train.h5").exists()


def test_damaged_and_other_files(own_data, words):
    words.rename(own_data / "shd")
    folder = own_data / "shd"
    good = (folder / "shd_test.h5").read_bytes()
    (folder / "shd_test.h5").write_bytes(good[:500])
    refused("shd", r"shd: .*shd_test\.h5 .*; the files are at https?://")
    write(folder / "shd_test.h5", keys=COMMANDS)
    refused("shd", r"shd_test\.h5 has 35 classes, expected 20: replace it by shd_test\.h5 from https?://")
    write(folder / "shd_test.h5", keys=DIGITS[::-1])
    refused("shd", r"name their classes differently: get both from https?://")


def test_without_h5py(own_data, words, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    words.rename(own_data / "shd")
    refused("shd", r'needs the library h5py: pip install "cupynn\[events\]"')
