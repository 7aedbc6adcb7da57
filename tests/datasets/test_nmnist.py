"""N-MNIST: its records, where its files are found, and the real recordings."""

import gzip
import hashlib
import os
import re
import shutil
import struct
import tracemalloc
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
from factories import SHARED, needs, needs_dataset
from hypothesis import given
from hypothesis import strategies as st
from nmnist_toy import FILES, check_loaded, contents, oracle, pack, write_archive, write_folder

from cupynn import datasets, presets
from cupynn.checks import InputError
from cupynn.datasets import nmnist, nmnist_files, recordings
from cupynn.encoders import Events

REAL = SHARED / "data"
SUBSET = REAL / "n-mnist" / "n-mnist-subset-train1000-test100.zip"
needs_nmnist = needs(SUBSET, "zip the first 1,000 recordings of Train.zip and 100 of Test.zip")


# Records ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "events"),
    [
        (b"", []),
        (bytes([10, 30, 0x00, 0x03, 0xA9]), [(937, 10, 30, 0)]),
        (bytes([33, 0, 0xFF, 0xFF, 0xFF]), [(2**23 - 1, 33, 0, 1)]),
        (pack(5, 1, 2, 1) + pack(0, 0, 240, 0) + pack(7, 3, 4, 0), [(5, 1, 2, 1), (8199, 3, 4, 0)]),
        (pack(0, 0, 240, 1) * 3 + pack(7, 3, 4, 0), [(3 * 8192 + 7, 3, 4, 0)]),
    ],
)
def test_records(content, events):
    assert nmnist_files.records(content, "1.bin").tolist() == events == oracle(content)


@given(st.lists(st.tuples(st.integers(0, 2**23 - 1), st.integers(0, 33), st.sampled_from([0, 33, 240]), st.integers(0, 1))))
def test_records_with_overflows(events):
    content = b"".join(pack(*event) for event in events)
    assert nmnist_files.records(content, "1.bin").tolist() == oracle(content)


@given(st.binary(max_size=60) | st.lists(st.tuples(*[st.integers(0, 35)] * 5)).map(lambda events: bytes(sum(events, ()))))
def test_any_bytes_are_events_or_refused(content):
    def read():
        return recordings.convert(nmnist_files.records(content, "1.bin"), nmnist.SENSOR, "1.bin").tolist()

    if len(content) % 5 or any(x > 33 or y > 33 for _, x, y, _ in oracle(content)):
        with pytest.raises(InputError, match=r"^1\.bin"):
            read()
    else:
        assert read() == oracle(content)


def test_refuses_a_recording_cut_within_an_event(folder_of_one):
    content = pack(5, 1, 2, 1) * 3
    for end in range(len(content)):
        folder_of_one(content[:end])
        if end % 5:
            with pytest.raises(InputError, match=f"00001.bin ends within an event, after {end} bytes"):
                datasets.load("n-mnist")
        else:
            assert len(datasets.load("n-mnist")[0].x[0]) == end // 5


def test_refuses_what_lies_outside_the_sensor(folder_of_one):
    folder_of_one(pack(5, 1, 2, 1) + pack(5, 34, 2, 1))
    with pytest.raises(InputError, match=r"00001\.bin, event 1: x=34: pass 0 to 33"):
        datasets.load("n-mnist")


def test_refuses_times_that_no_clock_counts(folder_of_one):
    folder_of_one(pack(0, 0, 240, 0) * 2**19 + pack(0, 0, 0, 0))
    with pytest.raises(InputError, match=r"00001\.bin, event 0: t=4294967296"):
        datasets.load("n-mnist")


# Files -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder_of_one(nmnist_folder):
    """A function that writes a data set whose first recording has some content, and forgets what was packed before."""

    def write(content):
        shutil.rmtree(nmnist_folder, ignore_errors=True)
        write_folder(nmnist_folder, {"Train/5/00001.bin": content, "Test/5/00001.bin": b""})

    return write


def split(files):
    return [{name: content for name, content in files.items() if name.startswith(part)} for part in ("Train", "Test")]


@pytest.mark.parametrize("kind", ["folder", "one archive", "two archives", "official names"])
def test_files_in_every_form(nmnist_folder, kind):
    if kind == "folder":
        write_folder(
            nmnist_folder, FILES | {"Train/5/notes.txt": b"-", "Train/11/00001.bin": b"-", "Train/5/._00001.bin": b"-"}
        )
    elif kind == "one archive":
        write_archive(nmnist_folder / "part.ZIP", FILES | {"__MACOSX/Train/5/._00001.bin": b"-", "Train/": b""})
    else:
        names = ("Train.zip", "test.zip") if kind == "official names" else ("a.zip", "b.zip")
        for name, files in zip(names, split(FILES), strict=True):
            write_archive(nmnist_folder / name, files, zipfile.ZIP_STORED)
    for _ in range(2):
        check_loaded()


@pytest.mark.parametrize(
    "name",
    ["/Train/5/00009.bin", "../Train/5/00009.bin", "Train/5/../../00009.bin", "C:/Train/5/00009.bin", "Train\\5\\9.bin"],
)
def test_members_with_other_names_are_passed_over_and_nothing_is_unpacked(nmnist_folder, name, tmp_path):
    write_archive(nmnist_folder / "part.zip", FILES | {name: b"not five bytes"})
    check_loaded()
    written = {path.relative_to(tmp_path / "data/n-mnist").as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {re.sub("[0-9a-f]{16}", "*", each) for each in written} == {"part.zip", "n-mnist.*.npy", "n-mnist.*.npz"}


def test_offline_message(nmnist_folder):
    with pytest.raises(InputError, match=r"Train\.zip (is missing and )?could not be downloaded.*offline") as caught:
        datasets.load("n-mnist")
    assert all(part in str(caught.value) for part in ("Train.zip, Test.zip", str(nmnist_folder), "CUPYNN_DATA"))
    write_archive(nmnist_folder / "Train.zip", split(FILES)[0])  # half of a download is gone on with
    with pytest.raises(InputError, match=r"Train\.zip has the md5 "):
        datasets.load("n-mnist")


@pytest.mark.parametrize("place", ["nowhere", "elsewhere"])
def test_official_archives_are_downloaded_or_found_beside_the_folder(nmnist_folder, monkeypatch, tmp_path, place):
    for name, files in zip(("Train.zip", "Test.zip"), split(FILES), strict=True):
        write_archive(tmp_path / "data" / name, files)
    contents = {name: (tmp_path / "data" / name).read_bytes() for name in ("Train.zip", "Test.zip")}
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            content = contents[self.path.lstrip("/")[: -len("/download")]]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        official = {
            name: (f"md5:{hashlib.md5(content).hexdigest()}", f"{address}{name}/download")
            for name, content in contents.items()
        }
        monkeypatch.setattr(nmnist, "OFFICIAL", official)
        if place == "nowhere":
            for name in contents:
                (tmp_path / "data" / name).unlink()
        else:
            nmnist_folder.mkdir()
        check_loaded()
        check_loaded()
        server.shutdown()
    assert len(requests) == (2 if place == "nowhere" else 0)


@pytest.mark.parametrize("part", [0, 1])
def test_refuses_a_missing_part(nmnist_folder, part):
    write_folder(nmnist_folder, split(FILES)[part])
    with pytest.raises(
        InputError, match=f"has no recordings {('Test', 'Train')[part]}/<digit>/<number>.bin: put them there"
    ):
        datasets.load("n-mnist")


@pytest.mark.parametrize(
    ("part", "place"), [("Train", "train"), ("Test", "TEST"), ("Train", "N-MNIST/Train"), ("Train", "Train/Train")]
)
def test_says_where_a_misplaced_part_is(nmnist_folder, part, place):
    """In lower case, in the folder that an archive made, or twice in each other."""
    for name, content in split(FILES)[part == "Test"].items():
        file = nmnist_folder / place / name.partition("/")[2]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    with pytest.raises(InputError, match=f"move the folders of digits in .*{place} to .*n-mnist.{part}$"):
        datasets.load("n-mnist")
    write_folder(nmnist_folder, split(FILES)[part == "Train"])
    with pytest.raises(InputError, match=f"move the folders of digits in .*{place} to .*n-mnist.{part}$"):
        datasets.load("n-mnist")


@pytest.mark.parametrize("place", ["train", "N-MNIST/Train"])
def test_says_where_a_misplaced_part_is_in_an_archive(nmnist_folder, place):
    files = {f"{place}/{name.partition('/')[2]}": content for name, content in split(FILES)[0].items()}
    write_archive(nmnist_folder / "all.zip", files | split(FILES)[1])
    with pytest.raises(
        InputError, match=rf"no recordings Train/.*: in all\.zip they are in {place}/\d: unpack it to .*Train$"
    ):
        datasets.load("n-mnist")


def test_refuses_twins(nmnist_folder):
    write_folder(nmnist_folder, FILES | {"Train/8/7.bin": b""})
    with pytest.raises(InputError, match=r"two recordings Train 7, .*3/00007\.bin and .*8/7\.bin: remove one"):
        datasets.load("n-mnist")


def test_refuses_a_member_that_claims_to_be_huge(nmnist_folder):
    write_archive(nmnist_folder / "part.zip", FILES | {"Train/5/00002.bin": bytes(5 * 2**21)})
    tracemalloc.start()
    with pytest.raises(InputError, match=r"part\.zip: Train/5/00002\.bin declares 10485760 bytes"):
        datasets.load("n-mnist")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6


def test_a_member_that_holds_more_than_it_claims_is_not_inflated(nmnist_folder):
    """64 MiB, packed to 64 kB, that pass for 5 bytes."""
    path, size = nmnist_folder / "part.zip", 64 << 20
    write_archive(path, FILES | {"Train/5/00002.bin": bytes(size)})
    content = path.read_bytes()
    assert content.count(struct.pack("<I", size)) == 2
    path.write_bytes(content.replace(struct.pack("<I", size), struct.pack("<I", 5)))
    tracemalloc.start()
    with pytest.raises(InputError, match=r"part\.zip: Train/5/00002\.bin cannot be read"):
        datasets.load("n-mnist")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_refuses_what_could_not_be_read_in_pieces(nmnist_folder, compression):
    """64 MiB, packed to 66 bytes by bzip2, would be there at once."""
    write_archive(nmnist_folder / "part.zip", FILES, compression)
    with pytest.raises(InputError, match=r"part\.zip: T.*\.bin is not packed by deflate: create the archive again"):
        datasets.load("n-mnist")


@pytest.mark.slow
@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_damaged_archives_are_refused_or_read_right(nmnist_folder, compression):
    """Cut at, or with a flip of, any byte."""
    path = nmnist_folder / "part.zip"
    write_archive(path, FILES, compression)
    content = path.read_bytes()
    damaged = [content[:end] for end in range(len(content))]
    damaged += [content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :] for at in range(len(content))]
    refusals, intact = 0, [oracle(each) for each in FILES.values()]
    for number, bad in enumerate(damaged):
        path.write_bytes(bad)
        os.utime(path, (number, number))
        try:
            parts = datasets.load("n-mnist")
        except InputError:
            refusals += 1
        else:  # a flip in a date does not matter, one in a name may take a member away
            assert all(each in intact for part in parts for each in contents(part))
    assert refusals > 0.6 * len(damaged)


# The real recordings ---------------------------------------------------------------------------------------------------


@pytest.fixture
def real(nmnist_folder, monkeypatch):
    monkeypatch.setenv("CUPYNN_DATA", str(REAL))
    return datasets.load("n-mnist")


@needs_nmnist
def test_the_real_recordings(real):
    train, test = real
    assert repr(train).startswith("Dataset n-mnist, 1000 of 60000: 1000 samples of shape (2, 34, 34) events")
    assert np.bincount(train.y).tolist() == [97, 116, 99, 93, 105, 92, 94, 117, 87, 100]
    assert np.bincount(test.y).tolist() == [8, 14, 8, 11, 14, 7, 10, 15, 2, 11]
    assert train.y[:5].tolist() == [5, 0, 4, 1, 9]
    second = train.x[1]  # Train/0/00002.bin, printed in many a tutorial
    assert second[0].tolist() == (937, 10, 30, True)
    assert second["t"][-1] == 305_341
    assert 4000 < train.x.lengths.mean() < 4250


@needs_nmnist
def test_the_real_encoding(real):
    x = real[0].x[:20]
    trains = Events().encode(x, 540, 0, 0, np.arange(20))
    events = np.concatenate([x[index] for index in range(20)])
    samples = np.repeat(np.arange(20), x.lengths)
    neurons = (events["p"].astype(int) * 34 + events["y"]) * 34 + events["x"]
    keys = np.unique(np.stack([samples, -(-events["t"].astype(int) // 600), neurons]), axis=1)
    np.testing.assert_array_equal(trains.events(), keys[:, keys[1] < 540])


@pytest.mark.slow
@needs_nmnist
@needs_dataset("mnist")
def test_stabilised_recordings_look_more_like_mnist(real):
    images = gzip.decompress((REAL / "mnist" / "train-images-idx3-ubyte.gz").read_bytes())[16:]
    images = np.frombuffer(images, np.uint8).reshape(-1, 28, 28)[:200].astype(float)
    images -= images.mean((1, 2), keepdims=True)

    def resemblance(**options):
        """Correlation with the image at the place where it is highest, for each sample."""
        counts = Events(**options).encode(real[0].x[:200], 600, 0, 0, np.arange(200)).counts.sum(1)
        windows = np.lib.stride_tricks.sliding_window_view(counts, (28, 28), (1, 2)).astype(float)
        windows = windows - windows.mean((-2, -1), keepdims=True)
        products = np.einsum("sabij,sij->sab", windows, images)
        norms = np.linalg.norm(windows, axis=(-2, -1)) * np.linalg.norm(images, axis=(1, 2))[:, None, None]
        return (products / norms).max((1, 2))

    plain, stabilised = resemblance(), resemblance(stabilise=True)
    assert stabilised.mean() > plain.mean() + 0.04
    assert (stabilised > plain).mean() > 0.75


@needs_nmnist
def test_the_preset_fits_the_recordings(real):
    experiment = presets.read("n-mnist")
    network, loss, _ = experiment.build()
    assert network.encoder.config() == {"kind": "Events", "step": 600.0, "stabilise": False}
    assert (network.input_shape, network.steps) == ((2, 34, 34), 540)
    evaluation = network.evaluate(real[1][:10], loss)
    assert 1 < evaluation.spikes["input"] < 3
    assert evaluation.spikes["hidden"] > 0.1
