"""What the commands do with a trained run: evaluate, predict, raster; their output for people and for programs."""

import json

import numpy as np
import pytest
from factories import slow
from PIL import Image

from cupynn import InputError, Sequential, cli, datasets, encoders, layers, open_run, presets


@pytest.fixture(scope="module")
def folder(small_run):
    return small_run


@pytest.fixture(scope="module")
def test_set():
    return datasets.load("digits")[1]


def lines(capsys):
    return capsys.readouterr().out.splitlines()


class TestEvaluate:
    def test_a_run_is_tested_on_its_own_data(self, folder, capsys):
        assert cli.main(["evaluate", str(folder), "--json"]) == 0
        [line] = lines(capsys)
        assert json.loads(line) == json.loads((folder / "result.json").read_text(encoding="utf-8"))["test"]

    def test_a_file_of_a_run_likewise(self, folder, capsys):
        assert cli.main(["evaluate", str(folder)]) == cli.main(["evaluate", str(folder / "best.npz")]) == 0
        one, other = lines(capsys)
        assert one == other
        assert "accuracy=" in one

    def test_a_file_beside_no_run_on_a_data_set(self, folder, tmp_path, capsys):
        path = (tmp_path / "net.npz").resolve()
        path.write_bytes((folder / "best.npz").read_bytes())
        assert cli.main(["evaluate", str(path), "digits"]) == 0
        assert "accuracy=" in lines(capsys)[0]
        assert cli.main(["evaluate", str(path)]) == 1
        assert "name a data set" in capsys.readouterr().err

    def test_an_option_without_a_data_set(self, folder, capsys):
        assert cli.main(["evaluate", str(folder), "--option", "split=letters"]) == 1
        assert "--option split=letters: an option needs a data set" in capsys.readouterr().err


class TestPredict:
    def test_arrays_and_pictures_give_what_the_network_predicts(self, folder, test_set, tmp_path, capsys):
        np.save(tmp_path / "some.npy", test_set.x[:3])
        np.save(tmp_path / "one.npy", test_set.x[3])
        np.savez_compressed(tmp_path / "both.npz", x=test_set.x[:2], y=[0, 1])
        Image.fromarray(test_set.x[4]).save(tmp_path / "digit.png")
        files = [str(tmp_path / name) for name in ("some.npy", "one.npy", "both.npz", "digit.png")]
        assert cli.main(["predict", str(folder), *files, "--json"]) == 0
        found = [json.loads(line) for line in lines(capsys)]
        network = Sequential.load(folder / "best.npz")
        parts = [test_set.x[:3], test_set.x[3:4], test_set.x[:2], test_set.x[4:5]]
        expected = np.concatenate([network.counts(x) for x in parts])
        np.testing.assert_array_equal([each["counts"] for each in found], expected)
        assert [each["index"] for each in found] == expected.argmax(1).tolist()
        assert [each["class"] for each in found] == [str(index) for index in expected.argmax(1)]
        assert [each["file"] for each in found][2:4] == [f"{files[0]}[2]", files[1]]

    def test_a_line_for_people(self, folder, test_set, tmp_path, capsys):
        np.save(tmp_path / "one.npy", test_set.x[3])
        assert cli.main(["predict", str(folder), str(tmp_path / "one.npy")]) == 0
        counts = Sequential.load(folder / "best.npz").counts(test_set.x[3:4])[0]
        first, second = np.argsort(-counts, kind="stable")[:2]
        [line] = lines(capsys)
        assert line.endswith(f"one.npy  {first}  (spikes {first}: {counts[first]}, {second}: {counts[second]})")

    def test_recordings_of_events(self, tmp_path, capsys):
        net = Sequential([layers.SpikingDense(3, v_th=1.0)], (2, 4, 4), 20, encoders.Events(step=10))
        net.save(tmp_path / "net.npz")
        events = np.array([(100 + 10 * k, k % 4, 1, 1) for k in range(15)], [("t", int), ("x", int), ("y", int), ("p", int)])
        np.save(tmp_path / "events.npy", events)
        assert cli.main(["predict", str(tmp_path / "net.npz"), str(tmp_path / "events.npy"), "--json"]) == 0
        moved = events.copy()
        moved["t"] -= 100  # counted from the first event
        x = datasets.events([moved], [0], sensor=(2, 4, 4)).x
        assert json.loads(lines(capsys)[0])["counts"] == net.counts(x)[0].tolist()

    @pytest.mark.parametrize("shape", [(4,), (1, 4), (1, 1, 4)])
    def test_recordings_of_a_line(self, tmp_path, capsys, shape):
        net = Sequential([layers.SpikingDense(3, v_th=1.0)], shape, 20, encoders.Events(step=10))
        net.save(tmp_path / "net.npz")
        events = np.array([(10 * k, k % 4) for k in range(15)], [("t", int), ("x", int)])
        np.save(tmp_path / "events.npy", events)
        assert cli.main(["predict", str(tmp_path / "net.npz"), str(tmp_path / "events.npy"), "--json"]) == 0
        assert json.loads(lines(capsys)[0])["counts"] == net.counts([events])[0].tolist()

    def test_one_image_without_its_axis_of_channels(self, test_set, tmp_path, capsys):
        net = Sequential([layers.SpikingConv2D(2, 3, v_th=1.0)], (1, 8, 8), 20, encoders.Poisson(), device="cpu")
        net.save(tmp_path / "net.npz")
        np.save(tmp_path / "one.npy", test_set.x[3])
        np.save(tmp_path / "two.npy", test_set.x[3:5])
        files = [str(tmp_path / name) for name in ("one.npy", "two.npy")]
        assert cli.main(["predict", str(tmp_path / "net.npz"), *files, "--json"]) == 0
        found = [json.loads(line)["counts"] for line in lines(capsys)]
        assert found == [*net.counts(test_set.x[3:4]).tolist(), *net.counts(test_set.x[3:5]).tolist()]

    @pytest.mark.usefixtures("no_figures")
    def test_sound_is_heard_as_in_training(self, tmp_path, capsys):
        from scipy.io import wavfile

        rng = np.random.default_rng(0)
        for label in ("high", "low"):
            (tmp_path / "words" / label).mkdir(parents=True)
            for take in range(4):
                wavfile.write(tmp_path / "words" / label / f"{take}.wav", 8000, rng.integers(-9000, 9000, 4000, np.int16))
        wavfile.write(tmp_path / "new.wav", 16000, rng.integers(-9000, 9000, 8000, np.int16))
        definition = tmp_path / "words.toml"
        definition.write_text(
            """
data = { kind = "sound-folder", path = "words", channels = 20, test = 0.25, validation = 0 }
network = { input_shape = [20], steps = 60, encoder = { kind = "BSA" }, layers = [
    { kind = "SpikingDense", units = 2, v_th = 1.0 } ] }
loss = { kind = "SpikeCount", desired = 10, undesired = 1, margin = 1 }
optimizer = { kind = "Adam", lr = 0.01 }
training = { epochs = 1, batch_size = 2 }
""",
            encoding="utf-8",
        )
        assert cli.main(["train", str(definition), "--out", str(tmp_path / "run"), "--quiet"]) == 0
        assert cli.main(["predict", str(tmp_path / "run"), str(tmp_path / "new.wav"), "--json"]) == 0
        x = datasets.read_sound(tmp_path / "new.wav", 8000, channels=20)
        found = json.loads(lines(capsys)[0])
        assert found["counts"] == Sequential.load(tmp_path / "run" / "best.npz").counts(x)[0].tolist()
        assert found["class"] in ("high", "low")
        (tmp_path / "net.npz").write_bytes((tmp_path / "run" / "best.npz").read_bytes())
        assert cli.main(["predict", str(tmp_path / "net.npz"), str(tmp_path / "new.wav")]) == 1
        assert "pass the folder of the run" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("none.png", None, "none.png: no such file"),
            ("bad.png", b"no picture", "bad.png cannot be read as an image"),
            ("bad.npy", b"\x93NUMPY", "bad.npy cannot be read"),
            ("bad.npz", b"PK", "bad.npz cannot be read"),
        ],
    )
    def test_files_that_cannot_be_used(self, folder, tmp_path, capsys, name, content, message):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        assert cli.main(["predict", str(folder), str(tmp_path / name)]) == 1
        assert message in capsys.readouterr().err

    def test_more_outputs_than_classes(self, tmp_path, monkeypatch, capsys):
        """Training allows it: the further outputs have numbers."""
        monkeypatch.chdir(tmp_path)
        np.savez("mine.npz", x=np.full((8, 2), 255, np.uint8), y=[0] * 8, classes=["only"])
        (tmp_path / "mine.toml").write_text(
            """
data = { kind = "npz", path = "mine.npz", test = 2, validation = 0 }
network = { input_shape = [2], steps = 40, encoder = { kind = "Regular" }, layers = [
    { kind = "SpikingDense", units = 3, v_th = 1.0 } ] }
loss = { kind = "SpikeCount", desired = 10, undesired = 1, margin = 1 }
optimizer = { kind = "SGD", lr = 1e-30 }
training = { epochs = 1 }
""",
            encoding="utf-8",
        )
        assert cli.main(["train", "mine.toml", "--out", "run", "--quiet"]) == 0
        net = open_run("run").network()
        net.layers[0].weight[:] = [[0], [0], [1]]
        net.save("run/best.npz")
        np.save("new.npy", np.full((1, 2), 255, np.uint8))
        capsys.readouterr()
        assert cli.main(["predict", "run", "new.npy"]) == 0
        assert lines(capsys)[0].startswith("new.npy  2  (spikes 2: ")

    def test_nothing_is_printed_where_a_later_file_cannot_be_used(self, folder, test_set, tmp_path, capsys):
        np.save(tmp_path / "good.npy", test_set.x[:1])
        np.save(tmp_path / "bad.npy", np.zeros((1, 9, 9), np.uint8))
        assert cli.main(["predict", str(folder), str(tmp_path / "good.npy"), str(tmp_path / "bad.npy")]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "bad.npy: data has shape (1, 9, 9)" in captured.err


class TestRaster:
    @pytest.mark.parametrize(("name", "magic"), [("a.png", b"\x89PNG"), slow("a.pdf", b"%PDF"), ("a.svg", b"<?xml")])
    def test_formats(self, folder, tmp_path, name, magic):
        assert cli.main(["raster", str(folder), "--sample", "7", "--out", str(tmp_path / name)]) == 0
        assert (tmp_path / name).read_bytes().startswith(magic)

    def test_it_shows_the_trains_of_that_sample(self, folder, test_set, tmp_path, monkeypatch):
        from cupynn import plot

        shown, real = [], plot.raster
        monkeypatch.setattr(
            plot, "raster", lambda recording, **options: shown.append(recording) or real(recording, **options)
        )
        assert cli.main(["raster", str(folder), "--sample", "7", "--out", str(tmp_path / "a.png")]) == 0
        expected = Sequential.load(folder / "best.npz").record(test_set.x[:8]).spikes
        for name, trains in shown[0].spikes.items():
            assert trains == expected[name][7]

    def test_of_a_file(self, folder, test_set, tmp_path):
        Image.fromarray(test_set.x[4]).save(tmp_path / "digit.png")
        arguments = ["--file", str(tmp_path / "digit.png"), "--layer", "hidden", "--out", str(tmp_path / "a.svg")]
        assert cli.main(["raster", str(folder), *arguments]) == 0
        assert (tmp_path / "a.svg").stat().st_size > 1000

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--sample", "359"], "--sample=359: pass a whole number from 0 to 358"),
            (["--layer", "hiden"], "layers='hiden' (did you mean 'hidden'?): pass one of"),
            (["--out", "/dev/null/a.png"], "cannot write"),
            (["--out", "a.bmp3"], "cannot write"),
            (["digits", "--file", "a.png"], "pass one of them"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else None,
    )
    def test_mistakes(self, folder, arguments, message, capsys, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert cli.main(["raster", str(folder), *arguments]) == 1
        assert message in capsys.readouterr().err


class TestSet:
    @pytest.mark.parametrize(
        ("key", "value", "found"),
        [
            ("network.steps", 200, lambda read: read.network["steps"]),
            ("network.encoder.max_rate", 0.25, lambda read: read.network["encoder"]["max_rate"]),
            ("network.layers.hidden.units", 7, lambda read: read.network["layers"][0]["units"]),
            ("network.layers.1.t_ref", 3, lambda read: read.network["layers"][1]["t_ref"]),
            ("training.boost", True, lambda read: read.training["boost"]),  # a key that the preset has not
            (
                "optimizer.regularizer",
                {"kind": "ExponentialRegularizer"},
                lambda read: read.optimizer["regularizer"],
            ),
        ],
    )
    def test_any_value_can_be_replaced(self, key, value, found):
        before = presets.read("digits")
        assert found(before.replace(**{key: value})) == value
        assert before.tables() == presets.read("digits").tables()

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("network.stepz=3", "digits: network: unknown key 'stepz' (did you mean 'steps'?)"),
            ("networ.steps=3", "networ.steps: there is no 'networ' (did you mean 'network'?): known are data, network"),
            (
                "network.layers.hiden.units=3",
                "there is no 'hiden' in network.layers (did you mean 'hidden'?): known are 0, 1",
            ),
            ("network.layers.2.units=3", "there is no '2' in network.layers"),
            ("network.steps.many=3", "network.steps is 400, not a table"),
            ("network.steps=many", "network: steps='many': pass a whole number"),
            ("steps=3", "steps: pass a dotted key"),
            ("a." * 25_000 + "a=3", "pass a key of at most 16 parts, found 25,001"),
            ("network.steps={" + "a." * 25_000 + "a=3}", "a key has more than 16 parts"),
            (f"network.steps={'[' * 5000}", "it is nested too deeply"),
            (f"network.steps={'9' * 5000}", ": pass a simpler value"),
            ("network.steps", "--set network.steps: pass KEY=VALUE, such as training.epochs=3"),
            ("data.split=letters", "data: dataset 'digits': unknown option 'split'"),
        ],
    )
    def test_mistakes(self, text, message, capsys, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert cli.main(["train", "digits", "--set", text]) == 1
        assert message in capsys.readouterr().err
        assert not list(tmp_path.iterdir())

    def test_show_prints_a_definition_to_start_from(self, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert cli.main(["train", "digits", "--set", "network.steps=200", "--show"]) == 0
        (tmp_path / "my.toml").write_text(capsys.readouterr().out, encoding="utf-8")
        assert presets.read("my.toml").tables() == presets.read("digits").replace(**{"network.steps": 200}).tables()
        assert [path.name for path in tmp_path.iterdir()] == ["my.toml"]

    def test_a_network_that_does_not_fit_names_the_file(self, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert cli.main(["train", "digits", "--set", "network.input_shape=[64]"]) == 1
        assert "digits: the network does not fit the data: data has shape (1294, 8, 8)" in capsys.readouterr().err

    @pytest.mark.usefixtures("no_figures")
    def test_short_options_come_first(self, tmp_path, capsys):
        values = ["training.epochs=5", "network.steps=30", "loss.desired=10", "data.validation=1400", "network.seed=4"]
        chosen = [word for value in values for word in ("--set", value)]
        out = tmp_path / "run"
        assert cli.main(["train", "digits", *chosen, "--epochs", "1", "--out", str(out), "--json"]) == 0
        result = json.loads(lines(capsys)[-1])
        assert result["folder"] == str(out)
        assert set(result) == {"folder", "best_epoch", "seconds", "test"}
        experiment = presets.read(out / "definition.toml")
        assert (experiment.training["epochs"], experiment.network["steps"], experiment.network["seed"]) == (1, 30, 4)


def test_values_are_typed_as_in_toml():
    from cupynn.commands.shared import read_values

    given = ["a=3", "b=0.5", "c=true", "d=bymerge-test", "e=[4, 5]", 'f="3"', "g={ kind = 'Augment' }", "h="]
    assert read_values("--set", given, "") == {
        "a": 3, "b": 0.5, "c": True, "d": "bymerge-test", "e": [4, 5], "f": "3", "g": {"kind": "Augment"}, "h": "",
    }  # fmt: skip
    with pytest.raises(InputError, match="--set x: pass KEY=VALUE, such as a=3"):
        read_values("--set", ["x"], "a=3")
