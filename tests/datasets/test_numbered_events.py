"""CIFAR10-DVS and N-Caltech101, whose recordings are numbered within their classes."""

import numpy as np
import pytest
from eventful import JAER, aedat2
from nmnist_toy import pack

from cupynn import datasets
from cupynn.checks import InputError
from cupynn.datasets import cifar10, packed


def refused(name, message):
    with pytest.raises(InputError, match=message):
        datasets.load(name)


class TestCifar10Dvs:
    @pytest.fixture
    def folder(self, own_data):
        """Eleven recordings of each class, of one event whose time and x tell class and number."""
        folder = own_data / "cifar10-dvs"
        for label, name in enumerate(cifar10.CLASSES):
            (folder / name).mkdir(parents=True)
            for number in range(11):
                content = aedat2((5, label, number, 1), (1005 + label, 10 + label, number, 0))
                (folder / name / f"cifar10_{name}_{number}.aedat").write_bytes(content)
        (folder / "airplane" / "notes.aedat").touch()
        return folder

    def test_the_last_tenth_by_number_tests(self, folder):
        train, test = datasets.load("cifar10-dvs")
        assert train.classes == test.classes == cifar10.CLASSES
        assert (train.name, test.name) == ("cifar10-dvs, 100 of 9000", "cifar10-dvs, 10 of 1000")
        assert train.input_shape == (2, 128, 128)
        assert train.y.tolist() == np.repeat(range(10), 10).tolist()
        assert test.y.tolist() == list(range(10))
        assert test.x[3].tolist() == [(0, 117, 124, False), (1003, 117, 114, True)]  # the tenth, not the second by name
        assert [train.x[index]["x"].tolist() for index in range(3)] == [[127] * 2, [126] * 2, [125] * 2]

    def test_they_are_packed_once(self, folder, monkeypatch):
        first, _ = datasets.load("cifar10-dvs")
        monkeypatch.setattr(packed, "_pack", None)
        again, _ = datasets.load("cifar10-dvs")
        assert not again.x.values.flags.writeable
        assert not again.x.values.flags.owndata  # a memory map
        assert again.x.values.tolist() == first.x.values.tolist()
        for name in cifar10.CLASSES:
            for path in (folder / name).iterdir():
                path.unlink()
        alone, test = datasets.load("cifar10-dvs")
        assert (alone.y.tolist(), test.classes) == (first.y.tolist(), cifar10.CLASSES)

    def test_modified_recordings_are_packed_again(self, folder):
        datasets.load("cifar10-dvs")
        before = list(folder.glob("*.np?"))
        (folder / "ship" / "cifar10_ship_10.aedat").write_bytes(JAER)
        assert len(datasets.load("cifar10-dvs")[1].x[8]) == 0
        assert len(list(folder.glob("*.np?"))) == 2
        assert not set(before) & set(folder.glob("*.np?"))

    def test_a_folder_that_is_not_writable(self, folder, monkeypatch, tmp_path):
        monkeypatch.setattr(packed, "may_write", lambda folder: False)
        assert len(datasets.load("cifar10-dvs")[0]) == 100
        assert not list(folder.glob("*.np?"))
        assert len(list((tmp_path / "cache").rglob("cifar10-dvs-*.np?"))) == 2

    def test_nowhere_to_write(self, folder, monkeypatch):
        def fail(*arguments):
            raise OSError("the disk is full")

        monkeypatch.setattr(packed, "_write", fail)
        refused("cifar10-dvs", r"(?s)cannot be packed into one file:.*the disk is full.*make one of these folders writable")

    def test_without_a_copy(self, own_data):
        place = own_data / "cifar10-dvs"
        refused("cifar10-dvs", f"no recordings, such as airplane/cifar10_airplane_0.aedat, in {place}: .* https://figshare")

    def test_another_layout(self, folder):
        folder.rename(folder.with_name("others"))
        folder.mkdir()
        folder.with_name("others").rename(folder / "CIFAR10DVS")
        refused("cifar10-dvs", f"no recordings, such as airplane/cifar10_airplane_0.aedat, in {folder}: .* https://figshare")

    def test_a_class_is_missing(self, folder):
        (folder / "bird").rename(folder / "birds")
        refused("cifar10-dvs", f"{folder / 'bird'} has fewer than two recordings: unpack bird.zip from https://figshare")

    def test_damaged(self, folder):
        path = folder / "bird" / "cifar10_bird_3.aedat"
        path.write_bytes(path.read_bytes()[:-2])
        refused("cifar10-dvs", f"cifar10-dvs: {path} ends within an event.*; the dataset is at https://figshare")


class TestNCaltech101:
    @pytest.fixture
    def folder(self, own_data):
        """The 101 folders with two recordings each, the first class with twenty."""
        folder = own_data / "n-caltech101" / "Caltech101"
        names = ["BACKGROUND_Google", "Faces_easy", *(f"object{number:02}" for number in range(99))]
        for label, name in enumerate(names):
            (folder / name).mkdir(parents=True)
            for number in range(1, 21 if label == 0 else 3):
                content = pack(4, label, 179, 1) + pack(5, 239, number, 0)
                (folder / name / f"image_{number:04}.bin").write_bytes(content)
        return folder

    def test_the_last_tenth_by_number_tests(self, folder):
        train, test = datasets.load("n-caltech101")
        assert train.classes == test.classes
        assert train.classes[:2] == ("BACKGROUND_Google", "Faces_easy")
        assert (train.name, train.input_shape, len(train.classes)) == ("n-caltech101", (2, 180, 240), 101)
        assert test.y.tolist() == [0, 0, *range(1, 101)]
        assert np.bincount(train.y).tolist() == [18] + [1] * 100
        assert test.x[1].tolist() == [(4, 0, 179, True), (5, 239, 20, False)]
        assert train.x[-1].tolist() == [(4, 100, 179, True), (5, 239, 1, False)]

    def test_without_a_copy(self, own_data):
        place = own_data / "n-caltech101"
        refused(
            "n-caltech101",
            f"such as Caltech101/accordion/image_0001.bin, in {place}: unpack Caltech101.zip from https://www",
        )

    def test_incomplete(self, folder):
        (folder / "Faces_easy" / "image_0001.bin").unlink()
        refused("n-caltech101", "Faces_easy has fewer than two recordings: unpack all of Caltech101.zip from https://www")
        (folder / "Faces_easy" / "image_0002.bin").unlink()
        refused("n-caltech101", f"{folder} has recordings of 100 classes, expected 101: unpack all of Caltech101.zip")

    @pytest.mark.parametrize(("content", "message"), [(b"1234", "ends within an event"), (pack(4, 240, 0, 1), "240")])
    def test_damaged(self, folder, content, message):
        path = folder / "object07" / "image_0001.bin"
        path.write_bytes(content)
        refused("n-caltech101", f"n-caltech101: {path}.*{message}.*; the dataset is at https://www")
