"""Speech datasets: what is read, from where, kept how, and what is refused. No test reaches beyond 127.0.0.1."""

import functools
import gzip
import io
import os
import re
import string
import sys
import tarfile

import numpy as np
import platformdirs
import pytest
from factories import SHARED, needs_dataset, slow, sphere, wav
from hypothesis import given, settings
from hypothesis import strategies as st

from cupynn import datasets, presets
from cupynn.checks import InputError
from cupynn.datasets import PassiveEar, fsdd, sound, speech

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
REAL = SHARED / "data" / "fsdd"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """The user's cache, empty; no test sees the real one, nor the real host."""
    monkeypatch.delenv("CUPYNN_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda project: str(tmp_path / "cache" / project))
    monkeypatch.setattr(fsdd, "URL", "http://127.0.0.1:9/v1.0.10.tar.gz")
    return tmp_path / "cache" / "cupynn"


@pytest.fixture
def data(monkeypatch, tmp_path):
    """The folder of the data files, chosen by the user."""
    monkeypatch.setenv("CUPYNN_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def tone(seed, seconds=0.05, rate=8000):
    rng = np.random.default_rng(seed)
    phase = 2 * np.pi * rng.uniform(200, 3000) * np.arange(round(seconds * rate)) / rate
    return (8000 * np.sin(phase)).astype(np.int16).tobytes()


NAMES = [f"{digit}_{speaker}_{take}.wav" for digit in range(10) for speaker in SPEAKERS for take in range(50)]


@functools.cache
def recording(name):
    """Content of a made-up recording, of one to three frames."""
    seed = NAMES.index(name)
    return wav(tone(seed, seconds=0.016 * (1 + seed % 3)))


def archive(names=NAMES, content=recording):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as tar:
        for name in ("README.md", *names):
            info = tarfile.TarInfo(f"free-spoken-digit-dataset/recordings/{name}")
            body = b"not a sound" if name == "README.md" else content(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return stream.getvalue()


@pytest.fixture(scope="session")
def whole():
    """An archive of all 3,000 recordings."""
    return archive()


@pytest.fixture
def stored(data, whole):
    (data / "fsdd").mkdir()
    (data / "fsdd" / "recordings.tar.gz").write_bytes(whole)
    return data / "fsdd"


def heard(name, **options):
    return PassiveEar(8000, **options)(sound.decode(recording(name), name)[0])


# FSDD ------------------------------------------------------------------------------------------------------------------


def test_fsdd_by_speaker(stored):
    train, test = datasets.load("fsdd", split="speaker")
    assert (len(train), len(test)) == (2000, 1000)
    assert train.input_shape == (78,)
    assert np.bincount(train.y).tolist() == [200] * 10
    tested = [name for name in NAMES if name.split("_")[1] in ("theo", "yweweler")]
    assert test.y.tolist() == [int(name[0]) for name in tested]
    for sample in (0, 501, 999):
        np.testing.assert_array_equal(test.x[sample], heard(tested[sample]))


def test_fsdd_by_index(stored):
    train, test = datasets.load("fsdd")
    assert (len(train), len(test)) == (2700, 300)
    tested = [name for name in NAMES if int(name.split("_")[2][:-4]) < 5]
    for sample in (0, 299):
        np.testing.assert_array_equal(test.x[sample], heard(tested[sample]))
    with pytest.raises(InputError, match="split='random'"):
        datasets.load("fsdd", split="random")


@pytest.mark.slow
def test_fsdd_as_a_folder_of_recordings(stored, whole):
    expected, _ = datasets.load("fsdd", split="speaker", channels=4)
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        tar.extractall(stored, filter="data")
    (stored / "recordings.tar.gz").unlink()
    (stored / "._0_george_0.wav").write_bytes(b"left behind by a Mac")
    train, _ = datasets.load("fsdd", split="speaker", channels=4)
    first = train.x[train.y == 0][0]
    np.testing.assert_array_equal(first, expected.x[0])
    assert train.x.values.sum() == pytest.approx(expected.x.values.sum())


def test_fsdd_is_never_extracted_and_heard_but_once(stored, cache, monkeypatch):
    train, _ = datasets.load("fsdd", channels=4)
    assert os.listdir(stored) == ["recordings.tar.gz"]
    monkeypatch.setattr(speech, "contents", None)
    again, _ = datasets.load("fsdd", channels=4)
    np.testing.assert_array_equal(again.x.values, train.x.values)
    np.testing.assert_array_equal(again.y, train.y)
    datasets.load("fsdd", split="index", channels=4)
    assert len(os.listdir(cache)) == 1
    assert again.x.values.flags.writeable  # as those that are not from the cache, or kernels compile anew


@pytest.mark.slow
def test_fsdd_is_heard_anew_when_anything_changes(stored, cache):
    datasets.load("fsdd", channels=4)
    assert datasets.load("fsdd", channels=5)[0].input_shape == (5,)
    assert datasets.load("fsdd", channels=4, frame=0.008)[0].x.lengths.max() == 6
    os.utime(stored / "recordings.tar.gz", (0, 0))
    datasets.load("fsdd", channels=4)
    assert len(os.listdir(cache)) == 4


@pytest.mark.parametrize("damage", [slow("cut"), "flipped", slow("empty")])
def test_a_damaged_cache_is_made_anew(stored, cache, damage):
    train, _ = datasets.load("fsdd", channels=4)
    (path,) = cache.iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"cut": content[:-100], "flipped": content, "empty": b""}[damage])
    again, _ = datasets.load("fsdd", channels=4)
    np.testing.assert_array_equal(again.x.values, train.x.values)
    assert [path.name] == os.listdir(cache)
    assert path.stat().st_size == len(content)


def test_a_cache_that_cannot_be_written(stored, cache):
    cache.parent.mkdir()
    cache.write_text("a file where the folder shall be")
    with pytest.raises(InputError, match="is the cache and cannot be written"):
        datasets.load("fsdd", channels=4)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (NAMES[:77] + NAMES[78:], "has 2,999 recordings, expected 3,000; 0_jackson_27.wav is missing or duplicated"),
        ([*NAMES, "3_theo_9.wav"], "has 3,001 recordings, expected 3,000; 3_theo_9.wav is missing or duplicated"),
        ([], "no recordings found"),
    ],
)
def test_incomplete_copies(data, cache, names, message):
    (data / "fsdd").mkdir()
    (data / "fsdd" / "x.tar.gz").write_bytes(archive(names))
    with pytest.raises(InputError, match=message):
        datasets.load("fsdd", channels=2)
    assert not cache.exists()


def test_two_archives(stored):
    (stored / "another.tar.gz").write_bytes(b"")
    with pytest.raises(InputError, match=r"several archives, another.tar.gz, recordings.tar.gz: keep one"):
        datasets.load("fsdd")


def test_no_recordings_and_no_network(data):
    with pytest.raises(InputError, match=r"(?s)fsdd.tar.gz is missing.*download http.* by hand as fsdd.tar.gz, and put it"):
        datasets.load("fsdd")


SMALL = archive(NAMES[:3])


@given(st.integers(0, len(SMALL) - 20), st.binary(max_size=3))
@settings(max_examples=60)
def test_a_damaged_archive_gives_one_error(tmp_path_factory, length, patch):
    path = tmp_path_factory.mktemp("damaged") / "x.tar.gz"
    for content in (SMALL[:length] + patch, gzip.compress(gzip.decompress(SMALL)[:length] + patch)):
        path.write_bytes(content)
        try:
            for name, body in speech.contents(path, fsdd.NAME):
                assert len(body) <= 1000, name
        except InputError as error:
            assert str(path) in str(error)  # noqa: PT017


@pytest.mark.parametrize("name", ["recordings/0_george_0.wav", "README.md"])
def test_an_archive_whose_header_claims_too_much(tmp_path, name):
    """To come to the next header, `tarfile` would count 2^80 bytes that are not there, in steps of 10 kB."""
    huge = tarfile.TarInfo(name)
    huge.size = 2**80
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(huge.tobuf(tarfile.GNU_FORMAT) + bytes(512)))
    with pytest.raises(InputError, match=rf"x\.tar\.gz: {name} declares 1,208,925,819,614,629,174,706,688 bytes"):
        list(speech.contents(tmp_path / "x.tar.gz", fsdd.NAME))


def test_an_archive_of_endless_headers_gives_one_error(tmp_path):
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 1
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress((name.tobuf() + bytes(512)) * sys.getrecursionlimit()))
    with pytest.raises(InputError, match=r"x\.tar\.gz cannot be read \(maximum recursion depth exceeded"):
        list(speech.contents(tmp_path / "x.tar.gz", fsdd.NAME))


def test_a_damaged_recording_is_named(data):
    (data / "fsdd").mkdir()
    (data / "fsdd" / "x.tar.gz").write_bytes(archive(NAMES[:3], lambda name: recording(name)[:-1]))
    with pytest.raises(InputError, match=r"x.tar.gz: free-spoken-digit-dataset/recordings/0_george_0.wav is truncated"):
        datasets.load("fsdd")


@needs_dataset("fsdd")
def test_fsdd_real():
    found = []
    for name, content in speech.contents(next(REAL.glob("*.tar.gz")), fsdd.NAME):
        signal, rate = sound.decode(content, name)
        assert rate == 8000
        found.append(PassiveEar(rate)(signal))
        if len(found) == 20:
            break
    for frames in found:
        assert 1e-4 < frames.max() < 1e-3  # where the paper's gain of 2000 makes spikes of it


# TI46 ------------------------------------------------------------------------------------------------------------------


def write_ti46(folder, train="train", test="test", rate=12500, upper=False):
    """A small copy: two speakers, a take of each letter to train on, two to test on; and words that are no letters."""
    for speaker in ("f1", "m3"):
        for part, takes in ((train, ["set0"]), (test, ["s1t0", "s8t1"])):
            for word in [f"0{letter}" for letter in string.ascii_lowercase] + ["00", "go"]:
                for take in takes:
                    corpus = "ti_alpha" if word[1] in string.ascii_lowercase and word[0] == "0" else "ti20"
                    name = f"{word}{speaker}{take}.wav"
                    path = folder / corpus / part / speaker / (name.upper() if upper else name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    body = tone(sum(map(ord, name)), seconds=0.016 * (1 + ord(word[1]) % 2), rate=rate)
                    path.write_bytes(sphere(body, sample_rate=f"-i {rate}"))


@pytest.mark.parametrize("upper", [False, True])
def test_ti46(data, upper):
    write_ti46(data / "ti46" / "disc", upper=upper)
    train, test = datasets.load("ti46")
    assert (len(train), len(test)) == (52, 104)
    assert train.input_shape == (78,)
    assert train.classes == test.classes == tuple(string.ascii_lowercase)
    assert np.bincount(train.y).tolist() == [2] * 26
    path = data / "ti46" / "disc" / "ti_alpha" / "train" / "f1" / "0cf1set0.wav"
    path = path.with_name(path.name.upper()) if upper else path
    signal, rate = sound.read(path)
    np.testing.assert_array_equal(train.x[train.y == 2][0], PassiveEar(rate)(signal))


def test_ti46_is_licensed(data):
    with pytest.raises(InputError, match=r"TI46-Word, catalogue number LDC93S9.*put your copy there") as raised:
        datasets.load("ti46")
    assert str(data / "ti46") in str(raised.value)


def test_ti46_of_one_part_or_twice(data):
    write_ti46(data / "ti46" / "a")
    write_ti46(data / "ti46" / "b")
    with pytest.raises(InputError, match="two recordings 0"):
        datasets.load("ti46", channels=2)
    for path in (data / "ti46").rglob("*s[18]t*"):
        path.unlink()
    with pytest.raises(InputError, match="no recordings to test on"):
        datasets.load("ti46", channels=2)


def test_ti46_of_another_rate(data):
    write_ti46(data / "ti46", rate=16000)
    with pytest.raises(InputError, match=r"0af1s1t0.wav has a sampling rate of 16,000 Hz, expected 12,500 Hz"):
        datasets.load("ti46")


# Presets ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "outputs"), [("fsdd", 10), ("ti46", 26)])
def test_presets(name, outputs):
    network, _, _ = presets.read(name).build()
    assert network.input_shape == (78,)
    assert [layer.output_shape for layer in network.layers] == [(800,), (outputs,)]


# Folders of one's own --------------------------------------------------------------------------------------------------


@pytest.fixture
def barks(tmp_path):
    for kind, seed, suffix in (("loud", 0, "wav"), ("loud", 1, "WAV"), ("soft", 2, "sph")):
        path = tmp_path / "barks" / kind / f"{seed}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        body = tone(seed, rate=16000)
        path.write_bytes(wav(body, rate=16000) if suffix != "sph" else sphere(body, sample_rate="-i 16000"))
    (tmp_path / "barks" / "loud" / "notes.txt").write_text("no sound")
    (tmp_path / "barks" / ".hidden").mkdir()
    return tmp_path / "barks"


def test_sound_folder(barks):
    barked = datasets.from_sound_folder(barks, channels=20)
    assert (barked.name, barked.classes, barked.y.tolist()) == ("barks", ("loud", "soft"), [0, 0, 1])
    np.testing.assert_array_equal(barked.x[2], PassiveEar(16000, 20)(sound.read(barks / "soft" / "2.sph")[0]))
    rest, held_out = barked.split(1)
    assert len(rest) + len(held_out) == 3


def test_sound_folder_with_parts_or_speakers(barks):
    """Sub-folders of a class are read, but Train and Test are not classes."""

    def nest(name):
        for folder in list(barks.iterdir()):
            (barks / "new").mkdir()
            folder.rename(barks / "new" / name)
            (barks / "new").rename(folder)

    before = datasets.from_sound_folder(barks, channels=8)
    nest("speaker")
    after = datasets.from_sound_folder(barks, channels=8)
    assert (after.classes, after.y.tolist()) == (before.classes, before.y.tolist())
    (barks / before.classes[0]).rename(barks / "Train")
    (barks / before.classes[1]).rename(barks / "test")
    with pytest.raises(
        InputError, match=r"its sub-folders hold the folders of the classes: pass .*Train and .*test, one by"
    ):
        datasets.from_sound_folder(barks, channels=8)


def test_sound_folder_of_several_rates(barks):
    (barks / "soft" / "3.wav").write_bytes(wav(tone(3, rate=8000)))
    with pytest.raises(InputError, match=r"3.wav has a sampling rate of 8,000 Hz, expected 16,000 Hz: pass rate="):
        datasets.from_sound_folder(barks)
    barked = datasets.from_sound_folder(str(barks), channels=20, rate=8000)
    assert barked.x.lengths.tolist() == [3, 3, 3, 3]
    np.testing.assert_array_equal(barked.x[3], PassiveEar(8000, 20)(sound.read(barks / "soft" / "3.wav")[0]))


def test_resampling_keeps_the_tone(tmp_path):
    """A tone is heard in the same channel at either rate, and a full-scale one does not go beyond the limits."""
    square = np.where(np.arange(16000) % 32 < 16, 32767, -32768).astype(np.int16)  # 500 Hz
    for kind in "ab":
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "x.wav").write_bytes(wav(square.tobytes(), rate=16000))
    for rate in (8000, 11025):
        ear = PassiveEar(rate, 40)
        frames = datasets.from_sound_folder(tmp_path, channels=40, rate=rate).x[0]
        assert abs(frames[-1].argmax() - np.abs(ear.frequencies - 500).argmin()) <= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: None, "is not a folder"),
        (lambda folder: folder.mkdir(), "has no sub-folders"),
        (lambda folder: (folder / "a").mkdir(parents=True), r"a has no .wav or .sph files"),
    ],
)
def test_sound_folders_that_cannot_be_used(tmp_path, change, message):
    change(tmp_path / "new")
    with pytest.raises(InputError, match=message):
        datasets.from_sound_folder(tmp_path / "new")


def test_a_recording_shorter_than_a_frame(barks):
    (barks / "soft" / "short.wav").write_bytes(wav(tone(0)[:100], rate=16000))
    with pytest.raises(InputError, match=r"short.wav has 50 samples, less than a frame of 256: leave it out"):
        datasets.from_sound_folder(barks)


def test_progress_is_shown_on_a_terminal_only(barks, capsys, monkeypatch):
    datasets.from_sound_folder(barks, channels=2)
    assert not capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    datasets.from_sound_folder(barks, channels=2)
    assert re.search(r"barks: .*0/3", capsys.readouterr().err)
