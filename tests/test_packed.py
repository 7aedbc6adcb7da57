"""The one file that recordings are packed into: when it is made, found again, and thrown away."""

import os

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nmnist_toy import FILES, check_loaded, contents, oracle, pack, write_archive, write_folder

from cupynn import datasets
from cupynn.checks import InputError
from cupynn.datasets import packed
from cupynn.encoders import Events


@pytest.fixture
def counted(monkeypatch):
    """List that grows by one whenever recordings are packed."""
    calls, write = [], packed.write

    def counting(path, *rest):
        calls.append(path)
        write(path, *rest)

    monkeypatch.setattr(packed, "write", counting)
    return calls


def test_packs_once_and_anew_when_a_file_changes(nmnist_folder, counted):
    write_folder(nmnist_folder)
    check_loaded()
    check_loaded()
    assert counted == [nmnist_folder / "n-mnist.events"]
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

    monkeypatch.setattr(packed, "write", full)
    with pytest.raises(InputError, match="cannot be packed into one file") as caught:
        datasets.load("n-mnist")
    assert str(caught.value).count("No space left on device") == 2


def test_a_packing_that_breaks_off_leaves_nothing(nmnist_folder):
    write_folder(nmnist_folder, FILES | {"Test/9/00099.bin": b"bad"})
    with pytest.raises(InputError, match="00099"):
        datasets.load("n-mnist")
    assert not [path for path in nmnist_folder.iterdir() if path.is_file()]


def test_a_packed_file_cut_or_written_to_anywhere_is_packed_anew(nmnist_folder):
    write_folder(nmnist_folder)
    check_loaded()
    path = nmnist_folder / "n-mnist.events"
    content = path.read_bytes()
    for end in range(0, len(content), 7):
        path.write_bytes(content[:end])
        check_loaded()
    for at in range(0, len(content), 7):
        with path.open("r+b") as file:
            file.seek(at)
            file.write(bytes([content[at] ^ 0x10]))
        check_loaded()
    assert path.read_bytes() == content


@given(st.data())
def test_a_packed_file_with_its_old_time_stamp_is_refused_or_right(tmp_path_factory, data):
    """Then only the values themselves can differ: sizes and index are verified."""
    path = tmp_path_factory.mktemp("packed") / "x.events"
    kind = np.dtype([("t", np.uint32), ("p", np.uint8)])
    lengths = data.draw(st.lists(st.integers(0, 5), max_size=4))
    samples = [data.draw(arrays.arrays(np.uint8, 5 * length)).view(kind) for length in lengths]
    packed.write(path, samples, kind, {"labels": np.arange(len(samples))})
    values, index = packed.read(path)
    values = values.copy()
    assert index["lengths"].tolist() == lengths
    np.testing.assert_array_equal(values, np.concatenate([np.empty(0, kind), *samples]))

    content = bytearray(path.read_bytes())
    at, bit = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(0, 7))
    content[at] ^= 1 << bit
    path.write_bytes(content if data.draw(st.booleans()) else content[:at])
    os.utime(path, (packed.STAMP, packed.STAMP))
    found = packed.read(path)
    if found is not None:
        assert at < values.nbytes
        assert path.stat().st_size == len(content)
        assert found[1]["lengths"].tolist() == lengths
        assert (found[0] != values).sum() == 1


def test_garbage_in_the_values_is_refused_by_the_encoder(nmnist_folder):
    write_folder(nmnist_folder)
    check_loaded()
    path = nmnist_folder / "n-mnist.events"
    content = bytearray(path.read_bytes())
    content[4] = 255  # x of the first event
    path.write_bytes(content)
    os.utime(path, (packed.STAMP, packed.STAMP))
    with pytest.raises(InputError, match="sample 0, event 0: x=255: pass 0 to 33"):
        Events().check(datasets.load("n-mnist")[0].x)
