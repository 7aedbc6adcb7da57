"""Files written whole or not at all: what killed processes leave is swept, what living ones write is not."""

import os
import signal
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pytest

from cupynn import InputError, files, presets, run
from cupynn.datasets import cache

WRITE = """
import sys, time
from pathlib import Path
from zipfile import BadZipFile
from cupynn import files
with files.replacing(Path(sys.argv[1])) as file:
    file.write(sys.argv[2].encode())
    file.flush()
    print("writing", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(begin, tmp_path):
    """Process that is at work on a file, and holds on until its input ends."""
    return lambda name="net.npz", content="half": begin(WRITE, tmp_path / name, content, said="writing")


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def left(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="Windows locks what is open by itself")
class TestSweep:
    @pytest.mark.parametrize("content", ["half", ""])
    def test_the_living_are_spared_and_the_dead_are_swept(self, tmp_path, writer, content):
        process = writer(content=content)
        (half,) = tmp_path.glob("net.npz.*.tmp")
        os.utime(half, (1, 1))  # however old it seems
        files.sweep(tmp_path)
        files.write_text(tmp_path / "net.npz", "ours")
        assert left(tmp_path) == ["net.npz", half.name]
        kill(process)
        files.sweep(tmp_path, "other.npz")
        assert len(left(tmp_path)) == 2
        files.sweep(tmp_path)
        assert left(tmp_path) == ["net.npz"]

    def test_a_spared_one_ends_as_if_nothing_had_been(self, tmp_path, writer):
        process = writer(content="whole")
        files.sweep(tmp_path)
        process.communicate("")
        assert process.returncode == 0
        assert (tmp_path / "net.npz").read_text(encoding="utf-8") == "whole"
        assert left(tmp_path) == ["net.npz"]

    def test_nobody_sweeps_between_the_last_byte_and_the_new_name(self, tmp_path, monkeypatch):
        replace = Path.replace

        def swept(temporary, target):
            files.sweep(tmp_path)
            return replace(temporary, target)

        monkeypatch.setattr(Path, "replace", swept)
        files.write_text(tmp_path / "x", "text")
        assert (tmp_path / "x").read_text(encoding="utf-8") == "text"

    def test_one_that_is_swept_before_it_is_locked_is_opened_again(self, tmp_path, monkeypatch):
        opened, dup = [], os.dup

        def swept(descriptor):
            opened.append(descriptor)
            if len(opened) == 1:
                files.sweep(tmp_path)
                assert left(tmp_path) == []
            return dup(descriptor)

        monkeypatch.setattr(os, "dup", swept)
        files.write_text(tmp_path / "x", "text")
        assert len(opened) == 2
        assert (tmp_path / "x").read_text(encoding="utf-8") == "text"

    def test_without_locks_age_decides(self, tmp_path, monkeypatch):
        def refuse(*_):
            raise OSError(38, "Function not implemented")

        monkeypatch.setattr(files.fcntl, "flock", refuse)
        (tmp_path / "net.npz.1.tmp").touch()
        (tmp_path / "old.npz.1.tmp").touch()
        os.utime(tmp_path / "old.npz.1.tmp", (1, 1))
        files.write_text(tmp_path / "x", "text")
        files.sweep(tmp_path)
        assert left(tmp_path) == ["net.npz.1.tmp", "x"]


def test_only_names_of_ours_are_swept(tmp_path):
    names = ["notes.tmp", "a.b.tmp", "net[1].npz.12.tmp.npz", ".tmp", "1.tmp"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "net[1].npz.12.tmp").touch()
    files.write_text(tmp_path / "net[1].npz", "text")
    assert left(tmp_path) == sorted([*names, "net[1].npz"])
    files.sweep(tmp_path / "none")


class TestWhoSweeps:
    """Whoever writes a file sweeps what others have left of it."""

    def test_the_cache(self, tmp_path, monkeypatch):
        monkeypatch.setattr(cache, "user_cache", lambda: tmp_path)

        def make():
            return {"x": np.ones(3)}

        cache.load_or_compute("ear", 1, (), make)
        (name,) = left(tmp_path)
        (tmp_path / name).unlink()
        (tmp_path / f"{name}.4000000.tmp").touch()
        cache.load_or_compute("ear", 1, (), make)
        assert left(tmp_path) == [name]

    @pytest.mark.usefixtures("no_figures")
    def test_runs(self, tmp_path):
        """Of their definition, when one begins, and of all else, when it is resumed."""
        (tmp_path / "definition.toml.4000000.tmp").touch()
        small = {"training.epochs": 1, "network.steps": 120, "network.layers.hidden.units": 3}
        run.train(presets.read("digits", small), tmp_path, progress=False, device="cpu")
        assert not list(tmp_path.glob("*.tmp"))
        (tmp_path / "best.npz.4000000.tmp").touch()
        run.resume(tmp_path, progress=False)
        assert not list(tmp_path.glob("*.tmp"))

    def test_an_error_says_what_could_not_be_written(self, tmp_path):
        with pytest.raises(InputError, match=r"cannot write .*none"):
            files.write_text(tmp_path / "none" / "x", "text")


class TestArrays:
    def test_written_arrays_are_read_again(self, tmp_path):
        arrays = {"one/weight": np.arange(6.0).reshape(2, 3), "count": np.array(7), "none": np.empty((0, 2), np.uint8)}
        files.write_arrays(tmp_path / "x.npz", arrays)
        found = files.read_arrays(tmp_path / "x.npz", compressed=False)
        assert list(found) == list(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array, strict=True)
            assert found[name].flags.writeable

    def test_what_a_file_held_is_kept(self, tmp_path):
        for value in (1, 2):
            files.write_arrays(tmp_path / "x.npz", {"x": np.array(value)}, keep=tmp_path / "before.npz")
        assert [int(files.read_arrays(tmp_path / name)["x"]) for name in ("x.npz", "before.npz")] == [2, 1]

    def test_compressed_arrays_are_refused_where_the_size_of_the_file_is_the_bound(self, tmp_path):
        np.savez_compressed(tmp_path / "x.npz", x=np.zeros(1 << 20))
        assert files.read_arrays(tmp_path / "x.npz")["x"].size == 1 << 20
        with pytest.raises(ValueError, match=r"x\.npy is not packed as"):
            files.read_arrays(tmp_path / "x.npz", compressed=False)

    @pytest.mark.parametrize("size", [3, files.HEADER - 128, 3 * files.CHUNK])
    def test_a_changed_value_is_noticed_by_its_checksum(self, tmp_path, size):
        """Also where the array ends with a part that is read at once."""
        files.write_arrays(tmp_path / "x.npz", {"x": np.full(size, 170, np.uint8)})
        content = (tmp_path / "x.npz").read_bytes()
        for place in (content.index(bytes([170]) * 3), content.rindex(bytes([170]) * 3) + 2):
            (tmp_path / "x.npz").write_bytes(content[:place] + b"\0" + content[place + 1 :])
            with pytest.raises(BadZipFile):
                files.read_arrays(tmp_path / "x.npz")

    @pytest.mark.parametrize("lengths", [[], [0], [3, 0, 2], [100_000]])
    def test_rows_are_one_array_that_is_mapped(self, tmp_path, lengths):
        kind = np.dtype([("t", np.uint32), ("p", np.uint8)])
        arrays = [np.frombuffer(np.random.default_rng(0).bytes(5 * length), kind) for length in lengths]
        with files.replacing(tmp_path / "x.npy") as file:
            assert files.put_rows(file, arrays, kind) == lengths
        whole = np.concatenate([np.empty(0, kind), *arrays])
        mapped = files.map_array(tmp_path / "x.npy")
        for found in (mapped, files.read_array(tmp_path / "x.npy"), np.load(tmp_path / "x.npy")):
            np.testing.assert_array_equal(found, whole, strict=True)
        assert not mapped.flags.writeable

    def test_a_map_of_what_is_cut_or_longer_is_refused(self, tmp_path):
        np.save(tmp_path / "x.npy", np.arange(9))
        content = (tmp_path / "x.npy").read_bytes()
        for wrong in (*(content[:end] for end in range(len(content))), content + b"0"):
            (tmp_path / "x.npy").write_bytes(wrong)
            with pytest.raises(ValueError):
                files.map_array(tmp_path / "x.npy")


def test_writers_of_one_file_have_files_of_their_own(tmp_path):
    """In one process, or with one number in two containers: each writes its own, and the last to end is what is there."""
    path = tmp_path / "file"
    with files.writing(path) as one:
        one.write(b"one")
        with files.writing(path) as other:
            other.write(b"other, longer")
        assert path.read_bytes() == b"other, longer"
    assert path.read_bytes() == b"one"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_what_is_there_and_no_file_is_left_alone(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="it exists and is not a file"), files.writing(tmp_path / "pipe"):
        pass
    target = tmp_path / "target"
    target.write_bytes(b"before")
    (tmp_path / "link").symlink_to(target)
    with files.writing(tmp_path / "link") as file:
        file.write(b"after")
    assert (tmp_path / "link").is_symlink()
    assert target.read_bytes() == b"after"
