"""The events of N-MNIST that are packed into one array: when it is made, found again, and thrown away."""

import hashlib
import io
import os
import re
import shutil
import struct
from functools import partial

import numpy as np
import pytest
from factories import slow
from hypothesis import given
from hypothesis import strategies as st
from nmnist_toy import FILES, check_loaded, contents, oracle, pack, write_archive, write_folder

from cupynn import datasets
from cupynn.checks import InputError
from cupynn.datasets import nmnist, nmnist_files, recordings
from cupynn.datasets.nmnist_files import Member
from cupynn.encoders import Events


@pytest.fixture
def counted(monkeypatch):
    """List that grows by one whenever recordings are packed."""
    calls, write = [], nmnist.pack

    def counting(place, members):
        calls.append(place)
        write(place, members)

    monkeypatch.setattr(nmnist, "pack", counting)
    return calls


def packed_in(folder):
    """Files of the packed events, those of the events and of their index."""
    return sorted(path for path in folder.iterdir() if re.fullmatch(r"n-mnist\.[0-9a-f]{16}\.np[yz]", path.name))


def test_packs_once_and_anew_when_a_file_changes(nmnist_folder, counted):
    write_folder(nmnist_folder)
    check_loaded()
    check_loaded()
    assert counted == packed_in(nmnist_folder)[:1]
    (nmnist_folder / "Train/3/00007.bin").write_bytes(pack(9, 9, 9, 1))
    assert contents(datasets.load("n-mnist")[0])[1] == [(9, 9, 9, True)]
    assert len(counted) == 2
    write_folder(nmnist_folder)
    check_loaded()


def test_opens_by_memory_map_and_keeps_what_it_has_open(nmnist_folder):
    write_folder(nmnist_folder)
    train = check_loaded()
    assert not train.x.values.flags.writeable
    base = train.x.values
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    (nmnist_folder / "Train/5/00001.bin").write_bytes(b"")
    assert contents(datasets.load("n-mnist")[0])[0] == []
    assert contents(train)[0] == oracle(FILES["Train/5/00001.bin"])


def test_originals_may_be_removed(nmnist_folder, counted):
    write_archive(nmnist_folder / "part.zip")
    check_loaded()
    (nmnist_folder / "part.zip").unlink()
    check_loaded()
    assert len(counted) == 1


def test_packs_into_the_cache_of_the_user_where_the_folder_is_protected(nmnist_folder, counted, tmp_path):
    write_archive(nmnist_folder / "part.zip")
    nmnist_folder.chmod(0o555)
    try:
        check_loaded()
        check_loaded()
        assert [path.name for path in nmnist_folder.iterdir()] == ["part.zip"]
    finally:
        nmnist_folder.chmod(0o755)
    (place,) = counted
    assert place.parent == tmp_path / "cache" / "cupynn" / "packed"


def test_says_so_when_there_is_no_place(nmnist_folder, monkeypatch):
    write_folder(nmnist_folder)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nmnist, "pack", full)
    with pytest.raises(InputError, match="cannot be packed into one file") as caught:
        datasets.load("n-mnist")
    assert str(caught.value).count("No space left on device") == 2


def test_a_packing_that_breaks_off_leaves_nothing(nmnist_folder):
    write_folder(nmnist_folder, FILES | {"Test/9/00099.bin": b"bad"})
    with pytest.raises(InputError, match="00099"):
        datasets.load("n-mnist")
    assert not [path for path in nmnist_folder.iterdir() if path.is_file()]


def test_packed_events_cut_or_written_to_anywhere_are_packed_anew(nmnist_folder):
    write_folder(nmnist_folder)
    check_loaded()
    for path in packed_in(nmnist_folder):
        content = path.read_bytes()
        step = 7 if path.suffix == ".npy" else 41
        for end in range(0, len(content), step):
            path.write_bytes(content[:end])
            check_loaded()
        for at in range(0, len(content), step):
            with path.open("r+b") as file:
                file.seek(at)
                file.write(bytes([content[at] ^ 0x10]))
            check_loaded()
        path.unlink()
        check_loaded()
        assert path.read_bytes() == content


@given(st.data())
def test_packed_events_with_their_old_time_stamp_are_refused_or_right(tmp_path_factory, data):
    """Then only the events themselves can differ: sizes, types and index are verified."""
    place = tmp_path_factory.mktemp("packed") / "n-mnist.0123456789abcdef.npy"
    lengths = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    read = [partial(bytes, 5 * length) for length in lengths]
    members = [Member("Train", number, number, str(number), content) for number, content in enumerate(read)]
    nmnist.pack(place, members)
    values, index = nmnist.open_packed(place)
    values = values.copy()
    assert (index["lengths"].tolist(), index["labels"].tolist()) == (lengths, list(range(len(lengths))))
    assert len(values) == sum(lengths)

    path = data.draw(st.sampled_from([place, place.with_suffix(".npz")]))
    content = bytearray(path.read_bytes())
    at, bit = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(0, 7))
    content[at] ^= 1 << bit
    path.write_bytes(content if data.draw(st.booleans()) else content[:at])
    os.utime(path, (nmnist.STAMP, nmnist.STAMP))
    found = nmnist.open_packed(place)
    if found is not None:
        assert path.stat().st_size == len(content)
        assert all((found[1][name] == index[name]).all() for name in nmnist.INDEX)
        assert (found[0] != values).sum() == (path == place and at >= len(content) - values.nbytes)


def test_garbage_in_the_events_is_refused_by_the_encoder(nmnist_folder):
    write_folder(nmnist_folder)
    check_loaded()
    path, _ = packed_in(nmnist_folder)
    content = bytearray(path.read_bytes())
    content[-5 * 7 + 4] = 255  # x of the first of five events
    path.write_bytes(content)
    os.utime(path, (nmnist.STAMP, nmnist.STAMP))
    with pytest.raises(InputError, match="sample 0, event 0: x=255: pass 0 to 33"):
        Events().check(datasets.load("n-mnist")[0].x)


class TestFormerForm:
    """Version 0.1.0 packed all into one file, and users were told that the originals may be removed."""

    @pytest.fixture
    def former(self, nmnist_folder):
        """Pack as version 0.1.0 did, and remove the originals; return its file, and the one to expect."""
        write_folder(nmnist_folder)
        check_loaded()
        (place, index), source = packed_in(nmnist_folder), nmnist_files.find(nmnist_folder).files
        values = np.load(place)
        with np.load(index) as stored:
            arrays = dict(stored) | {
                "empty": values[:0],
                "source": np.array(hashlib.sha256(repr(source).encode()).hexdigest()),
            }
        shutil.rmtree(nmnist_folder)
        nmnist_folder.mkdir()
        content, path = io.BytesIO(), nmnist_folder / "n-mnist.events"
        np.savez(content, **arrays)
        footer = struct.pack("<32sQ8s", hashlib.sha256(content.getvalue()).digest(), len(content.getvalue()), b"cupynn 1")
        path.write_bytes(values.tobytes() + content.getvalue() + footer)
        os.utime(path, (nmnist.STAMP, nmnist.STAMP))
        return path, place

    def test_it_is_converted_once(self, former):
        path, place = former
        assert nmnist.SOURCE.find(path.parent) == [path]
        check_loaded()
        converted = place, place.with_suffix(".npz")  # where the originals would be packed
        assert sorted(path.parent.iterdir()) == [*converted]
        times = [each.stat().st_ctime_ns for each in converted]
        check_loaded()
        assert [each.stat().st_ctime_ns for each in converted] == times

    def test_a_damaged_one_is_left_alone(self, former):
        path, _ = former
        content, dtype = path.read_bytes(), recordings.event_type(nmnist.SENSOR)
        start = 5 * dtype.itemsize
        cut = [content[:end] for end in range(0, len(content), 61)]
        changed = [content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :] for at in range(start, len(content), 31)]
        for broken in (*cut, *changed, content[7:], bytes(7) + content):
            path.write_bytes(broken)
            os.utime(path, (nmnist.STAMP, nmnist.STAMP))
            assert nmnist_files.read_former(path, dtype) is None
        path.write_bytes(content)  # at another time
        with pytest.raises(InputError, match="offline"):
            datasets.load("n-mnist")
        assert list(path.parent.iterdir()) == [path]

    def test_it_stays_where_nothing_can_be_written(self, former, monkeypatch):
        monkeypatch.setattr(nmnist, "may_write", lambda folder: False)
        with pytest.raises(InputError, match=r"events, packed by version 0\.1\.0, cannot be converted.* 35 bytes of space"):
            datasets.load("n-mnist")
        assert list(former[0].parent.iterdir()) == [former[0]]


class TestWhatIsReplaced:
    def test_other_states_of_the_recordings_and_the_old_form(self, nmnist_folder):
        write_folder(nmnist_folder)
        check_loaded()
        before = packed_in(nmnist_folder)
        (nmnist_folder / "n-mnist.events").write_bytes(b"as version 0.1 wrote it")
        left = nmnist_folder / f"{before[0].name}.4000000.tmp", nmnist_folder / "n-mnist.events.4000000.tmp"
        for path in left:
            path.write_bytes(b"of a killed process")
        spared = nmnist_folder / "n-mnist.notes.npy", nmnist_folder / "other.npy.4000000.tmp"
        for path in spared:
            path.write_bytes(b"somebody else's")
        (nmnist_folder / "Train/3/00007.bin").write_bytes(pack(9, 9, 9, 1))
        datasets.load("n-mnist")
        now = packed_in(nmnist_folder)
        assert not {*now} & {*before}
        assert {path for path in nmnist_folder.iterdir() if path.is_file()} == {*now, *spared}

    def test_the_old_form_stays_until_it_is_replaced(self, nmnist_folder):
        write_folder(nmnist_folder, FILES | {"Test/9/00099.bin": b"bad"})
        (nmnist_folder / "n-mnist.events").write_bytes(b"as version 0.1 wrote it")
        with pytest.raises(InputError, match="00099"):
            datasets.load("n-mnist")
        assert (nmnist_folder / "n-mnist.events").is_file()

    def test_of_two_folders_in_the_cache_of_the_user_both_stay(self, monkeypatch, nmnist_folder, counted):
        monkeypatch.setattr(nmnist, "may_write", lambda folder: False)
        for data in ("one", "other"):
            monkeypatch.setenv("CUPYNN_DATA", str(nmnist_folder / data))
            write_folder(nmnist_folder / data / "n-mnist")
            check_loaded()
        monkeypatch.setenv("CUPYNN_DATA", str(nmnist_folder / "one"))
        check_loaded()
        assert len(counted) == 2


PACK = """
import sys
from pathlib import Path
from cupynn.datasets import nmnist
from cupynn.datasets.nmnist_files import Member
def read():
    print("reading", flush=True)
    sys.stdin.readline()
    return bytes(15)
nmnist.pack(Path(sys.argv[1]), [Member("Train", 1, 5, "1.bin", read), Member("Test", 1, 5, "1.bin", lambda: b"")])
"""


class TestProcesses:
    """Processes that pack the same recordings; each waits, when it has begun, for a line."""

    @pytest.fixture
    def start(self, begin, tmp_path):
        return lambda: begin(PACK, tmp_path / "n-mnist.0123456789abcdef.npy", said="reading")

    def test_two_at_once(self, tmp_path, start):
        place = tmp_path / "n-mnist.0123456789abcdef.npy"
        one, other = start(), start()
        for process in (one, other):
            process.communicate("\n")
            assert process.returncode == 0
            assert len(nmnist.open_packed(place)[0]) == 3
        assert len(list(tmp_path.iterdir())) == 2

    @pytest.mark.skipif(os.name != "posix", reason="Windows removes no file that is open")
    def test_one_that_is_killed_leaves_nothing_that_is_opened_and_is_swept(self, tmp_path, start):
        place = tmp_path / "n-mnist.0123456789abcdef.npy"
        killed = start()
        killed.kill()
        killed.communicate()
        assert nmnist.open_packed(place) is None
        assert len(list(tmp_path.iterdir())) == 2
        start().communicate("\n")
        assert len(nmnist.open_packed(place)[0]) == 3
        assert len(list(tmp_path.iterdir())) == 2

    @pytest.mark.parametrize("ending", [".npy", slow(".npz")])
    def test_one_that_is_killed_between_the_two_files(self, tmp_path, start, ending):
        place = tmp_path / "n-mnist.0123456789abcdef.npy"
        start().communicate("\n")
        place.with_suffix(ending).unlink()
        assert nmnist.open_packed(place) is None
        start().communicate("\n")
        assert len(nmnist.open_packed(place)[0]) == 3
