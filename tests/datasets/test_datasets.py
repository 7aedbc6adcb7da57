"""Datasets: what is loaded, what is refused, and how files get there. No test reaches beyond 127.0.0.1."""

import doctest
import gzip
import hashlib
import io
import os
import re
import shutil
import struct
import subprocess
import sys
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from factories import ROOT, SHARED, idx_bytes, needs_dataset
from hypothesis import given
from hypothesis import strategies as st

from cupynn import datasets, files
from cupynn.checks import InputError

REAL_MNIST = SHARED / "data" / "mnist"
needs_mnist = needs_dataset("mnist")

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
FILE = "images-idx3-ubyte.gz"


CONTENT = gzip.compress(idx_bytes(IMAGES), mtime=0)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def cache(empty_cache):
    return empty_cache


def fetch(*mirrors):
    return datasets.download.fetch("toy", FILE, SHA256, mirrors)


# ---------------------------------------------------------------------------------------------------------- the package


def run_python(code):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)


def test_import_is_lazy():
    run = run_python("import sys, cupynn.datasets; print({'sklearn', 'platformdirs', 'requests'} & set(sys.modules))")
    assert run.stdout.strip() == "set()", run.stderr


def test_no_warning_of_a_bar_for_notebooks():
    """tqdm.auto warns where ipywidgets are missing: it comes with no look for data, in a notebook or elsewhere."""
    run = run_python(
        "import sys\nfrom cupynn.datasets import source\nsource.data_folder()\nprint('tqdm.auto' in sys.modules)"
    )
    assert run.stdout.strip() == "False", run.stderr


def test_bare_import_is_refused():
    run = run_python("import datasets")
    assert run.returncode == 1
    assert "ImportError" in run.stderr
    assert "import cupynn.datasets" in run.stderr


def test_load_refuses_unknown_names():
    with pytest.raises(InputError, match=r"dataset='minst'.*'digits', .*'mnist'"):
        datasets.load("minst")


def test_examples_in_docstrings():
    result = doctest.testmod(datasets.dataset)
    assert result.attempted > 0
    assert result.failed == 0


# ---------------------------------------------------------------------------------------------------------- Dataset


def toy(n=4, classes=2):
    return datasets.Dataset(np.arange(n, dtype=np.uint8)[:, None], np.arange(n) % classes, tuple("abcde"[:classes]), "toy")


def test_dataset_normalises_labels_and_classes():
    dataset = datasets.Dataset(np.ones((2, 3, 4), np.float32), [1, 0], ["a", "b"], "toy")
    assert dataset.y.dtype == np.int64
    assert dataset.classes == ("a", "b")
    assert dataset.input_shape == (3, 4)
    assert len(dataset) == 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": [[0], [1]]}, "x is a list"),
        ({"y": [[0], [1, 2]]}, "y is a list that cannot become an array"),
        ({"x": np.zeros((0, 3), np.uint8), "y": []}, r"x has shape \(0, 3\)"),
        ({"x": np.zeros((2, 0), np.uint8)}, r"x has shape \(2, 0\)"),
        ({"x": np.zeros(2, np.uint8)}, r"x has shape \(2,\)"),
        ({"x": np.zeros((2, 3), complex)}, "x has dtype complex128: pass uint8"),
        ({"x": np.zeros((2, 3), np.int8)}, "x has dtype int8"),
        ({"x": np.array([[0], [np.nan]], np.float32)}, r"x ranges over nan\.\.nan: .*; replace values that are not finite"),
        ({"x": np.array([[0], [1.5]], np.float32)}, r"x ranges over 0\.\.1\.5: .*; divide them by 1\.5"),
        ({"x": np.array([[-0.5], [1]], np.float32)}, r"x ranges over -0\.5\.\.1: .*; pass np\.clip"),
        ({"y": [0, 1, 1]}, r"y has shape \(3,\)"),
        ({"y": [0, 2]}, r"y\[1\]=2"),
        ({"y": [-1, 0]}, r"y\[0\]=-1"),
        ({"y": [0.0, 1.0]}, "y has dtype float64"),
        ({"classes": ()}, r"classes=\(\)"),
        ({"classes": "ab"}, "classes='ab'"),
        ({"classes": (0, 1)}, r"classes=\(0, 1\)"),
        ({"classes": ("a", "a")}, r"classes=\('a', 'a'\)"),
        ({"name": None}, "name is a NoneType"),
    ],
)
def test_dataset_refuses(changed, message):
    good = {"x": np.zeros((2, 3), np.uint8), "y": [0, 1], "classes": ("a", "b"), "name": "toy"}
    datasets.Dataset(**good)
    with pytest.raises(InputError, match=message):
        datasets.Dataset(**good | changed)


@pytest.mark.parametrize(
    ("key", "chosen"),
    [
        (slice(1, 3), [1, 2]),
        (slice(None, None, -1), [3, 2, 1, 0]),
        ([3, 0, 3], [3, 0, 3]),
        (np.array([True, False, True, False]), [0, 2]),
        (range(2, 4), [2, 3]),
    ],
)
def test_dataset_part(key, chosen):
    part = toy()[key]
    assert part.x[:, 0].tolist() == chosen
    assert part.y.tolist() == [index % 2 for index in chosen]
    assert (part.classes, part.name) == (("a", "b"), "toy")


@pytest.mark.parametrize("key", [0, [4], [0.5], [[0, 1]], [True], (slice(0, 2), 0), None, slice(0, 0), [[0], [1, 2]]])
def test_dataset_refuses_index(key):
    with pytest.raises(InputError, match=r"dataset\[\.\.\.\]|x has shape"):
        toy()[key]


def test_repr_is_one_line_with_counts():
    assert repr(toy(n=5)) == "Dataset toy: 5 samples of shape (1,) uint8, 2 classes of 2 to 3 samples"


@given(data=st.data(), seed=st.integers(0, 2**32), y=st.lists(st.integers(0, 4), min_size=2, max_size=80))
def test_split_is_a_stratified_partition(data, seed, y):
    size = data.draw(st.integers(1, len(y) - 1))
    whole = datasets.Dataset(np.arange(len(y), dtype=np.uint8)[:, None], y, tuple("abcde"), "toy")
    rest, held_out = whole.split(size, seed)

    chosen, left = held_out.x[:, 0].tolist(), rest.x[:, 0].tolist()
    assert len(chosen) == size
    assert sorted(chosen + left) == list(range(len(y)))
    assert chosen == sorted(chosen)
    assert left == sorted(left)
    assert held_out.y.tolist() == [y[index] for index in chosen]
    due = np.bincount(y, minlength=5) * size / len(y)
    assert (np.abs(np.bincount(held_out.y, minlength=5) - due) < 1).all()
    assert whole.split(size / len(y), seed)[1].x.tolist() == held_out.x.tolist()


def test_split_depends_on_the_seed_alone():
    whole = toy(n=200, classes=5)
    assert whole.split(0.25)[1].x.tolist() == whole.split(50, seed=0)[1].x.tolist()
    assert whole.split(0.25, seed=0)[1].x.tolist() != whole.split(0.25, seed=1)[1].x.tolist()


@pytest.mark.parametrize("held_out", [0, 4, 5, -1, True, 0.0, 1.0, 0.1, 0.9, 1.5, float("nan"), "1", None])
def test_split_refuses_size(held_out):
    with pytest.raises(InputError, match="held_out="):
        toy().split(held_out)


@pytest.mark.parametrize("seed", [-1, 0.5, None])
def test_split_refuses_seed(seed):
    with pytest.raises(InputError, match="seed="):
        toy().split(1, seed)


# ---------------------------------------------------------------------------------------------------------- digits


def test_digits_hold_all_samples_of_scikit_learn_once():
    from sklearn.datasets import load_digits

    original = load_digits()
    train, test = datasets.load("digits")
    assert (len(train), len(test)) == (1438, 359)
    assert train.input_shape == test.input_shape == (8, 8)
    assert train.x.dtype == test.x.dtype == np.uint8
    assert train.x.max() == 255

    def rows(x, y):
        return sorted(zip(y.tolist(), x.reshape(len(x), -1).tolist(), strict=True))

    x, y = np.concatenate([train.x, test.x]), np.concatenate([train.y, test.y])
    assert rows(np.rint(x * (16 / 255)), y) == rows(original.images, original.target)


def test_digits_split_is_balanced_and_fixed():
    train, test = datasets.load("digits")
    assert np.abs(np.bincount(test.y) - 0.2 * np.bincount(np.concatenate([train.y, test.y]))).max() < 1
    # The very samples: published accuracies hold for this split only.
    assert (zlib.crc32(test.x.tobytes()), zlib.crc32(test.y.tobytes())) == (756745535, 2949604142)


# ---------------------------------------------------------------------------------------------------------- IDX


@pytest.fixture(scope="module")
def idx_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("idx") / FILE

    def write(content):
        path.write_bytes(content)
        return path

    return write


def refused(path, ndim=3, match=None):
    """The reader refuses the file, and the message starts with its name."""
    with pytest.raises(InputError, match=match) as caught:
        datasets.idx.read(path, ndim)
    assert str(caught.value).startswith(str(path))
    return True


def flip(content, position):
    return content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@given(values=arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=4)))
def test_idx_round_trip(idx_file, pack, values):
    found = datasets.idx.read(idx_file(pack(idx_bytes(values))), values.ndim)
    assert found.dtype == np.uint8
    assert found.flags.writeable
    np.testing.assert_array_equal(found, values)


def test_idx_reads_values_that_span_chunks(idx_file, monkeypatch):
    monkeypatch.setattr(files, "CHUNK", 5)
    np.testing.assert_array_equal(datasets.idx.read(idx_file(CONTENT), 3), IMAGES)


@pytest.mark.parametrize("content", [idx_bytes(IMAGES), CONTENT], ids=["plain", "gzip"])
def test_idx_refuses_a_file_cut_anywhere(idx_file, content):
    assert all(refused(idx_file(content[:end])) for end in range(len(content)))


def test_idx_refuses_every_damaged_header_byte(idx_file):
    content = idx_bytes(IMAGES)
    assert all(refused(idx_file(flip(content, position))) for position in range(16))


def test_idx_never_takes_other_values_from_a_damaged_gzip(idx_file):
    refusals = 0
    for position in range(len(CONTENT)):
        try:
            found = datasets.idx.read(idx_file(flip(CONTENT, position)), 3)
        except InputError:
            refusals += 1
        else:
            np.testing.assert_array_equal(found, IMAGES)  # the time stamp, say, does not matter
    assert refusals > len(CONTENT) - 10


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_refuses_trailing_bytes(idx_file, pack):
    refused(idx_file(pack(idx_bytes(IMAGES) + b"\0")), match="24 values.*holds more")


def test_idx_refuses_bytes_behind_the_gzip_stream(idx_file):
    refused(idx_file(CONTENT + b"more"), match="cannot be read")


def test_idx_refuses_another_kind_of_file(idx_file):
    refused(idx_file(CONTENT), ndim=1, match="0x00000803, expected 0x00000801.*uint8 values only, 1 axes")
    refused(idx_file(idx_bytes(IMAGES).replace(b"\x08", b"\x0d", 1)), match="0x00000d03, expected 0x00000803")


def test_idx_refuses_empty_axes(idx_file):
    refused(idx_file(idx_bytes(np.zeros((0, 3, 4), np.uint8))), match=r"sizes \[0, 3, 4\]")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_allocates_nothing_for_an_absurd_header(idx_file, pack):
    path = idx_file(pack(struct.pack(">4I", 0x803, *[2**32 - 1] * 3) + b"few"))
    tracemalloc.start()
    refused(path, match="holds 3:")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16e6


def test_idx_refuses_what_is_no_file(tmp_path):
    refused(tmp_path, match="cannot be read")
    refused(tmp_path / "missing", match="cannot be read")


# ---------------------------------------------------------------------------------------------------------- files


def test_download_tries_mirrors_in_turn_and_caches(serve, cache):
    first, first_mirror = serve({})
    second, second_mirror = serve({FILE: CONTENT})
    path = fetch(first, second)
    assert path == cache / "toy" / FILE
    assert path.read_bytes() == CONTENT
    assert fetch(first, second) == path
    assert first_mirror.requests == second_mirror.requests == [(f"/{FILE}", None)]


@pytest.mark.parametrize("terminal", [True, False])
def test_download_shows_progress_on_a_terminal_only(serve, monkeypatch, terminal):
    stderr = io.StringIO()
    stderr.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", stderr)
    fetch(serve({FILE: CONTENT})[0])
    assert ("100%" in stderr.getvalue()) is terminal
    assert terminal or not stderr.getvalue()


def test_download_refuses_wrong_content(serve, cache):
    mirror, _ = serve({FILE: b"a login page"})
    with pytest.raises(InputError) as caught:
        fetch(mirror)
    assert f"{mirror}{FILE}: the download has the sha256" in str(caught.value)
    assert SHA256 in str(caught.value)
    assert not cache.exists()  # nothing is left


def test_download_passes_over_wrong_content(serve):
    assert fetch(serve({FILE: b"a login page"})[0], serve({FILE: CONTENT})[0]).read_bytes() == CONTENT


def test_offline_message_says_how_to_go_on(dead_mirror, cache):
    with pytest.raises(InputError) as caught:
        datasets.load("mnist")
    message = str(caught.value)
    assert "offline" in message
    assert f"{dead_mirror}train-images-idx3-ubyte.gz: " in message
    assert str(cache / "mnist") in message
    assert "CUPYNN_DATA" in message
    assert all(file in message for file in datasets.mnist.SHA256)


def test_offline_message_lists_every_mirror(serve, dead_mirror):
    mirror, _ = serve({})
    with pytest.raises(InputError) as caught:
        fetch(mirror, dead_mirror)
    assert f"{mirror}{FILE}: 404" in str(caught.value)
    assert f"{dead_mirror}{FILE}: " in str(caught.value)


def test_damaged_file_in_the_cache_is_replaced(serve, dead_mirror, cache):
    (cache / "toy").mkdir(parents=True)
    (cache / "toy" / FILE).write_bytes(b"half a file")
    with pytest.raises(InputError, match=f"{FILE} is damaged and could not be downloaded"):
        fetch(dead_mirror)
    assert fetch(serve({FILE: CONTENT})[0]).read_bytes() == CONTENT


@pytest.mark.parametrize("folder", ["", "toy"])
def test_chosen_folder_is_used_without_a_download(monkeypatch, tmp_path, folder):
    monkeypatch.setenv("CUPYNN_DATA", str(tmp_path))
    path = tmp_path / folder / FILE
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(CONTENT)
    assert fetch() == path


@pytest.mark.parametrize("folder", ["", "toy"])
def test_damaged_file_in_a_chosen_folder_is_refused_and_kept(monkeypatch, tmp_path, serve, folder):
    monkeypatch.setenv("CUPYNN_DATA", str(tmp_path))
    path = tmp_path / folder / FILE
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"mine")
    address, mirror = serve({FILE: CONTENT})
    with pytest.raises(InputError) as caught:
        fetch(address)
    assert all(part in str(caught.value) for part in (str(path), hashlib.sha256(b"mine").hexdigest(), SHA256))
    assert path.read_bytes() == b"mine"
    assert mirror.requests == []


def test_chosen_folder_is_downloaded_to(monkeypatch, tmp_path, serve):
    monkeypatch.setenv("CUPYNN_DATA", str(tmp_path / "mine"))
    assert fetch(serve({FILE: CONTENT})[0]) == tmp_path / "mine" / "toy" / FILE


def test_chosen_folder_may_name_the_home_folder(monkeypatch):
    monkeypatch.setenv("CUPYNN_DATA", "~/data")
    assert datasets.source.data_folder() == Path.home() / "data"


def test_unwritable_folder_is_refused_before_a_download(monkeypatch, tmp_path, serve):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CUPYNN_DATA", str(tmp_path / "file"))
    address, mirror = serve({FILE: CONTENT})
    with pytest.raises(InputError, match=r"toy, the download folder, cannot be written.*CUPYNN_DATA"):
        fetch(address)
    assert mirror.requests == []


# ---------------------------------------------------------------------------------------------------------- MNIST


def test_mnist_from_a_mirror_then_from_the_cache(serve, monkeypatch, dead_mirror):
    parts = {"train": np.arange(30) % 10, "t10k": np.arange(20) % 10}
    files = {}
    for prefix, y in parts.items():
        images = np.repeat(y, 28 * 28).reshape(-1, 28, 28).astype(np.uint8)
        files[f"{prefix}-images-idx3-ubyte.gz"] = gzip.compress(idx_bytes(images))
        files[f"{prefix}-labels-idx1-ubyte.gz"] = gzip.compress(idx_bytes(y.astype(np.uint8)))
    checksums = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
    monkeypatch.setattr(datasets.mnist, "SOURCE", replace(datasets.mnist.SOURCE, checksums=checksums))
    for mirror in (serve(files)[0], dead_mirror):
        monkeypatch.setattr(datasets.mnist, "MIRRORS", (mirror,))
        for part, y in zip(datasets.load("mnist"), parts.values(), strict=True):
            assert part.y.tolist() == y.tolist()
            assert part.x[:, 27, 27].tolist() == y.tolist()


@needs_mnist
def test_mnist_is_mnist(monkeypatch):
    monkeypatch.setenv("CUPYNN_DATA", str(REAL_MNIST))
    train, test = datasets.load("mnist")
    assert (train.x.shape, test.x.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert train.x.dtype == test.x.dtype == np.uint8
    assert (train.y[:5].tolist(), test.y[:5].tolist()) == ([5, 0, 4, 1, 9], [7, 2, 1, 0, 4])
    assert np.bincount(train.y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(test.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert train.x.mean() / 255 == pytest.approx(0.1307, abs=5e-5)


@needs_mnist
def test_mnist_refuses_a_damaged_file_by_name(monkeypatch, tmp_path):
    monkeypatch.setenv("CUPYNN_DATA", str(tmp_path))
    for file in datasets.mnist.SHA256:
        shutil.copyfile(REAL_MNIST / file, tmp_path / file)
    damaged = tmp_path / "t10k-labels-idx1-ubyte.gz"
    damaged.write_bytes(flip(damaged.read_bytes(), 1000))
    with pytest.raises(InputError, match=f"^{re.escape(str(damaged))} has the sha256"):
        datasets.load("mnist")
