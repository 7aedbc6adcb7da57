"""Fashion-MNIST, EMNIST and CIFAR-10: what is read, what is refused, and the official files where they are at hand."""

import gzip
import hashlib
import io
import sys
import tarfile
import tracemalloc
import zipfile
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from factories import SHARED, idx_bytes, needs, needs_dataset, slow
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cupynn import datasets
from cupynn.checks import InputError
from cupynn.datasets import cifar10, emnist

REAL = SHARED / "data"


@pytest.fixture(autouse=True)
def cache(empty_cache):
    return empty_cache


def idx(values):
    return gzip.compress(idx_bytes(np.asarray(values, np.uint8)), mtime=0)


def md5(content):
    return hashlib.md5(content).hexdigest()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """A function that writes a file, always the same, and returns its path."""
    path = tmp_path_factory.mktemp("scratch") / "file"

    def write(content):
        path.write_bytes(content)
        return path

    return write


damage = given(data=st.data())
several = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


def damaged(data, content):
    """The content cut short, grown, or with some bytes changed."""
    kind = data.draw(st.sampled_from(["cut", "grow", "change"]))
    if kind == "cut":
        return content[: data.draw(st.integers(0, len(content) - 1))]
    if kind == "grow":
        return content + data.draw(st.binary(min_size=1, max_size=20))
    changed = bytearray(content)
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=5, unique=True)):
        changed[position] ^= data.draw(st.integers(1, 255))
    return bytes(changed)


# Options ---------------------------------------------------------------------------------------------------------------


def test_options_that_are_unknown():
    with pytest.raises(InputError, match="dataset 'mnist': unknown option 'split': known are none"):
        datasets.load("mnist", split="letters")
    with pytest.raises(InputError, match="dataset 'emnist': unknown option 'part': known are split"):
        datasets.load("emnist", part="letters")
    with pytest.raises(InputError, match=r"split='letter' \(did you mean 'letters'\?\): pass one of 'balanced', .*-test'"):
        datasets.load("emnist", split="letter")
    with pytest.raises(InputError, match="split=3"):
        emnist.load(3)


def test_options_are_checked_before_anything_is_loaded():
    datasets.check_options("emnist", {"split": "letters"})
    with pytest.raises(InputError, match="split='letter'"):
        datasets.check_options("emnist", {"split": "letter"})
    assert list(datasets.options("emnist")) == ["split"]
    assert not datasets.options("mnist")


# Fashion-MNIST ---------------------------------------------------------------------------------------------------------


def test_fashion_mnist_does_not_take_the_files_of_mnist(monkeypatch, tmp_path, serve):
    parts = {"train": np.arange(20) % 10, "t10k": np.arange(10)}
    files = {}
    for prefix, y in parts.items():
        files[f"{prefix}-images-idx3-ubyte.gz"] = idx(np.tile(y[:, None, None], (1, 28, 28)))
        files[f"{prefix}-labels-idx1-ubyte.gz"] = idx(y)
    sums = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
    address, mirror = serve(files)
    monkeypatch.setattr(datasets.fashion_mnist, "SOURCE", replace(datasets.fashion_mnist.SOURCE, checksums=sums))
    monkeypatch.setattr(datasets.fashion_mnist, "MIRRORS", (address,))
    monkeypatch.setenv("CUPYNN_DATA", str(tmp_path))
    for file in files:
        (tmp_path / file).write_bytes(b"of MNIST")
    train, test = datasets.load("fashion-mnist")
    assert (train.y.tolist(), test.y.tolist()) == ([*range(10)] * 2, [*range(10)])
    assert train.classes[9] == "Ankle boot"
    assert sorted(path for path, _ in mirror.requests) == sorted(f"/{file}" for file in files)
    assert (tmp_path / "fashion-mnist" / next(iter(files))).is_file()


@needs_dataset("fashion-mnist")
def test_fashion_mnist_is_fashion_mnist(monkeypatch):
    monkeypatch.setenv("CUPYNN_DATA", str(REAL))
    train, test = datasets.load("fashion-mnist")
    assert (train.x.shape, test.x.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert [train.classes[label] for label in train.y[:4]] == ["Ankle boot", "T-shirt/top", "T-shirt/top", "Dress"]
    assert set(np.bincount(train.y)) == {6000}
    assert set(np.bincount(test.y)) == {1000}
    assert train.x.mean() / 255 == pytest.approx(0.2860, abs=5e-5)
    sizes = sum((REAL / "fashion-mnist" / file).stat().st_size for file in datasets.fashion_mnist.SHA256)
    assert sizes == datasets.fashion_mnist.SOURCE.download


# EMNIST ----------------------------------------------------------------------------------------------------------------

UPRIGHT = np.arange(28 * 28, dtype=np.uint16).reshape(28, 28).astype(np.uint8)


def emnist_files(split, labels, test_labels):
    """Contents of the four files of a split; each image is `UPRIGHT` plus its number."""
    contents = []
    for y in (labels, test_labels):
        images = UPRIGHT + np.arange(len(y), dtype=np.uint8)[:, None, None]
        contents += [idx(images.transpose(0, 2, 1)), idx(y)]
    names = [f"emnist-{split}-{part}-{kind}" for part in ("train", "test") for kind in ("images-idx3", "labels-idx1")]
    return {f"{name}-ubyte.gz": content for name, content in zip(names, contents, strict=True)}


@pytest.fixture
def toy_emnist(monkeypatch, serve):
    """An archive of toy splits behind a mirror: the mirror, and the archive's members."""
    members = {}
    for split in emnist.MD5:
        first = 1 if split == "letters" else 0
        labels = np.arange(len(emnist.CLASSES[split])) + first
        members |= emnist_files(split, labels, labels[::-1][:5])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file, content in members.items():
            archive.writestr(f"gzip/{file}", content)
    sums = [md5(content) for content in members.values()]
    monkeypatch.setattr(emnist, "MD5", {s: tuple(sums[4 * i : 4 * i + 4]) for i, s in enumerate(emnist.MD5)})
    monkeypatch.setattr(emnist, "ARCHIVE_MD5", f"md5:{md5(packed.getvalue())}")
    address, mirror = serve({"gzip.zip": packed.getvalue()})
    monkeypatch.setattr(emnist, "MIRRORS", (address,))
    return mirror, members


@pytest.mark.parametrize("split", emnist.MD5)
def test_emnist_members_are_taken_out_of_the_archive_and_kept(toy_emnist, cache, split):
    mirror, members = toy_emnist
    train, test = datasets.load("emnist", split=split)
    classes = len(emnist.CLASSES[split])
    assert train.y.tolist() == list(range(classes))
    assert test.y.tolist() == list(range(classes))[::-1][:5]
    assert train.classes == tuple(emnist.CLASSES[split])
    assert train.name == f"emnist-{split}"
    np.testing.assert_array_equal(train.x, UPRIGHT + np.arange(classes, dtype=np.uint8)[:, None, None])  # upright
    kept = {path.name for path in (cache / "emnist").iterdir()} - {".lock"}
    assert kept == {"gzip.zip", *(file for file in members if file.startswith(f"emnist-{split}-"))}

    (cache / "emnist" / "gzip.zip").unlink()
    np.testing.assert_array_equal(datasets.load("emnist", split=split)[1].x, test.x)
    assert len(mirror.requests) == 1


def test_emnist_is_balanced_by_default(toy_emnist):
    train, _ = datasets.load("emnist")
    assert train.name == "emnist-balanced"
    assert "".join(train.classes) == "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"


def test_emnist_bymerge_test_is_cut_out_of_one_file(toy_emnist, cache, monkeypatch):
    monkeypatch.setattr(emnist, "BYMERGE_TEST_TRAINING", 3)
    _, whole = datasets.load("emnist", split="bymerge")
    for file in ("images-idx3", "labels-idx1"):
        (cache / "emnist" / f"emnist-bymerge-train-{file}-ubyte.gz").unlink()
    (cache / "emnist" / "gzip.zip").unlink()
    train, test = datasets.load("emnist", split="bymerge-test")
    assert (len(train), len(test)) == (3, 2)
    np.testing.assert_array_equal(np.concatenate([train.x, test.x]), whole.x)
    assert train.name == test.name == "emnist-bymerge-test"


@pytest.mark.parametrize("folder", ["", "emnist"])
def test_emnist_files_of_the_user_are_used(toy_emnist, monkeypatch, tmp_path, folder):
    mirror, members = toy_emnist
    monkeypatch.setenv("CUPYNN_DATA", str(tmp_path))
    (tmp_path / folder).mkdir(exist_ok=True)
    for file, content in members.items():
        (tmp_path / folder / file).write_bytes(content)
    train, _ = datasets.load("emnist", split="digits")
    assert train.y.tolist() == [*range(10)]
    assert mirror.requests == []
    (tmp_path / folder / "emnist-digits-test-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"emnist-digits-test-labels-idx1-ubyte\.gz has the md5"):
        datasets.load("emnist", split="digits")


def test_emnist_archive_of_the_user_is_used(toy_emnist, monkeypatch, tmp_path, serve):
    datasets.load("emnist", split="digits")
    mirror, _ = toy_emnist
    archive = (datasets.source.data_folder() / "emnist" / "gzip.zip").read_bytes()
    monkeypatch.setenv("CUPYNN_DATA", str(tmp_path / "mine"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "gzip.zip").write_bytes(archive)
    assert datasets.load("emnist", split="letters")[0].y.tolist() == [*range(26)]
    assert len(mirror.requests) == 1


def test_emnist_splits_are_those_of_the_signature():
    assert set(get_args(emnist.Split)) == {*emnist.MD5, "bymerge-test"} == {*emnist.CLASSES, "bymerge-test"}
    assert {split: len(classes) for split, classes in emnist.CLASSES.items()} == {
        "balanced": 47,
        "byclass": 62,
        "bymerge": 47,
        "digits": 10,
        "letters": 26,
        "mnist": 10,
    }
    sums = [value for values in emnist.MD5.values() for value in values]
    assert len(set(sums)) == 24
    assert all(len(bytes.fromhex(value)) == 16 for value in sums)


@pytest.mark.slow
@damage
@several
def test_emnist_takes_nothing_else_out_of_a_damaged_archive(scratch, tmp_path, data):
    file, content = "emnist-toy.gz", idx(UPRIGHT)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"gzip/{file}", content)
        archive.writestr("../outside", b"x")
    path = tmp_path / "out" / file
    path.unlink(missing_ok=True)
    try:
        emnist.take_out(scratch(damaged(data, packed.getvalue())), file, path, f"md5:{md5(content)}")
    except InputError:
        assert not path.exists()
    else:
        assert path.read_bytes() == content
    assert {entry.name for entry in tmp_path.rglob("*") if entry.is_file()} <= {file, ".lock"}


def test_emnist_refuses_an_archive_without_the_member(scratch, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("gzip/other", b"x")
    with pytest.raises(InputError, match="gzip/file cannot be extracted"):
        emnist.take_out(scratch(packed.getvalue()), "file", tmp_path / "file", "md5:0")


@needs_dataset("emnist", " --option split=bymerge-test")
def test_emnist_bymerge_test_is_the_official_file(monkeypatch):
    monkeypatch.setenv("CUPYNN_DATA", str(REAL))
    train, test = datasets.load("emnist", split="bymerge-test")
    assert (train.x.shape, test.x.shape) == ((97523, 28, 28), (18800, 28, 28))
    counts = np.bincount(np.concatenate([train.y, test.y]))
    assert (counts.min(), counts.max(), counts.size) == (415, 6400, 47)
    # Upright: the bar of a T is at the top, neither at the left nor at the bottom.
    letter = train.x[train.y == train.classes.index("T")].mean(0)
    assert letter[:10].sum() > 1.5 * letter[:, :10].sum()
    assert letter[:14].sum() > 1.1 * letter[14:].sum()


# CIFAR-10 --------------------------------------------------------------------------------------------------------------

IMAGES = 3


def record(label, seed):
    return bytes([label]) + np.random.default_rng(seed).bytes(cifar10.RECORD - 1)


def cifar_files():
    """Contents of the six files, of three images each."""
    return {
        file: b"".join(record((number + image) % 10, 10 * number + image) for image in range(IMAGES))
        for number, file in enumerate(cifar10.FILES)
    }


def tar(members, kind="w:gz"):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=kind) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(cifar10, "IMAGES", IMAGES)


def check_cifar(train, test):
    assert train.y.tolist() == [0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 5, 4, 5, 6]
    assert test.y.tolist() == [5, 6, 7]
    assert train.x.shape == (15, 3, 32, 32)
    assert train.classes[3] == "cat"
    for image, seed in ((train.x[4], 11), (test.x[2], 52)):
        np.testing.assert_array_equal(image, np.frombuffer(record(0, seed)[1:], np.uint8).reshape(3, 32, 32))


def test_cifar10_is_read_out_of_its_archive(few, serve, monkeypatch, cache):
    members = {f"cifar-10-batches-bin/{file}": content for file, content in cifar_files().items()}
    packed = tar({"cifar-10-batches-bin/readme.html": b"<html>", "../outside": b"x", **members})
    address, mirror = serve({cifar10.ARCHIVE: packed})
    monkeypatch.setattr(cifar10, "MIRRORS", (address,))
    monkeypatch.setattr(cifar10, "ARCHIVE_MD5", f"md5:{md5(packed)}")
    check_cifar(*datasets.load("cifar10"))
    check_cifar(*datasets.load("cifar10"))
    assert len(mirror.requests) == 1
    assert {path.name for path in cache.rglob("*") if path.is_file()} == {cifar10.ARCHIVE, ".lock"}


@pytest.mark.parametrize("folder", ["", "cifar10", "cifar-10-batches-bin", "cifar10/cifar-10-batches-bin"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_cifar10_files_of_the_user_are_used(few, monkeypatch, tmp_path, folder, pack):
    monkeypatch.setenv("CUPYNN_DATA", str(tmp_path))
    (tmp_path / folder).mkdir(exist_ok=True, parents=True)
    for file, content in cifar_files().items():
        (tmp_path / folder / (file + (".gz" if pack is gzip.compress else ""))).write_bytes(pack(content))
    check_cifar(*datasets.load("cifar10"))


def test_cifar10_refuses_a_file_of_another_length(few, monkeypatch, tmp_path):
    monkeypatch.setenv("CUPYNN_DATA", str(tmp_path))
    for file, content in cifar_files().items():
        (tmp_path / file).write_bytes(content)
    (tmp_path / "test_batch.bin").write_bytes(record(0, 0))
    with pytest.raises(InputError, match=r"test_batch\.bin holds 1 images, expected 3"):
        datasets.load("cifar10")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds 0 bytes"),
        (record(0, 0)[:-1], "holds 3072 bytes"),
        (record(0, 0) * 4, "holds more bytes, expected up to 3 records of 3073 bytes"),
        (record(3, 0) + record(10, 0), "has the label 10 in record 1, expected 0..9"),
    ],
)
def test_cifar10_refuses(few, scratch, content, message):
    path = scratch(content)
    with pytest.raises(InputError, match=message) as caught:
        cifar10.read(path)
    assert str(caught.value).startswith(str(path))


def test_cifar10_refuses_an_archive_without_a_file(few, scratch):
    members = {f"cifar-10-batches-bin/{file}": content for file, content in cifar_files().items()}
    del members["cifar-10-batches-bin/data_batch_3.bin"]
    with pytest.raises(InputError, match=r"has no cifar-10-batches-bin/data_batch_3\.bin"):
        cifar10.read_archive(scratch(tar(members)))


@damage
@several
def test_cifar10_reads_damaged_files_as_records_or_not_at_all(scratch, data):
    content = b"".join(record(image, image) for image in range(3))
    broken = damaged(data, content)
    try:
        x, y = cifar10.read(scratch(broken))
    except InputError:
        pass
    else:  # the format has no checksum: other values in whole records are as good as any
        assert y.max() < 10
        assert np.concatenate([y[:, None], x.reshape(len(y), -1)], axis=1).tobytes() == broken


@damage
@several
def test_cifar10_never_takes_other_values_from_a_damaged_gzip(scratch, data):
    content = b"".join(record(image, image) for image in range(2))
    try:
        x, y = cifar10.read(scratch(damaged(data, gzip.compress(content, mtime=0))))
    except InputError:
        pass
    else:
        assert np.concatenate([y[:, None], x.reshape(len(y), -1)], axis=1).tobytes() == content


@pytest.mark.parametrize("inside", [slow(True, id="damaged, then gzipped"), pytest.param(False, id="gzipped, then damaged")])
@damage
@several
def test_cifar10_reads_a_damaged_archive_whole_or_not_at_all(scratch, inside, data):
    packed = tar({f"cifar-10-batches-bin/{file}": record(1, 1) for file in cifar10.FILES}, "w" if inside else "w:gz")
    broken = gzip.compress(damaged(data, packed)) if inside else damaged(data, packed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cifar10, "IMAGES", 1)
        try:
            parts = cifar10.read_archive(scratch(broken))
        except InputError:
            return
    assert [x.shape for x, _ in parts] == [(1, 3, 32, 32)] * 6


def test_cifar10_refuses_an_archive_of_endless_headers(scratch):
    """Names longer than a header's stand in a header of their own, each before the next; `tarfile` calls itself for each."""
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 1
    with pytest.raises(InputError, match=r"cannot be read \(maximum recursion depth exceeded.*\): put an intact copy"):
        cifar10.read_archive(scratch(gzip.compress((name.tobuf() + bytes(512)) * sys.getrecursionlimit())))


LONG_HEADERS = {
    "GNU name": (tarfile.GNUTYPE_LONGNAME,),
    "GNU link": (tarfile.GNUTYPE_LONGLINK,),
    "PAX": (tarfile.XHDTYPE,),
    "PAX for all": (tarfile.XGLTYPE,),
    "Solaris": (tarfile.SOLARIS_XHDTYPE,),
    "several": (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME),
}


@pytest.mark.parametrize("types", LONG_HEADERS.values(), ids=LONG_HEADERS)
def test_cifar10_refuses_headers_of_any_size_before_it_reads_them(scratch, types):
    """`tarfile` would read a header whole: 300 MB of zeros are 0.3 MB when they are gzipped."""
    content, size = b"", 300_000_000 if len(types) == 1 else 600_064
    for kind in types:
        header = tarfile.TarInfo("././@LongLink")
        header.type, header.size = kind, size
        content += header.tobuf() + bytes(600_064)
    with pytest.raises(InputError, match=r"its headers before one file declare [0-9,]+ bytes, at most 1,048,576 are read"):
        cifar10.read_archive(scratch(gzip.compress(content + tarfile.TarInfo("a").tobuf())))


def test_cifar10_refuses_sparse_files(scratch):
    """Blocks that list the parts of one may follow each other without end."""
    header = tarfile.TarInfo("sparse")
    header.type = tarfile.GNUTYPE_SPARSE
    with pytest.raises(InputError, match="sparse is packed as a sparse file"):
        cifar10.read_archive(scratch(gzip.compress(header.tobuf() + bytes(1024))))


@pytest.mark.slow
def test_cifar10_does_not_keep_the_headers_of_all_files(few, scratch):
    rng = np.random.default_rng(0)
    names = {rng.bytes(100_000).hex(): b"" for _ in range(100)}  # 20 MB
    members = names | {f"cifar-10-batches-bin/{file}": content for file, content in cifar_files().items()}
    path = scratch(tar(members))
    tracemalloc.start()
    assert len(cifar10.read_archive(path)) == 6
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


@needs(REAL / "cifar-10", "pack the first 2,000 and 1,000 records of data_batch_1.bin and test_batch.bin with gzip")
def test_cifar10_records_are_those_of_the_official_files():
    x, y = cifar10.read(REAL / "cifar-10" / "data_batch_1.first2000.bin.gz")
    assert x.shape == (2000, 3, 32, 32)
    assert [cifar10.CLASSES[label] for label in y[:4]] == ["frog", "truck", "truck", "deer"]
    np.testing.assert_allclose(x.mean((0, 2, 3)) / 255, [0.4914, 0.4822, 0.4465], atol=0.02)  # the known means of all
    _, y = cifar10.read(REAL / "cifar-10" / "test_batch.first1000.bin.gz")
    assert [cifar10.CLASSES[label] for label in y[:4]] == ["cat", "ship", "ship", "airplane"]
