"""`cupynn init`: a first definition for a folder of files, which trains."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from eventful import HEADER, packet

from cupynn import InputError, cli, datasets, presets

rng = np.random.default_rng(0)


def write_images(folder, shape=(40, 50), ground=230, figure=20, count=4):
    image = pytest.importorskip("PIL.Image", reason='Pillow is not installed: pip install -e ".[test]"')
    for size, name in enumerate(("large", "small"), 1):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            values = np.full(shape, ground, np.uint8)
            values[5 : 5 + 12 // size, 8 : 8 + 12 // size] = figure
            image.fromarray(values).save(folder / name / f"{index}.png")


def write_events(folder, largest):
    for name in ("left", "right"):
        (folder / name).mkdir(parents=True)
        for index in range(3):
            events = np.zeros(500, [("t", int), ("x", int), ("y", int), ("p", int)])
            events["t"] = np.sort(rng.integers(0, 90_000, 500)) + 7000
            events["x"], events["y"] = rng.integers(0, largest, 500), rng.integers(0, largest, 500)
            np.save(folder / name / f"{index}.npy", events)


def write_sounds(folder, seconds):
    from scipy.io import wavfile

    for name in ("high", "low"):
        (folder / name).mkdir(parents=True)
        for index in range(2):
            wavfile.write(
                folder / name / f"{index}.wav", 8000, rng.integers(-9000, 9000, int(8000 * seconds)).astype(np.int16)
            )


def test_dark_figures_are_inverted_and_their_background_removed(tmp_path):
    write_images(tmp_path / "shapes")
    experiment = presets.for_folder(tmp_path / "shapes")
    data = {key: experiment.data[key] for key in ("kind", "size", "colour", "invert", "cut_ground")}
    assert data == {"kind": "image-folder", "size": [28, 28], "colour": False, "invert": True, "cut_ground": True}
    assert experiment.network["layers"][-1]["units"] == 2
    assert experiment.training["augment"] == {"kind": "Augment"}


def test_bright_figures_on_black_stay(tmp_path):
    write_images(tmp_path / "shapes", shape=(20, 24), ground=0, figure=250)
    data = presets.for_folder(tmp_path / "shapes").data
    assert (data["size"], data["invert"], data["cut_ground"]) == ([20, 24], False, False)


def save_grey(folder, pictures):
    """Write pictures, uint8, for two classes each."""
    image = pytest.importorskip("PIL.Image", reason='Pillow is not installed: pip install -e ".[test]"')
    for name in ("in", "out"):
        (folder / name).mkdir(parents=True)
        for index, values in enumerate(pictures):
            image.fromarray(values).save(folder / name / f"{index}.png")


def filled(figure):
    """A dark figure on a bright ground, of which a border of one pixel shows."""
    values = np.full((28, 28), 230, np.uint8)
    values[1:-1, 1:-1] = figure
    return values


def photograph(ground):
    """Noise around a bright or dark level, with no plain border."""
    return rng.normal(ground, 50, (60, 80)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("pictures", "invert", "cut"),
    [
        ([photograph(190), photograph(180)], False, False),
        ([photograph(60), photograph(190)], False, False),
        ([filled(20), filled(40)], True, False),  # cutting would take the figures, which fill the images, for the background
        ([np.full((28, 28), 200, np.uint8)] * 2, True, False),  # nothing would be left
        ([255 - filled(235)[:, :9], filled(20)[:, :9]], False, False),  # bright on dark, and dark on bright
    ],
)
def test_photographs_and_large_figures_are_not_erased(tmp_path, pictures, invert, cut):
    save_grey(tmp_path, pictures)
    data = presets.for_folder(tmp_path).data
    assert (data["invert"], data["cut_ground"]) == (invert, cut)


def test_one_image_that_would_be_erased_keeps_the_background(tmp_path):
    write_images(tmp_path)
    assert presets.for_folder(tmp_path).data["cut_ground"]
    image = pytest.importorskip("PIL.Image", reason='Pillow is not installed: pip install -e ".[test]"')
    image.fromarray(np.full((40, 50), 230, np.uint8)).save(tmp_path / "small" / "empty.png")
    assert not presets.for_folder(tmp_path).data["cut_ground"]


def test_colour_gets_convolutions_that_fit(tmp_path):
    write_images(tmp_path / "shapes", shape=(31, 30, 3), figure=(200, 10, 10))
    experiment = presets.for_folder(tmp_path / "shapes")
    assert experiment.data["colour"]
    assert [layer["kind"] for layer in experiment.network["layers"]][:2] == ["SpikingConv2D", "SpikingPool2D"]
    assert experiment.build("cpu")[0].input_shape == (3, 30, 30)


@pytest.mark.parametrize(
    ("largest", "sensor", "pool"),
    [(30, [2, 34, 34], None), (120, [2, 128, 128], 4), (300, [2, 480, 640], 20), (1390, [2, 1400, 1400], 70)],
)
def test_events_get_the_sensor_and_the_step(tmp_path, largest, sensor, pool):
    write_events(tmp_path / "moves", largest)
    experiment = presets.for_folder(tmp_path / "moves")
    assert experiment.data["sensor"] == experiment.network["input_shape"] == sensor
    assert experiment.network["layers"][0].get("kernel_size") == pool
    assert 250 < experiment.network["encoder"]["step"] < 350  # 90 ms in 300 steps


DAT = b"% Version 2\n" + bytes([0, 8]) + struct.pack("<II", 900, 1 << 28 | 20 << 14 | 30)
BIN = bytes([30, 20, 0x80, 3, 132])


@pytest.mark.parametrize(
    ("suffix", "content"),
    [(".aedat", HEADER + packet([(900, 30, 20, 1)])), (".dat", DAT), (".bs2", BIN), (".bin", BIN), (".BIN", BIN)],
)
def test_suffixes_of_events(tmp_path, suffix, content):
    for name in ("left", "right"):
        (tmp_path / name).mkdir()
        for index in range(2):
            (tmp_path / name / f"{index}{suffix}").write_bytes(content)
    data = presets.for_folder(tmp_path).data
    assert (data["kind"], data["sensor"]) == ("event-folder", [2, 34, 34])


def test_sounds_get_steps_for_the_longest(tmp_path):
    write_sounds(tmp_path / "words", seconds=0.45)
    experiment = presets.for_folder(tmp_path / "words")
    assert experiment.network["steps"] == 300  # 28.1 frames of 10 steps
    assert experiment.network["encoder"]["kind"] == "BSA"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "has 0 sub-folders"),
        ({"one": "a.png"}, "has 1 sub-folders"),
        ({"one": "a.doc", "two": "b.doc"}, "contain no images, sounds or event recordings"),
        ({"one": "a.png", "two": "b.wav", "three": "c.png"}, "two has no files for kind 'image-folder'"),
        ({"one": "a.png", "two": "b.wav"}, "contain no images, sounds or event recordings.*found are .png, .wav"),
        ({"one": "a.heic", "two": "b.heic", "three": "c.wav"}, "found are .heic, .wav"),
        ({"one": "a.png", "two": "b.png"}, "a.png cannot be read as an image"),
        ({"one/cat": "a.png", "two/cat": "b.png"}, "one has no files, but its sub-folders have"),
        ({"train/cat": "a.png", "test/cat": "b.png"}, "pass .*test and .*train, one by one"),
    ],
)
def test_folders_that_cannot_be_used(tmp_path, files, message):
    pytest.importorskip("PIL", reason='Pillow is not installed: pip install -e ".[test]"')
    for name, file in files.items():
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / file).write_text("not what it seems")
    with pytest.raises(InputError, match=message):
        presets.for_folder(tmp_path)


@pytest.mark.parametrize(
    ("stray", "message"),
    [
        ("small/note.txt", r"note\.txt cannot be read as an image"),
        ("small/0.wav", r"0\.wav cannot be read as an image"),
        ("small/deeper/0.png", r"small.deeper is not a file: keep only images"),
    ],
)
def test_what_the_reader_refuses_is_refused(tmp_path, stray, message):
    write_images(tmp_path, count=30)
    (tmp_path / stray).parent.mkdir(exist_ok=True)
    (tmp_path / stray).write_bytes(b"RIFF")
    with pytest.raises(InputError, match=message):
        datasets.from_image_folder(tmp_path, size=8)
    with pytest.raises(InputError, match=message):
        presets.for_folder(tmp_path)


def test_what_the_reader_ignores_is_ignored(tmp_path):
    """Beside sounds: their transcripts, pictures, and files deeper than the class."""
    write_sounds(tmp_path, seconds=0.45)
    for name in ("high", "low"):
        for index in range(2):
            (tmp_path / name / f"{index}.txt").write_text("a word")
        (tmp_path / name / "0.png").write_text("its spectrogram")
        (tmp_path / name / "anna").mkdir()
        (tmp_path / name / "1.wav").rename(tmp_path / name / "anna" / "1.wav")
    (tmp_path / "high" / "2.wav").write_bytes((tmp_path / "high" / "0.wav").read_bytes())
    assert presets.for_folder(tmp_path).data["kind"] == "sound-folder"


def test_sounds_deeper_than_their_classes(tmp_path):
    write_sounds(tmp_path, seconds=0.45)
    for name in ("high", "low"):
        (tmp_path / name).rename(tmp_path / "anna")
        (tmp_path / name).mkdir()
        (tmp_path / "anna").rename(tmp_path / name / "anna")
    assert presets.for_folder(tmp_path).data["kind"] == "sound-folder"


def test_a_sound_shorter_than_a_frame(tmp_path):
    write_sounds(tmp_path, seconds=0.001)
    with pytest.raises(InputError, match=r"0\.wav has 8 samples, less than a frame of 128: leave it out"):
        presets.for_folder(tmp_path)


def test_as_many_files_of_two_kinds(tmp_path):
    write_images(tmp_path, count=2)
    for name in ("large", "small"):
        (tmp_path / name / "0.wav").write_bytes(b"")
        (tmp_path / name / "1.wav").write_bytes(b"")
    with pytest.raises(InputError, match=r"have 4 files for kind '.+-folder' and as many for '.*': keep those of one"):
        presets.for_folder(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="links need a right on Windows")
@pytest.mark.parametrize(("link", "message"), [("loop", "loop has no images"), ("small/loop", "loop is not a file")])
def test_links_in_a_circle_are_refused_as_by_the_reader(tmp_path, link, message):
    write_images(tmp_path)
    (tmp_path / link).symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(InputError, match=message):
        datasets.from_image_folder(tmp_path, size=8)
    with pytest.raises(InputError, match=message):
        presets.for_folder(tmp_path)


def test_few_files_leave_some_of_each_class_to_train_on(tmp_path):
    write_images(tmp_path / "few", count=2)
    data = presets.for_folder(tmp_path / "few").data
    assert (data["test"], data["validation"]) == (0.2, 0)
    train, validation, test = presets.for_folder(tmp_path / "few").load_data()
    assert (sorted(set(train.y)), validation, len(test)) == ([0, 1], None, 1)
    write_images(tmp_path / "single", count=1)
    with pytest.raises(InputError, match=r"large has 1 of the 2 files, too few to train on some and test on others: add"):
        presets.for_folder(tmp_path / "single")


def odd_folder(place):
    """Make folders whose name is not Unicode, where the file system allows it."""
    try:
        place.mkdir(parents=True)
    except OSError:
        pytest.skip("this file system allows only Unicode names")
    return place


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode on Windows")
def test_names_that_are_not_unicode(tmp_path):
    write_images(tmp_path / "shapes")
    (tmp_path / "shapes" / "large").rename(odd_folder(tmp_path / "shapes" / "caf\udce9"))
    assert datasets.from_image_folder(tmp_path / "shapes", size=8).classes == ("caf?", "small")
    write_images(odd_folder(tmp_path / "n\udce9"))
    with pytest.raises(InputError, match=r"is not Unicode, so a definition cannot hold it: rename the folder"):
        presets.for_folder(tmp_path / "n\udce9")


def test_the_root_of_a_disk_has_a_name(tmp_path, monkeypatch):
    write_images(tmp_path)
    monkeypatch.setattr(Path, "name", property(lambda path: "" if path == tmp_path else os.path.basename(path)))
    assert presets.for_folder(tmp_path).name == "data"


@pytest.mark.usefixtures("no_figures")
def test_the_command_writes_a_definition_that_trains(tmp_path, monkeypatch, capsys):
    write_images(tmp_path / "shapes", count=12)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["init", "shapes"]) == 0
    assert "shapes.toml: image-folder, 2 classes" in capsys.readouterr().out
    assert cli.main(["init", "shapes"]) == 1
    assert "shapes.toml exists: remove it, or choose another file with --out" in capsys.readouterr().err
    short = ["--epochs", "1", "--set", "network.steps=100", "--quiet"]
    assert cli.main(["train", "shapes.toml", "--out", "run", *short]) == 0
    assert (tmp_path / "run" / "result.json").is_file()


def test_the_definition_is_short_and_moves_with_its_data(tmp_path, monkeypatch, capsys):
    write_images(tmp_path / "here" / "shapes")
    monkeypatch.chdir(tmp_path / "here")
    assert cli.main(["init", "shapes"]) == 0
    assert "size = [28, 28], colour = false, invert = true" in capsys.readouterr().out
    text = Path("shapes.toml").read_text(encoding="utf-8")
    assert '\npath = "shapes"\n' in text
    assert "\nsize = [28, 28]\n" in text
    os.rename(tmp_path / "here", tmp_path / "there")
    assert presets.read(tmp_path / "there" / "shapes.toml").data["path"] == str((tmp_path / "there" / "shapes").resolve())
