"""The command line, runs and presets: what a newcomer types, what it leaves behind, what it says when it cannot."""

import csv
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from factories import FILES, SMALL, slow
from originals import GOLDEN, golden

from cupynn import InputError, Sequential, augment, cli, commands, datasets, presets
from cupynn.training.loop import Training

real = datasets.load


class TestRun:
    def test_leaves_everything(self, folder):
        assert {path.name for path in folder.iterdir()} == FILES
        rows = list(csv.DictReader((folder / "metrics.csv").read_text(encoding="utf-8").splitlines()))
        assert [row["number"] for row in rows] == ["1", "2"]
        assert {"loss", "accuracy", "validation_accuracy", "spikes_hidden"} <= set(rows[0])
        for picture in ("raster.png", "curves.png"):
            assert (folder / picture).read_bytes().startswith(b"\x89PNG")

    def test_the_result_is_that_of_the_best_epoch(self, folder):
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        accuracies = [epoch["validation_accuracy"] for epoch in result["epochs"]]
        assert result["best_epoch"] == max(n for n, accuracy in enumerate(accuracies, 1) if accuracy == max(accuracies))
        best = Sequential.load(folder / "best.npz")
        _, test = datasets.load("digits")
        assert best.evaluate(test).accuracy == result["test"]["accuracy"] > 0.3
        assert np.sum(result["test"]["confusion"]) == len(test)
        assert {"processor", "threads", "numba", "cupynn"} <= set(result["device"])
        assert result["seed"] == 0

    @pytest.mark.usefixtures("no_figures")
    def test_its_definition_trains_the_same_again(self, folder, tmp_path):
        again = tmp_path / "again"
        assert cli.main(["train", str(folder / "definition.toml"), "--out", str(again), "--quiet"]) == 0
        one, other = Sequential.load(folder / "last.npz"), Sequential.load(again / "last.npz")
        for layer, twin in zip(one.layers, other.layers, strict=True):
            np.testing.assert_array_equal(layer.params["weight"], twin.params["weight"])

    @pytest.mark.usefixtures("no_figures")
    def test_prints_a_line_an_epoch_and_the_end(self, definition, tmp_path, capsys):
        assert cli.main(["train", str(definition), "--out", str(tmp_path / "run"), "--epochs", "1"]) == 0
        out = capsys.readouterr().out
        assert "epoch 1/1" in out
        assert "test accuracy" in out
        assert "raster.png" in out

    @pytest.mark.usefixtures("no_figures")
    def test_without_validation_the_last_epoch_is_tested(self, definition, tmp_path):
        assert cli.main(["train", str(definition), "--out", str(tmp_path / "run"), "--validation", "0", "--quiet"]) == 0
        result = json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))
        assert result["best_epoch"] == 2
        assert result["epochs"][0]["validation_accuracy"] is None
        assert (tmp_path / "run" / "best.npz").read_bytes() == (tmp_path / "run" / "last.npz").read_bytes()

    def test_an_earlier_run_is_not_overwritten(self, definition, folder, capsys):
        before = (folder / "best.npz").read_bytes()
        assert cli.main(["train", str(definition), "--out", str(folder)]) == 1
        assert "is not empty" in capsys.readouterr().err
        assert (folder / "best.npz").read_bytes() == before


class TestDatasets:
    def test_lists_all(self, empty_cache, capsys):
        assert cli.main(["datasets"]) == 0
        out = capsys.readouterr().out
        assert str(empty_cache) in out
        assert all(f"\n{name} " in out for name in datasets.DATASETS)
        assert "not here: 561.8 MB to download" in out

    def test_downloads_one(self, empty_cache, capsys):
        assert cli.main(["datasets", "--download", "digits"]) == 0
        assert capsys.readouterr().out.count("Dataset digits: ") == 2

    def test_says_what_is_missing(self, empty_cache, capsys, monkeypatch):
        monkeypatch.setenv("CUPYNN_OFFLINE", "1")
        assert cli.main(["datasets", "--download", "emnist", "--option", "split=letters"]) == 1
        assert "gzip.zip is missing, and CUPYNN_OFFLINE=1" in capsys.readouterr().err

    def test_options_are_parsed_as_in_a_definition(self, monkeypatch):
        asked = []
        monkeypatch.setattr(datasets, "load", lambda name, **options: asked.append(options) or ())
        given = ["split=letters", "limit=3", "scale=0.5", "fresh=true", "size=[4, 5]", "folder=/a/b=c"]
        assert cli.main(["datasets", "--download", "x", *(word for text in given for word in ("--option", text))]) == 0
        assert asked == [{"split": "letters", "limit": 3, "scale": 0.5, "fresh": True, "size": [4, 5], "folder": "/a/b=c"}]

    @pytest.mark.parametrize("command", ["datasets", "evaluate"])
    def test_help_has_examples_or_options(self, command, capsys):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        out = capsys.readouterr().out
        assert "--option KEY=VALUE" in out
        assert command == "evaluate" or "cupynn datasets --download emnist --option split=letters" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "digit"], "'digit': no such preset or .toml file (did you mean 'digits'?); presets are digits"),
        (["train", "digits", "--epochs", "0"], "epochs=0"),
        (["train", "digits", "--lr", "-1"], "lr=-1.0"),
        (["train", "digits", "--seed", "-1"], "seed=-1"),
        (["train", "digits", "--batch-size", "0"], "batch_size=0"),
        (["train", "digits", "--validation", "0.9999"], "validation=0.9999 leaves one part of 1438 samples empty"),
        (["train", "digits", "--out", "/dev/null/run"], "cannot create folder"),
        (["evaluate", "none.npz", "digits"], "none.npz: no such file"),
        (["datasets", "--download", "digit"], "dataset='digit' (did you mean 'digits'?): pass one of"),
        (["datasets", "--download", "mnist", "--option", "split=a"], "dataset 'mnist': unknown option 'split'"),
        (["datasets", "--download", "mnist", "--option", "name=a"], "dataset 'mnist': unknown option 'name'"),
        (["datasets", "--download", "emnist", "--option", "split"], "--option split: pass KEY=VALUE"),
        (["datasets", "--option", "split=a"], "--option split=a: an option needs a data set"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_mistakes_get_one_line_and_exit_code_1(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("cupynn: error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert not list(tmp_path.rglob("*"))  # before any work is done


@pytest.mark.usefixtures("no_figures")
def test_interruption_keeps_the_finished_epochs(definition, tmp_path, monkeypatch, capsys):
    real, calls = Training._update, []

    def step(*arguments):
        calls.append(1)
        if len(calls) > 30:  # in the second epoch
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(Training, "_update", step)
    assert cli.main(["train", str(definition), "--out", str(tmp_path / "run"), "--quiet"]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert Sequential.load(tmp_path / "run" / "best.npz").output_shape == (10,)


class TestPresets:
    @pytest.mark.parametrize("name", presets.names())
    def test_can_be_built_and_written(self, name):
        experiment = presets.read(name)
        network, _, _ = experiment.build()
        outputs = {"dvs-gesture": 11, "emnist": 47, "emnist-augmented": 47, "shd": 20, "ti46": 26}
        assert network.output_shape == (outputs.get(name, 10),)
        assert tomllib.loads(experiment.to_toml()) == {"name": name} | experiment.tables()

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ('name = "digits"', 'name = "digit"', r"data: name='digit' \(did you mean 'digits'\?\): pass one of"),
            ("validation = 200", "", "data: key 'validation' is missing"),
            ("validation = 200", "validation = 200\nsplit = 'letters'", "data: dataset 'digits': unknown option 'split'"),
            ('"digits"', '"emnist"\nsplit = "letter"', r"data: split='letter' \(did you mean 'letters'\?\): pass one of"),
            ('"digits"', '"emnist"\npart = "letters"', "data: dataset 'emnist': unknown option 'part': known are split"),
            ("[training]", "[training]\ndepth = 3", "training: unknown key 'depth'"),
            ("epochs = 2", "epochs = 2.5", r"training: epochs=2\.5"),
            (
                "epochs = 2",
                'epochs = 2\naugment = { kind = "Augment", turn = 3 }',
                r"augment \(Augment\): unknown key 'turn'",
            ),
            ("epochs = 2", "epochs = 2\naugment = 0.1", "augment: expected a table"),
            ("steps = 60", "", "network: key 'steps' is missing"),
            ("steps = 60", "step = 60", "network: unknown key 'step'"),
            ("units = 30", "units = 0", r"layers\[0\] \(SpikingDense\): units=0"),
            ('kind = "Adam"', 'kind = "AdamW"', "optimizer: kind='AdamW'"),
            ("strength = 0.1", "strength = -1", r"regularizer \(ExponentialRegularizer\): strength=-1"),
            ("desired = 10\n", "desired = 1\n", r"loss \(SpikeCount\): desired=1"),
            ("[loss]", "[losses]", "unknown key 'losses'"),
            ("[data]", "[data", "not a TOML file"),
            ("steps = 60", f"steps = {'[' * 5000}", r"small\.toml: not a TOML file: it is nested too deeply"),
            ("steps = 60", f"steps{'.a' * 25000} = 60", r"small\.toml: not a TOML file: a key has more than 16 parts"),
            ("steps = 60", f"steps = {'9' * 5000}", r"small\.toml: not a TOML file: Exceeds the limit"),
            ("steps = 60", f"steps = 0x{'f' * 5000}", r"small\.toml: not a TOML file: Exceeds the limit"),
            ("v_th = 10.0", f"v_th = {'9' * 400}", r"layers\[0\] \(SpikingDense\): v_th=9{400}: .* at most 1e\+30"),
            ("v_th = 10.0", "v_th = 1e308", r"v_th=1e\+308: pass a finite number greater than 1e-05 and at most 1e\+30"),
            ("units = 30", "units = 1000000000000", "network: hidden: the weights of .* for an input of .* do not fit"),
        ],
    )
    def test_mistakes_say_where_and_what(self, definition, old, new, message):
        assert old in SMALL
        definition.write_text(SMALL.replace(old, new), encoding="utf-8")
        with pytest.raises(InputError, match=message):
            presets.read(definition)

    def test_augmentation_is_an_option_of_training(self, definition):
        definition.write_text(SMALL.replace("epochs = 2", 'epochs = 2\naugment = { kind = "Augment", scale = 0.2 }'))
        assert presets.read(definition).options().augment.config() == augment.Augment(scale=0.2).config()

    def test_options_reach_the_data_set(self, definition, monkeypatch):
        definition.write_text(SMALL.replace('"digits"', '"emnist"\nsplit = "letters"'), encoding="utf-8")
        asked = []
        monkeypatch.setattr(datasets, "load", lambda name, **options: asked.append((name, options)) or real("digits"))
        train, validation, _ = presets.read(definition).load_data()
        assert asked == [("emnist", {"split": "letters"})]
        assert (len(train), len(validation)) == (1238, 200)
        assert presets.read("emnist").data == {"name": "emnist", "split": "balanced", "validation": 9400}

    def test_data_of_another_shape(self, definition, tmp_path, capsys):
        definition.write_text(SMALL.replace("[8, 8]", "[64]"), encoding="utf-8")
        assert cli.main(["train", str(definition), "--out", str(tmp_path / "run")]) == 1
        assert "data has shape (1238, 8, 8)" in capsys.readouterr().err
        assert not (tmp_path / "run").exists()


@golden
def test_import_reference(tmp_path, capsys):
    config, out = str(GOLDEN / "SpikingCNNMnistConfig_test.txt"), str(tmp_path / "net.npz")
    assert cli.main(["import-reference", config, "--root", str(GOLDEN), "--out", out]) == 0
    assert "6,300 parameters, 450 steps" in capsys.readouterr().out
    assert [layer.name for layer in Sequential.load(out).layers][:2] == ["conv1", "pooling1"]
    assert cli.main(["import-reference", str(tmp_path / "none.txt")]) == 1
    assert "none.txt" in capsys.readouterr().err


class TestShape:
    """What is the same for every command."""

    def help_of(self, capsys, *arguments):
        with pytest.raises(SystemExit) as end:
            cli.main([*arguments, "--help"])
        assert end.value.code == 0
        return capsys.readouterr().out

    @pytest.mark.parametrize("command", commands.COMMANDS)
    def test_help_has_examples_and_exit_codes(self, command, capsys):
        out = self.help_of(capsys, command)
        assert f"\n  cupynn {command}" in out.partition("examples:")[2]
        assert "130 interrupted" in out
        assert re.search(rf"^    {command}\s", self.help_of(capsys), re.MULTILINE)

    def test_every_module_of_a_command_is_listed(self):
        modules = {path.stem.replace("_", "-") for path in Path(commands.__file__).parent.glob("*.py")}
        assert modules - {"--init--", "shared", "samples"} == set(commands.COMMANDS)

    @pytest.mark.parametrize("arguments", [["trane"], ["train", "digits", "--epochs", "many"], ["datasets", "-x"]])
    def test_wrong_usage_is_exit_code_2(self, arguments, capsys):
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
        assert end.value.code == 2
        assert "usage: cupynn" in capsys.readouterr().err

    def test_without_arguments_it_shows_the_help(self, capsys):
        with pytest.raises(SystemExit) as end:
            cli.main([])
        assert not end.value.code
        assert capsys.readouterr().out == self.help_of(capsys)

    @pytest.mark.parametrize(("word", "meant"), [("trian", "train"), ("run", "runs"), ("dataset", "datasets")])
    def test_a_command_that_is_misspelt_is_suggested(self, word, meant, capsys):
        with pytest.raises(SystemExit):
            cli.main([word, "digits"])
        assert f"no command '{word}' (did you mean '{meant}'?): commands are init, train, " in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("line", "expected"),
        [slow("cupynn ev", ["evaluate"]), slow("cupynn train --res", ["--resume"]), ("cupynn train dig", ["digits"])],
    )
    def test_the_shell_completes_words(self, line, expected, tmp_path):
        pytest.importorskip("argcomplete", reason='argcomplete is not installed: pip install -e ".[test]"')
        out = tmp_path / "completions"
        environment = os.environ | {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9"}
        environment |= {"_ARGCOMPLETE_STDOUT_FILENAME": str(out), "_ARGCOMPLETE_IFS": "\n"}
        subprocess.run([sys.executable, "-m", "cupynn"], env=environment, timeout=60, capture_output=True)
        assert [word.strip() for word in out.read_text().split("\n")] == expected

    def test_help_waits_for_no_heavy_library(self):
        code = "import sys; from cupynn import cli\ntry: cli.main(['--help'])\nfinally: print(*sys.modules, file=sys.stderr)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert "cupynn.commands.train" in done.stderr.split()
        assert not {"numba", "matplotlib", "sklearn", "scipy", "platformdirs", "tqdm"} & set(done.stderr.split())

    @pytest.mark.parametrize("arguments", [["datasets"], ["--help"]])
    def test_a_reader_that_is_gone_gets_no_traceback(self, arguments):
        """As of `cupynn datasets | head -1`, with the pipe closed before anything is written."""
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "w") as closed:
            command = [sys.executable, "-m", "cupynn", *arguments]
            done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.stderr == ""
        assert done.returncode == 141
