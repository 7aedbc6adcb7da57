"""Downloads that break off, go on, meet each other or are forbidden. No test reaches beyond 127.0.0.1."""

import hashlib
import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from factories import ROOT

from cupynn import datasets
from cupynn.checks import InputError
from cupynn.datasets import download
from cupynn.datasets.download import fetch
from cupynn.datasets.source import lookup

FILE = "values.bin"
CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def folder(empty_cache, monkeypatch):
    monkeypatch.setattr(download, "CHUNK", 500)  # of a chunk that breaks off, nothing is kept
    (empty_cache / "toy").mkdir(parents=True)
    return empty_cache / "toy"


@pytest.fixture
def part(folder):
    return folder / (FILE + ".part")


def starts(mirror):
    return [wanted and int(wanted.removeprefix("bytes=").removesuffix("-")) for _, wanted in mirror.requests]


# Resuming --------------------------------------------------------------------------------------------------------------


def test_a_broken_connection_is_taken_up_again(serve, part):
    address, mirror = serve({FILE: CONTENT})
    mirror.breaks = [1000, 70_000]
    assert fetch("toy", FILE, SHA256, [address]).read_bytes() == CONTENT
    assert starts(mirror) == [None, 1000, 71_000]
    assert not part.exists()


def test_a_download_goes_on_in_the_next_process(serve, part):
    address, mirror = serve({FILE: CONTENT})
    mirror.breaks = [50_000] + [0] * 10
    with pytest.raises(InputError, match="could not be downloaded"):
        fetch("toy", FILE, SHA256, [address])
    assert part.read_bytes() == CONTENT[:50_000]
    mirror.breaks, mirror.requests = [], []
    assert fetch("toy", FILE, SHA256, [address]).read_bytes() == CONTENT
    assert starts(mirror) == [50_000]


def test_the_next_mirror_goes_on_where_the_last_stopped(serve):
    (first, broken), (second, whole) = serve({FILE: CONTENT}), serve({FILE: CONTENT})
    broken.breaks = [200_000] + [0] * 10
    assert fetch("toy", FILE, SHA256, [first, second]).read_bytes() == CONTENT
    assert starts(whole) == [200_000]


def test_attempts_at_one_address_are_limited(serve):
    address, mirror = serve({FILE: CONTENT})
    mirror.breaks = [510] * 100
    with pytest.raises(InputError, match="could not be downloaded"):
        fetch("toy", FILE, SHA256, [address])
    assert len(mirror.requests) == download.ATTEMPTS


def test_an_address_that_brings_nothing_is_not_tried_again(dead_mirror, serve):
    address, mirror = serve({FILE: CONTENT})
    mirror.breaks = [0] * 100
    with pytest.raises(InputError):
        fetch("toy", FILE, SHA256, [address])
    assert len(mirror.requests) == 1


def test_a_server_without_ranges_sends_it_whole(serve, part):
    part.write_bytes(CONTENT[:1234])
    address, mirror = serve({FILE: CONTENT})
    mirror.ranges = False
    assert fetch("toy", FILE, SHA256, [address]).read_bytes() == CONTENT
    assert starts(mirror) == [1234]


@pytest.mark.parametrize("left", [b"of something else", b"x" * 400_000, CONTENT + b"more"], ids=["other", "longer", "more"])
def test_what_was_left_of_another_file_is_thrown_away(serve, part, left):
    part.write_bytes(left)
    address, mirror = serve({FILE: CONTENT})
    assert fetch("toy", FILE, SHA256, [address]).read_bytes() == CONTENT
    assert starts(mirror) == [len(left), None]


def test_a_part_that_was_complete_is_not_fetched_again(serve, part):
    part.write_bytes(CONTENT)
    address, mirror = serve({FILE: CONTENT})
    assert fetch("toy", FILE, SHA256, [address]).read_bytes() == CONTENT
    assert starts(mirror) == [len(CONTENT)]
    assert not part.exists()


def test_a_server_that_sends_another_range_is_refused(serve, part, monkeypatch):
    part.write_bytes(CONTENT[:100])
    address, _ = serve({FILE: CONTENT})
    real = download._request
    monkeypatch.setattr(download, "_size", lambda path: 100)
    import requests

    get = requests.get

    def other(url, headers, **options):
        return get(url, headers=headers | {"Range": "bytes=50-"}, **options)

    monkeypatch.setattr(requests, "get", other)
    with pytest.raises(OSError, match="other bytes than those requested, from 100 on"):
        real(address + FILE, part, 100)
    assert part.read_bytes() == CONTENT[:100]


# Addresses and checksums -----------------------------------------------------------------------------------------------


def test_md5_where_no_other_checksum_is_published(serve, folder):
    address, _ = serve({FILE: CONTENT})
    assert fetch("toy", FILE, MD5, [address]) == lookup("toy", FILE, MD5) == folder / FILE
    (folder / FILE).write_bytes(CONTENT + b"!")
    assert lookup("toy", FILE, MD5) is None


def test_an_address_may_end_in_another_name(serve, folder):
    address, mirror = serve({"file_downloaded": CONTENT})
    assert fetch("toy", FILE, MD5, [address + "file_downloaded"]) == folder / FILE
    assert mirror.requests == [("/file_downloaded", None)]


def test_a_name_that_datasets_share_is_looked_for_in_the_own_folder_only(monkeypatch, tmp_path):
    monkeypatch.setenv("CUPYNN_DATA", str(tmp_path))
    (tmp_path / FILE).write_bytes(b"of another dataset")
    assert lookup("toy", FILE, SHA256, own_folder=True) is None
    with pytest.raises(InputError, match="if it belongs to another dataset"):
        lookup("toy", FILE, SHA256)
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / FILE).write_bytes(CONTENT)
    assert lookup("toy", FILE, SHA256, own_folder=True) == tmp_path / "toy" / FILE


# Offline ---------------------------------------------------------------------------------------------------------------


def test_offline_touches_no_network(serve, monkeypatch, folder):
    monkeypatch.setenv("CUPYNN_OFFLINE", "1")
    address, mirror = serve({FILE: CONTENT})
    with pytest.raises(InputError) as caught:
        fetch("toy", FILE, SHA256, [address])
    assert all(part in str(caught.value) for part in (f"{folder / FILE} is missing", "CUPYNN_OFFLINE=1", "CUPYNN_DATA"))
    (folder / FILE).write_bytes(CONTENT[:-1])
    with pytest.raises(InputError, match="is damaged, and CUPYNN_OFFLINE=1"):
        fetch("toy", FILE, SHA256, [address])
    (folder / FILE).write_bytes(CONTENT)
    assert fetch("toy", FILE, SHA256, [address]) == folder / FILE
    assert mirror.requests == []


@pytest.mark.parametrize("value", ["", "0"])
def test_online_unless_told_otherwise(serve, monkeypatch, value):
    monkeypatch.setenv("CUPYNN_OFFLINE", value)
    assert fetch("toy", FILE, SHA256, [serve({FILE: CONTENT})[0]]).read_bytes() == CONTENT


def test_offline_takes_0_and_1_only(serve, monkeypatch):
    monkeypatch.setenv("CUPYNN_OFFLINE", "yes")
    with pytest.raises(InputError, match="CUPYNN_OFFLINE='yes'"):
        fetch("toy", FILE, SHA256, [serve({FILE: CONTENT})[0]])


# Two at once -----------------------------------------------------------------------------------------------------------

FETCH = """
import sys
from cupynn.datasets.download import fetch
print(fetch("toy", sys.argv[1], sys.argv[2], [sys.argv[3]]))
"""


def test_processes_that_want_the_same_file_download_it_once(serve, folder, tmp_path):
    address, mirror = serve({FILE: CONTENT})
    environment = {**os.environ, "CUPYNN_DATA": str(folder.parent), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", FETCH, FILE, SHA256, address]
    running = [
        subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in running:
        out, err = process.communicate(timeout=60)
        assert (out.strip(), err) == (str(folder / FILE), "")
    assert len(mirror.requests) == 1
    assert (folder / FILE).read_bytes() == CONTENT


def test_one_that_waits_says_so_on_a_terminal(folder, monkeypatch, capsys):
    from threading import Event, Thread

    from cupynn.datasets.download import locked

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    held, done, entered = Event(), Event(), []

    def hold():
        with locked(folder):
            held.set()
            done.wait(30)

    def wait():
        with locked(folder):
            entered.append(done.is_set())

    holder, waiter = Thread(target=hold), Thread(target=wait)
    holder.start()
    held.wait(30)
    waiter.start()
    while "waiting for another process" not in capsys.readouterr().err:
        waiter.join(0.01)
    done.set()
    holder.join(30)
    waiter.join(30)
    assert entered == [True]


def test_one_that_waits_goes_on_where_the_other_fails(folder):
    """Though the lock that it waited for was removed with the folder."""
    from threading import Event, Thread

    from cupynn.datasets.download import locked

    held, fail, entered = Event(), Event(), []

    def hold():
        with suppress(OSError), locked(folder / "new"):
            held.set()
            fail.wait(30)
            raise OSError("no space")

    def wait():
        with locked(folder / "new"):
            entered.append((folder / "new" / ".lock").is_file())

    holder, waiter = Thread(target=hold), Thread(target=wait)
    holder.start()
    held.wait(30)
    waiter.start()
    waiter.join(0.2)
    assert not entered
    fail.set()
    holder.join(30)
    waiter.join(30)
    assert entered == [True]


def test_a_mistyped_folder_leaves_nothing(monkeypatch, tmp_path, dead_mirror):
    monkeypatch.setenv("CUPYNN_DATA", str(tmp_path / "mistyped" / "deep"))
    with pytest.raises(InputError, match="could not be downloaded"):
        fetch("toy", FILE, SHA256, [dead_mirror])
    assert not (tmp_path / "mistyped").exists()
    (tmp_path / "mistyped").mkdir()
    with pytest.raises(InputError, match="could not be downloaded"):
        fetch("toy", FILE, SHA256, [dead_mirror])
    assert list((tmp_path / "mistyped").iterdir()) == []  # one that was there stays


def test_how_to_do_it_by_hand_names_address_and_folder(monkeypatch, folder):
    monkeypatch.setenv("CUPYNN_OFFLINE", "1")
    expected = f"download {FILE} by hand from http://some.where/ and put it into {folder}"
    with pytest.raises(InputError, match=re.escape(expected)):
        fetch("toy", FILE, SHA256, ["http://some.where/", "http://other.where/"])
    with pytest.raises(InputError, match=re.escape("one, two by hand from http://some.where/ and put them into")):
        fetch("toy", FILE, SHA256, ["http://some.where/"], needed=("one", "two"))
    with pytest.raises(InputError, match=re.escape(f"http://some.where/x by hand as {FILE}, and put it into {folder}")):
        fetch("toy", FILE, SHA256, ["http://some.where/x"])


# Catalogue -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", datasets.DATASETS)
def test_every_dataset_says_what_its_files_are(name):
    from cupynn.datasets import catalogue

    module = sys.modules[datasets.DATASETS[name].__module__]
    assert module.SOURCE is None or module.SOURCE.dataset == name
    assert len(catalogue.about(name)) > 20
    assert f"\n{name} " in catalogue.table()


def test_the_catalogue_tells_what_is_here(empty_cache, monkeypatch):
    from cupynn.datasets import catalogue

    assert "not here: 11.6 MB to download" in catalogue.table()
    (empty_cache / "mnist").mkdir()
    for file in datasets.mnist.SHA256:
        (empty_cache / "mnist" / file).write_bytes(b"\0" * 1_000_000)
    checksum = hashlib.sha256(b"\0" * 1_000_000).hexdigest()
    intact = replace(datasets.mnist.SOURCE, checksums=dict.fromkeys(datasets.mnist.SHA256, checksum))
    monkeypatch.setattr(datasets.mnist, "SOURCE", intact)
    (empty_cache / "emnist").mkdir()
    for file in [*datasets.emnist.SOURCE.parts["letters"], *datasets.emnist.SOURCE.parts["bymerge-test"]]:
        (empty_cache / "emnist" / file).write_bytes(b"\0" * 50_000)
    lines = catalogue.table().splitlines()
    assert any(line.split() == ["mnist", "here:", "4.0", "MB", "in", str(empty_cache / "mnist")] for line in lines)
    assert any(f"here (letters, bymerge-test): 0.3 MB in {empty_cache / 'emnist'}" in line for line in lines)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_catalogue_tells_what_is_damaged(empty_cache, name, capsys):
    from cupynn import cli
    from cupynn.datasets import catalogue

    file = empty_cache / name / "t10k-labels-idx1-ubyte.gz"
    file.parent.mkdir()
    file.write_bytes(b"cut short")
    assert f"{name:13}  damaged: {file}: remove it to download it again" in catalogue.table()
    assert cli.main(["datasets", "--json"]) == 0
    entries = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)["datasets"]}
    assert (entries[name]["state"], entries[name]["damaged"]) == ("damaged", [str(file)])
    assert (entries["digits"]["state"], entries["emnist"]["state"]) == ("included", "missing")
    assert entries["emnist"]["download"] == 561_753_746
    assert set(entries) == set(datasets.DATASETS)
